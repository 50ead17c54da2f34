"""Which work follows from which event: one total table, read by the relay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import ScoringShard
from tasks.schedule import JOBS


@dataclass(frozen=True, slots=True)
class Route:
    """``task`` is asked for once for each key; requests with the same key that wait at the same
    time are one.
    """

    task: str
    keys: Callable[[Event], Iterable[str | int]]


def _community(event: Event) -> list[int]:
    return [event.community_id] if event.community_id is not None else []


def _subject(event: Event) -> list[int]:
    return [event.subject_id]


def _event(event: Event) -> list[int]:
    return [event.pk]


def _shards(event: Event) -> list[str]:
    indices = (
        ScoringShard.objects.filter(run_id=event.subject_id)
        .order_by("index")
        .values_list("index", flat=True)
    )
    return [f"{event.subject_id}:{index}" for index in indices]


def _all(event: Event) -> list[str]:
    return ["all"]


def _job(task: str) -> Callable[[Event], list[str]]:
    return lambda event: ["all"] if JOBS[event.payload["job"]].task == task else []


NOTIFY = Route("notify_people", _event)
RESCORE = Route("rescore_community", _community)
BEGIN_RUN = Route("begin_run", _all)

ROUTES: dict[Topic, tuple[Route, ...]] = {
    Topic.USER_REGISTERED: (),
    Topic.SECOND_FACTOR_CHANGED: (),
    Topic.ADDRESS_CHANGED: (),
    Topic.STAFF_ROLE_CHANGED: (),
    Topic.TOKEN_CREATED: (),
    Topic.TOKEN_REVOKED: (),
    Topic.DATA_EXPORTED: (),
    Topic.ACCOUNT_ERASED: (),
    Topic.COMMUNITY_REGISTERED: (),
    Topic.PROFILE_DRAFT_SAVED: (),
    Topic.PROFILE_SUBMITTED: (NOTIFY,),
    Topic.PROFILE_CHANGES_REQUESTED: (NOTIFY,),
    Topic.PROFILE_APPROVED: (NOTIFY,),
    Topic.PROFILE_PUBLISHED: (RESCORE, NOTIFY),
    Topic.LETTER_ATTACHED: (),
    Topic.LETTER_READ: (),
    Topic.LETTERS_ERASED: (),
    Topic.MEMBERSHIP_BEGUN: (),
    Topic.MEMBERSHIP_CHANGED: (),
    Topic.MEMBERSHIP_RENEWED: (),
    Topic.MEMBERSHIP_ENDING: (NOTIFY,),
    Topic.MEMBERSHIP_LAPSED: (NOTIFY,),
    Topic.MEMBERSHIP_ENDED: (),
    Topic.MEMBERS_IMPORTED: (),
    Topic.EXISTING_PARTNERSHIPS_CLAIMED: (),
    Topic.EXISTING_PARTNERSHIP_ANSWERED: (),
    Topic.PROFILE_CONFIRMATION_DUE: (NOTIFY,),
    Topic.PROFILE_CONFIRMED: (RESCORE,),
    Topic.PROFILE_STATUS_CHANGED: (RESCORE,),
    Topic.COMMUNITY_ROLE_CHANGED: (),
    Topic.INVITATION_SENT: (Route("mail_invitation", _subject),),
    Topic.INVITATION_ACCEPTED: (),
    Topic.INVITATION_REVOKED: (),
    Topic.INVITATION_EXPIRED: (),
    Topic.JOIN_REQUESTED: (NOTIFY,),
    Topic.JOIN_ANSWERED: (NOTIFY,),
    Topic.JOIN_WITHDRAWN: (),
    Topic.RUN_REQUESTED: (BEGIN_RUN,),
    Topic.RUN_BEGUN: (Route("score_shard", _shards),),
    Topic.RUN_COMPLETED: (Route("derive_from_run", _subject),),
    Topic.RUN_FAILED: (),
    Topic.WEIGHTS_PROMOTED: (),
    Topic.COMMUNITY_RESCORED: (Route("derive_from_community", _community),),
    Topic.SUGGESTIONS_CHANGED: (NOTIFY,),
    Topic.RELEASE_POLICY_SET: (),
    Topic.BAR_SET: (Route("enforce_bars", _all),),
    Topic.BAR_LIFTED: (),
    Topic.SUGGESTION_PROPOSED: (),
    Topic.SUGGESTION_RELEASED: (),
    Topic.SUGGESTION_HELD: (),
    Topic.SUGGESTION_ANSWERED: (),
    Topic.SUGGESTION_ANSWER_UNDONE: (),
    Topic.SUGGESTION_CLOSED: (),
    Topic.SUGGESTIONS_EXPIRING: (NOTIFY,),
    Topic.VOTE_CAST: (),
    Topic.VOTE_REMOVED: (),
    Topic.SHORTLIST_CHANGED: (),
    Topic.ANSWER_RULE_SET: (),
    Topic.SUGGESTION_EXPIRED: (),
    Topic.SUGGESTION_SUPERSEDED: (),
    Topic.INTEREST_MUTUAL: (Route("open_card_for_mutual", _subject), NOTIFY),
    Topic.INTRODUCTION_OPENED: (),
    Topic.INTRODUCTION_MOVED: (NOTIFY,),
    Topic.INTRODUCTION_ASSIGNED: (),
    Topic.NOTE_WRITTEN: (),
    Topic.MEETING_PROPOSED: (NOTIFY,),
    Topic.MEETING_ANSWERED: (NOTIFY,),
    Topic.MEETING_FIXED: (NOTIFY,),
    Topic.MEETING_CANCELLED: (NOTIFY,),
    Topic.CONSENT_GIVEN: (NOTIFY,),
    Topic.CONSENT_WITHDRAWN: (),
    Topic.AGREEMENT_TEMPLATE_SAVED: (),
    Topic.AGREEMENT_VERSION_SAVED: (),
    Topic.AGREEMENT_STATUS_CHANGED: (NOTIFY,),
    Topic.AGREEMENT_DOCUMENT_ADDED: (),
    Topic.AGREEMENT_CONFIRMED: (NOTIFY,),
    Topic.AGREEMENT_CONFIRMATION_WITHDRAWN: (),
    Topic.AGREEMENT_RECORDED: (NOTIFY,),
    Topic.PARTNERSHIP_BEGUN: (NOTIFY,),
    Topic.PARTNERSHIP_STATUS_CHANGED: (NOTIFY,),
    Topic.PARTNERSHIP_RENEWAL_GIVEN: (NOTIFY,),
    Topic.PARTNERSHIP_ACTIVITY_LOGGED: (),
    Topic.PARTNERSHIP_ACTIVITY_RETRACTED: (),
    Topic.PARTNERSHIP_REPORT_DUE: (NOTIFY,),
    Topic.PARTNERSHIP_REPORT_SAVED: (),
    Topic.CONTACTS_READ: (),
    Topic.SLOT_OPENED: tuple(Route(job.task, _job(job.task)) for job in JOBS.values()),
    Topic.DEAD_LETTER_RETRIED: (),
}


def work_for(event: Event) -> list[tuple[str, str, Event | None]]:
    """The (task, key, event) that the event asks for."""
    return [
        (route.task, str(key), event)
        for route in ROUTES[Topic(event.topic)]
        for key in route.keys(event)
    ]
