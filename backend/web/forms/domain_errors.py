"""Errors that services find, beside the fields that they are about."""

from __future__ import annotations

from backend.common.errors import InvalidFields


class TakesDomainErrors:
    """Mixed into a Form: ``take`` puts a service's InvalidFields where the form shows its own errors."""

    fields: dict[str, object]

    def take(self, invalid: InvalidFields) -> None:
        for path, lines in invalid.errors.items():
            for line in lines:
                self.add_error(path if path in self.fields else None, line)  # type: ignore[attr-defined]
