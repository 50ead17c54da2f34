"""The vetting letter: kept after it is checked, read with a trace, erased with its sender."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.letter_checks import LETTER_LIMIT, check_letter, too_large
from backend.cities.models import VettingLetter
from backend.cities.permissions import require_in
from backend.cities.profile_queries import letter_for
from backend.cities.services.profiles import profile_for_update
from backend.common.errors import InvalidFields
from backend.outbox.services import record
from backend.outbox.topics import Topic

MOST_LETTERS = 20  # of one profile


def attach_letter(*, by: User, community_id: int, upload: UploadedFile) -> VettingLetter:
    """Keeps the vetting letter under a random name, outside of what the web serves.

    Raises:
        NotVisible: not theirs. InvalidFields: too large, empty, not what may be kept
            (``letter_checks``), or one too many.
    """
    require_in(by, community_id, "C", Thing.LETTER)
    if (upload.size or 0) > LETTER_LIMIT:
        raise too_large()
    letter = check_letter(upload.read(), upload.name or "")
    file = ContentFile(letter.content, name=secrets.token_hex(16) + letter.suffix)
    kept = VettingLetter(
        file=file, original_name=letter.name, content_type=letter.content_type, by=by
    )
    try:
        with transaction.atomic():
            kept.profile = profile_for_update(community_id)
            if kept.profile.letters.count() >= MOST_LETTERS:
                raise InvalidFields(
                    {
                        "letter": [
                            _("There are 20 letters already. Write to staff if more are needed.")
                        ]
                    }
                )
            kept.save()
            record(Topic.LETTER_ATTACHED, subject=kept, by=by, community_id=community_id)
    except BaseException:
        if kept.file._committed:  # written, and its row was not
            kept.file.storage.delete(kept.file.name)
        raise
    return kept


@transaction.atomic
def read_letter(*, by: User, community_id: int, letter_id: int) -> VettingLetter:
    """One letter, for its reader to download. That they did stays in the trail. Raises NotVisible."""
    letter = letter_for(by, community_id, letter_id)
    record(Topic.LETTER_READ, subject=letter, by=by, community_id=community_id)
    return letter


@transaction.atomic
def erase_letters_of(user: User) -> int:
    """Erases the letters that a person sent, rows and files; returns how many. The trail keeps that
    there were some.

    For whoever erases a person's data, in the same transaction: the files go when it commits.
    """
    letters = list(
        VettingLetter.objects.select_for_update().filter(by=user).select_related("profile")
    )
    for letter in letters:
        record(
            Topic.LETTERS_ERASED, subject=letter, by=None, community_id=letter.profile.community_id
        )
    VettingLetter.objects.filter(pk__in=[letter.pk for letter in letters]).delete()
    names = [letter.file.name for letter in letters]
    transaction.on_commit(lambda: _delete_files(names))
    return len(letters)


def _delete_files(names: Sequence[str | None]) -> None:
    storage = VettingLetter._meta.get_field("file").storage
    for name in names:
        if name:
            storage.delete(name)
