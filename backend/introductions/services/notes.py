"""What staff write on a card for themselves."""

from __future__ import annotations

from django.db import transaction

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.common.errors import InvalidFields
from backend.introductions.models import IntroductionNote
from backend.introductions.services.locking import lock_introduction
from backend.outbox.services import record
from backend.outbox.topics import Topic


@transaction.atomic
def write_note(*, by: User, introduction_id: int, text: str) -> IntroductionNote:
    """Adds a note that neither side reads. Raises NotVisible (no curator, no such card),
    InvalidFields (no text, or too much).
    """
    require_staff(by, "U", Thing.INTRODUCTION)
    introduction = lock_introduction(introduction_id)
    if not text.strip() or len(text) > 4000 or "\x00" in text:
        raise InvalidFields({"text": ["Write 1 to 4,000 characters."]})
    note = IntroductionNote.objects.create(introduction=introduction, by=by, text=text.strip())
    record(Topic.NOTE_WRITTEN, subject=introduction, by=by, note=note.pk)
    return note
