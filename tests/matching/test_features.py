"""FeatureBuilder: versions, layout, and errors that name the record and the field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from matching.engine import build_engine
from matching.features import FeatureBuilder
from matching.types import (
    DuplicateIdError,
    NotFittedError,
    OutOfRangeError,
    ProfileRecord,
    RecordError,
    Snapshot,
    Tie,
    UnknownCodeError,
    UnseenValueError,
)
from matching.weights import QUANTUM, Weights
from tests.strategies import STORIES, VOCABULARY

LEFT = (
    ProfileRecord(
        1,
        "US",
        utc_offset_hours=-5,
        languages=frozenset({"en"}),
        story=STORIES[0],
        story_language="en",
    ),
)
RIGHT = tuple(
    ProfileRecord(
        k,
        "DE",
        utc_offset_hours=k - 2,
        languages=frozenset({"en", "de"}),
        story=STORIES[k],
        story_language="en",
    )
    for k in range(2, 5)
)
SNAPSHOT = Snapshot(left=LEFT, right=RIGHT, version="small")


@pytest.mark.parametrize(
    ("known", "error", "field", "says"),
    [
        (
            {"sectors": {"mining": 1}},
            UnknownCodeError,
            "sectors",
            "'mining' is not in the vocabulary",
        ),
        ({"sectors": {"energy": 4}}, OutOfRangeError, "sectors", "'energy' has 4"),
        ({"themes": {"arts": 0}}, OutOfRangeError, "themes", "not from 1 to 3"),
        ({"themes": {"arts": float("nan")}}, OutOfRangeError, "themes", "nan"),
        ({"needs": frozenset({"gold"})}, UnknownCodeError, "needs", "'gold'"),
        ({"offers": frozenset({"gold"})}, UnknownCodeError, "offers", "'gold'"),
        ({"challenges": frozenset({"dragons"})}, UnknownCodeError, "challenges", "'dragons'"),
        ({"institutions": frozenset({"circus"})}, UnknownCodeError, "institutions", "'circus'"),
        ({"languages": frozenset({"xx"})}, UnknownCodeError, "languages", "'xx'"),
        ({"climate": "Zfb"}, UnknownCodeError, "climate", "Köppen"),
        ({"population": float("nan")}, OutOfRangeError, "population", "nan is not a number from 1"),
        ({"population": 0}, OutOfRangeError, "population", "0 is not"),
        ({"elevation_m": float("inf")}, OutOfRangeError, "elevation_m", "inf"),
        ({"utc_offset_hours": 15.0}, OutOfRangeError, "utc_offset_hours", "15"),
        ({"latitude": 91.0, "longitude": 0.0}, OutOfRangeError, "latitude", "91"),
        ({"latitude": 50.0}, OutOfRangeError, "longitude", "together"),
        ({"income_band": 5}, OutOfRangeError, "income_band", "5"),
        (
            {"seat_level": 0, "is_capital": False},
            OutOfRangeError,
            "seat_level",
            "is_capital says no",
        ),
        ({"ties": (Tie("trade", 4, country="US"),)}, OutOfRangeError, "ties", "strength 4"),
        ({"ties": (Tie("trade", 1),)}, OutOfRangeError, "ties", "exactly one"),
        ({"ties": (Tie("trade", 0, community_id=1),)}, OutOfRangeError, "ties", "strength 0"),
        ({"tie_hints": {"US": 1.5}}, OutOfRangeError, "tie_hints", "1.5"),
        ({"importances": {"charm": 1.0}}, UnknownCodeError, "importances", "'charm' is no facet"),
        ({"importances": {"size": 3.5}}, OutOfRangeError, "importances", "3.5"),
        ({"importances": {"size": float("nan")}}, OutOfRangeError, "importances", "nan"),
    ],
)
def test_bad_values_name_record_and_field(
    known: dict[str, Any], error: type[RecordError], field: str, says: str
) -> None:
    bad = replace(SNAPSHOT, right=(*RIGHT, ProfileRecord(77, "DE", **known)))
    with pytest.raises(error, match="record 77") as caught:
        build_engine(bad, FeatureBuilder(VOCABULARY))
    assert (caught.value.record_id, caught.value.field) == (77, field)
    assert says in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_ids_must_be_unique_on_and_across_sides() -> None:
    with pytest.raises(DuplicateIdError, match=r"record 2.*twice"):
        build_engine(replace(SNAPSHOT, right=(*RIGHT, RIGHT[0])), FeatureBuilder(VOCABULARY))
    with pytest.raises(DuplicateIdError, match=r"record 1.*both sides"):
        build_engine(
            replace(SNAPSHOT, right=(*RIGHT, replace(RIGHT[0], id=1))), FeatureBuilder(VOCABULARY)
        )


def test_the_version_follows_what_was_fitted() -> None:
    version = FeatureBuilder(VOCABULARY).fit(SNAPSHOT).version_
    assert FeatureBuilder(VOCABULARY).fit(SNAPSHOT).version_ == version
    assert FeatureBuilder(VOCABULARY, story_components=2).fit(SNAPSHOT).version_ != version
    rarer = replace(
        SNAPSHOT, right=(replace(RIGHT[0], challenges=frozenset({"flooding"})), *RIGHT[1:])
    )
    assert FeatureBuilder(VOCABULARY).fit(rarer).version_ != version


def test_rows_do_not_depend_on_the_other_records_transformed() -> None:
    builder = FeatureBuilder(VOCABULARY).fit(SNAPSHOT)
    together, alone = builder.transform(RIGHT, "right"), builder.transform(RIGHT[1:2], "right")
    for name, all_rows, one_row in zip(together.names, together.parts, alone.parts, strict=True):
        np.testing.assert_allclose(all_rows.offered[1], one_row.offered[0], atol=1e-6, err_msg=name)
        np.testing.assert_allclose(all_rows.seeker[1], one_row.seeker[0], atol=1e-6, err_msg=name)


NEW_ON_THE_LEFT = (
    replace(LEFT[0], utc_offset_hours=-9),
    replace(LEFT[0], languages=frozenset({"ja"})),
    replace(LEFT[0], ties=(Tie("trade", 1, "DE"),)),
)


@pytest.mark.parametrize("new", NEW_ON_THE_LEFT)
def test_a_value_not_seen_by_fit_gets_a_column_with_both_sides(new: ProfileRecord) -> None:
    builder = FeatureBuilder(VOCABULARY).fit(SNAPSHOT)
    with pytest.raises(UnseenValueError, match="transform_sides"):
        builder.transform([new], "left")
    later = replace(SNAPSHOT, left=(replace(new, id=50), *LEFT))
    before, after = (
        build_engine(snapshot, builder).preference.dense() for snapshot in (SNAPSHOT, later)
    )
    np.testing.assert_allclose(after.left_to_right[1], before.left_to_right[0], atol=1e-9)
    np.testing.assert_allclose(after.right_to_left[1], before.right_to_left[0], atol=1e-9)
    assert build_engine(later, builder).left.version == builder.version_


def test_a_country_not_seen_by_fit_gets_a_column_with_both_sides() -> None:
    builder = FeatureBuilder(VOCABULARY).fit(SNAPSHOT)
    with pytest.raises(UnseenValueError, match="field 'country'"):
        builder.transform([ProfileRecord(9, "FR")], "right")
    later = Snapshot(
        left=(replace(LEFT[0], ties=(Tie("trade", 3, "FR"),)),),
        right=(ProfileRecord(9, "FR"), *RIGHT),
    )
    forth, _ = build_engine(later, builder).explain(1, 9)
    assert [(item.code, item.part) for item in forth.contributions[0].items] == [("tie:trade", 1.0)]


def test_parameters_and_fitting_as_in_scikit_learn() -> None:
    builder = FeatureBuilder(VOCABULARY, story_components=4)
    assert FeatureBuilder(**builder.get_params()).get_params() == builder.get_params()
    assert builder.set_params(random_state=5).random_state == 5
    with pytest.raises(ValueError, match="no parameter 'depth'"):
        builder.set_params(depth=3)
    with pytest.raises(NotFittedError):
        builder.transform(LEFT)


def test_communities_that_choose_among_themselves() -> None:
    features = FeatureBuilder(VOCABULARY).fit(RIGHT).transform(RIGHT, "left")
    assert len(features) == 3
    assert [part.seeker.shape[0] for part in features.parts] == [3] * len(features.names)


def test_stated_importances_take_the_place_of_the_default() -> None:
    weights = Weights.from_facets({"sectors": 5.0}, version="learned")
    assert weights.default("sectors") == 5.0
    assert weights.default("distance") == 0.0
    left = (
        FeatureBuilder(VOCABULARY)
        .fit(SNAPSHOT)
        .transform((replace(LEFT[0], importances={"sectors": 1.0, "distance": 3.0, "size": 0.0}),))
    )
    by_facet = dict(
        zip(
            left.facets,
            weights.part_weights(left.importances, left.facets, left.shares)[0],
            strict=True,
        )
    )
    # A stated 1 counts for 3·(1/3)^0.7, more than a third of a 3
    expected = {"sectors": 2.5 * 3 / 3**0.7, "distance": 3.0, "size": 0.0, "themes": 2.6}
    found = {facet: by_facet[facet] for facet in expected}
    assert found == pytest.approx(expected, abs=QUANTUM / 2)


def test_stored_weights_of_other_versions_stay_readable() -> None:
    stored = {
        "unit": {"sectors": 0.5, "from_the_future": 9.0},
        "prior": 0.4,
        "prior_weight": 1.5,
        "version": "learned-3",
    }
    weights = Weights.from_stored(stored | {"temperature": 2.0})
    assert weights.unit == {**Weights().unit, "sectors": 0.5}
    assert (weights.prior_weight, weights.slope) == (1.5, Weights().slope)
    assert weights.version == "learned-3"
    # Importances counted in proportion before they had a power
    assert weights.facet_weights(np.full((1, 13), 1.0))[0] == pytest.approx(
        [*weights.unit.values()]
    )
    with pytest.raises(ValueError, match="weight of 'sectors'"):
        Weights.from_stored({"unit": {"sectors": -1.0}})


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": {"sectors": 1.0}},
        {"slope": 0.0},
        {"prior_weight": 0.0},
        {"importance_power": 0.0},
        {"coverage_floor": float("nan")},
    ],
)
def test_weights_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must name|lies in \[0, 1\]|is above 0"):
        Weights(**wrong)
    with pytest.raises(ValueError, match="weight of 'size'"):
        Weights.from_facets({"size": -1.0}, version="bad")
    with pytest.raises(ValueError, match="distance"):
        Weights.from_facets({"distance": 1.0}, version="bad")
