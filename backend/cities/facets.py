"""What people read about each facet (kind of fit), and the sentences that a pair can be given.

The facets themselves are in ``matching/facets``; a test compares the two. Which sentence a pair is
given, and that it is true, is for ``backend.suggestions.pair_text`` to decide.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from backend.cities.models.places import country_name
from backend.cities.vocabularies import label
from backend.common.formatting import comma_list

Words = str | Promise  # shown in the reader's language


@dataclass(frozen=True, slots=True)
class FacetWords:
    """``asked`` and ``asked_of_other``: what a profile lacks for the facet to be compared, in the
    middle of a sentence, on the side that chooses and on the side that is chosen.
    """

    label: Words
    asked: Words
    asked_of_other: Words = ""  # the same where it is empty
    measured: bool = False  # nobody states it: it comes from open data alone


FACETS: Mapping[str, FacetWords] = {
    "needs_offers": FacetWords(_("Their offers meet our needs"), _("needs"), _("offers")),
    "ties": FacetWords(_("Existing ties"), _("ties")),
    "challenges": FacetWords(_("Shared challenges"), _("challenges")),
    "sectors": FacetWords(_("Similar sectors"), _("sectors")),
    "themes": FacetWords(_("Same themes of exchange"), _("themes of exchange")),
    "institutions": FacetWords(_("Institutions and facts"), _("institutions and facts")),
    "geography": FacetWords(_("Geography and climate"), _("geography and climate"), measured=True),
    "languages": FacetWords(_("Shared working language"), _("working languages")),
    "size": FacetWords(_("Similar size"), _("population")),
    "time_zone": FacetWords(_("Overlapping working hours"), _("time zone"), measured=True),
    "distance": FacetWords(_("Nearness"), _("place on the map"), measured=True),
    "story": FacetWords(_("Story"), _("story")),
    "readiness": FacetWords(_("Readiness of the partner"), _("readiness")),
}
FACET_LABELS: Mapping[str, Words] = {name: facet.label for name, facet in FACETS.items()}


class Sentence(NamedTuple):
    """A sentence that may use %(own)s, %(other)s and what the statement holds."""

    to_side: Words  # the side that it is about is addressed as "you"
    to_others: Words  # the reader is somebody else: that side is %(own)s


def _both(sentence: Words) -> Sentence:
    return Sentence(sentence, sentence)


GAINS: Mapping[str, Sentence] = {
    "needs_met": Sentence(
        _("%(other)s offers what you need: %(items)s."),
        _("%(other)s offers what %(own)s needs: %(items)s."),
    ),
    "need_nearly_met": Sentence(
        _("You need %(wanted)s; %(other)s offers something close to it: %(items)s."),
        _("%(own)s needs %(wanted)s; %(other)s offers something close to it: %(items)s."),
    ),
    "ties_to_community": Sentence(
        _("You have stated ties with %(other)s: %(items)s."),
        _("%(own)s has stated ties with %(other)s: %(items)s."),
    ),
    "ties_to_country": Sentence(
        _("You have stated ties with the home country of %(other)s (%(country)s): %(items)s."),
        _("%(own)s has stated ties with the home country of %(other)s (%(country)s): %(items)s."),
    ),
    "challenges_shared": Sentence(
        _("%(other)s works on the same challenges as you: %(items)s."),
        _("%(other)s works on the same challenges as %(own)s: %(items)s."),
    ),
    "challenge_answered": Sentence(
        _("You work on %(wanted)s; %(other)s offers something that helps: %(items)s."),
        _("%(own)s works on %(wanted)s; %(other)s offers something that helps: %(items)s."),
    ),
}
IN_COMMON: Mapping[str, Sentence] = {
    "sister_divisions": _both(
        _("Sister states or regions, by a public source: %(first)s and %(second)s (%(details)s).")
    ),
    "division_agreement": _both(
        _(
            "An agreement of state and region or country, by a public source: %(first)s and "
            "%(second)s (%(details)s)."
        )
    ),
    "ancestry_in_county": _both(
        _(
            "%(own)s: about %(percent)s%% of the people of %(area)s have roots in %(country)s "
            "(ancestry); in the whole U.S. it is %(everywhere)s%%. A hint from open data "
            "(American Community Survey 2011–2015), not a stated tie."
        )
    ),
    "birthplace_in_county": _both(
        _(
            "%(own)s: about %(percent)s%% of the people of %(area)s were born in %(country)s; in "
            "the whole U.S. it is %(everywhere)s%%. A hint from open data (American Community "
            "Survey 2011–2015), not a stated tie."
        )
    ),
    "ancestry_in_state": _both(
        _(
            "%(own)s: about %(percent)s%% of the people of the whole state of %(area)s have roots "
            "in %(country)s (ancestry); in the whole U.S. it is %(everywhere)s%%. A hint from "
            "open data (American Community Survey 2011–2015), not a stated tie."
        )
    ),
    "birthplace_in_state": _both(
        _(
            "%(own)s: about %(percent)s%% of the people of the whole state of %(area)s were born "
            "in %(country)s; in the whole U.S. it is %(everywhere)s%%. A hint from open data "
            "(American Community Survey 2011–2015), not a stated tie."
        )
    ),
    "sectors": _both(_("Sectors of both economies: %(items)s.")),
    "themes": _both(_("Both want exchange in %(items)s.")),
    "institutions": _both(_("Both have: %(items)s.")),
    "universities": _both(_("Universities: %(first)s and %(second)s.")),
    "sea_port": _both(_("Both have a seaport.")),
    "lake_port": _both(_("Both have a port on a lake.")),
    "river_port": _both(_("Both have a port on a river.")),
    "port": _both(_("Both have a port.")),
    "air_links": _both(_("Direct flights to %(first)s and %(second)s places.")),
    "median_age": _both(_("Similar median age: %(first)s and %(second)s years.")),
    "climate": _both(_("The same kind of climate: %(climate)s.")),
    "coast": _both(_("Both lie on a coast.")),
    "elevation": _both(_("Both lie high: %(first)s m and %(second)s m.")),
    "capital": _both(_("Both are national capitals.")),
    "regional_seat": _both(_("Both are the seat of a state or regional government.")),
    "population": _both(_("Similar size: %(first)s and %(second)s people.")),
    "distance": _both(_("Near each other: %(first)s km apart.")),
    "story": _both(_("Both stories speak of %(items)s.")),
}
POSSIBLE: Mapping[str, Sentence] = {
    "languages": Sentence(
        _("You can work together in %(items)s."), _("Both can work in %(items)s.")
    ),
    "no_language": _both(_("No working language in common is stated.")),
    "hours": _both(_("Working hours shared: %(hours)s h a day.")),
    "no_hours": _both(_("No working hours shared.")),
}
CAVEATS: Mapping[str, Sentence] = {
    "needs_offers": Sentence(
        _("%(other)s offers nothing that you need, nor anything close to it."),
        _("%(other)s offers nothing that %(own)s needs, nor anything close to it."),
    ),
    "challenges": Sentence(
        _("You and %(other)s state no challenge in common."),
        _("%(own)s and %(other)s state no challenge in common."),
    ),
    "languages": Sentence(
        _("You and %(other)s state no working language in common."),
        _("%(own)s and %(other)s state no working language in common."),
    ),
    "time_zone": _both(_("The two share few working hours: %(hours)s h a day.")),
    "no_hours": _both(_("The two share no working hours.")),
    "size": _both(_("The two differ much in size: %(first)s and %(second)s people.")),
    "readiness": _both(_("Not fully in place at %(other)s yet: %(items)s.")),
}
NOT_SAID = Sentence(_("You have not said: %(items)s."), _("%(own)s has not said: %(items)s."))
NOT_KNOWN = Sentence(_("Not known of you: %(items)s."), _("Not known of %(own)s: %(items)s."))
NOT_COUNTED = Sentence(
    _("Does not count for you: %(items)s."), _("Does not count for %(own)s: %(items)s.")
)
# Köppen–Geiger: the main group and the second letter
CLIMATES: Mapping[str, Words] = {
    "Af": _("tropical rainforest"),
    "Am": _("tropical monsoon"),
    "As": _("tropical with a dry summer"),
    "Aw": _("tropical with a dry winter"),
    "BW": _("desert"),
    "BS": _("steppe"),
    "Cs": _("mild with a dry summer"),
    "Cw": _("mild with a dry winter"),
    "Cf": _("mild without a dry season"),
    "Ds": _("cold winter and dry summer"),
    "Dw": _("cold and dry winter"),
    "Df": _("cold winter, no dry season"),
    "ET": _("tundra"),
    "EF": _("ice"),
}

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


def item_label(code: str, language: str | None = None) -> str:
    """Words for an item such as ``topic:port_logistics``, ``near_topic:NEED>OFFER`` or
    ``answer:CHALLENGE>OFFER``.
    """
    kind, _colon, value = code.partition(":")
    if kind == "tie_hint":  # open data name the country to which there are ties
        return country_name(value, language)
    if kind in _RELATED:
        return _related_label(kind, value, language)
    named = _VOCABULARIES.get(kind)
    return label(named, value, language) if named else value.replace("_", " ")


# Kinds of items that join a wanted code and an offer: the vocabulary of the wanted code
_RELATED = {"near_topic": "topics", "answer": "challenges"}


def _related_label(kind: str, value: str, language: str | None) -> str:
    """An offer with the need that it is close to, or the challenge that it answers."""
    wanted, _arrow, offer = value.partition(">")
    words = {
        "offer": label("topics", offer, language),
        "wanted": in_sentence(kind, label(_RELATED[kind], wanted, language)),
    }
    if kind == "near_topic":
        return gettext("%(offer)s, close to %(wanted)s") % words
    return gettext("%(offer)s, which answers %(wanted)s") % words


def in_sentence(code: str, words: str) -> str:
    """A label within a sentence loses its capital in languages that write none there, except names
    and abbreviations.
    """
    language = (get_language() or "en")[:2]
    if language not in ("en", "es", "fr") or words[1:2].isupper():
        return words
    is_name = code.startswith("language:") or re.match(r"\w+ [A-Z]", words)
    return words if is_name and language == "en" else words[:1].lower() + words[1:]


def listed(words: Sequence[str]) -> str:
    """ "water management, tourism and ports"."""
    if len(words) < 2:
        return "".join(words)
    return gettext("%(first)s and %(last)s") % {"first": comma_list(words[:-1]), "last": words[-1]}


def number_words(value: float) -> str:
    shown = round(value, 1)
    whole = int(shown) if shown == int(shown) else shown
    return str(number_format(whole, use_l10n=True, force_grouping=True))


@dataclass(frozen=True, slots=True)
class NamedItem:
    """One thing that a statement names. ``offered_by`` of the chooser's ``candidates`` bring the
    same, or come as close; None where that is not counted or not the reader's to know.
    ``is_common``: more than half of them do, of those that the other side knows of.
    """

    code: str
    label: str
    offered_by: int | None = None
    candidates: int | None = None
    is_common: bool = False

    @property
    def is_counted(self) -> bool:
        return self.offered_by is not None and bool(self.candidates)

    def words(self, *, briefly: bool) -> str:
        """ "port logistics (3 of 60 candidates)"; briefly, after another: "port logistics (3)"."""
        words = in_sentence(self.code, self.label)
        if self.offered_by is None or not self.candidates:
            return words
        if briefly:
            count = number_words(self.offered_by)
            return gettext("%(item)s (%(count)s)") % {"item": words, "count": count}
        return ngettext(
            "%(item)s (%(count)s of %(candidates)s candidate)",
            "%(item)s (%(count)s of %(candidates)s candidates)",
            self.candidates,
        ) % {
            "item": words,
            "count": number_words(self.offered_by),
            "candidates": number_words(self.candidates),
        }


def items_in_words(items: Sequence[NamedItem]) -> list[str]:
    """Candidates are named at the first count of a sentence alone."""
    counted = next((at for at, item in enumerate(items) if item.is_counted), 0)
    return [item.words(briefly=at > counted) for at, item in enumerate(items)]
