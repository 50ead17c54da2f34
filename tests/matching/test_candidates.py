"""Each rule of eligibility by itself, with the reason that staff see."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from matching.candidates import Eligibility
from matching.types import ProfileRecord, Snapshot, Sought

CITY = ProfileRecord(1, "US", region="Northern America", population=50_000)
ABROAD = ProfileRecord(2, "DE", region="Western Europe", population=80_000)


def wish(**sought: Any) -> dict[str, Any]:
    return {"sought": Sought(**sought)}


@pytest.mark.parametrize(
    ("left", "right", "reasons"),
    [
        ({}, {}, ()),
        ({}, {"country": "US"}, ("same_country",)),
        ({}, {"country": "CU"}, ("barred_jurisdiction",)),
        ({}, {"country": "KP"}, ("barred_jurisdiction",)),
        ({}, {"id": 3}, ("barred_pair",)),
        ({"available": False}, {}, ("left:unavailable",)),
        ({}, {"available": False}, ("right:unavailable",)),
        (wish(excluded_countries=frozenset({"DE"})), {}, ("left:excluded_country",)),
        ({}, wish(excluded_countries=frozenset({"US"})), ("right:excluded_country",)),
        (wish(countries=frozenset({"FR"})), {}, ("left:not_a_wanted_place",)),
        (wish(countries=frozenset({"FR"}), regions=frozenset({"Western Europe"})), {}, ()),
        (wish(regions=frozenset({"Eastern Asia"})), {}, ("left:not_a_wanted_place",)),
        (wish(regions=frozenset({"Eastern Asia"})), {"region": None}, ()),
        (
            wish(not_where_partnered=True) | {"partner_countries": frozenset({"DE"})},
            {},
            ("left:partnered_there",),
        ),
        ({"partner_countries": frozenset({"DE"})}, {}, ()),
        (wish(not_with_us_sister=True), {"has_us_sister": True}, ("left:has_us_sister",)),
        ({}, {"has_us_sister": True}, ()),
        ({"has_us_sister": True}, wish(not_with_us_sister=True), ("right:has_us_sister",)),
        (wish(population_min=80_000, population_max=80_000), {}, ()),
        (wish(population_min=80_001), {}, ("left:too_small",)),
        (wish(population_max=79_999), {}, ("left:too_large",)),
        (wish(population_min=80_001), {"population": None}, ()),
        ({}, wish(population_min=60_000), ("right:too_small",)),
        (
            wish(forms=frozenset({"sister"})),
            wish(forms=frozenset({"project"})),
            ("different_forms",),
        ),
        (wish(forms=frozenset({"sister", "project"})), wish(forms=frozenset({"project"})), ()),
        (wish(forms=frozenset({"sister"})), {}, ()),
    ],
)
def test_each_rule(left: dict[str, Any], right: dict[str, Any], reasons: tuple[str, ...]) -> None:
    snapshot = Snapshot(
        left=(replace(CITY, **left), replace(CITY, id=9)),
        right=(replace(ABROAD, **right),),
        barred_pairs=frozenset({(1, 3), (1, 999)}),
        barred_countries=frozenset({("US", "CU"), ("*", "KP")}),
    )
    eligibility = Eligibility(snapshot)
    assert eligibility.reasons(0, 0) == reasons
    assert eligibility.pairs(np.array([0]), np.array([0])).tolist() == [not reasons]
    assert eligibility.block(0, 1, 0, 1).tolist() == [[not reasons]]


def test_barred_pairs_of_every_block() -> None:
    left = tuple(replace(CITY, id=row) for row in range(4))
    right = tuple(replace(ABROAD, id=10 + col) for col in range(5))
    barred = {(0, 10), (1, 12), (1, 14), (3, 13)}
    eligibility = Eligibility(Snapshot(left=left, right=right, barred_pairs=frozenset(barred)))
    expected = np.array([[(a.id, b.id) not in barred for b in right] for a in left])
    for rows in itertools.combinations(range(5), 2):
        for cols in itertools.combinations(range(6), 2):
            np.testing.assert_array_equal(
                eligibility.block(*rows, *cols), expected[slice(*rows), slice(*cols)]
            )


def test_too_many_forms_to_tell_apart() -> None:
    crowd = tuple(ProfileRecord(k, "US", **wish(forms=frozenset({f"form{k}"}))) for k in range(70))
    with pytest.raises(ValueError, match="70 different forms"):
        Eligibility(Snapshot(left=crowd, right=(ABROAD,)))


WISHES: tuple[dict[str, Any], ...] = (
    {},
    wish(excluded_countries=frozenset({"DE", "US"})),
    wish(countries=frozenset({"FR"}), regions=frozenset({"Western Europe"})),
    {"available": False},
    wish(population_min=60_000),
    wish(forms=frozenset({"sister"})),
    wish(not_with_us_sister=True),
)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_said_of_a_set_holds_for_its_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def drawn(
        record: ProfileRecord, identifier: int, places: tuple[tuple[str, str | None], ...]
    ) -> ProfileRecord:
        country, region = places[rng.integers(len(places))]
        own = (
            WISHES[rng.integers(len(WISHES[: 4 if seed % 2 else None]))]
            if rng.random() < 0.5
            else {}
        )
        return replace(record, id=identifier, country=country, region=region, **own)

    left = tuple(drawn(CITY, at, (("US", "Northern America"), ("US", None))) for at in range(12))
    right = tuple(
        drawn(ABROAD, 100 + at, (("DE", "Western Europe"), ("FR", "Western Europe"), ("JP", None)))
        for at in range(15)
    )
    barred = frozenset((int(a), 100 + int(b)) for a, b in rng.integers(0, 12, (seed % 3, 2)))
    eligibility = Eligibility(Snapshot(left=left, right=right, barred_pairs=barred))
    table = eligibility.block(0, 12, 0, 15)
    rows, cols = (
        rng.permutation(12)[: rng.integers(1, 12)],
        rng.permutation(15)[: rng.integers(1, 6)],
    )
    for (possible, certain), pairs in (
        (eligibility.reach(rows, cols), table[np.ix_(rows, cols)]),
        (eligibility.reach_of_right(cols, rows), table[np.ix_(rows, cols)].T),
    ):
        assert not pairs[~possible].any()
        assert pairs[certain].all()


def test_a_set_of_one_country_is_settled_without_its_pairs() -> None:
    closed = replace(CITY, id=9, **wish(excluded_countries=frozenset({"DE"})))
    eligibility = Eligibility(Snapshot(left=(CITY, closed), right=(ABROAD, replace(ABROAD, id=3))))
    possible, certain = eligibility.reach(np.array([0, 1]), np.array([0, 1]))
    assert possible.tolist() == certain.tolist() == [True, False]
    assert [groups.tolist() for groups in eligibility.groups()] == [[0, 0], [0, 0]]
