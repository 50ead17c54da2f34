"""A pair in words: what speaks for the partner from each side, the one caveat, and where the two
places lie.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from backend.cities.models import Community
from backend.cities.models.places import country_name
from backend.cities.profile_schema import FACETS
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list
from backend.common.local_times import Season, known_zone, seasons
from backend.suggestions.queries import SuggestionForSide

# Reasons in words. The engine gives codes and shares; people read sentences that name both
# sides' benefit.


_VOCABULARIES = {
    "topic": "topics",
    "challenge": "challenges",
    "sector": "sectors",
    "theme": "themes",
    "institution": "institutions",
    "language": "languages",
    "tie": "tie_kinds",
    "readiness": "readiness",
}


# How alike two communities must be before the likeness is worth saying; what is named by its items
# is worth saying earlier.
_WORTH_SAYING = {
    "distance": 0.97,
    "size": 0.6,
    "geography": 0.6,
    "institutions": 0.6,
    "readiness": 0.6,
    "story": 0.5,
}
_WORTH_SAYING_NAMED = 0.3


def item_label(code: str, language: str | None = None) -> str:
    """Words for an item such as ``topic:port_logistics``."""
    kind, _colon, value = code.partition(":")
    if kind == "tie_hint":  # open data name the country to which there are ties
        return country_name(value, language)
    vocabulary = _VOCABULARIES.get(kind)
    return label(vocabulary, value, language) if vocabulary else value.replace("_", " ")


def _listed(items: list[Any], language: str | None) -> str:
    """At most three items as words: "water management, tourism and ports"."""
    words = [_in_sentence(code, item_label(code, language), language) for code, _part in items[:3]]
    if len(words) < 2:
        return "".join(words)
    return _("%(first)s and %(last)s") % {"first": comma_list(words[:-1]), "last": words[-1]}


def contribution_sentence(
    contribution: Mapping[str, Any], *, other: str, own: str = "", language: str | None = None
) -> str:
    """One reason in words, seen from the side that has it: "you", or that side's name where ``own``
    gives it.
    """
    named = _listed(contribution["items"], language)
    values = {"own": own, "other": other, "items": named}
    facet: str = contribution["facet"]
    if facet == "needs_offers" and named:
        return (
            _("%(own)s needs %(items)s; %(other)s offers it.")
            if own
            else _("You need %(items)s; %(other)s offers it.")
        ) % values
    if facet == "challenges" and named:
        return (
            _("Both work on %(items)s.") if own else _("You share challenges: %(items)s.")
        ) % values
    if facet == "sectors" and named:
        return _("Both stand on %(items)s.") % values
    if facet == "themes" and named:
        return _("Both want exchange in %(items)s.") % values
    if facet == "ties":
        return _ties_sentence(contribution["items"], values, language)
    if facet == "languages" and named:
        return (
            _("Both can work in %(items)s.") if own else _("You can work together in %(items)s.")
        ) % values
    return _unnamed_sentence(facet, named_side=bool(own)) % values


def _in_sentence(code: str, words: str, language: str | None) -> str:
    """English labels begin with a capital only where they stand alone; names of languages and
    abbreviations keep theirs.
    """
    keeps = (
        not (language or get_language() or "en").startswith("en")
        or code.startswith("language:")
        or words[1:2].isupper()
    )
    return words if keeps else words[:1].lower() + words[1:]


def _ties_sentence(items: list[Any], values: Mapping[str, str], language: str | None) -> str:
    """Ties that were declared, by their kinds; what only open data suggest is said to be that."""
    declared = _listed([item for item in items if item[0].startswith("tie:")], language)
    values = {**values, "items": declared}
    if not declared:
        return (
            _("Open data: many people around %(own)s have roots there.") % values
            if values["own"]
            else _("Open data: many people around you have roots there.")
        )
    if values["own"]:
        return _("%(own)s already has ties with %(other)s or its country: %(items)s.") % values
    return _("You already have ties with %(other)s or its country: %(items)s.") % values


def _unnamed_sentence(facet: str, *, named_side: bool) -> str:
    """The words for a facet without items to name; a template with ``own`` and ``other``."""
    templates = {
        "languages": (_("You share a working language."), _("Both share a working language.")),
        "institutions": _("Institutions and facts that go together."),
        "geography": _("A similar setting: climate, coast, height."),
        "size": (_("You are of similar size."), _("Both are of similar size.")),
        "time_zone": (_("Your working hours overlap."), _("Their working hours overlap.")),
        "story": (
            _("Your stories speak of the same things."),
            _("Their stories speak of the same things."),
        ),
        "readiness": _("%(other)s is ready: people and plans are committed."),
        "distance": (_("You are near each other."), _("They are near each other.")),
    }
    words = templates.get(facet, str(FACETS.get(facet, facet)))
    return words if isinstance(words, str) else words[named_side]


def reason_sentences(
    reasons: Mapping[str, Any],
    *,
    other: str,
    own: str = "",
    language: str | None = None,
    limit: int = 3,
) -> list[str]:
    """The strongest reasons in words, largest share first; facets that add next to nothing are no
    reasons.

    ``own`` names the side that has the reasons where the reader is somebody else; without it the
    reader is addressed.
    """
    strong = [
        c
        for c in reasons.get("contributions", ())
        if c["facet"] != "prior"
        and c["similarity"] is not None
        and c["similarity"] >= _WORTH_SAYING.get(c["facet"], _WORTH_SAYING_NAMED)
        and c["share"] >= 0.02
    ]
    return [
        contribution_sentence(c, other=other, own=own, language=language) for c in strong[:limit]
    ]


def caveat_sentence(reasons: Mapping[str, Any], *, other: str) -> str:
    """The one caveat that a reader should know; empty where there is none."""
    missing = reasons.get("missing", ())
    caveat = reasons.get("caveat")
    sentences = {
        "coverage": ngettext(
            "%(count)d kind of fit could not be compared: data is missing.",
            "%(count)d kinds of fit could not be compared: data is missing.",
            len(missing),
        )
        % {"count": len(missing)},
        "languages": _("No shared working language is known."),
        "time_zone": _("Your working hours hardly overlap."),
        "readiness": _("%(other)s has few commitments so far.") % {"other": other},
        "needs_offers": _("%(other)s offers little of what you need.") % {"other": other},
        "ties": _("There are no known ties yet."),
        "challenges": _("Few challenges are shared."),
        "sectors": _("The economies differ."),
        "themes": _("The wished themes differ."),
        "size": _("The two differ much in size."),
        "geography": _("The two lie in different settings."),
        "institutions": _("Institutions differ."),
        "story": _("The stories speak of different things."),
    }
    return sentences.get(caveat, "") if caveat else ""


def closing_text(*, other: str) -> str:
    """What a side reads when the time of a suggestion is over: the same words whoever answered
    what, or did not.
    """
    return _(
        "The time of this suggestion is over, and it did not lead to an introduction. That says "
        "nothing about your community: most often "
        "the other side has as many partners as it can look after, or no time just now. Thank you "
        "for considering %(other)s."
    ) % {"other": other}


# The two sides of a suggestion in words: what speaks for the partner from the point of view of
# each.


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a pair: who, what speaks for the partner from its point of view, the one caveat,
    and what could not be compared.
    """

    community: Community
    letter: str  # "a" or "b": its colour
    preference: float
    coverage: float
    reasons: list[str]
    caveat: str
    missing: list[str]


