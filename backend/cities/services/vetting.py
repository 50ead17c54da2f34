"""What staff do with a submitted profile: send it back with words, or approve it; and what its
owner answers.
"""

from __future__ import annotations

from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile, VettingApproval, VettingNote
from backend.cities.permissions import require_in, require_staff
from backend.cities.profile_validation import check_document
from backend.cities.services.profiles import profile_for_update, submit_profile
from backend.cities.services.publishing import publish_version
from backend.cities.states import PROFILE_TRANSITIONS
from backend.cities.vetting_queries import without_a_profile
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

LONGEST_TEXT = 4000


def _storable(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and "\x00" not in text


@transaction.atomic
def request_changes(*, by: User, community_id: int, reason: str, text: str) -> VettingNote:
    """Sends a submitted profile back with a reason and words.

    Raises:
        NotVisible: no curator. InvalidFields: no such reason, or no words. WrongState: not
            submitted (any more).
    """
    require_staff(by, "X", Thing.CURATION)
    errors = {}
    if reason not in VettingNote.Reason.values:
        errors["reason"] = [_("Choose one of the reasons.")]
    if not text.strip() or not _storable(text):
        errors["text"] = [_("Say in 1 to 4,000 characters what is needed.")]
    if errors:
        raise InvalidFields(errors)
    profile = profile_for_update(community_id)
    change_state(profile, "status", Profile.Status.CHANGES_REQUESTED, PROFILE_TRANSITIONS)
    note = VettingNote.objects.create(profile=profile, reason=reason, text=text.strip(), by=by)
    record(
        Topic.PROFILE_CHANGES_REQUESTED,
        subject=profile,
        by=by,
        community_id=community_id,
        reason=reason,
    )
    return note


@transaction.atomic
def answer_changes(*, by: User, community_id: int, answer: str) -> Profile:
    """The owner answers what staff asked for, and hands the profile in again, in one step.

    Raises:
        NotVisible: not theirs. InvalidFields: no words, or too many; or answers of the profile are
            wrong or missing.
        WrongState: nothing is asked (any more).
    """
    require_in(by, community_id, "X", Thing.DRAFT)
    profile = profile_for_update(community_id)
    if profile.status != Profile.Status.CHANGES_REQUESTED:
        raise WrongState(_("Staff ask for nothing at the moment; reload to see where it stands."))
    if not answer.strip() or not _storable(answer):
        raise InvalidFields(
            {
                "answer": [
                    _(
                        "Say in 1 to 4,000 characters what you changed, or why it should stay as it is."
                    )
                ]
            }
        )
    asked = profile.vetting_notes.order_by("-id").first()
    if asked is not None:
        VettingNote.objects.filter(pk=asked.pk).update(
            answer=answer.strip(), answered_by=by, answered_at=database_now()
        )
    return submit_profile(by=by, community_id=community_id)


@transaction.atomic
def approve_profile(*, by: User, community_id: int, revision: int) -> VettingApproval:
    """A curator says yes to what they have read. The profile is published and its registrant is
    vetted by this, or, for the first profile of a country, by the yes of a second curator to the
    same revision (then ``version`` of the first stays empty).

    Args:
        revision: the draft's revision that the curator has read; what they have not read is not
            published.

    Raises:
        NotVisible: no curator. InvalidFields: the draft is not complete. WrongState: it is not
            submitted (any more).
        Conflict: the owner changed the draft after the curator had read it (code ``newer_draft``),
        or the same curator has said yes already and another one must (code
        ``second_curator_needed``).
    """
    require_staff(by, "X", Thing.CURATION)
    profile = profile_for_update(community_id)
    if profile.status != Profile.Status.SUBMITTED:
        raise WrongState(_("Only a submitted profile can be published by staff."))
    if profile.draft_revision != revision:
        raise Conflict(
            _(
                "The owner changed the profile after you opened it. Read it again before you publish."
            ),
            code="newer_draft",
        )
    given = set(profile.approvals.filter(revision=revision).values_list("by_id", flat=True))
    two = bool(without_a_profile({profile.community.country_id}))
    if two and by.pk in given:
        raise Conflict(
            _("You have approved this already. Another curator must read and approve it too."),
            code="second_curator_needed",
        )
    if two and not given:
        check_document(profile.draft, complete=True)
        approval = VettingApproval.objects.create(profile=profile, revision=revision, by=by)
        record(
            Topic.PROFILE_APPROVED,
            subject=profile,
            by=by,
            community_id=community_id,
            revision=revision,
        )
        return approval
    version = publish_version(profile, by)
    CommunityRole.objects.filter(
        community_id=community_id, vetted_at__isnull=True, ended_at__isnull=True
    ).update(vetted_at=database_now())
    return VettingApproval.objects.update_or_create(
        profile=profile, revision=revision, by=by, defaults={"version": version}
    )[0]
