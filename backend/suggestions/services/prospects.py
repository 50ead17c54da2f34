"""Why a community has few suggestions or none, as far as that can be told.

What is told rests on the community's own profile, room and list, on the policy of release, and on
what anybody may read of the others (``scoring.prospects``, stored when a version is scored). All
else is one cause, "others", which is always there and says nothing.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.permissions import Reader, require_staff
from backend.common.dates import database_now
from backend.suggestions.eligibility import (
    DEFAULT_OPEN_INTRODUCTIONS,
    declared_partners,
    listed_partners,
    pairs_being_introduced,
)
from backend.suggestions.models import Pair, ReleasePolicy, StoredProspects, Suggestion
from backend.suggestions.queries import (
    GONE,
    between_seekers,
    status_for_side,
    suggestions_of_community,
)
from backend.suggestions.scoring.coverage import coverage_outlook
from backend.suggestions.scoring.prospects import WISHES, ProspectsOfSide
from backend.suggestions.scoring.records import is_overdue
from backend.suggestions.services.curation import Policy, policy_in_force
from backend.suggestions.services.runs import current_run, run_engine
from backend.suggestions.sides import sides_of

FEW_CANDIDATES = 30  # with fewer, each wish that costs some is a cause
_FEW_REACHING = 3
_SHARE_SPEAKING = 0.25
SHOWN_NEAREST = 5
_RECENT = dt.timedelta(days=30)  # so long a page says what a new version has changed
_GOES_ON = ("open", "waiting", "mutual", "introduced")
# In the order in which they are told
CAUSES = (
    "unpublished",
    "paused",
    "not_seeking",
    "overdue",
    "not_scored",
    "capacity",
    "by_hand",
    "coverage",
    *WISHES,
    "languages",
    "threshold",
    "others",
)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause with its figures: ``code`` is one of CAUSES."""

    code: str
    figures: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NearCommunity:
    """A candidate just below the threshold of the community's own fit."""

    community: Community
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionEffect:
    """What the newest version, published not long ago, has changed: how many suggestions are new
    since then; None while it is not scored.
    """

    number: int
    published_at: dt.datetime
    new: int | None


@dataclass(frozen=True, slots=True)
class CommunityProspects:
    """``open`` suggestions of a community; with few of them, why, and the nearest misses."""

    open: int
    is_few: bool
    causes: tuple[Cause, ...]
    nearest: tuple[NearCommunity, ...]
    version: VersionEffect | None


def open_counts(community_id: int | None = None) -> Counter[int]:
    """How many suggestions go on for each community (or for one), by its own answers and the clock
    alone.
    """
    now, counts = database_now(), Counter[int]()
    visible = Suggestion.objects.visible_to_communities()
    if community_id is not None:
        visible = visible.of_community(community_id)
    rows = between_seekers(visible).select_related("pair")
    columns = ("status", "a_state", "b_state", "expires_at", "pair__a_id", "pair__b_id")
    for suggestion in rows.only(*columns).iterator(chunk_size=5_000):
        for side in sides_of(suggestion):
            counts[side.community_id] += status_for_side(side, now) in _GOES_ON
    return counts


def store_prospects(community_ids: Collection[int] | None = None) -> int:
    """Notes which version of each community is scored by now, of these or of all, and computes the
    prospects of those that have few suggestions (always of those that are named). Returns of how
    many they were computed. May run twice.
    """
    run = current_run()
    if run is None:
        return 0
    engine = run_engine(run)
    sides = {
        name: ProspectsOfSide(engine, name, float(settings.SUGGESTIONS["promising"]))
        for name in ("left", "right")
    }
    versions = Profile.objects.filter(current_version__isnull=False)
    if community_ids is not None:
        versions = versions.filter(community_id__in=community_ids)
    counts, enough = open_counts(), 2 * settings.SUGGESTIONS["few"]
    partners, now, rows = _partners(), database_now(), []
    for community_id, version_id in versions.values_list("community_id", "current_version_id"):
        side = next((one for one in sides.values() if community_id in one.at), None)
        found = None
        if side is not None and (community_ids is not None or counts[community_id] < enough):
            found = dataclasses.asdict(side.of(community_id))
            known = partners.get(community_id, set())
            found["nearest"] = [n for n in found["nearest"] if n["community_id"] not in known]
        rows.append(
            StoredProspects(
                community_id=community_id, version_id=version_id, scored_at=now, prospects=found
            )
        )
    StoredProspects.objects.bulk_create(
        rows,
        batch_size=500,
        update_conflicts=True,
        unique_fields=["community"],
        update_fields=["version", "scored_at", "prospects"],
    )
    return sum(row.prospects is not None for row in rows)