def side(
    community: Community,
    other: Community,
    letter: str,
    preference: float,
    coverage: float,
    reasons: Mapping[str, Any],
    *,
    reads: bool = False,
) -> Side:
    """``reads``: the reader belongs to this side and is addressed as "you"."""
    return Side(
        community=community,
        letter=letter,
        preference=preference,
        coverage=coverage,
        reasons=reason_sentences(reasons, other=other.name, own="" if reads else community.name),
        caveat=caveat_sentence(reasons, other=other.name),
        missing=[str(FACETS[name]) for name in reasons.get("missing", ()) if name in FACETS],
    )


def sides_of_view(view: SuggestionForSide) -> list[Side]:
    """One's own side first."""
    return [
        side(
            view.own,
            view.other,
            "a",
            view.own_preference,
            view.own_coverage,
            view.own_reasons,
            reads=True,
        ),
        side(
            view.other,
            view.own,
            "b",
            view.other_preference,
            view.other_coverage,
            view.other_reasons,
        ),
    ]


# Where two places lie, how far apart, and when both are at work.


EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class PlacesApart:
    """Two communities on the map and on the clock. ``seasons`` is empty where a time zone is not
    known.
    """

    own: Community
    other: Community
    distance_km: int | None
    seasons: list[Season]

    @property
    def both(self) -> list[Community]:
        return [self.own, self.other]

    @property
    def on_map(self) -> bool:
        return self.distance_km is not None


def distance_km(first: Community, second: Community) -> int | None:
    """Great-circle distance in whole kilometres; None where a place has no coordinates.
    https://en.wikipedia.org/wiki/Haversine_formula
    """
    if (
        first.latitude is None
        or first.longitude is None
        or second.latitude is None
        or second.longitude is None
    ):
        return None
    lat1, lon1, lat2, lon2 = (
        radians(value)
        for value in (first.latitude, first.longitude, second.latitude, second.longitude)
    )
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord))))


def places_apart(own: Community, other: Community, today: dt.date) -> PlacesApart:
    here, there = known_zone(own.timezone), known_zone(other.timezone)
    return PlacesApart(
        own, other, distance_km(own, other), seasons(today, here, there) if here and there else []
    )
