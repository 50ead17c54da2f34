"""Words, icons and small pictures for templates."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import Truncator
from django.utils.translation import ngettext

from backend.cities.profile_schema import FORMS, PARTNERSHIP_STATUS
from backend.cities.vocabularies import label
from backend.web.languages import direction
from backend.web.sources import LIST_SOURCES

register = template.Library()

_ICONS = {
    "note": '<path d="M12 8v5M12 16.2v.1M12 3.5l9 16.5H3z"/>',
}


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon. Decoration only: the words beside it carry the meaning."""
    drawing = mark_safe(_ICONS[name])  # noqa: S308 - from the table above
    return format_html('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', drawing)


@register.filter
def term(code: str, vocabulary: str) -> str:
    """The words for a vocabulary code."""
    return label(vocabulary, code)


@register.filter
def choice_words(code: str, choices: str) -> str:
    """The words for a code of one of the profile's closed lists: ``forms`` or ``partnership_status``. Empty for none."""
    return str({"forms": FORMS, "partnership_status": PARTNERSHIP_STATUS}[choices].get(code, ""))


@register.filter
def percent(value: float | None) -> str:
    """0.724 → "72%"; nothing → "–"."""
    return "–" if value is None else f"{round(value * 100)}%"


@register.filter
def text_direction(language: str) -> str:
    return direction(language)


@register.filter
def map_x(longitude: float) -> str:
    """Position on world.svg (720 × 288, plate carrée, 84° N to 60° S)."""
    return f"{(longitude + 180) * 2:.1f}"


@register.filter
def map_y(latitude: float) -> str:
    return f"{(84 - latitude) * 2:.1f}"


@register.simple_tag
def map_arc(first: Any, second: Any) -> str:
    """The path of an arc between two communities with coordinates."""
    return arc_between(first.longitude, first.latitude, second.longitude, second.latitude)


def arc_between(a_longitude: float, a_latitude: float, b_longitude: float, b_latitude: float) -> str:
    """The path of an arc on world.svg, bent towards the pole."""
    x1, y1, x2, y2 = (a_longitude + 180) * 2, (84 - a_latitude) * 2, (b_longitude + 180) * 2, (84 - b_latitude) * 2
    lift = min(110.0, abs(x2 - x1) * 0.35 + 12)
    return f"M{x1:.1f} {y1:.1f}Q{(x1 + x2) / 2:.1f} {max(4.0, min(y1, y2) - lift):.1f} {x2:.1f} {y2:.1f}"


@register.filter
def payload_words(payload: dict[str, Any]) -> str:
    """An event's payload on one line: long lists as how many they hold."""

    def words(value: Any) -> str:
        if isinstance(value, list | dict) and len(value) > 3:
            return ngettext("%(count)d entry", "%(count)d entries", len(value)) % {"count": len(value)}
        return str(value)

    return Truncator("; ".join(f"{name}: {words(value)}" for name, value in payload.items())).chars(300)


@register.filter
def plain_number(value: float) -> str:
    """A number for SVG: always with a point, in every language."""
    return f"{value:g}"


@register.filter
def list_sources(tags: list[str]) -> str:
    """The public lists behind a partnership's source tags, in words, each once."""
    return ", ".join(dict.fromkeys(LIST_SOURCES.get(tag, tag) for tag in tags))
