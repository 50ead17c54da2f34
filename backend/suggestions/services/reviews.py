"""What people of one side do while they make up their mind: vote, comment, shortlist. The other
side never learns of any of it.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_in
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import ShortlistEntry, Suggestion, Vote
from backend.suggestions.queries import status_for_side
from backend.suggestions.services.sides import lock_suggestion, side_of


@transaction.atomic
def cast_vote(
    *, by: User, suggestion_id: int, community_id: int, choice: str, comment: str = ""
) -> Vote:
    """One's own vote with a private comment; casting again changes it, until the community has
    answered.

    Raises:
        NotVisible: not released, or no role on that side. InvalidFields: an unknown choice, or too
            long a comment.
        WrongState: the community has answered, or the time is over.
    """
    require_in(by, community_id, "C", Thing.REVIEW)
    errors = {}
    if choice not in Vote.Choice.values:
        errors["choice"] = [_("Choose yes, maybe or no.")]
    if len(comment) > 2000 or "\x00" in comment:
        errors["comment"] = [_("Write at most 2,000 characters of plain text.")]
    if errors:
        raise InvalidFields(errors)
    suggestion = _lock_unanswered(suggestion_id, community_id)
    vote, _made = Vote.objects.update_or_create(
        suggestion=suggestion,
        community_id=community_id,
        by=by,
        defaults={"choice": choice, "comment": comment.strip()},
    )
    record(Topic.VOTE_CAST, subject=suggestion, by=by, community_id=community_id)
    return vote


@transaction.atomic
def remove_vote(*, by: User, suggestion_id: int, community_id: int, voter_id: int) -> None:
    """Takes a vote back with its comment: one's own, or, by those who answer for the community,
    anybody's there.

    Raises:
        NotVisible: no such vote, or not theirs to remove. WrongState: the community has answered,
            or the time is over.
    """
    require_in(by, community_id, "C", Thing.REVIEW)
    if voter_id != by.pk:
        require_in(by, community_id, "D", Thing.REVIEW)
    suggestion = _lock_unanswered(suggestion_id, community_id)
    if not Vote.objects.filter(
        suggestion=suggestion, community_id=community_id, by_id=voter_id
    ).delete()[0]:
        raise NotVisible
    record(Topic.VOTE_REMOVED, subject=suggestion, by=by, community_id=community_id, voter=voter_id)


@transaction.atomic
def shortlist(*, by: User, suggestion_id: int, community_id: int, listed: bool) -> bool:
    """Puts a suggestion on the community's shortlist or takes it off; returns whether that changed
    anything.

    Raises NotVisible: not released, or no role on that side.
    """
    require_in(by, community_id, "C", Thing.REVIEW)
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
    side_of(suggestion, community_id)
    if suggestion.status not in Suggestion.VISIBLE:
        raise NotVisible
    return suggestion


def _lock_unanswered(suggestion_id: int, community_id: int) -> Suggestion:
    suggestion = _lock_visible(suggestion_id, community_id)
    if status_for_side(suggestion, side_of(suggestion, community_id), database_now()) != "open":
        raise WrongState(
            _(
                "Your community has answered, or the time is over: votes and comments stay as they are."
            )
        )
    return suggestion
