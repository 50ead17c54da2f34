"""Clocks, coordinates and columns for pages about two places."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

register = template.Library()


@register.filter
def clock(moment: dt.datetime) -> str:
    """The time of day by the moment's own zone, not the page's."""
    return f"{moment:%H:%M}"


@register.filter
def clock_difference(hours: float) -> str:
    """9 → "9 hours ahead"; -5.5 → "5.5 hours behind"; 0 → "the same time"."""
    if not hours:
        return _("the same time")
    words = number_format(int(abs(hours)) if hours == int(hours) else abs(hours))
    if hours > 0:
        return ngettext("%(hours)s hour ahead", "%(hours)s hours ahead", round(abs(hours)) or 2) % {"hours": words}
    return ngettext("%(hours)s hour behind", "%(hours)s hours behind", round(abs(hours)) or 2) % {"hours": words}


@register.filter
def degrees(value: float | None, signs: str) -> str:
    """Degrees with a hemisphere: ``signs`` names the positive and the negative one, "NS" or "EW"."""
    return "–" if value is None else f"{abs(value):.2f}° {signs[0] if value >= 0 else signs[1]}"


@register.filter
def beside(values: Iterable[Any], owners: Iterable[Any]) -> list[tuple[Any, Any]]:
    """(owner, value) for each column of a row."""
    return list(zip(owners, values, strict=True))
