"""Publishing a profile, and its life afterwards."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from backend.accounts.grants import Actor, Thing
from backend.accounts.models import User
from backend.cities.models import Profile, ProfileVersion
from backend.cities.permissions import require_in
from backend.cities.profile_validation import check_document
from backend.cities.services.existing import propose_partnerships
from backend.cities.services.profiles import profile_for_update
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.clock import database_now
from backend.common.dates import years_after
from backend.common.errors import InvalidFields, NotAllowed, WrongState
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = Profile.Status
LONGEST_PAUSE_YEARS = 2


def publish_version(profile: Profile, by: User | None) -> ProfileVersion:
    """A new immutable version of the draft, current from now on. The profile's row is locked by the
    caller.
    """
    data = check_document(profile.draft, complete=True)
    propose_partnerships(profile.community, data, by=by)
    last = profile.versions.aggregate(last=Max("number"))["last"] or 0
    version = ProfileVersion.objects.create(
        profile=profile, number=last + 1, data=data, published_by=by
    )
    change_state(
        profile,
        "status",
        _S.PUBLISHED,
        PROFILE_TRANSITIONS,
        current_version=version,
        **_confirmed(),
        paused_until=None,
    )
    record(
        Topic.PROFILE_PUBLISHED,
        subject=profile,
        by=by,
        community_id=profile.community_id,
        version=version.number,
    )
    return version


@transaction.atomic
def republish_profile(*, by: User, community_id: int) -> ProfileVersion:
    """A vetted official publishes changes of a profile that was published before.

    Raises:
        NotVisible: not theirs. NotAllowed: not vetted yet. InvalidFields. WrongState: never
            published, or withdrawn.
    """
    actor = require_in(by, community_id, "X", Thing.DRAFT)
    if actor != Actor.OFFICIAL:
        raise NotAllowed("Staff publish the first version, after they have confirmed who you are.")
    profile = profile_for_update(community_id)
    if profile.current_version_id is None:
        raise WrongState("Staff publish the first version. Submit the profile for it.")
    return publish_version(profile, by)


def _confirmed() -> dict[str, Any]:
    """The owner says now that it is true: reminders begin anew."""
    return {"confirmed_at": database_now(), "reminded_months": 0}


def _live_on(
    *,
    by: User,
    community_id: int,
    new: str,
    old_statuses: tuple[str, ...] = (),
    refusal: str = "",
    topic: Topic = Topic.PROFILE_STATUS_CHANGED,
    **values: Any,
) -> Profile:
    """Moves the profile to another status for its owner.

    Args:
        old_statuses: where it may come from, if that is narrower than the table; ``refusal`` says so.

    Raises:
        NotVisible: not theirs; asked before anything of the profile is read. WrongState.
    """
    require_in(by, community_id, "X", Thing.DRAFT)
    profile = profile_for_update(community_id)
    if old_statuses and profile.status not in old_statuses:
        raise WrongState(refusal)
    if profile.current_version_id is None and new != _S.WITHDRAWN:
        raise WrongState(_("The profile has never been published."))
    old = change_state(
        profile, "status", new, PROFILE_TRANSITIONS, **({"paused_until": None} | values)
    )
    until = {"until": profile.paused_until.isoformat()} if profile.paused_until else {}
    record(topic, subject=profile, by=by, community_id=community_id, old=old, new=new, **until)
    return profile


@transaction.atomic
def confirm_profile(*, by: User, community_id: int) -> Profile:
    """The owner says that everything is still true. Raises NotVisible, WrongState."""
    return _live_on(
        by=by,
        community_id=community_id,
        new=_S.PUBLISHED,
        old_statuses=(_S.PUBLISHED, _S.STALE),
        refusal=_("Only a published profile can be confirmed."),
        topic=Topic.PROFILE_CONFIRMED,
        **_confirmed(),
    )


@transaction.atomic
def pause_profile(*, by: User, community_id: int, until: dt.date | None = None) -> Profile:
    """No new suggestions until resumed, by hand or by itself on the day ``until``.

    Raises:
        NotVisible, WrongState. InvalidFields: the day is not after today (by the database's clock),
            or more than two years away.
    """
    require_in(by, community_id, "X", Thing.DRAFT)
    today = database_now().date()
    if until is not None and not today < until <= years_after(today, LONGEST_PAUSE_YEARS):
        raise InvalidFields(
            {
                "until": [
                    _(
                        "Choose a day after today, within two years; or leave it empty and resume by hand."
                    )
                ]
            }
        )
    return _live_on(by=by, community_id=community_id, new=_S.PAUSED, paused_until=until)


@transaction.atomic
def resume_profile(*, by: User, community_id: int) -> Profile:
    """Back among those who seek. Raises NotVisible, WrongState."""
    return _live_on(
        by=by,
        community_id=community_id,
        new=_S.PUBLISHED,
        old_statuses=(_S.PAUSED, _S.FULFILLED),
        refusal=_("Only a paused or fulfilled profile can be resumed."),
        **_confirmed(),
    )


@transaction.atomic
def mark_fulfilled(*, by: User, community_id: int) -> Profile:
    """The community has found what it looked for. Raises NotVisible, WrongState."""
    return _live_on(by=by, community_id=community_id, new=_S.FULFILLED)


@transaction.atomic
def withdraw_profile(*, by: User, community_id: int) -> Profile:
    """Takes the profile off the service. Raises NotVisible, WrongState."""
    return _live_on(by=by, community_id=community_id, new=_S.WITHDRAWN)
