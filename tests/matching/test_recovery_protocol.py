from __future__ import annotations

import numpy as np
import pytest

from matching.recovery.protocol import recover
from matching.recovery.tables import PairTable, TableError
from tests.matching.recovery_world import made_up_world

pytestmark = pytest.mark.usefixtures("one_draw")


def joined(a: PairTable, b: PairTable) -> PairTable:
    return PairTable(np.r_[a.left, b.left], np.r_[a.right, b.right], a.tier + b.tier)


def test_folds_discover_the_rule_behind_the_pairs() -> None:
    data, pairs = made_up_world()
    found = recover(data, pairs, folds=3)
    assert found.cities == 42
    assert found.pairs == 84
    assert found.measures.auc > 0.75
    assert found.measures.hit_at_10 > 0.6


def test_the_same_call_gives_the_same_figures() -> None:
    data, pairs = made_up_world()
    assert recover(data, pairs, folds=2) == recover(data, pairs, folds=2)


def test_pairs_to_find_teach_nothing_even_if_they_are_in_the_training_file() -> None:
    data, pairs = made_up_world()
    asked = np.isin(pairs.left, [1, 2, 101, 102, 201, 202])
    find, rest = pairs.where(asked), pairs.where(~asked)
    assert recover(data, joined(rest, find), find) == recover(data, rest, find)


def test_the_partners_pool_is_the_foreign_cities_of_the_pairs_to_find() -> None:
    data, pairs = made_up_world()
    asked = np.isin(pairs.left, [1, 2, 101, 201])
    assert recover(data, pairs.where(~asked), pairs.where(asked)).pool_size == len(
        set(pairs.where(asked).right.tolist())
    )


def test_the_open_pool_is_every_foreign_city_of_twenty_thousand() -> None:
    data, pairs = made_up_world()
    large = sum(
        country != "US" and population >= 20_000
        for country, population in zip(
            data.cities.text["country"], data.cities.number["population"], strict=True
        )
    )
    assert recover(data, pairs, folds=2, pool="open").pool_size == large


def test_tier_c_is_neither_found_nor_held_against_the_ranking() -> None:
    data, pairs = made_up_world()
    assert recover(data, pairs.of_tiers("AB"), folds=2).pairs == recover(data, pairs, folds=2).pairs


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pool": "all"}, "unknown pool 'all'"),
        ({"folds": 1}, "at least 2"),
        ({"tiers": "X"}, "no pair of tiers X"),
    ],
)
def test_what_cannot_be_evaluated_says_why(change: dict[str, object], message: str) -> None:
    data, pairs = made_up_world()
    with pytest.raises(TableError, match=message):
        recover(data, pairs, **change)  # type: ignore[arg-type]


def test_nothing_left_to_learn_from_is_an_error() -> None:
    data, pairs = made_up_world()
    with pytest.raises(TableError, match="no training pair"):
        recover(data, pairs, pairs)


def test_an_unknown_city_is_named() -> None:
    data, pairs = made_up_world()
    stranger = PairTable(np.array([1]), np.array([987654]), ("A",))
    with pytest.raises(TableError, match="987654"):
        recover(data, joined(pairs, stranger), folds=2)
