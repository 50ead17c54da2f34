"""Database rows become the engine's records; only what has changed is read again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models

from backend.cities.drafts import stated_facts
from backend.cities.models import Community, Profile, ProfileVersion
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.profile_schema import MOST_TOPICS, document_value
from backend.cities.roots import area_of
from backend.cities.vocabularies import challenge_answers, near_topics, vocabulary
from backend.common.dates import months_after
from backend.suggestions.eligibility import DEFAULT_OPEN_INTRODUCTIONS
from matching.types import ProfileRecord, Sought, Tie, Vocabulary

READY = {"yes": 1.0, "partly": 0.5, "no": 0.0}


@cache
def engine_vocabulary() -> Vocabulary:
    """The controlled codes, the words by which a story, in any language, may mention them, and
    which topics are near to each other or answer a challenge.
    """
    labels: dict[str, tuple[str, ...]] = {}
    for kind, name in (
        ("topic", "topics"),
        ("sector", "sectors"),
        ("theme", "themes"),
        ("challenge", "challenges"),
    ):
        labels |= {f"{kind}:{code}": term.spellings for code, term in vocabulary(name).items()}
    return Vocabulary(
        sectors=tuple(vocabulary("sectors")),
        themes=tuple(vocabulary("themes")),
        topics=tuple(vocabulary("topics")),
        challenges=tuple(vocabulary("challenges")),
        institutions=tuple(vocabulary("institutions")),
        languages=tuple(vocabulary("languages")),
        labels=MappingProxyType(labels),
        near=near_topics(),
        answers=challenge_answers(),
    )


@cache
def standard_offset(name: str) -> float | None:
    """Hours from UTC in standard time; None for a zone that is not known."""
    if not name:
        return None
    moment = dt.datetime(2025, 1, 1, 12, tzinfo=ZoneInfo(name))
    offset, saving = moment.utcoffset(), moment.dst()
    return None if offset is None else (offset - (saving or dt.timedelta())).total_seconds() / 3600


class Commitments(NamedTuple):
    """What a community's partnerships and open introductions say about it."""

    partner_countries: frozenset[str]
    open_introductions: int


def _topics(document: Mapping[str, Any], name: str) -> list[str]:
    """Needs or offers in their order; of a version from before there was a limit, the first ones
    that it allows. Its owner reads what to take out.
    """
    topics: list[str] = document_value(document, "needs_offers", name) or []
    return topics[:MOST_TOPICS]


def _sought(document: Mapping[str, Any]) -> Sought:
    wish = document.get("sought") or {}
    return Sought(
        countries=frozenset(wish.get("countries", ())),
        regions=frozenset(wish.get("regions", ())),
        excluded_countries=frozenset(wish.get("excluded_countries", ())),
        population_min=wish.get("population_min"),
        population_max=wish.get("population_max"),
        forms=frozenset(wish.get("forms", ())),
        not_where_partnered=bool(wish.get("not_where_partnered")),
        not_with_us_sister=bool(wish.get("not_with_us_sister")),
    )


def is_overdue(profile: Profile, now: dt.datetime) -> bool:
    """Whether the profile was not confirmed for so long that it is no longer suggested."""
    if profile.confirmed_at is None:
        return True
    return now >= months_after(profile.confirmed_at, settings.PROFILES["unsuggested_months"])


def _is_available(
    community: Community, document: Mapping[str, Any], commitments: Commitments, now: dt.datetime
) -> bool:
    profile = community.profile
    if profile.status not in ("published", "stale") or is_overdue(profile, now):
        return False
    capacity = (
        document_value(document, "capacity", "open_introductions") or DEFAULT_OPEN_INTRODUCTIONS
    )
    return bool(commitments.open_introductions < capacity)


