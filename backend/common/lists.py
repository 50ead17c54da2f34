"""Lists inside of sentences."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import get_language

_SEPARATORS = {"ar": "، ", "ja": "、"}


def in_a_row(words: Iterable[object]) -> str:
    """The words one after the other, with the comma of the reader's language."""
    return _SEPARATORS.get((get_language() or "en").split("-")[0], ", ").join(map(str, words))
