"""What people read about each facet (kind of fit): its label, a reason for it, a caveat against it.

The facets themselves are in ``matching/facets``; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Words = str | Promise  # shown in the reader's language


class FacetReason(NamedTuple):
    """A sentence that may use %(own)s, %(other)s and %(items)s."""

    to_side: Words  # the side that has the reason is addressed as "you"
    to_others: Words  # the reader is somebody else: that side is %(own)s


@dataclass(frozen=True, slots=True)
class FacetWords:
    """``reason`` is said where no item of the pair can be named, ``reason_named`` where one can;
    without the fitting one the label is shown.
    """

    label: Words
    caveat: Words = ""  # may use %(other)s
    reason: FacetReason | None = None
    reason_named: FacetReason | None = None
    reason_threshold: float = 0.3  # a reason needs this similarity


def _same(sentence: Words) -> FacetReason:
    return FacetReason(sentence, sentence)


FACETS: Mapping[str, FacetWords] = {
    "needs_offers": FacetWords(
        _("Their offers meet our needs"),
        _("%(other)s offers little of what you need."),
        reason_named=FacetReason(
            _("You need %(items)s; %(other)s offers it."),
            _("%(own)s needs %(items)s; %(other)s offers it."),
        ),
    ),
    "ties": FacetWords(
        _("Existing ties"),
        _("There are no known ties yet."),
        reason=FacetReason(  # what only open data suggest is said to be that
            _("Open data: many people around you have roots there."),
            _("Open data: many people around %(own)s have roots there."),
        ),
        reason_named=FacetReason(
            _("You already have ties with %(other)s or its country: %(items)s."),
            _("%(own)s already has ties with %(other)s or its country: %(items)s."),
        ),
    ),
    "challenges": FacetWords(
        _("Shared challenges"),
        _("Few challenges are shared."),
        reason_named=FacetReason(
            _("You share challenges: %(items)s."), _("Both work on %(items)s.")
        ),
    ),
    "sectors": FacetWords(
        _("Similar sectors"),
        _("The economies differ."),
        reason_named=_same(_("Both rely on %(items)s.")),
    ),
    "themes": FacetWords(
        _("Same themes of exchange"),
        _("The wished themes differ."),
        reason_named=_same(_("Both want exchange in %(items)s.")),
    ),
    "institutions": FacetWords(
        _("Institutions and facts"),
        _("Institutions differ."),
        reason=_same(_("Institutions and facts that go together.")),
        reason_threshold=0.6,
    ),
    "geography": FacetWords(
        _("Geography and climate"),
        _("The two lie in different settings."),
        reason=_same(_("A similar setting: climate, coast, height.")),
        reason_threshold=0.6,
    ),
    "languages": FacetWords(
        _("Shared working language"),
        _("No shared working language is known."),
        reason=FacetReason(_("You share a working language."), _("Both share a working language.")),
        reason_named=FacetReason(
            _("You can work together in %(items)s."), _("Both can work in %(items)s.")
        ),
    ),
    "size": FacetWords(
        _("Similar size"),
        _("The two differ much in size."),
        reason=FacetReason(_("You are of similar size."), _("Both are of similar size.")),
        reason_threshold=0.6,
    ),
    "time_zone": FacetWords(
        _("Overlapping working hours"),
        _("Your working hours hardly overlap."),
        reason=FacetReason(_("Your working hours overlap."), _("Their working hours overlap.")),
    ),
    "distance": FacetWords(
        _("Nearness"),
        reason=FacetReason(_("You are near each other."), _("They are near each other.")),
        reason_threshold=0.97,
    ),
    "story": FacetWords(
        _("Story"),
        _("The stories speak of different things."),
        reason=FacetReason(
            _("Your stories speak of the same things."),
            _("Their stories speak of the same things."),
        ),
        reason_threshold=0.5,
    ),
    "readiness": FacetWords(
        _("Readiness of the partner"),
        _("%(other)s has few commitments so far."),
        reason=_same(_("%(other)s is ready: people and plans are committed.")),
        reason_threshold=0.6,
    ),
}
FACET_LABELS: Mapping[str, Words] = {name: facet.label for name, facet in FACETS.items()}


def facet_words(name: str) -> FacetWords:
    """The words of a facet; a name from an older run that is no facet any more is its own label."""
    return FACETS.get(name) or FacetWords(name)
