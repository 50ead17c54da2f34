"""Writing and submitting a profile."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.draft_changes import (
    DraftConflict,
    answer_at,
    changed_answers,
    collisions,
    with_answers,
)
from backend.cities.models import Profile
from backend.cities.open_data import PROVENANCE, SOURCES, marked, open_data
from backend.cities.permissions import require_in
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import check_document, missing_answers, valid_part
from backend.cities.services.existing import propose_partnerships
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic


def profile_for_update(community_id: int) -> Profile:
    """The profile's row, locked until the transaction ends. Raises NotVisible where there is none."""
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
    errors = valid_part(profile.draft)[1]
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

    Raises:
        NotVisible: not theirs to write. InvalidFields: an unknown group or question, or a path that
            open data do not fill.
        DraftConflict: somebody changed the same answers in the meantime (code ``newer_draft``),
            with both values.
    """
    require_in(by, community_id, "U", Thing.DRAFT)
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
    changed = changed_answers(profile.draft, changes)
    # A revision that never was (a page that was tampered with) knows of no change at all.
    known = revision if revision <= profile.draft_revision else -1
    collided = collisions(profile.draft, changed, profile.answer_revisions, known)
    if collided:
        raise DraftConflict(profile.draft_revision, collided)
    _write(profile, changed, {*_sent(changes), *confirm}, by)
    return profile


def _sent(changes: Mapping[str, Mapping[str, Any]]) -> set[str]:
    return {
        f"{group}.{name}" for group, answers in changes.items() for name in answers
    } & SOURCES.keys()


def _write(profile: Profile, changed: Mapping[str, Any], looked_at: set[str], by: User) -> None:
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
    require_in(by, community_id, "X", Thing.DRAFT)
    profile = profile_for_update(community_id)
    data = check_document(profile.draft, complete=True)
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
