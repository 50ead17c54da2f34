"""A pair in words: reasons for the partner from each side, the one caveat, and where they lie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt
from typing import Any

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from backend.cities.facets import FACET_LABELS, facet_words
from backend.cities.models import Community
from backend.cities.models.places import country_name
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list
from backend.common.local_times import Season, known_zone, seasons
from backend.suggestions.queries import SuggestionForSide
from backend.suggestions.sides import Fit

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


# Kinds of items that join a wanted code and an offer: the vocabulary of the wanted code
_RELATED = {"near_topic": "topics", "answer": "challenges"}


def _related_label(kind: str, value: str, language: str | None) -> str:
    """An offer with the need that it is close to, or the challenge that it answers."""
    wanted, _arrow, offer = value.partition(">")
    words = {
        "offer": label("topics", offer, language),
        "wanted": _in_sentence(kind, label(_RELATED[kind], wanted, language), language),
    }
    if kind == "near_topic":
        return _("%(offer)s, close to %(wanted)s") % words
    return _("%(offer)s, which answers %(wanted)s") % words


def item_label(code: str, language: str | None = None) -> str:
    """Words for an item such as ``topic:port_logistics``, ``near_topic:NEED>OFFER`` or
    ``answer:CHALLENGE>OFFER``.
    """
    kind, _colon, value = code.partition(":")
    if kind in _RELATED:
        return _related_label(kind, value, language)
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
    """One reason in words, to the side that has it ("you"), or naming that side as ``own``."""
    words = facet_words(contribution["facet"])
    stated = [item for item in contribution["items"] if not item[0].startswith("tie_hint:")]
    named = _listed(stated, language)
    reason = (named and words.reason_named) or words.reason
    if reason is None:
        return str(words.label)
    sentence = reason.to_others if own else reason.to_side
    return str(sentence) % {"own": own, "other": other, "items": named}


def _in_sentence(code: str, words: str, language: str | None) -> str:
    """English labels lose their capital within a sentence, except languages and abbreviations."""
    keeps = (
        not (language or get_language() or "en").startswith("en")
        or code.startswith("language:")
        or words[1:2].isupper()
    )
    return words if keeps else words[:1].lower() + words[1:]


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
        and c["similarity"] >= facet_words(c["facet"]).reason_threshold
        and c["share"] >= 0.02
    ]
    return [
        contribution_sentence(c, other=other, own=own, language=language) for c in strong[:limit]
    ]


def caveat_sentence(reasons: Mapping[str, Any], *, other: str) -> str:
    """The one caveat that a reader should know; empty where there is none."""
    caveat = reasons.get("caveat")
    if caveat == "coverage":
        count = len(reasons.get("missing", ()))
        return ngettext(
            "%(count)d kind of fit could not be compared: data is missing.",
            "%(count)d kinds of fit could not be compared: data is missing.",
            count,
        ) % {"count": count}
    return str(facet_words(caveat).caveat) % {"other": other} if caveat else ""


def closing_text(*, other: str) -> str:
    """What a side reads when the time is over: the same words whatever anybody answered."""
    return _(
        "The time of this suggestion is over, and it did not lead to an introduction. That says "
        "nothing about your community: most often "
        "the other side has as many partners as it can look after, or no time just now. Thank you "
        "for considering %(other)s."
    ) % {"other": other}


@dataclass(frozen=True, slots=True)
class SideText:
    """One side of a pair: its reasons for the partner, the one caveat, and what is not known."""

    community: Community
    letter: str  # "a" or "b": its colour
    preference: float
    coverage: float
    reasons: list[str]
    caveat: str
    missing: list[str]


def side_texts(first: Fit, second: Fit, *, first_reads: bool = False) -> list[SideText]:
    """Both sides in words, ``first`` in colour a. ``first_reads``: the reader belongs to the first
    side and is addressed as "you".
    """
    return [_side_text(first, "a", reads=first_reads), _side_text(second, "b", reads=False)]


def texts_for_side(view: SuggestionForSide) -> list[SideText]:
    """The reader's own side first."""
    return side_texts(view.own_fit, view.other_fit, first_reads=True)


def _side_text(fit: Fit, letter: str, *, reads: bool) -> SideText:
    own = "" if reads else fit.community.name
    missing = (name for name in fit.reasons.get("missing", ()) if name in FACET_LABELS)
    return SideText(
        community=fit.community,
        letter=letter,
        preference=fit.preference,
        coverage=fit.coverage,
        reasons=reason_sentences(fit.reasons, other=fit.other.name, own=own),
        caveat=caveat_sentence(fit.reasons, other=fit.other.name),
        missing=[str(FACET_LABELS[name]) for name in missing],
    )


EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class PlacesApart:
    """Two communities on the map and on the clock. ``seasons`` is empty without a time zone."""

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
