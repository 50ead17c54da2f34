"""One page about a pair for a council meeting: the same document for the screen, the printer and as
a PDF.

It holds what the suggestion's own page shows to that side, and neither its votes nor any answer: it
is handed around.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format, number_format
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from backend.cities.models import Community
from backend.cities.names import name_language
from backend.cities.permissions import Reader
from backend.cities.profile_schema import FORMS, document_value
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list
from backend.common.local_times import latest_day
from backend.common.pdf import render_pdf
from backend.suggestions.pair_text import text_for_side
from backend.suggestions.public_facts import PlacesApart, places_apart
from backend.suggestions.queries import SuggestionForSide, suggestion_for

Fact = tuple[str, str, str]


def dossier_context(reader: Reader, suggestion_id: int) -> dict[str, Any]:
    """What the page says. Raises NotVisible where the suggestion is not the reader's to see."""
    view = suggestion_for(reader, suggestion_id)
    today = latest_day(view.own.timezone)
    apart = places_apart(view.own, view.other, today)
    pair = text_for_side(view, today)
    return {
        "community_id": view.own.pk,
        "view": view,
        "own_local": _local_name(view.own),
        "other_local": _local_name(view.other),
        "pair": pair,
        "sides": pair.sides,
        "apart": apart,
        "facts": _facts(view, apart),
        "next_steps": _next_steps(view),
        "today": today,
        "language": translation.get_language() or settings.LANGUAGE_CODE,
        "bidi": translation.get_language_bidi(),
        "shows_sample": view.own.is_sample or view.other.is_sample,
    }


def dossier_bytes(reader: Reader, suggestion_id: int) -> bytes:
    """The dossier as a PDF of one page. Raises NotVisible and what ``render_pdf`` raises."""

    def document() -> str:
        context = dossier_context(reader, suggestion_id)
        html = render_to_string(
            "suggestions/dossier_pdf.html", context | {"style": _style(), "world": _world()}
        )
        # White space between tags of a template would stand before commas.
        return re.sub(r">\s+<", "><", html)

    return render_pdf(document, person=reader.user.pk or 0, one_page=True)


def _own_file(name: str) -> str:
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(name)
    return Path(found).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class LocalName:
    """A community's own name with the language that it is most likely in."""

    text: str
    language: str


def _document(community: Community) -> Mapping[str, Any]:
    version = community.profile.current_version
    return version.data if version else {}


def _local_name(community: Community) -> LocalName | None:
    name = document_value(_document(community), "identity", "local_name") or community.local_name
    if not name or name == community.name:
        return None
    language = name_language(
        name, community.country_id, community.admin1, community.country.languages
    )
    return LocalName(name, language)


@cache
def _style() -> SafeString:
    return mark_safe(_own_file("web/dossier.css"))  # noqa: S308 - our own file


@cache
def _world() -> SafeString:
    """The inside of world.svg: a PDF fetches nothing, so the map is in the document."""
    picture = _own_file("web/world.svg")
    return mark_safe(re.sub(r"^.*?<svg[^>]*>|</svg>\s*$", "", picture, flags=re.DOTALL))  # noqa: S308 - our own file


def _facts(view: SuggestionForSide, apart: PlacesApart) -> list[Fact]:
    """(what, ours, theirs); "–" for what is not known."""
    own, other = _document(view.own), _document(view.other)

    def named(vocabulary: str, data: Any, group: str, field: str, most: int = 4) -> str:
        value = document_value(data, group, field) or []
        codes = (
            sorted(value, key=lambda code: (-int(value[code]), code))
            if isinstance(value, dict)
            else value
        )
        words = [label(vocabulary, code) for code in codes[:most]]
        more = len(codes) - len(words)
        return (
            comma_list([*words, *([_("%(count)d more") % {"count": more}] if more else [])]) or "–"
        )

    def number(data: Any, community: Community, group: str, field: str) -> str:
        value = document_value(data, group, field)
        if value is None and field == "population" and community.place:
            value = community.place.population
        return (
            number_format(value, use_l10n=True, force_grouping=True)
            if isinstance(value, int | float)
            else "–"
        )

    def forms(data: Any) -> str:
        return (
            comma_list(
                str(FORMS[code])
                for code in document_value(data, "sought", "forms") or []
                if code in FORMS
            )
            or "–"
        )

    rows: list[Fact] = [
        (_("Place"), view.own.whereabouts, view.other.whereabouts),
        (
            _("Population"),
            number(own, view.own, "facts", "population"),
            number(other, view.other, "facts", "population"),
        ),
    ]
    for title, vocabulary, group, field in (
        (_("Sectors"), "sectors", "sectors", "strengths"),
        (_("Themes of exchange"), "themes", "themes", "importances"),
        (_("Needs"), "topics", "needs_offers", "needs"),
        (_("Offers"), "topics", "needs_offers", "offers"),
        (_("Challenges"), "challenges", "challenges", "challenges"),
        (_("Working languages"), "languages", "languages", "working"),
    ):
        rows.append(
            (title, named(vocabulary, own, group, field), named(vocabulary, other, group, field))
        )
    rows.append((_("Partnership wanted"), forms(own), forms(other)))
    return rows


def _next_steps(view: SuggestionForSide) -> list[str]:
    """What a council can decide now, from the side's own answer alone."""
    until: dt.datetime | None = view.expires_at
    answer_by = (
        _("Answer on the service by %(day)s; interest does not bind the community.")
        % {"day": _day(until)}
        if until
        else _("Answer on the service; interest does not bind the community.")
    )
    introduced = _(
        "If both sides are interested, staff introduce them; contacts are shown when both have "
        "consented."
    )
    resolution = _(
        "A council resolution and an agreement signed by the highest officials of both sides come "
        "later."
    )
    if view.status_for_side == "open":
        return [answer_by, introduced, resolution]
    if view.status_for_side == "waiting":
        return [_("The community has said that it is interested."), introduced, resolution]
    if view.status_for_side in ("mutual", "introduced"):
        return [
            _("Both sides are interested."),
            _("Meet, agree on two or three projects, and name who looks after them."),
            resolution,
        ]
    return [_("The community's part in this suggestion is over.")]


def _day(moment: dt.datetime) -> str:
    return date_format(moment.date(), "DATE_FORMAT")
