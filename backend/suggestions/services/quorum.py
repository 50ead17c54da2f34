"""The rule by which a community comes to its answers: asked before each answer, and set by those
who give them.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.errors import InvalidFields, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import AnswerRule, Suggestion, Vote
from backend.suggestions.quorum import count_votes, objection_to, rule_of, voters
from backend.suggestions.services.capacity import lock_communities


def require_quorum(suggestion: Suggestion, community_id: int, answer: str) -> None:
    """Raises WrongState unless the community's rule allows this answer now."""
    rule = rule_of(community_id)
    if rule.kind == AnswerRule.Kind.CHAIR:
        return
    tally = count_votes(
        list(Vote.objects.filter(suggestion=suggestion, community_id=community_id)),
        voters(community_id),
    )
    objection = objection_to(answer, rule, tally)
    if objection:
        raise WrongState(objection, code="against_the_rule")


@transaction.atomic
def set_answer_rule(
    *, by: User, community_id: int, kind: str, votes_needed: int | None = None
) -> AnswerRule:
    """Sets how the community comes to its answers.

    Raises:
        NotVisible: nobody who answers for it. InvalidFields: an unknown rule, a number that does
            not fit it or its people.
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
            "Give a number from 1 to %(count)d: so many may vote.",
            "Give a number from 1 to %(count)d: so many may vote.",
            people,
        )
        errors["votes_needed"] = [words % {"count": people}]
    if errors:
        raise InvalidFields(errors)
    rule, _made = AnswerRule.objects.update_or_create(
        community_id=community_id,
        defaults={"kind": kind, "votes_needed": votes_needed, "set_by": by},
    )
    record(
        Topic.ANSWER_RULE_SET,
        subject=("answerrule", community_id),
        by=by,
        community_id=community_id,
        kind=kind,
        votes_needed=votes_needed,
    )
    return rule
