from __future__ import annotations

import numpy as np
import pytest

from matching.recovery.affinity import Affinity
from matching.recovery.nearby import ChosenNearby
from matching.recovery.partnerships import CountedTwice, Partnerships, Telling
from matching.recovery.places import describe
from matching.recovery.ranker import TELLINGS
from matching.recovery.tables import OpenData, PairTable
from matching.types import IntArray
from tests.matching.recovery_world import made_up_world

ASKED = [1, 2, 101, 201]


def known_of(data: OpenData, pairs: PairTable) -> Partnerships:
    rows = (data.cities.rows_of(side.tolist(), "pairs") for side in (pairs.left, pairs.right))
    return Partnerships.of_pairs(data, describe(data), *rows)


def split() -> tuple[OpenData, PairTable, IntArray, IntArray]:
    """The world, the partnerships of all but the cities asked about, their rows, and every foreign
    row.
    """
    data, pairs = made_up_world()
    sure = pairs.of_tiers("AB")
    abroad = np.flatnonzero(np.array(data.cities.text["country"]) != "US")
    return data, sure.where(~np.isin(sure.left, ASKED)), data.cities.rows_of(ASKED, "asked"), abroad


@pytest.mark.parametrize("telling", TELLINGS)
def test_each_telling_gives_a_finite_number_for_every_pair_and_name(telling: type[Telling]) -> None:
    data, rest, asked, abroad = split()
    told = telling(known_of(data, rest)).features(asked, abroad)
    assert told.shape == (len(asked), len(abroad), len(telling.names))
    assert np.isfinite(told).all()


@pytest.mark.parametrize("telling", TELLINGS)
def test_a_city_that_is_counted_cannot_be_asked_about(telling: type[Telling]) -> None:
    data, rest, _, abroad = split()
    known = known_of(data, rest)
    with pytest.raises(CountedTwice):
        telling(known).features(known.left[:1], abroad)


@pytest.mark.parametrize("telling", TELLINGS)
def test_partners_of_similar_cities_are_told_apart_from_others(telling: type[Telling]) -> None:
    data, rest, asked, abroad = split()
    told = telling(known_of(data, rest)).features(asked[:1], abroad)[0]
    country = np.array(data.cities.text["country"])[abroad]
    name = "h_country_state" if "h_country_state" in telling.names else telling.names[0]
    values = told[:, telling.names.index(name)]
    if telling.names[0] == "h_size_country":
        gap = np.abs(
            data.cities.number["population"][abroad] / data.cities.number["population"][asked[0]]
        )
        close, far = np.abs(np.log(gap)) < 0.5, np.abs(np.log(gap)) > 3
        assert values[close & (country != "GH")].mean() > values[far & (country != "GH")].mean()
    else:
        assert values[country == "DE"].mean() > values[country != "DE"].mean()


@pytest.mark.parametrize(
    ("telling", "names"),
    [(Affinity, ["h_affinity"]), (ChosenNearby, ["h_region_state", "h_region_around"])],
)
def test_a_candidates_own_partnerships_do_not_count_for_it(
    telling: type[Telling], names: list[str]
) -> None:
    """Else a city of the pool without known partners would be known to be somebody's hidden
    partner.
    """
    data, rest, asked, abroad = split()
    candidate = next(
        other
        for other in rest.right
        if all((rest.left == own).sum() > 1 for own in rest.left[rest.right == other])
    )
    column = int(np.flatnonzero(data.cities.ids[abroad] == candidate)[0])
    columns = [telling.names.index(name) for name in names]
    counted, not_counted = (
        telling(known_of(data, pairs)).features(asked, abroad)[:, column][:, columns]
        for pairs in (rest, rest.where(rest.right != candidate))
    )
    assert np.allclose(counted, not_counted, rtol=1e-3, atol=1e-4)
