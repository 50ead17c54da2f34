"""The life of a profile: written, submitted, published, paused, confirmed and withdrawn."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.accounts.grants import Actor, Resource, Verb
from backend.accounts.models import User
from backend.cities.drafts import (
    PROVENANCE,
    SOURCES,
    DraftConflict,
    answer_at,
    changed_answers,
    collisions,
    marked,
    open_data,
    with_answers,
)
from backend.cities.models import Community, Profile, ProfileVersion
from backend.cities.partner_places import led_to_places
from backend.cities.permissions import require_in
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import check_document, missing_answers, valid_part
from backend.cities.services.claims import propose_partnerships
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.dates import MonthsAfter, database_now, years_after
from backend.common.errors import (
    InvalidFields,
    NotAllowed,
    NotVisible,
    PreconditionFailed,
    WrongState,
)
from backend.common.local_times import latest_day
from backend.common.transitions import change_state, check_transition
from backend.outbox.services import record
from backend.outbox.topics import Topic


def profile_for_update(community_id: int) -> Profile:
    """The profile's row, locked until the transaction ends. Raises NotVisible."""
    found = Profile.objects.select_for_update(of=("self",)).select_related(
        "community__place", "community__country"
    )
    found = found.defer("community__place__search_text", "community__place__alternate_names")
    profile = found.filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def draft_errors(profile: Profile, *, complete: bool = False) -> dict[str, list[str]]:
    """What is wrong with the draft, by ``group.field`` path; empty when nothing is."""
    errors = valid_part(profile.draft, profile.community)[1]
    return errors | missing_answers(profile.draft) if complete else errors


def _check_shape(changes: Any) -> None:
    """A draft keeps wrong *answers*, but only answers to questions that exist."""
    errors: dict[str, list[str]] = {}
    if not isinstance(changes, dict):
        raise InvalidFields({"": [_("Send an object of groups of answers.")]})
    for group, answers in changes.items():
        if group not in GROUP_BY_CODE:
            errors[str(group)] = [_("There is no such group of answers.")]
        elif not isinstance(answers, dict):
            errors[group] = [_("This group is an object of answers.")]
        else:
            known = {field.name for field in GROUP_BY_CODE[group].fields}
            errors |= {
                f"{group}.{name}": [_("There is no such question.")]
                for name in answers.keys() - known
            }
    try:
        written = json.dumps(changes, allow_nan=False, ensure_ascii=False)
        written.encode()
    except ValueError:  # an endless number (1e999), or half of a character
        raise InvalidFields(
            {"": [_("An answer holds a number or a character that cannot be stored.")]}
        ) from None
    if "\\u0000" in written.replace("\\\\", ""):
        errors[""] = [_("An answer holds a character that cannot be stored (NUL).")]
    if len(written) > 200_000:
        errors[""] = [_("These answers are longer than a profile can be.")]
    if errors:
        raise InvalidFields(errors)


@transaction.atomic
def save_draft(
    *,
    by: User,
    community_id: int,
    changes: Mapping[str, Mapping[str, Any]],
    revision: int,
    confirm: Collection[str] = (),
    only_at: Collection[int] | None = None,
) -> Profile:
    """Merges answers into the draft. Answers that are not valid yet are kept, so that nothing typed
    is lost.

    Two editors collide only where both changed the same answer. Nothing changed: nothing is
    written. An open-data answer that is sent, or named in ``confirm``, is marked as confirmed or
    corrected by its owner.

    Args:
        changes: ``{group: {field: value}}``; an empty value removes the answer.
        revision: the draft's revision that the editor began from.
        confirm: ``group.field`` paths of open-data answers that the owner looked at and left as
            they are.
        only_at: revisions of the draft at which to save; None: at any.

    Raises:
        PreconditionFailed: the draft is at none of ``only_at``.
        NotVisible: not theirs to write. InvalidFields: an unknown group or question, or a path that
            open data do not fill.
        DraftConflict: somebody changed the same answers in the meantime (code ``newer_draft``),
            with both values.
    """
    require_in(by, community_id, Verb.UPDATE, Resource.DRAFT)
    _check_shape(changes)
    unknown = sorted(set(confirm) - SOURCES.keys())
    if unknown:
        raise InvalidFields(
            {
                path: [_("Open data do not fill this answer; there is nothing to confirm.")]
                for path in unknown
            }
        )
    profile = profile_for_update(community_id)
    if only_at is not None and profile.draft_revision not in only_at:
        raise PreconditionFailed(
            _("The draft has changed since then. Read it again, and change what it holds now.")
        )
    changed = changed_answers(profile.draft, _with_places(profile.community, changes))
    # A revision that never was (a page that was tampered with) knows of no change at all.
    known = revision if revision <= profile.draft_revision else -1
    collided = collisions(profile.draft, changed, profile.answer_revisions, known)
    if collided:
        raise DraftConflict(profile.draft_revision, collided)
    write_draft(profile, changed, {*_sent(changes), *confirm}, by)
    return profile


