"""The one lock of an introduction: all acts on it queue up behind its row."""

from __future__ import annotations

from backend.common.errors import NotVisible
from backend.introductions.models import Introduction


def lock_introduction(introduction_id: int) -> Introduction:
    """The introduction with its row locked until the transaction ends. Raises NotVisible."""
    found = (
        Introduction.objects.select_for_update(of=("self",))
        .select_related("pair", "suggestion")
        .filter(pk=introduction_id)
        .first()
    )
    if found is None:
        raise NotVisible
    return found
