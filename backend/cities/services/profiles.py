"""Writing and submitting a profile."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Profile
from backend.cities.permissions import require_in
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import EMPTY, check_document
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic


def profile_for_update(community_id: int) -> Profile:
    """The profile's row, locked until the transaction ends. Raises NotVisible where there is none."""
    profile = Profile.objects.select_for_update(of=("self",)).select_related("community").filter(community_id=community_id).first()
    if profile is None:
        raise NotVisible
    return profile


def draft_errors(profile: Profile, *, complete: bool = False) -> dict[str, list[str]]:
    """What is wrong with the draft, by ``group.field`` path; empty when nothing is."""
    try:
        check_document(profile.draft, complete=complete)
    except InvalidFields as invalid:
        return invalid.errors
    return {}


def _merge(draft: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {group: dict(answers) for group, answers in draft.items()}
    for group, answers in changes.items():
        target = merged.setdefault(group, {})
        for name, value in answers.items():
            if value in EMPTY:
                target.pop(name, None)
            else:
                target[name] = value
        if not target:
            merged.pop(group)
    return merged


def _check_shape(changes: Any) -> None:
    """A draft keeps wrong *answers*, but only answers to questions that exist."""
    errors: dict[str, list[str]] = {}
    if not isinstance(changes, dict):
        raise InvalidFields({"": ["Send an object of groups of answers."]})
    for group, answers in changes.items():
        if group not in GROUP_BY_CODE:
            errors[str(group)] = ["There is no such group of answers."]
        elif not isinstance(answers, dict):
            errors[group] = ["This group is an object of answers."]
        else:
            known = {field.name for field in GROUP_BY_CODE[group].fields}
            errors |= {f"{group}.{name}": ["There is no such question."] for name in answers.keys() - known}
    try:
        written = json.dumps(changes, allow_nan=False, ensure_ascii=False)
        written.encode()
    except ValueError:  # an endless number (1e999), or half of a character
        raise InvalidFields({"": ["An answer holds a number or a character that cannot be stored."]}) from None
    if "\\u0000" in written.replace("\\\\", ""):
        errors[""] = ["An answer holds a character that cannot be stored (NUL)."]
    if len(written) > 200_000:
        errors[""] = ["These answers are longer than a profile can be."]
    if errors:
        raise InvalidFields(errors)


@transaction.atomic
def save_draft(*, by: User, community_id: int, changes: Mapping[str, Mapping[str, Any]], revision: int) -> Profile:
    """Merges answers into the draft. Answers that are not valid yet are kept, so that nothing typed is lost.

    Args:
        changes: ``{group: {field: value}}``; an empty value removes the answer.
        revision: the draft's revision that the editor began from.

    Raises:
        NotVisible: not theirs to write. InvalidFields: an unknown group or question.
        Conflict: somebody saved a newer revision in the meantime (code ``newer_draft``).
    """
    require_in(by, community_id, "U", Thing.DRAFT)
    _check_shape(changes)
    profile = profile_for_update(community_id)
    if profile.draft_revision != revision:
        raise Conflict("Somebody else saved this profile in the meantime. Your answers are still on this page.", code="newer_draft")
    profile.draft = _merge(profile.draft, changes)
    profile.draft_revision += 1
    profile.save(update_fields=["draft", "draft_revision"])
    record(Topic.PROFILE_DRAFT_SAVED, subject=profile, by=by, community_id=community_id, groups=sorted(changes))
    return profile


@transaction.atomic
def submit_profile(*, by: User, community_id: int) -> Profile:
    """Hands the draft to staff for vetting.

    Raises:
        NotVisible: not theirs. InvalidFields: answers are wrong or missing. WrongState: not in a state to submit from.
    """
    require_in(by, community_id, "X", Thing.DRAFT)
    profile = profile_for_update(community_id)
    check_document(profile.draft, complete=True)
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