def _with_places(
    community: Community, changes: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Mapping[str, Any]]:
    """Partners that somebody has typed are led to their places."""
    rows = changes.get("partnerships", {}).get("existing")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return changes
    existing = {"existing": led_to_places(community, rows)}
    return {**changes, "partnerships": {**changes["partnerships"], **existing}}


def _sent(changes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {
        f"{group}.{name}" for group, answers in changes.items() for name in answers
    } & SOURCES.keys()


def write_draft(
    profile: Profile, changed: Mapping[str, Any], looked_at: set[str], by: User
) -> None:
    draft = with_answers(profile.draft, dict(changed))
    sources = open_data(profile.community) if looked_at else {}
    provenance = marked(draft, sources, looked_at)
    provenance = {
        path: entry for path, entry in provenance.items() if answer_at(draft, path) is not None
    }
    draft = (
        {**draft, PROVENANCE: provenance}
        if provenance
        else {group: answers for group, answers in draft.items() if group != PROVENANCE}
    )
    if draft == profile.draft and not changed:
        return
    profile.draft = draft
    profile.draft_revision += 1
    profile.answer_revisions |= dict.fromkeys(changed, profile.draft_revision)
    profile.save(update_fields=["draft", "draft_revision", "answer_revisions"])
    groups = sorted({path.split(".")[0] for path in {*changed, *looked_at}})
    record(
        Topic.PROFILE_DRAFT_SAVED,
        subject=profile,
        by=by,
        community_id=profile.community_id,
        groups=groups,
    )


@transaction.atomic
def submit_profile(*, by: User, community_id: int) -> Profile:
    """Hands the draft to staff for vetting.

    Raises:
        NotVisible: not theirs. InvalidFields: answers are wrong or missing. WrongState: not in a
            state to submit from.
    """
    require_in(by, community_id, Verb.ACT, Resource.DRAFT)
    profile = profile_for_update(community_id)
    data = check_document(profile.draft, complete=True, own=profile.community)
    propose_partnerships(profile.community, data, by=by)
    change_state(
        profile,
        "status",
        Profile.Status.SUBMITTED,
        PROFILE_TRANSITIONS,
        submitted_at=database_now(),
        draft_revision=F("draft_revision") + 1,
    )
    profile.refresh_from_db()
    record(Topic.PROFILE_SUBMITTED, subject=profile, by=by, community_id=community_id)
    return profile


# Publishing a profile, and its life afterwards.


_S = Profile.Status
LONGEST_PAUSE_YEARS = 2


def publish_version(profile: Profile, by: User | None) -> ProfileVersion:
    """A new immutable version of the draft, current from now on. The profile's row is locked by the
    caller.
    """
    data = check_document(profile.draft, complete=True, own=profile.community)
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
    actor = require_in(by, community_id, Verb.ACT, Resource.DRAFT)
    if actor == Actor.UNVETTED:
        raise NotAllowed("Staff publish the first version, after they have confirmed who you are.")
    profile = profile_for_update(community_id)
    if profile.current_version_id is None:
        raise WrongState("Staff publish the first version. Submit the profile for it.")
    if profile.status == _S.WITHDRAWN:
        raise WrongState(_("Resume the profile first; then publish what has changed."))
    if profile.status == _S.SUBMITTED:
        raise WrongState(_("Staff are reading what you submitted, and publish it."))
    return publish_version(profile, by)


def _confirmed() -> dict[str, Any]:
    """The owner says now that it is true: reminders start from zero."""
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
        old_statuses: where it may come from, if that is narrower than the table; ``refusal`` says
            so.

    Raises:
        NotVisible: not theirs; asked before anything of the profile is read. WrongState.
    """
    require_in(by, community_id, Verb.ACT, Resource.DRAFT)
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
        NotVisible, WrongState. InvalidFields: the day is not after the community's today, or
            more than two years away.
    """
    require_in(by, community_id, Verb.ACT, Resource.DRAFT)
    zone = Community.objects.values_list("timezone", flat=True).get(pk=community_id)
    today = latest_day(zone)
    if until is not None and not today < until <= years_after(today, LONGEST_PAUSE_YEARS):
        raise InvalidFields(
            {
                "until": [
                    _(
                        "Choose a day after today, within two years; or leave it empty and "
                        "resume by hand."
                    )
                ]
            }
        )
    return _live_on(by=by, community_id=community_id, new=_S.PAUSED, paused_until=until)


@transaction.atomic
def resume_profile(*, by: User, community_id: int) -> Profile:
    """Back among those who seek, with the version that was published last. A withdrawn profile need
    not be vetted again, unless something was handed in for vetting since it was published.

    Raises NotVisible, WrongState.
    """
    require_in(by, community_id, Verb.ACT, Resource.DRAFT)
    profile = profile_for_update(community_id)
    if profile.status == _S.WITHDRAWN and not profile.is_approved:
        raise WrongState(
            _("Staff have not approved what was submitted last. Submit the profile again.")
        )
    return _live_on(
        by=by,
        community_id=community_id,
        new=_S.PUBLISHED,
        old_statuses=(_S.PAUSED, _S.FULFILLED, _S.WITHDRAWN),
        refusal=_("Only a paused, fulfilled or withdrawn profile can be resumed."),
        **_confirmed(),
    )


@transaction.atomic
def mark_fulfilled(*, by: User, community_id: int) -> Profile:
    """The community has found what it looked for. Staff and the partners of its open introductions
    are notified; the introductions stay open. Raises NotVisible, WrongState.
    """
    return _live_on(by=by, community_id=community_id, new=_S.FULFILLED)


@transaction.atomic
def withdraw_profile(*, by: User, community_id: int) -> Profile:
    """Takes the profile off the service. Staff and the partners of its open introductions are
    notified; the introductions stay open. Raises NotVisible, WrongState.
    """
    return _live_on(by=by, community_id=community_id, new=_S.WITHDRAWN)


# What time does to profiles: staleness, reminders, and pauses that end. Every function may run
# twice; the database's clock decides.


def _confirmed_before(months: int) -> QuerySet[Profile]:
    """Profiles that somebody last confirmed that many months ago or earlier."""
    reached = Profile.objects.annotate(reached_at=MonthsAfter("confirmed_at", months))
    return reached.filter(reached_at__lte=Now())


def _locked(profiles: QuerySet[Profile]) -> list[tuple[int, int]]:
    """The numbers of the profiles and of their communities, each row locked."""
    return list(profiles.select_for_update(of=("self",)).values_list("pk", "community_id"))


def _move(rows: list[tuple[int, int]], old: str, new: str) -> int:
    check_transition(PROFILE_TRANSITIONS, old, new)
    Profile.objects.filter(pk__in=[pk for pk, _ in rows]).update(status=new, paused_until=None)
    for profile_id, community_id in rows:
        record(
            Topic.PROFILE_STATUS_CHANGED,
            subject=(Profile, profile_id),
            by=None,
            community_id=community_id,
            old=old,
            new=new,
        )
    return len(rows)


@transaction.atomic
def resume_paused_profiles() -> int:
    """Profiles whose pause ends today or earlier seek again; returns how many. Nobody has confirmed
    them by that.
    """
    ended = Profile.objects.filter(status=_S.PAUSED, paused_until__lte=database_now().date())
    return _move(_locked(ended), _S.PAUSED, _S.PUBLISHED)


@transaction.atomic
def mark_stale_profiles() -> int:
    """Profiles nobody confirmed for PROFILES["stale_months"] become stale; returns how many."""
    old = _confirmed_before(settings.PROFILES["stale_months"]).filter(status=_S.PUBLISHED)
    return _move(_locked(old), _S.PUBLISHED, _S.STALE)


@transaction.atomic
def remind_owners() -> int:
    """Asks the owners of profiles that grow old whether they are still true; returns how many.

    Each of PROFILES["reminder_months"] after the last confirmation asks once; where several are due
    at once, the last alone.
    """
    asked = 0
    for months in sorted(settings.PROFILES["reminder_months"], reverse=True):
        due = _confirmed_before(months).filter(
            status__in=(_S.PUBLISHED, _S.STALE), reminded_months__lt=months
        )
        rows = _locked(due)
        Profile.objects.filter(pk__in=[pk for pk, _ in rows]).update(reminded_months=months)
        for profile_id, community_id in rows:
            record(
                Topic.PROFILE_CONFIRMATION_DUE,
                subject=(Profile, profile_id),
                by=None,
                community_id=community_id,
                months=months,
            )
        asked += len(rows)
    return asked
