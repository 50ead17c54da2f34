"""The sides of a suggestion: the one lock of their pair, which of them a community is, and how long a
pair rests.
"""

from __future__ import annotations

import datetime as dt

from django.conf import settings

from backend.common.dates import months_after
from backend.common.errors import NotVisible
from backend.suggestions.models import Pair, Suggestion


def cooling_end(moment: dt.datetime) -> dt.datetime:
    """Until when a pair rests that came to its end at ``moment``."""
    return months_after(moment, settings.SUGGESTIONS["cooling_months"])


def side_of(suggestion: Suggestion, community_id: int) -> str:
    """ "a" or "b". Raises NotVisible for a community that is no side of it."""
    if community_id == suggestion.pair.a_id:
        return "a"
    if community_id == suggestion.pair.b_id:
        return "b"
    raise NotVisible


def lock_suggestion(suggestion_id: int) -> Suggestion:
    """The suggestion with its pair's row locked: all acts on a pair queue up behind this one lock.
    Raises NotVisible.
    """
    pair_id = Suggestion.objects.filter(pk=suggestion_id).values_list("pair_id", flat=True).first()
    if pair_id is None:
        raise NotVisible
    Pair.objects.select_for_update().get(pk=pair_id)
    return Suggestion.objects.select_related("pair").get(pk=suggestion_id)
