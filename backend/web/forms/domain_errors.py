"""Errors that services find, beside the fields that they are about."""

from __future__ import annotations

from django import forms

from backend.common.errors import InvalidFields


class DomainForm(forms.Form):
    """A form whose values a service checks: ``take`` puts its InvalidFields where the form shows its own errors."""

    def take(self, invalid: InvalidFields) -> None:
        for path, lines in invalid.errors.items():
            for line in lines:
                self.add_error(path if path in self.fields else None, line)
