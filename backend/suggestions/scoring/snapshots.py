"""Freezing everything that a run is computed from, and keeping it as bytes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.utils import timezone

from backend.cities.models.communities import HOME_COUNTRY
from backend.suggestions.eligibility import (
    barred_by_staff,
    declared_partners,
    listed_and_not_denied,
    pairs_being_introduced,
    stated_partners,
    unavailable_pairs,
)
from backend.suggestions.models import Pair
from backend.suggestions.scoring.records import Commitments, current_records, public_communities
from matching.types import ProfileRecord, Snapshot, Sought, Tie


def _listed() -> list[tuple[int, int, str, str]]:
    """Listed partnerships with a registered community, unless it has denied them: both places and
    their countries.
    """
    fields = ("place_a_id", "place_b_id", "place_a__country_id", "place_b__country_id")
    registered = Q(place_a__community__isnull=False) | Q(place_b__community__isnull=False)
    return list(listed_and_not_denied().filter(registered).values_list(*fields))


def _barred_pairs(
    listed: Iterable[tuple[int, int, str, str]], by_place: Mapping[int, int], now: dt.datetime
) -> tuple[set[tuple[int, int]], dict[int, set[int]]]:
    """Pairs that may not be suggested, and who is whose partner already."""
    barred: set[tuple[int, int]] = set()
    partners: dict[int, set[int]] = defaultdict(set)
    recorded = Pair.objects.filter(block_reason=Pair.BlockReason.PARTNERS).values_list(
        "a_id", "b_id"
    )
    for a, b in [
        *((by_place[a], by_place[b]) for a, b, *_ in listed if a in by_place and b in by_place),
        *recorded,
        *declared_partners(),
    ]:
        barred.add((a, b))
        partners[a].add(b)
        partners[b].add(a)
    barred |= stated_partners()
    barred.update(unavailable_pairs(now).values_list("a_id", "b_id"))
    return barred, partners


def _partner_countries(
    listed: Iterable[tuple[int, int, str, str]], by_place: Mapping[int, int]
) -> dict[int, set[str]]:
    """Countries in which a community has a listed partner, registered here or not."""
    found: dict[int, set[str]] = defaultdict(set)
    for a, b, a_country, b_country in listed:
        if a in by_place:
            found[by_place[a]].add(b_country)
        if b in by_place:
            found[by_place[b]].add(a_country)
    return found


def freeze_snapshot(now: dt.datetime | None = None) -> Snapshot:
    """What a run is computed from: communities with a published version, each side by id."""
    moment = now or timezone.now()
    communities = {c.pk: c for c in public_communities()}
    by_place = {c.place_id: c.pk for c in communities.values() if c.place_id}
    listed = _listed()
    barred, partners = _barred_pairs(listed, by_place, moment)
    countries = _partner_countries(listed, by_place)
    open_counts: dict[int, int] = defaultdict(int)
    for a, b in pairs_being_introduced().values_list("a_id", "b_id"):
        open_counts[a] += 1
        open_counts[b] += 1
    commitments = {}
    for pk in communities:
        own = countries[pk] | {
            communities[other].country_id for other in partners[pk] if other in communities
        }
        commitments[pk] = Commitments(frozenset(own), open_counts[pk])
    records = current_records(communities, commitments, moment)
    left = tuple(r for r in records if r.country == HOME_COUNTRY)
    right = tuple(r for r in records if r.country != HOME_COUNTRY)
    left_ids, right_ids = {r.id for r in left}, {r.id for r in right}
    pairs = {(a, b) if a in left_ids else (b, a) for a, b in barred}
    bars = barred_by_staff(
        [communities[i] for i in sorted(left_ids)],
        [communities[i] for i in sorted(right_ids)],
        moment.date(),
    )
    known = frozenset(p for p in (*pairs, *bars.pairs) if p[0] in left_ids and p[1] in right_ids)
    return Snapshot(
        left=left,
        right=right,
        barred_pairs=known,
        barred_countries=frozenset((HOME_COUNTRY, code) for code in bars.countries),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset | set):
        return sorted(value)
    if isinstance(value, Mapping):
        return {key: value[key] for key in sorted(value)}
    raise TypeError(f"{type(value).__name__} has no place in a snapshot")


def _record_fields(record: ProfileRecord) -> dict[str, Any]:
    fields = {f.name: getattr(record, f.name) for f in dataclasses.fields(record)}
    fields["needs_ordered"] = isinstance(record.needs, tuple)
    fields["ties"] = [dataclasses.astuple(tie) for tie in record.ties]
    fields["sought"] = {f.name: getattr(record.sought, f.name) for f in dataclasses.fields(Sought)}
    return fields


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """Compressed JSON, the same bytes for the same content."""
    content = {
        "left": [_record_fields(r) for r in snapshot.left],
        "right": [_record_fields(r) for r in snapshot.right],
        "barred_pairs": sorted(snapshot.barred_pairs),
        "barred_countries": sorted(snapshot.barred_countries),
    }
    return zlib.compress(
        json.dumps(content, default=_plain, sort_keys=True, ensure_ascii=False).encode(), 3
    )


_FIELDS = {field.name for field in dataclasses.fields(ProfileRecord)}
_SETS = {
    field.name
    for field in dataclasses.fields(ProfileRecord)
    if str(field.type).startswith("frozenset")
}
_SOUGHT_FIELDS = {field.name for field in dataclasses.fields(Sought)}


def _unpack_record(fields: dict[str, Any]) -> ProfileRecord:
    ordered = fields.get("needs_ordered", False)
    fields = {name: value for name, value in fields.items() if name in _FIELDS}
    fields |= {name: frozenset(fields[name]) for name in _SETS & fields.keys()}
    fields["needs"] = (tuple if ordered else frozenset)(fields.get("needs", ()))
    fields["ties"] = tuple(Tie(*tie) for tie in fields["ties"])
    wish = {name: value for name, value in fields["sought"].items() if name in _SOUGHT_FIELDS}
    for name, value in wish.items():
        wish[name] = frozenset(value) if isinstance(value, list) else value
    fields["sought"] = Sought(**wish)
    return ProfileRecord(**fields)


def fingerprint(packed: bytes) -> str:
    """The identity of a snapshot: the hash of its bytes."""
    return hashlib.sha256(packed).hexdigest()


def unpack_snapshot(packed: bytes, version: str) -> Snapshot:
    """The snapshot that ``pack_snapshot`` wrote, here or in another version of the service: what a
    record lacks is not known, and what this version's records do not have is ignored.

    A record without "needs_ordered" is of before needs had an order, written sorted by code: its
    needs become a set, and none of them counts double.
    """
    content = json.loads(zlib.decompress(packed))
    return Snapshot(
        left=tuple(_unpack_record(r) for r in content["left"]),
        right=tuple(_unpack_record(r) for r in content["right"]),
        barred_pairs=frozenset((a, b) for a, b in content["barred_pairs"]),
        barred_countries=frozenset((a, b) for a, b in content["barred_countries"]),
        version=version,
    )
