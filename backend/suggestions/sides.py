"""The sides of a suggestion: which of them a community is, how well each fits the other, the one
lock of their pair, and how long a pair rests.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Q

from backend.cities.models import Community
from backend.common.dates import months_after
from backend.common.errors import NotVisible
from backend.suggestions.models import Decision, Pair, Suggestion
from backend.suggestions.states import UNDO_TRANSITIONS


def cooling_end(moment: dt.datetime) -> dt.datetime:
    """Until when a pair rests whose suggestion ended at ``moment``."""
    return months_after(moment, settings.SUGGESTIONS["cooling_months"])


@dataclass(frozen=True, slots=True)
class Fit:
    """How well one community fits another, from the point of view of the first."""

    community: Community
    other: Community
    preference: float  # in [0, 1]
    coverage: float  # in [0, 1], the share of the preference's weight that had data
    reasons: dict[str, Any]  # an explanation as backend.suggestions.scoring writes it


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
        preference, coverage, reasons = map(self.value, ("preference", "coverage", "reasons"))
        return Fit(self.community, self.other.community, preference, coverage, reasons)

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
