"""What people of one side do while they make up their mind: vote, comment, shortlist, and set the
rule for answers.

The other side never learns of any of it.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import lock_communities
from backend.suggestions.models import (
    AnswerRule,
    SetAsideVote,
    ShortlistEntry,
    Suggestion,
    Vote,
)
from backend.suggestions.queries import require_offered, status_for_side
from backend.suggestions.reviews import count_votes, objection_to, rule_of, voters, votes_on
from backend.suggestions.sides import acts_on, lock_suggestion, require_one_side, side_of


@transaction.atomic
def cast_vote(
    *, by: User, suggestion_id: int, community_id: int, choice: str, comment: str = ""
) -> Vote:
    """One's own vote with a private comment; casting again changes it, until the community has
    answered.

    Raises:
        NotVisible: not released, or no role on that side. InvalidFields: an unknown choice, or too
            long a comment.
        WrongState: the community has answered, or the time is over. Gone: it is taken back.
            ActsForOtherSide: they have answered or voted for the other side.
    """
    require_in(by, community_id, Verb.CREATE, Resource.REVIEW)
    errors = {}
    if choice not in Vote.Choice.values:
        errors["choice"] = [_("Choose yes, maybe or no.")]
    if len(comment) > longest(Vote, "comment") or "\x00" in comment:
        errors["comment"] = [_("Write at most 2,000 characters of plain text.")]
    if errors:
        raise InvalidFields(errors)
    suggestion = _lock_unanswered(suggestion_id, community_id)
    require_one_side(by, suggestion.pair, community_id, acts_on(suggestion.pk, by.pk))
    vote, _made = Vote.objects.update_or_create(
        suggestion=suggestion,
        community_id=community_id,
        by=by,
        defaults={"choice": choice, "comment": comment.strip()},
    )
    record(Topic.VOTE_CAST, subject=suggestion, by=by, community_id=community_id)
    return vote


@transaction.atomic
def remove_vote(*, by: User, suggestion_id: int, community_id: int) -> None:
    """Takes one's own vote back with its comment.

    Raises:
        NotVisible: no such vote. WrongState: the community has answered, or the time is over.
    """
    require_in(by, community_id, Verb.CREATE, Resource.REVIEW)
    suggestion = _lock_unanswered(suggestion_id, community_id)
    own = Vote.objects.filter(suggestion=suggestion, community_id=community_id, by=by)
    if not own.delete()[0]:
        raise NotVisible
    record(Topic.VOTE_REMOVED, subject=suggestion, by=by, community_id=community_id, voter=by.pk)


@transaction.atomic
def set_vote_aside(
    *, by: User, suggestion_id: int, community_id: int, voter_id: int, because: str
) -> SetAsideVote:
    """From now on a colleague's vote does not count. It stays to be read, with the reason, which
    its voter is notified of.

    Raises:
        NotVisible: no such vote, or not theirs to set aside. InvalidFields: no reason.
        WrongState: one's own, set aside already, or the community has answered. ActsForOtherSide.
    """
    require_in(by, community_id, Verb.ACT, Resource.REVIEW)
    because = because.strip()
    if not because or len(because) > longest(SetAsideVote, "because") or "\x00" in because:
        raise InvalidFields(
            {"because": [_("Say why in 1 to 1,000 characters. The voter reads it.")]}
        )
    suggestion = _lock_unanswered(suggestion_id, community_id)
    require_one_side(by, suggestion.pair, community_id, acts_on(suggestion.pk, by.pk))
    votes = {vote.by_id: vote for vote in votes_on([suggestion.pk], community_id)}
    if voter_id not in votes:
        raise NotVisible
    if voter_id == by.pk:
        raise WrongState(_("This vote is your own: change it or take it back."))
    if votes[voter_id].set_aside is not None:
        raise WrongState(_("This vote is set aside already."))
    aside = SetAsideVote.objects.create(
        suggestion=suggestion,
        community_id=community_id,
        voter_id=voter_id,
        by=by,
        because=because,
    )
    record(
        Topic.VOTE_SET_ASIDE, subject=suggestion, by=by, community_id=community_id, voter=voter_id
    )
    return aside


@transaction.atomic
def put_vote_back(*, by: User, suggestion_id: int, community_id: int, voter_id: int) -> None:
    """A vote that was set aside counts again.

    Raises:
        NotVisible: none of that person is set aside, or not theirs to put back.
        WrongState: the community has answered, or the time is over. ActsForOtherSide.
    """
    require_in(by, community_id, Verb.ACT, Resource.REVIEW)
    suggestion = _lock_unanswered(suggestion_id, community_id)
    require_one_side(by, suggestion.pair, community_id, acts_on(suggestion.pk, by.pk))
    aside = SetAsideVote.objects.filter(
        suggestion=suggestion,
        community_id=community_id,
        voter_id=voter_id,
        put_back_at__isnull=True,
    )
    if not aside.update(put_back_at=database_now(), put_back_by=by):
        raise NotVisible
    record(
        Topic.VOTE_PUT_BACK, subject=suggestion, by=by, community_id=community_id, voter=voter_id
    )


@transaction.atomic
def shortlist(*, by: User, suggestion_id: int, community_id: int, listed: bool) -> bool:
    """Puts a suggestion on the community's shortlist or takes it off; returns whether that changed
    anything.

    Raises NotVisible: not released, or no role on that side.
    """
    require_in(by, community_id, Verb.CREATE, Resource.REVIEW)
    suggestion = _lock_visible(suggestion_id, community_id)
    entries = ShortlistEntry.objects.filter(suggestion=suggestion, community_id=community_id)
    if entries.exists() == listed:
        return False
    if listed:
        ShortlistEntry.objects.create(suggestion=suggestion, community_id=community_id, added_by=by)
    else:
        entries.delete()
    record(
        Topic.SHORTLIST_CHANGED, subject=suggestion, by=by, community_id=community_id, listed=listed
    )
    return True


def _lock_visible(suggestion_id: int, community_id: int) -> Suggestion:
    suggestion = lock_suggestion(suggestion_id)
    require_offered(suggestion, community_id)
    return suggestion


def _lock_unanswered(suggestion_id: int, community_id: int) -> Suggestion:
    suggestion = _lock_visible(suggestion_id, community_id)
    if status_for_side(side_of(suggestion, community_id), database_now()) != "open":
        raise WrongState(
            _(
                "Your community has answered, or the time is over: votes and comments stay as they "
                "are."
            )
        )
    return suggestion


def require_quorum(suggestion: Suggestion, community_id: int, answer: str) -> None:
    """Raises WrongState unless the community's rule allows this answer now."""
    rule = rule_of(community_id)
    if rule.kind == AnswerRule.Kind.CHAIR:
        return
    tally = count_votes(votes_on([suggestion.pk], community_id), voters(community_id))
    objection = objection_to(answer, rule, tally)
    if objection:
        raise WrongState(objection, code="against_the_rule")


@transaction.atomic
def set_answer_rule(
    *, by: User, community_id: int, kind: str, votes_needed: int | None = None
) -> AnswerRule:
    """Sets the rule for the community's answers.

    Raises:
        NotVisible: nobody who answers for it. InvalidFields: an unknown rule, a number that does
            not fit it or its people.
    """
    require_in(by, community_id, Verb.ACT, Resource.ANSWER)
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
