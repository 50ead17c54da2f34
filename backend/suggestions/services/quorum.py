"""The rule that binds a community's answer: its chair alone, or a majority of its votes."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.cities.permissions import require_in
from backend.common.errors import InvalidFields, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import AnswerRule, Decision, Suggestion, Vote
from backend.suggestions.services.capacity import lock_communities


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
    roles = CommunityRole.objects.filter(community_id=community_id, ended_at__isnull=True, vetted_at__isnull=False, user__is_active=True)
    return set(roles.values_list("user_id", flat=True))


def count_votes(votes: list[Vote], eligible: set[int]) -> Tally:
    given = [vote.choice for vote in votes if vote.by_id in eligible]
    return Tally(*(given.count(choice) for choice in (Vote.Choice.YES, Vote.Choice.MAYBE, Vote.Choice.NO)))


def rule_of(community_id: int) -> AnswerRule:
    """The community's rule; an unsaved one, "the chair decides", where it has set none."""
    return AnswerRule.objects.filter(pk=community_id).first() or AnswerRule(community_id=community_id, kind=AnswerRule.Kind.CHAIR)


def require_quorum(suggestion: Suggestion, community_id: int, answer: str) -> None:
    """Raises WrongState unless the community's rule allows this answer now. An interest may be withdrawn without a vote."""
    if answer == Decision.Answer.WITHDRAWN:
        return
    rule = rule_of(community_id)
    if rule.kind == AnswerRule.Kind.CHAIR or rule.votes_needed is None:
        return
    tally = count_votes(list(Vote.objects.filter(suggestion=suggestion, community_id=community_id)), voters(community_id))
    missing = rule.votes_needed - tally.votes
    if missing > 0:
        words = ngettext(
            "Your rule asks for %(needed)d votes before an answer; %(missing)d vote is missing.",
            "Your rule asks for %(needed)d votes before an answer; %(missing)d votes are missing.",
            missing,
        )
        raise WrongState(words % {"needed": rule.votes_needed, "missing": missing}, code="quorum_missing")
    if (answer == Decision.Answer.INTERESTED) != tally.is_for:
        said = _("The majority has voted for it.") if tally.is_for else _("No majority has voted for it.")
        raise WrongState(said + " " + _("By your rule the answer follows the vote."), code="against_the_vote")


@transaction.atomic
def set_answer_rule(*, by: User, community_id: int, kind: str, votes_needed: int | None = None) -> AnswerRule:
    """Sets how the community comes to its answers.

    Raises:
        NotVisible: nobody who answers for it. InvalidFields: an unknown rule, a number that does not fit it or its people.
    """
    require_in(by, community_id, "X", Thing.ANSWER)
    lock_communities(community_id)
    people = len(voters(community_id))
    errors: dict[str, list[str]] = {}
    if kind not in AnswerRule.Kind.values:
        errors["kind"] = [_("Choose one of the rules.")]
    elif kind == AnswerRule.Kind.CHAIR and votes_needed is not None:
        errors["votes_needed"] = [_("Only a majority has a number of votes.")]
    elif kind == AnswerRule.Kind.MAJORITY and not 1 <= (votes_needed or 0) <= people:
        words = ngettext(
            "Give a number from 1 to %(count)d: so many may vote.", "Give a number from 1 to %(count)d: so many may vote.", people
        )
        errors["votes_needed"] = [words % {"count": people}]
    if errors:
        raise InvalidFields(errors)
    rule, _made = AnswerRule.objects.update_or_create(
        community_id=community_id, defaults={"kind": kind, "votes_needed": votes_needed, "set_by": by}
    )
    record(
        Topic.ANSWER_RULE_SET, subject=("answerrule", community_id), by=by, community_id=community_id, kind=kind, votes_needed=votes_needed
    )
    return rule
