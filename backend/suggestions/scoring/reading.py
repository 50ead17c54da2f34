"""Communities as the engine's records, read anew only where the database says something else than
it did.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from django.db import models

from backend.cities.models import Community, ProfileVersion
from backend.suggestions.scoring.records import Standing, community_record, is_overdue
from matching.types import ProfileRecord

_READ_AT_ONCE = 2_000

# Community id → what its record was made of, and the record. A record is a function of what it is
# made of, so a process may keep it for as long as it lives; replaced as a whole, so that threads
# may read while another writes.
_kept: dict[int, tuple[Hashable, ProfileRecord]] = {}


def public_communities() -> models.QuerySet[Community]:
    """Every community with a published version, and all that its record is made of but the
    documents, which are large and never change.
    """
    wanted = Community.objects.public().select_related(
        "country", "place", "profile__current_version"
    )
    return wanted.defer(
        "profile__draft", "profile__answer_revisions", "profile__current_version__data"
    ).order_by("pk")


def current_records(
    communities: Mapping[int, Community], standing: Mapping[int, Standing], now: dt.datetime
) -> list[ProfileRecord]:
    """The records of communities (from ``public_communities``), in their order; those that have not
    changed are the same objects.
    """
    global _kept
    before, after = _kept, {}
    made_of = {pk: _content(community, standing[pk], now) for pk, community in communities.items()}
    changed = [
        pk for pk, content in made_of.items() if pk not in before or before[pk][0] != content
    ]
    versions = {
        pk: communities[pk].profile.current_version_id or 0 for pk in changed
    }  # public communities have one
    documents = _documents(versions.values())
    fresh = {
        pk: community_record(communities[pk], standing[pk], now, documents[version])
        for pk, version in versions.items()
    }
    after = {
        pk: (content, fresh[pk] if pk in fresh else before[pk][1])
        for pk, content in made_of.items()
    }
    _kept = after
    return [record for _, record in after.values()]


def _content(community: Community, standing: Standing, now: dt.datetime) -> Hashable:
    """All that ``community_record`` can read: every column of community, place and country, the
    profile's state, and its version.
    """
    profile = community.profile
    rows = (community, community.place, community.country)
    columns = tuple(
        tuple(vars(row)[field.attname] for field in row._meta.concrete_fields)
        for row in rows
        if row is not None
    )
    return columns, profile.status, is_overdue(profile, now), profile.current_version_id, standing


def _documents(version_ids: Iterable[int]) -> dict[int, Any]:
    ids = sorted(version_ids)
    found: dict[int, Any] = {}
    for start in range(0, len(ids), _READ_AT_ONCE):
        found.update(
            ProfileVersion.objects.filter(pk__in=ids[start : start + _READ_AT_ONCE]).values_list(
                "pk", "data"
            )
        )
    return found