def community_record(
    community: Community,
    commitments: Commitments,
    now: dt.datetime,
    document: Mapping[str, Any] | None = None,
) -> ProfileRecord:
    """The engine's record of a community: its current version, filled up with open data where the
    version is silent.

    ``document`` replaces the current version: what the engine would make of a draft.
    """
    if document is None:
        version = community.profile.current_version
        document = version.data if version else {}
    facts = stated_facts(document)
    place = community.place

    def fact(name: str) -> Any:
        own = facts.get(name)
        return own if own is not None else getattr(place, name, None)

    port = fact("port")
    story = document.get("story") or {}
    partnered = commitments.partner_countries | {
        entry["country"] for entry in document_value(document, "partnerships", "existing") or ()
    }
    home = community.country_id == HOME_COUNTRY
    return ProfileRecord(
        id=community.pk,
        country=community.country_id,
        region=community.country.subregion or None,
        admin1=(place.admin1_code or None) if place else None,
        latitude=community.latitude,
        longitude=community.longitude,
        population=fact("population"),
        elevation_m=fact("elevation_m"),
        utc_offset_hours=standard_offset(community.timezone),
        climate=(place.climate or None) if place else None,
        coastal=fact("coastal"),
        port=None if port is None else port != "none",
        is_capital=place.is_capital if place else None,
        seat_level=place.seat_level if place else None,
        air_destinations=fact("air_destinations"),
        universities=facts.get("universities"),
        median_age=facts.get("median_age"),
        income_band=facts.get("income_band") or community.country.income_band,
        sectors=document_value(document, "sectors", "strengths") or {},
        themes=document_value(document, "themes", "importances") or {},
        needs=tuple(_topics(document, "needs")),
        offers=frozenset(_topics(document, "offers")),
        challenges=frozenset(document_value(document, "challenges", "challenges") or ()),
        institutions=frozenset(facts.get("institutions") or ()),
        languages=frozenset(document_value(document, "languages", "working") or ()),
        ties=tuple(
            Tie(
                kind=t["kind"],
                strength=t["strength"],
                country=t.get("country"),
                community_id=t.get("community_id"),
            )
            for t in document_value(document, "ties", "ties") or ()
        ),
        tie_hints=area_of(community).hints if home else {},
        readiness={name: READY[value] for name, value in (document.get("readiness") or {}).items()},
        story=story.get("text"),
        story_language=story.get("language"),
        importances=document_value(document, "importances", "facets") or {},
        sought=_sought(document),
        partner_countries=frozenset(partnered - {community.country_id}),
        has_us_sister=not home and HOME_COUNTRY in partnered,
        available=_is_available(community, document, commitments, now),
    )


_READ_AT_ONCE = 2_000

# Community id → what its record was made of, and the record. A record is a function of what it is
# made of, so a process may always keep it; replaced as a whole, so that threads
# may read while another writes.
_kept: dict[int, tuple[Hashable, ProfileRecord]] = {}


def public_communities() -> models.QuerySet[Community]:
    """Public communities with all that their records are made of, except the large documents."""
    wanted = Community.objects.public().select_related(
        "country", "place", "profile__current_version"
    )
    return wanted.defer(
        "profile__draft", "profile__answer_revisions", "profile__current_version__data"
    ).order_by("pk")


def current_records(
    communities: Mapping[int, Community], commitments: Mapping[int, Commitments], now: dt.datetime
) -> list[ProfileRecord]:
    """The records of ``public_communities``, in order; unchanged ones are the same objects."""
    global _kept
    before, after = _kept, {}
    made_of = {
        pk: _content(community, commitments[pk], now) for pk, community in communities.items()
    }
    changed = [
        pk for pk, content in made_of.items() if pk not in before or before[pk][0] != content
    ]
    # Public communities have one
    versions = {pk: communities[pk].profile.current_version_id or 0 for pk in changed}
    documents = _documents(versions.values())
    fresh = {
        pk: community_record(communities[pk], commitments[pk], now, documents[version])
        for pk, version in versions.items()
    }
    after = {
        pk: (content, fresh[pk] if pk in fresh else before[pk][1])
        for pk, content in made_of.items()
    }
    _kept = after
    return [record for _, record in after.values()]


def _content(community: Community, commitments: Commitments, now: dt.datetime) -> Hashable:
    """All that ``community_record`` can read: columns, the profile's state, and its version."""
    profile = community.profile
    rows = (community, community.place, community.country)
    columns = tuple(
        tuple(vars(row)[field.attname] for field in row._meta.concrete_fields)
        for row in rows
        if row is not None
    )
    return (
        columns,
        profile.status,
        is_overdue(profile, now),
        profile.current_version_id,
        commitments,
    )


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
