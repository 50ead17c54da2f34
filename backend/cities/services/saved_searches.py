"""Searches that people save, and the daily look for communities that are new and fit one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.cities.models import CommunityRole, SavedSearch, SavedSearchHit, SeekingEntry
from backend.cities.seeking import asked_of, narrowed, viewpoint_of
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.outbox.services import record
from backend.outbox.topics import Topic

MOST_TOLD = 50  # communities of one mail; the others follow the next day


def searches_of(user: User) -> QuerySet[SavedSearch]:
    """The person's own, the newest first."""
    return SavedSearch.objects.filter(user=user).order_by("-saved_at", "-pk")


@transaction.atomic
def save_search(*, by: User, query: Mapping[str, Any]) -> SavedSearch:
    """Keeps a search, the fields of ``Asked`` that are set, without those that say nothing of whom
    it finds anew. The same one again stays as it is.

    Raises:
        InvalidFields: it asks for nothing. Conflict: as many as one may have (code
            ``too_many_searches``).
    """
    asked = asked_of(query)
    as_ours = asked.needs_ours or asked.offers_ours
    kept = replace(asked, fresh=False, community=asked.community if as_ours else None)
    wanted = kept.plain()
    if not wanted:
        raise InvalidFields({"query": [_("Choose at least one filter first.")]})
    User.objects.select_for_update().get(pk=by.pk)  # two at once are counted one after the other
    mine = SavedSearch.objects.filter(user=by)
    found = mine.filter(query=wanted).first()
    if found is not None:
        return found
    if mine.count() >= SavedSearch.MOST:
        raise Conflict(
            _("You have saved as many searches as one person may have. Remove one first."),
            code="too_many_searches",
        )
    search = SavedSearch.objects.create(user=by, query=wanted, saved_at=timezone.now())
    record(Topic.SEARCH_SAVED, subject=search, by=by)
    return search


@transaction.atomic
def remove_search(*, by: User, public_id: uuid.UUID) -> None:
    """Ends a search and its mails. Raises NotVisible for another's."""
    search = SavedSearch.objects.select_for_update().filter(user=by, public_id=public_id).first()
    if search is None:
        raise NotVisible
    record(Topic.SEARCH_REMOVED, subject=search, by=by)
    search.delete()


def announce_matches() -> int:
    """Announces to each person the communities that are new and fit a search of theirs, each
    community once a search; returns of how many searches. Safe to run twice, and at once.
    """
    active = SavedSearch.objects.filter(user__is_active=True).order_by("pk")
    return sum(map(_announce, active.values_list("pk", flat=True).iterator()))


@transaction.atomic
def _announce(search_id: int) -> bool:
    search = (
        SavedSearch.objects.select_for_update(skip_locked=True, of=("self",))
        .filter(pk=search_id)
        .first()
    )
    if search is None:  # removed, or another looks for it right now
        return False
    found = list(_news_of(search)[:MOST_TOLD])
    if not found:
        return False
    now = database_now()
    SavedSearchHit.objects.bulk_create(
        SavedSearchHit(search=search, community_id=community, told_at=now) for community in found
    )
    record(Topic.SEARCH_MATCHED, subject=search, by=None, communities=found, count=len(found))
    return True


def _news_of(search: SavedSearch) -> QuerySet[SeekingEntry, int]:
    """What fits and was published after the search was saved, but what its person belongs to or was
    told of.
    """
    asked = asked_of(search.query)
    viewpoint = None if asked.community is None else viewpoint_of(asked.community)
    rows = SeekingEntry.objects.filter(published_at__gt=search.saved_at)
    told = SavedSearchHit.objects.filter(search=search, community=OuterRef("pk"))
    own = CommunityRole.objects.filter(
        user=search.user_id, community=OuterRef("pk"), ended_at__isnull=True
    )
    fresh = narrowed(rows, asked, viewpoint).exclude(Exists(told)).exclude(Exists(own))
    return fresh.order_by("published_at", "pk").values_list("pk", flat=True)