def _partners() -> dict[int, set[int]]:
    """Who is known to everybody as whose partner: no news to either."""
    recorded = Pair.objects.filter(block_reason=Pair.BlockReason.PARTNERS)
    found: dict[int, set[int]] = {}
    for a, b in (*listed_partners(), *recorded.values_list("a_id", "b_id"), *declared_partners()):
        found.setdefault(a, set()).add(b)
        found.setdefault(b, set()).add(a)
    return found


def standing_of(reader: Reader) -> CommunityProspects:
    """Raises NotVisible without a role there. What only its owners and staff may read of the own
    profile (countries that it excludes) is told to nobody else.
    """
    community_id = reader.require(Verb.READ, Resource.SUGGESTION)
    own = Community.objects.select_related(
        "country", "place", "profile__current_version", "prospects"
    ).get(pk=community_id)
    count = open_counts(community_id)[community_id]
    is_few = count < settings.SUGGESTIONS["few"]
    if not is_few:
        return CommunityProspects(count, False, (), (), _version_effect(own))
    capacity = _capacity(own.profile.current_version.data if own.profile.current_version else {})
    introduced = pairs_being_introduced().filter(Q(a_id=community_id) | Q(b_id=community_id))
    causes = list(_causes(own, introduced.count(), capacity, policy_in_force()))
    if not reader.may(Verb.READ, Resource.DRAFT):
        causes = [cause for cause in causes if cause.code != "excluded"]
    causes = [_with_answers(own, cause) for cause in causes]
    return CommunityProspects(
        count, True, tuple(causes), tuple(_nearest(own)), _version_effect(own)
    )


def _capacity(document: Mapping[str, Any]) -> int:
    stated = (document.get("capacity") or {}).get("open_introductions")
    return int(stated or DEFAULT_OPEN_INTRODUCTIONS)


def _stored(own: Community) -> StoredProspects | None:
    return getattr(own, "prospects", None)


def _causes(own: Community, introduced: int, capacity: int, policy: Policy) -> Iterator[Cause]:
    """Of a community with its profile and prospects."""
    profile, stored = own.profile, _stored(own)
    if profile.current_version_id is None:
        yield Cause("unpublished", {"status": profile.status})
    elif profile.status == Profile.Status.PAUSED:
        yield Cause("paused", {"until": profile.paused_until})
    elif profile.status in GONE:
        yield Cause("not_seeking")
    elif is_overdue(profile, database_now()):
        yield Cause("overdue", {"months": settings.PROFILES["unsuggested_months"]})
    elif stored is None or stored.version_id != profile.current_version_id:
        yield Cause("not_scored")
    if introduced >= capacity:
        yield Cause("capacity", {"open": introduced, "allowed": capacity})
    if policy.mode != ReleasePolicy.Mode.ALL:
        yield Cause("by_hand", {"threshold": policy.threshold})
    if stored is not None and stored.prospects and profile.current_version_id is not None:
        yield from _causes_of_prospects(stored.prospects)
    yield Cause("others")


def _causes_of_prospects(found: Mapping[str, Any]) -> Iterator[Cause]:
    floor = _coverage_floor()
    if found["coverage"] < floor:
        yield Cause("coverage", {"now": found["coverage"], "floor": floor})
    candidates = found["candidates"]
    if candidates < FEW_CANDIDATES:
        for wish in found["wishes"]:
            if wish["without"] > candidates:
                figures = {name: wish[name] for name in ("leaves", "without")}
                yield Cause(
                    wish["code"],
                    {"candidates": candidates, "all": found["counterparts"], **figures},
                )
    speaking, stated = found["speaks_with"], found["stated"]
    if stated and speaking < _SHARE_SPEAKING * stated:
        figures = {"speaks_with": speaking, "of": stated, "add": found["languages"]}
        yield Cause("languages", figures)
    if candidates and found["reaching"] <= _FEW_REACHING:
        figures = {"reaching": found["reaching"], "candidates": candidates}
        yield Cause("threshold", figures)


