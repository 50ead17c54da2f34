"""Ids in addresses."""

from __future__ import annotations


class IdConverter:
    """A primary key: 1 to 2⁶³−1. A larger number is no address at all, so it cannot reach the database."""

    regex = "[1-9][0-9]{0,18}"

    def to_python(self, value: str) -> int:
        number = int(value)
        if number >= 2**63:
            raise ValueError(value)
        return number

    def to_url(self, value: int | str) -> str:
        return str(value)
