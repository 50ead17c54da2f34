"""The sides of a suggestion: which of them a community is, how well each fits the other, the one
lock of their pair, how long a pair rests, and that nobody acts for both sides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Greatest
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from backend.accounts.models import User
from backend.cities.models import Community
from backend.common.dates import months_after
from backend.common.errors import NotVisible, WrongState
from backend.common.local_times import latest_day
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import (
    Decision,
    Pair,
    PartnerRequest,
    SetAsideVote,
    Suggestion,
    Vote,
)
from backend.suggestions.states import UNDO_TRANSITIONS


def cooling_end(moment: dt.datetime) -> dt.datetime:
    """Until when a pair rests whose suggestion ended at ``moment``."""
    return months_after(moment, settings.SUGGESTIONS["cooling_months"])


def rest_from(moment: dt.datetime) -> Greatest:
    """``closed_until`` of a pair that rests from ``moment`` on, but no less long than it does
    already: of a suggestion beside an introduction by hand, a secret decline has begun a later
    rest, and an earlier invitation would reveal it.
    """
    return Greatest(F("closed_until"), Value(cooling_end(moment)))


def pair_day(pair: Pair) -> dt.date:
    """Today for the two sides of a pair: where it is tomorrow already for one of them, that day."""
    sides = Community.objects.filter(pk__in=(pair.a_id, pair.b_id))
    return latest_day(*sides.values_list("timezone", flat=True))


# Of a community's own candidates, so many in a hundred at the top are a strong fit, and a good one
STRONG_IN_100, GOOD_IN_100 = 5, 15
FIT_WORDS: Mapping[str, Any] = {
    "strong": gettext_lazy("Strong fit"),
    "good": gettext_lazy("Good fit"),
    "fair": gettext_lazy("Fair fit"),
}


def fit_word(rank: int, candidates: int) -> str:
    """One of FIT_WORDS for a place, 1 = best, among so many candidates. The best one is strong."""
    for word, in_100 in (("strong", STRONG_IN_100), ("good", GOOD_IN_100)):
        if rank <= max(1, -(-in_100 * candidates // 100)):
            return word
    return "fair"


@dataclass(frozen=True, slots=True)
class Fit:
    """How well one community fits another, from the point of view of the first.

    ``rank`` is the other's place among the ``candidates`` that the first one's own wishes and
    public facts allowed when the pair was scored; None where it was not kept.
    """

    community: Community
    other: Community
    preference: float  # in [0, 1]
    coverage: float  # in [0, 1], the share of the preference's weight that had data
    reasons: dict[str, Any]  # an explanation as backend.suggestions.scoring writes it
    rank: int | None = None
    candidates: int | None = None

    @property
    def word(self) -> str:
        """One of FIT_WORDS; empty where the place is not known."""
        if self.rank is None or self.candidates is None:
            return ""
        return fit_word(self.rank, self.candidates)

    @property
    def label(self) -> str:
        """The word for people; empty where the place is not known."""
        return str(FIT_WORDS[self.word]) if self.word else ""

    @property
    def figures(self) -> str:
        """The place behind the word; for the first community itself and staff alone: how many its
        wishes allow is its own affair.
        """
        if self.rank is None or self.candidates is None:
            return ""
        rank, shown = (
            number_format(value, use_l10n=True, force_grouping=True)
            for value in (self.rank, self.candidates)
        )
        words = ngettext(
            "number %(rank)s of %(shown)s candidate",
            "number %(rank)s of %(shown)s candidates",
            self.candidates,
        )
        return words % {"rank": rank, "shown": shown}

    @property
    def completeness(self) -> str:
        """How much of what counts for the first community could be compared."""
        known, counted = self.kinds
        return ngettext(
            "%(known)d of %(count)d kind of fit could be compared",
            "%(known)d of %(count)d kinds of fit could be compared",
            counted,
        ) % {"known": known, "count": counted}

    @property
    def kinds(self) -> tuple[int, int]:
        """How many kinds of fit could be compared, and how many count for the first community."""
        counted = self.reasons.get("contributions", ())
        return sum(one["similarity"] is not None for one in counted), len(counted)


@dataclass(frozen=True, slots=True)
class SuggestionSide:
    """One side of a suggestion: the columns that its row holds twice, as ``a_…`` and ``b_…``."""

    suggestion: Suggestion
    letter: str  # "a" or "b"

    @property
    def other(self) -> SuggestionSide:
        return SuggestionSide(self.suggestion, "b" if self.letter == "a" else "a")

    @property
    def community(self) -> Community:
        found: Community = getattr(self.suggestion.pair, self.letter)
        return found

    @property
    def community_id(self) -> int:
        return int(getattr(self.suggestion.pair, f"{self.letter}_id"))

    @property
    def state(self) -> str:
        """The side's answer, a ``Suggestion.SideState``."""
        return str(self.value("state"))

    @property
    def fit(self) -> Fit:
        """How well the other side fits this one."""
        names = ("preference", "coverage", "reasons", "rank", "candidates")
        return Fit(self.community, self.other.community, *map(self.value, names))

    @property
    def final_at(self) -> dt.datetime | None:
        """From when the answer takes effect; None: at once, or there is none."""
        found: dt.datetime | None = self.value("final_at")
        return found

    def column(self, name: str) -> str:
        """The side's own column: "state" → "a_state"."""
        return f"{self.letter}_{name}"

    def value(self, name: str) -> Any:
        """What the side's own column of that name holds."""
        return getattr(self.suggestion, self.column(name))


