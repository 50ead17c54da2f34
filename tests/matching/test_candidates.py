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
        (wish(not_where_partnered=True) | {"partner_countries": frozenset({"DE"})}, {}, ("left:partnered_there",)),
        ({"partner_countries": frozenset({"DE"})}, {}, ()),
        (wish(not_with_us_sister=True), {"has_us_sister": True}, ("left:has_us_sister",)),
        ({}, {"has_us_sister": True}, ()),
        ({"has_us_sister": True}, wish(not_with_us_sister=True), ("right:has_us_sister",)),
        (wish(population_min=80_000, population_max=80_000), {}, ()),
        (wish(population_min=80_001), {}, ("left:too_small",)),
        (wish(population_max=79_999), {}, ("left:too_large",)),
        (wish(population_min=80_001), {"population": None}, ()),
        ({}, wish(population_min=60_000), ("right:too_small",)),
        (wish(forms=frozenset({"sister"})), wish(forms=frozenset({"project"})), ("different_forms",)),
        (wish(forms=frozenset({"sister", "project"})), wish(forms=frozenset({"project"})), ()),
        (wish(forms=frozenset({"sister"})), {}, ()),
    ],
)
def test_each_rule(left: dict[str, Any], right: dict[str, Any], reasons: tuple[str, ...]) -> None:
    snapshot = Snapshot(
        left=(replace(CITY, **left), replace(CITY, id=9)), right=(replace(ABROAD, **right),),
        barred_pairs=frozenset({(1, 3), (1, 999)}), barred_countries=frozenset({("US", "CU"), ("*", "KP")}),
    )  # fmt: skip
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
            np.testing.assert_array_equal(eligibility.block(*rows, *cols), expected[slice(*rows), slice(*cols)])


def test_too_many_forms_to_tell_apart() -> None:
    crowd = tuple(ProfileRecord(k, "US", **wish(forms=frozenset({f"form{k}"}))) for k in range(70))
    with pytest.raises(ValueError, match="70 different forms"):
        Eligibility(Snapshot(left=crowd, right=(ABROAD,)))
