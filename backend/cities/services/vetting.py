"""What staff do with a submitted profile short of publishing it, and the letter that they read."""

from __future__ import annotations

import secrets
from pathlib import PurePath

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Profile, VettingLetter, VettingNote
from backend.cities.permissions import require_in, require_staff
from backend.cities.services.profiles import profile_for_update
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.errors import InvalidFields
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

LETTER_LIMIT = 10 * 1024 * 1024
# The first bytes decide, never the name or what the browser claims.
SIGNATURES = {
    b"%PDF-": ("application/pdf", ".pdf"),
    b"\xff\xd8\xff": ("image/jpeg", ".jpg"),
    b"\x89PNG\r\n\x1a\n": ("image/png", ".png"),
}


@transaction.atomic
def request_changes(*, by: User, community_id: int, reason: str, text: str) -> VettingNote:
    """Sends a submitted profile back with a reason and words.

    Raises:
        NotVisible: no curator. InvalidFields: no such reason, or no words. WrongState: not submitted (any more).
    """
    require_staff(by, "X", Thing.CURATION)
    errors = {}
    if reason not in VettingNote.Reason.values:
        errors["reason"] = ["Choose one of the reasons."]
    if not text.strip() or len(text) > 4000:
        errors["text"] = ["Say in 1 to 4,000 characters what is needed."]
    if errors:
        raise InvalidFields(errors)
    profile = profile_for_update(community_id)
    change_state(profile, "status", Profile.Status.CHANGES_REQUESTED, PROFILE_TRANSITIONS)
    note = VettingNote.objects.create(profile=profile, reason=reason, text=text.strip(), by=by)
    record(Topic.PROFILE_CHANGES_REQUESTED, subject=profile, by=by, community_id=community_id, reason=reason)
    return note


@transaction.atomic
def attach_letter(*, by: User, community_id: int, upload: UploadedFile) -> VettingLetter:
    """Stores the vetting letter under a random name.

    Raises:
        NotVisible: not theirs. InvalidFields: too large, empty, or neither PDF, JPEG nor PNG by its content.
    """
    require_in(by, community_id, "C", Thing.LETTER)
    if not upload.size or upload.size > LETTER_LIMIT:
        raise InvalidFields({"letter": ["The file must hold something and be at most 10 MB."]})
    head = upload.read(16)
    upload.seek(0)
    found = next((kind for signature, kind in SIGNATURES.items() if head.startswith(signature)), None)
    if found is None:
        raise InvalidFields({"letter": ["This is not a PDF, JPEG or PNG file. Save the letter as one of these and send it again."]})
    content_type, suffix = found
    profile = profile_for_update(community_id)
    original = PurePath((upload.name or "letter").replace("\\", "/")).name[:200]
    upload.name = secrets.token_hex(16) + suffix
    letter = VettingLetter.objects.create(profile=profile, file=upload, original_name=original, content_type=content_type, by=by)
    record(Topic.PROFILE_DRAFT_SAVED, subject=profile, by=by, community_id=community_id, groups=["letter"])
    return letter