def sides_of(suggestion: Suggestion) -> tuple[SuggestionSide, SuggestionSide]:
    """Side a and side b."""
    return SuggestionSide(suggestion, "a"), SuggestionSide(suggestion, "b")


def state_in_effect(side: SuggestionSide, now: dt.datetime) -> str:
    """The side's answer as staff know it: one that can still be undone is not given yet."""
    if side.final_at is None or side.final_at <= now or not UNDO_TRANSITIONS[side.state]:
        return side.state
    (before,) = UNDO_TRANSITIONS[side.state]
    if side.state == Suggestion.SideState.INTERESTED:
        # An interest whose withdrawal was undone has a window of its own, and was given before
        answers = Decision.objects.in_effect().filter(
            suggestion=side.suggestion, community_id=side.community_id, answer=side.state
        )
        return side.state if answers.exists() else before
    return before


def home_side_first(suggestion: Suggestion) -> tuple[SuggestionSide, SuggestionSide]:
    a, b = sides_of(suggestion)
    return (a, b) if a.community.is_home else (b, a)


def side_of(suggestion: Suggestion, community_id: int) -> SuggestionSide:
    """The community's side. Raises NotVisible for a community that is no side of it."""
    for side in sides_of(suggestion):
        if side.community_id == community_id:
            return side
    raise NotVisible


def side_columns(
    left_id: int, right_id: int, names: Sequence[str], left: Sequence[Any], right: Sequence[Any]
) -> dict[str, Any]:
    """Columns ``a_…`` and ``b_…`` from two communities in any order: a has the smaller id."""
    a, b = (left, right) if left_id < right_id else (right, left)
    return {
        f"{letter}_{name}": value
        for letter, values in (("a", a), ("b", b))
        for name, value in zip(names, values, strict=True)
    }


def with_own_side(community_id: int, **columns: object) -> Q:
    """Suggestions of the community whose own columns have these values: ``state="pending"`` asks
    for a_state where the community is side a, else for b_state.
    """
    a, b = (
        Q(**{f"pair__{letter}_id": community_id})
        & Q(**{f"{letter}_{name}": value for name, value in columns.items()})
        for letter in "ab"
    )
    return a | b


def with_other_community(community_id: int, **fields: object) -> Q:
    """Suggestions of the community by fields of the other one; lookups begin at the other."""
    a, b = (
        Q(**{f"pair__{own}_id": community_id})
        & Q(**{f"pair__{other}__{name}": value for name, value in fields.items()})
        for own, other in ("ab", "ba")
    )
    return a | b


