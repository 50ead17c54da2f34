"""Text as people type and paste it, made into the text that a reader sees.

Line breaks become one kind, so that they are counted as they look. What nobody sees goes: control
characters, soft hyphens, spaces of no width, and the signs that turn the direction of what follows,
with which a name can show other words than it holds. Scripts that join letters need the joiners
U+200C and U+200D between letters, and pictures made of several need U+200D: there they stay.
Marks of direction (U+200E, U+200F, U+061C) turn nothing but themselves, and stay. U+0000 and halves
of a character stay too: they are refused where the text is checked.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

_BREAK = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_UNSEEN = re.compile(
    "[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls, but tabs and line breaks
    "\u00ad\u034f\u115f\u1160\u180e\u200b\u2060-\u2064\u3164\ufeff\uffa0"  # of no width
    "\u202a-\u202e\u2066-\u206f\ufff9-\ufffb]"  # turns of direction, and their kind
)
# The dots of lists that are copied out of a word processor stand in its own font.
_BULLET = re.compile("[\uf0a7\uf0b7\uf0d8\uf0fc]")
_JOINER = re.compile("[\u200c\u200d]+")
# Letters of these scripts stand alone: a joiner between them is seen by nobody.
_UNJOINED = ("LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "ARMENIAN")


def typed(text: str) -> str:
    """The text without what no reader sees; empty if that is all of it."""
    text = _UNSEEN.sub("", _BULLET.sub("•", _BREAK.sub("\n", text)))
    if "\u200c" in text or "\u200d" in text:
        text = _JOINER.sub(_needed_joiner, text)
    return text if text.isascii() or any(map(_is_seen, text)) else ""


def typed_values(value: Any) -> Any:
    """The same of each text within lists and mappings, as JSON holds them."""
    if isinstance(value, str):
        return typed(value)
    if isinstance(value, list):
        return [typed_values(one) for one in value]
    if isinstance(value, dict):
        return {key: typed_values(one) for key, one in value.items()}
    return value


def is_line(text: str) -> bool:
    """Whether it is one line that can be stored: no line break, tab or U+0000."""
    return not set(text) & {"\n", "\r", "\t", "\x00"}


def _needed_joiner(found: re.Match[str]) -> str:
    """One joiner between two characters that it can join; else none."""
    text, start, end = found.string, found.start(), found.end()
    if not start or end == len(text):
        return ""
    return found[0][0] if _joins(text[start - 1]) and _joins(text[end]) else ""


def _joins(character: str) -> bool:
    kind = unicodedata.category(character)
    if kind[0] == "L":
        return not unicodedata.name(character, "").startswith(_UNJOINED)
    return kind[0] == "M" or kind in ("So", "Sk")


def _is_seen(character: str) -> bool:
    # U+0000 and halves of a character are for the check of the text to refuse
    kind = unicodedata.category(character)
    return kind[0] not in "CZ" or kind == "Cs" or character == "\x00"
