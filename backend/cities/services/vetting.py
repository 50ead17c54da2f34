"""Vetting: the letters that owners send, and the answers of staff and owner."""

from __future__ import annotations

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.documents import LETTER_LIMIT, check_letter, too_large
from backend.cities.models import (
    CommunityRole,
    Profile,
    VettingApproval,
    VettingLetter,
    VettingNote,
)
from backend.cities.permissions import require_in, require_staff
from backend.cities.profile_validation import check_document
from backend.cities.queries import letter_for
from backend.cities.services.profiles import profile_for_update, publish_version, submit_profile
from backend.cities.states import PROFILE_TRANSITIONS
from backend.cities.vetting import without_a_profile
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, WrongState
from backend.common.files import DELETE_FILE, stored
from backend.common.transitions import change_state
from backend.outbox.services import add_jobs, record, require_quota
from backend.outbox.topics import Topic

MOST_LETTERS = 20  # of one profile


def attach_letter(*, by: User, community_id: int, upload: UploadedFile) -> VettingLetter:
    """Keeps the vetting letter under a random name, outside of what the web serves.

    Raises:
        NotVisible: not theirs. InvalidFields: too large, empty, not what may be kept
            (``cities.documents``), or one too many. TooManyRequests: the quota of a day is
            reached. TooManyRequests, Unavailable: too many files are being read, or the storage
            fails.
    """
    require_in(by, community_id, Verb.CREATE, Resource.LETTER)
    if (upload.size or 0) > LETTER_LIMIT:
        raise too_large()
    # Before the file is read, which takes a while, and in the transaction again.
    with transaction.atomic():
        _require_room(by, community_id)
    letter = check_letter(upload.read(), upload.name or "", person=by.pk)
    kept = VettingLetter(original_name=letter.name, content_type=letter.content_type, by=by)
    with stored(kept.file, letter.content, suffix=letter.suffix), transaction.atomic():
        kept.profile = profile_for_update(community_id)
        _require_room(by, community_id)
        # Again, now that the person's row is locked: they may have left while the file was read.
        require_in(by, community_id, Verb.CREATE, Resource.LETTER)
        kept.save()
        record(Topic.LETTER_ATTACHED, subject=kept, by=by, community_id=community_id)
    return kept


def _require_room(by: User, community_id: int) -> None:
    if VettingLetter.objects.filter(profile__community_id=community_id).count() >= MOST_LETTERS:
        raise InvalidFields(
            {"letter": [_("There are 20 letters already. For more, use “Contact staff” below.")]}
        )
    require_quota(Topic.LETTER_ATTACHED, by=by, community_id=community_id)


@transaction.atomic
def read_letter(*, by: User, community_id: int, letter_id: int) -> VettingLetter:
    """One letter to download; the trail records who read it. Raises NotVisible."""
    letter = letter_for(by, community_id, letter_id)
    record(Topic.LETTER_READ, subject=letter, by=by, community_id=community_id)
    return letter


@transaction.atomic
def erase_letters_of(user: User) -> int:
    """Erases the letters that a person sent, rows and files; returns how many. The trail keeps that
    there were some.

    Called where a person's data are erased, in the same transaction. A job for each file deletes
    it from the storage, and is tried again while the storage fails.
    """
    letters = list(
        VettingLetter.objects.select_for_update().filter(by=user).select_related("profile")
    )
    for letter in letters:
        record(
            Topic.LETTERS_ERASED, subject=letter, by=None, community_id=letter.profile.community_id
        )
    VettingLetter.objects.filter(pk__in=[letter.pk for letter in letters]).delete()
    add_jobs([(DELETE_FILE, str(letter.file.name), None) for letter in letters])
    return len(letters)


# What staff do with a submitted profile: send it back with words, or approve it; and what its
# owner answers.


LONGEST_TEXT = longest(VettingNote, "text")


def _storable(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and "\x00" not in text


@transaction.atomic
def request_changes(*, by: User, community_id: int, reason: str, text: str) -> VettingNote:
    """Sends a submitted profile back with a reason and words.

    Raises:
        NotVisible: no curator. InvalidFields: no such reason, or no words. WrongState: not
            submitted (any more).
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
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
    require_in(by, community_id, Verb.ACT, Resource.DRAFT)
    profile = profile_for_update(community_id)
    if profile.status != Profile.Status.CHANGES_REQUESTED:
        raise WrongState(_("Staff ask for nothing at the moment; reload to see the present state."))
    if not answer.strip() or not _storable(answer):
        raise InvalidFields(
            {
                "answer": [
                    _(
                        "Say in 1 to 4,000 characters what you changed, or why it should "
                        "stay as it is."
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
    """A curator approves what they have read. This publishes the profile and vets its registrant
    or, for the first profile of a country, the approval of a second curator of the same revision
    does (then ``version`` of the first stays empty).

    Args:
        revision: the draft's revision that the curator has read; what they have not read is not
            published.

    Raises:
        NotVisible: no curator. InvalidFields: the draft is not complete. WrongState: it is not
            submitted (any more).
        Conflict: the owner changed the draft after the curator had read it (code ``newer_draft``),
        or the same curator has approved already and another one must (code
        ``second_curator_needed``).
    """
    require_staff(by, Verb.ACT, Resource.CURATION)
    profile = profile_for_update(community_id)
    if profile.status != Profile.Status.SUBMITTED:
        raise WrongState(_("Only a submitted profile can be published by staff."))
    if profile.draft_revision != revision:
        raise Conflict(
            _(
                "The owner changed the profile after you opened it. Read it again before "
                "you publish."
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
        check_document(profile.draft, complete=True, own=profile.community)
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