def lock_suggestion(suggestion_id: int) -> Suggestion:
    """The suggestion, its pair's row locked: one lock for all acts on a pair. Raises NotVisible."""
    pair_id = Suggestion.objects.filter(pk=suggestion_id).values_list("pair_id", flat=True).first()
    if pair_id is None:
        raise NotVisible
    Pair.objects.select_for_update().get(pk=pair_id)
    return Suggestion.objects.select_related("pair").get(pk=suggestion_id)


# Nobody acts for both sides of a pair, whatever roles a person has: the second side is refused.
# What one has undone or removed oneself does not count.


class ActsForOtherSide(WrongState):
    """The person has acted for the other side of the pair. Says no more than they know: their own
    acts.
    """

    code = "acts_for_other_side"

    def __init__(self, by: User, pair: Pair, own: Community, other: Community) -> None:
        refused = objection_to_both_sides(own, other)
        super().__init__(f"{refused} {_('Staff have been notified.')}")
        self._by, self._pair, self._own = by, pair, own

    def leave_trace(self) -> None:
        """One event a person, pair and side, which notifies staff; in nobody's trail, since the
        people of a side would learn from it that the other has answered.
        """
        mine: dict[str, Any] = {"by": self._by.pk, "payload": {"side": self._own.pk}}
        topic, subject = Topic.SECOND_SIDE_REFUSED, self._pair
        with transaction.atomic():
            known = Event.objects.filter(
                topic=topic, subject_type="pair", subject_id=subject.pk, **mine
            )
            if not known.exists():
                record(topic, subject=subject, by=self._by, side=self._own.pk)


def objection_to_both_sides(own: Community, other: Community) -> str:
    """What somebody reads who has acted for ``other`` and would act for ``own``."""
    return _(
        "You have already acted for %(other)s. Nobody acts for both sides of a pair: another "
        "person of %(own)s does this."
    ) % {"own": own.name, "other": other.name}


def acts_on(suggestion_id: int | None, person_id: int | None) -> list[QuerySet[Any]]:
    """What the person has answered, voted and set aside on a suggestion, for whichever side; an
    answer that a colleague has undone as well, or who is of the other side alone by now would learn
    that it was. And that the person has asked for one of the two to meet the other.
    """
    if suggestion_id is None or person_id is None:
        return []
    mine: dict[str, Any] = {"suggestion": suggestion_id, "by": person_id}
    pair = Pair.objects.filter(suggestions=suggestion_id)
    a, b = pair.values("a"), pair.values("b")
    asked = Q(community__in=a, named__in=b) | Q(community__in=b, named__in=a)
    return [
        PartnerRequest.objects.filter(asked, by=person_id),
        Decision.objects.filter(**mine).exclude(undone_by=person_id),
        Vote.objects.filter(**mine),
        SetAsideVote.objects.filter(**mine),
    ]


def acts_for_other(acts: Sequence[QuerySet[Any]], community_id: int) -> bool:
    """Whether one of these acts of a person was for another community than this one."""
    return any(rows.exclude(community_id=community_id).exists() for rows in acts)


def require_one_side(
    by: User, pair: Pair, community_id: int, acts: Sequence[QuerySet[Any]]
) -> None:
    """Raises ActsForOtherSide if one of ``acts``, the person's own rows with their community, was
    for the other side. The caller holds the lock under which such rows are written.
    """
    if acts_for_other(acts, community_id):
        own, other = (pair.a, pair.b) if pair.a_id == community_id else (pair.b, pair.a)
        raise ActsForOtherSide(by, pair, own, other)


def closing_text(*, other: str) -> str:
    """What a side reads when the time is over: the same words whatever anybody answered."""
    return _(
        "The time of this suggestion is over, and it did not lead to an introduction. That says "
        "nothing about your community: most often "
        "the other side has as many partners as it can look after, or no time just now. Thank you "
        "for considering %(other)s."
    ) % {"other": other}
