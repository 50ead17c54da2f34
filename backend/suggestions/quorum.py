"""The rule that binds a community's answer, and the votes that it counts."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.cities.models import CommunityRole
from backend.suggestions.models import AnswerRule, Decision, Vote


@dataclass(frozen=True, slots=True)
class Tally:
    """How a side's people voted; only votes of those who belong to it now."""

    yes: int = 0
    maybe: int = 0
    no: int = 0

    @property
    def votes(self) -> int:
        return self.yes + self.maybe + self.no

    @property
    def is_for(self) -> bool:
        """More than half of those who voted said yes."""
        return 2 * self.yes > self.votes


def voters(community_id: int) -> set[int]:
    """Ids of those who may vote there: confirmed people with an active role."""
    roles = CommunityRole.objects.filter(
        community_id=community_id,
        ended_at__isnull=True,
        vetted_at__isnull=False,
        user__is_active=True,
    )
    return set(roles.values_list("user_id", flat=True))


def count_votes(votes: list[Vote], eligible: set[int]) -> Tally:
    given = [vote.choice for vote in votes if vote.by_id in eligible]
    return Tally(
        *(given.count(choice) for choice in (Vote.Choice.YES, Vote.Choice.MAYBE, Vote.Choice.NO))
    )


def rule_of(community_id: int) -> AnswerRule:
    """The community's rule; an unsaved one, "the chair decides", where it has set none."""
    return AnswerRule.objects.filter(pk=community_id).first() or AnswerRule(
        community_id=community_id, kind=AnswerRule.Kind.CHAIR
    )


def objection_to(answer: str, rule: AnswerRule, tally: Tally) -> str:
    """Why the rule does not allow this answer after these votes, in words; empty where it does.

    An interest may be withdrawn without a vote. A majority is more than half of all votes, those of
    "maybe" counted.
    """
    if (
        answer == Decision.Answer.WITHDRAWN
        or rule.kind == AnswerRule.Kind.CHAIR
        or rule.votes_needed is None
    ):
        return ""
    missing = rule.votes_needed - tally.votes
    if missing > 0:
        words = ngettext(
            "Your rule asks for votes before an answer: %(count)d more is needed.",
            "Your rule asks for votes before an answer: %(count)d more are needed.",
            missing,
        )
        return words % {"count": missing}
    if (answer == Decision.Answer.INTERESTED) == tally.is_for:
        return ""
    if tally.is_for:
        return _("By your rule the answer follows the vote, and the majority has voted for it.")
    return _("By your rule the answer follows the vote, and no majority has voted for it.")