def _coverage_floor() -> float:
    run = current_run()
    return float((run.weights if run else {}).get("coverage_floor", 0.35))


def _with_answers(own: Community, cause: Cause) -> Cause:
    """For too little coverage: the two answers that would add most, and what they make of it."""
    version = own.profile.current_version
    if cause.code != "coverage" or version is None:
        return cause
    outlook = coverage_outlook(own, version.data)
    best = outlook.gains[:2]
    reached = min(1.0, cause.figures["now"] + sum(gain.adds for gain in best))
    return Cause(
        "coverage", {**cause.figures, "paths": [gain.path for gain in best], "with": reached}
    )


def _nearest(own: Community) -> Iterator[NearCommunity]:
    """Without those that are, or were, in the community's list, and those that seek no longer."""
    stored = _stored(own)
    found = (stored.prospects or {}).get("nearest", []) if stored else []
    if not found:
        return
    pairs = suggestions_of_community(own.pk).values_list("pair__a_id", "pair__b_id")
    listed = {community_id for pair in pairs for community_id in pair}
    known = (
        Community.objects.public()
        .exclude(profile__status__in=GONE)
        .select_related("country")
        .in_bulk([near["community_id"] for near in found])
    )
    shown = [
        near
        for near in found
        if near["community_id"] in known and near["community_id"] not in listed
    ]
    for near in shown[:SHOWN_NEAREST]:
        yield NearCommunity(known[near["community_id"]], tuple(near["needs"]))


def _version_effect(own: Community) -> VersionEffect | None:
    version, stored = own.profile.current_version, _stored(own)
    if version is None or version.published_at < database_now() - _RECENT:
        return None
    new = None
    if stored is not None and stored.version_id == version.pk:
        since = suggestions_of_community(own.pk).filter(released_at__gte=version.published_at)
        new = since.count()
    return VersionEffect(version.number, version.published_at, new)


@dataclass(frozen=True, slots=True)
class ProspectsForStaff:
    """One community with few suggestions, for staff."""

    community: Community
    open: int
    causes: tuple[Cause, ...]

    @property
    def codes(self) -> list[str]:
        return [cause.code for cause in self.causes if cause.code != "others"]

    @property
    def figures(self) -> Mapping[str, Any]:
        """The stored prospects; empty where there are none."""
        stored = _stored(self.community)
        return (stored.prospects or {}) if stored else {}


def standings_for_staff(user: User | AnonymousUser) -> list[ProspectsForStaff]:
    """Every registered community with few suggestions, those with none first, by name. Raises
    NotVisible except for staff.
    """
    require_staff(user, Verb.READ, Resource.SUGGESTION)
    counts, policy, few = open_counts(), policy_in_force(), settings.SUGGESTIONS["few"]
    introduced = Counter[int]()
    for pair in pairs_being_introduced().values_list("a_id", "b_id"):
        introduced.update(pair)
    stated = dict(
        Profile.objects.filter(current_version__isnull=False).values_list(
            "community_id", "current_version__data__capacity__open_introductions"
        )
    )
    communities = (
        Community.objects.filter(profile__isnull=False)
        .select_related("country", "profile", "prospects")
        .defer("profile__draft", "profile__answer_revisions")
        .order_by("name", "pk")
    )
    rows = [
        ProspectsForStaff(
            own,
            counts[own.pk],
            tuple(
                _causes(
                    own,
                    introduced[own.pk],
                    stated.get(own.pk) or DEFAULT_OPEN_INTRODUCTIONS,
                    policy,
                )
            ),
        )
        for own in communities
        if counts[own.pk] < few
    ]
    return sorted(rows, key=lambda row: row.open)
