"""Random problems with their dense oracles: for top-k (quantised, so that ties are plentiful, in
float64) and for the allocation. Last, a small made-up world of partnerships with a rule to
discover: cities of a U.S. state choose one country, and partners of their own size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matching.allocation import Candidates
from matching.lab.link_prediction.heritage import ANSWERS
from matching.lab.link_prediction.tables import CityTable, KeyedTable, OpenData, PairTable, Row
from matching.topk import fuse
from matching.topk.pairs import COVERAGE_TOLERANCE
from matching.types import BoolArray, Factors, IntArray, PairExceptions, PairProblem, RankedSide


@dataclass
class TableEligibility:
    """A mask given as a whole table."""

    table: BoolArray
    left_ok: BoolArray
    right_ok: BoolArray

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        return self.table[rows, cols]

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        return self.table[row_start:row_stop, col_start:col_stop]


@dataclass
class GroupedTable(TableEligibility):
    """A table in which whole groups of either side are closed to each other, and that says so."""

    left_groups: IntArray
    right_groups: IntArray

    def groups(self) -> tuple[IntArray, IntArray]:
        return self.left_groups, self.right_groups

    def reach(self, rows: IntArray, cols: IntArray) -> tuple[BoolArray, BoolArray]:
        pairs = self.table[np.ix_(rows, cols)]
        return pairs.any(axis=1), (pairs & self.left_ok[rows, None] & self.right_ok[cols]).all(
            axis=1
        )

    def reach_of_right(self, cols: IntArray, rows: IntArray) -> tuple[BoolArray, BoolArray]:
        pairs = self.table[np.ix_(rows, cols)]
        return pairs.any(axis=0), (pairs & self.left_ok[rows, None] & self.right_ok[cols]).all(
            axis=0
        )


def no_exceptions() -> PairExceptions:
    empty = np.zeros(0)
    return PairExceptions(np.zeros(0, np.int64), np.zeros(0, np.int64), empty, empty, empty, empty)


def random_problem(
    seed: int,
    n_left: int,
    n_right: int,
    *,
    levels: int | None = None,
    facets: int = 3,
    width: int = 4,
    size: float = 1.0,
    eligible: float = 0.66,
    floor: float = 0.35,
    exceptions: int = 0,
) -> PairProblem:
    """Lifts: facets of ``width`` features each, some missing, own weights (zeros among them); what
    is typical is taken off where the other side has the facet, and a constant stands for it where
    not. ``levels`` quantises everything to multiples of 1/levels; ``size`` scales all gains.
    """
    rng = np.random.default_rng(seed)

    def quantised(values: np.ndarray) -> np.ndarray:
        return np.round(values * levels) / levels if levels else values

    def small(x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x, dtype=np.float32)

    sides = [
        (
            quantised(rng.random((n, facets, width))),
            (rng.random((n, facets)) < 0.75).astype(float),
            quantised(rng.random((n, facets)) * 2) * (rng.random((n, facets)) < 0.9),
        )
        for n in (n_left, n_right)
    ]

    def direction(chooser: int) -> Factors:
        (features, present, weights), (others, theirs, _) = sides[chooser], sides[1 - chooser]
        held = present * weights
        typical, missing = (quantised(rng.random(held.shape)) for _ in range(2))
        rows = [
            (features * held[:, :, None]).reshape(len(held), facets * width),
            (held * (missing - typical * width / 4)),
            (-held * missing).sum(axis=1, keepdims=True),
        ]
        cols = [
            (others * theirs[:, :, None]).reshape(len(theirs), facets * width),
            theirs,
            np.ones((len(theirs), 1)),
        ]
        # Left comes first
        turn = slice(None) if chooser == 0 else slice(None, None, -1)
        gains = (small(np.concatenate(rows, axis=1) * size / facets), small(np.hstack(cols)))[turn]
        presences = (small(held), small(theirs))[turn]
        return Factors(*gains, *presences, small(weights.sum(axis=1)), 6.0, -1.0)

    chosen = np.sort(rng.choice(n_left * n_right, min(exceptions, n_left * n_right), replace=False))
    values = quantised(rng.random((4, len(chosen)))) * np.array([[size], [size], [1], [1]])
    return PairProblem(
        left_ids=rng.permutation(n_left * 3)[:n_left].astype(np.int64),
        right_ids=rng.permutation(n_right * 3)[:n_right].astype(np.int64),
        left_to_right=direction(0),
        right_to_left=direction(1),
        eligibility=TableEligibility(
            rng.random((n_left, n_right)) < eligible,
            rng.random(n_left) < 0.95,
            rng.random(n_right) < 0.95,
        ),
        exceptions=PairExceptions(chosen // max(n_right, 1), chosen % max(n_right, 1), *values),
        coverage_floor=floor,
    )


@dataclass(frozen=True)
class Oracle:
    """Dense float64 values of all pairs; NaN scores where a pair may not be suggested."""

    score: np.ndarray
    outgoing: np.ndarray
    incoming: np.ndarray


def oracle(problem: PairProblem, fusion: str) -> Oracle:
    def dense(factors: Factors, owner: str) -> tuple[np.ndarray, np.ndarray]:
        gain = factors.gain_left.astype(float) @ factors.gain_right.astype(float).T
        presence = factors.presence_left.astype(float) @ factors.presence_right.astype(float).T
        total = factors.total_weight.astype(float)
        total = total[:, None] if owner == "left" else total[None, :]
        with np.errstate(all="ignore"):
            return gain, np.where(total > 0, presence / total, 0.0)

    forth, coverage_p = dense(problem.left_to_right, "left")
    back, coverage_q = dense(problem.right_to_left, "right")
    special = problem.exceptions
    forth[special.rows, special.cols] = special.left_to_right
    back[special.rows, special.cols] = special.right_to_left
    coverage_p[special.rows, special.cols] = special.left_coverage
    coverage_q[special.rows, special.cols] = special.right_coverage
    p, q = (
        1 / (1 + np.exp(-(factors.slope * gain + factors.intercept)))
        for factors, gain in ((problem.left_to_right, forth), (problem.right_to_left, back))
    )
    floor = problem.coverage_floor - COVERAGE_TOLERANCE
    mask = problem.eligibility
    allowed = mask.block(0, len(p), 0, p.shape[1]) & mask.left_ok[:, None] & mask.right_ok[None, :]
    allowed &= (coverage_p >= floor) & (coverage_q >= floor)
    return Oracle(np.where(allowed, fuse(p, q, fusion), np.nan), p, q)


def assert_side_exact(
    side: RankedSide,
    ids: IntArray,
    counterpart_ids: IntArray,
    score: np.ndarray,
    outgoing: np.ndarray,
    k: int,
) -> None:
    """Every row lists exactly the k best allowed pairs, ties by id; pairs whose true scores differ
    by rounding only may exchange places.
    """
    assert side.ids.tolist() == ids.tolist()
    assert side.counterpart_ids.shape == side.scores.shape == side.outgoing.shape == (len(ids), k)
    best = min(k, len(counterpart_ids))
    order = np.lexsort((np.broadcast_to(counterpart_ids, score.shape), -score))[:, :best]
    listed = np.arange(k) < np.count_nonzero(~np.isnan(score), axis=1)[:, None]
    assert (side.counterpart_ids[~listed] == -1).all() and np.isnan(side.scores[~listed]).all()
    rows, places = np.nonzero(listed)
    wanted, found_ids = order[rows, places], side.counterpart_ids[rows, places]
    by_id = np.argsort(counterpart_ids)
    at = np.searchsorted(counterpart_ids, found_ids, sorter=by_id).clip(max=len(by_id) - 1)
    found = by_id[at] if len(by_id) else at
    assert (counterpart_ids[found] == found_ids).all()
    assert len(np.unique(rows * max(len(by_id), 1) + found)) == len(rows)
    scores = side.scores[rows, places]
    np.testing.assert_allclose(scores, score[rows, wanted], rtol=0, atol=1e-12)
    np.testing.assert_allclose(scores, score[rows, found], rtol=0, atol=1e-12)
    np.testing.assert_allclose(
        side.outgoing[rows, places], outgoing[rows, found], rtol=0, atol=1e-12
    )
    assert (np.lexsort((found_ids, -scores, rows)) == np.arange(len(rows))).all()
    # Another than the oracle's only within a tie up to rounding
    np.testing.assert_allclose(score[rows, found], score[rows, wanted], rtol=0, atol=1e-14)


def assert_exact(ranking, problem: PairProblem, *, quantised: bool = False) -> None:  # type: ignore[no-untyped-def]
    """Both sides of a ranking against the oracle."""
    truth = oracle(problem, ranking.fusion)
    # Equal fractions may be summed in another order
    score = np.round(truth.score, 13) if quantised else truth.score
    assert_side_exact(
        ranking.left, problem.left_ids, problem.right_ids, score, truth.outgoing, ranking.k
    )
    assert_side_exact(
        ranking.right, problem.right_ids, problem.left_ids, score.T, truth.incoming.T, ranking.k
    )


def without_eligibility(problem: PairProblem) -> PairProblem:
    """The same problem with every pair eligible."""
    shape = (len(problem.left_ids), len(problem.right_ids))
    return replace(
        problem,
        eligibility=TableEligibility(
            np.ones(shape, bool), np.ones(shape[0], bool), np.ones(shape[1], bool)
        ),
    )


def with_groups(problem: PairProblem, seed: int, groups: int = 7) -> PairProblem:
    """The problem with half of the pairs of groups closed, and most of the others open; each group
    has a dimension of its own, which few of the other side have too."""
    rng = np.random.default_rng(seed)
    mask = problem.eligibility
    of_left, of_right = (
        rng.integers(0, groups, len(problem.left_ids)),
        rng.integers(0, groups, len(problem.right_ids)),
    )
    open_ = rng.random((groups, groups)) < 0.5
    table = open_[np.ix_(of_left, of_right)] & (
        rng.random((len(of_left), len(of_right))) < (0.95, 1.0)[seed % 2]
    )
    forth = problem.left_to_right
    ties = (rng.random((len(of_left), groups)) < 0.02) * np.float32(0.25)
    return replace(
        problem,
        eligibility=GroupedTable(table, mask.left_ok, mask.right_ok, of_left, of_right),
        left_to_right=replace(
            forth,
            gain_left=np.concatenate((ties, forth.gain_left), axis=1, dtype=np.float32),
            gain_right=np.concatenate(
                (np.eye(groups)[of_right], forth.gain_right), axis=1, dtype=np.float32
            ),
        ),
    )


def make_candidates(seed: int, n: int, m: int, density: float = 0.5) -> Candidates:
    rng = np.random.default_rng(seed)
    rows, cols = np.nonzero(rng.random((n, m)) < density)
    p, q = rng.uniform(0.2, 0.8, len(rows)), rng.uniform(0.2, 0.8, len(rows))
    return Candidates(np.arange(n) + 100, np.arange(m) + 500, rows, cols, p, q, 2 * p * q / (p + q))


def transposed(candidates: Candidates) -> Candidates:
    order = np.lexsort((candidates.rows, candidates.cols))
    return Candidates(
        candidates.right_ids,
        candidates.left_ids,
        candidates.cols[order],
        candidates.rows[order],
        candidates.right_preference[order],
        candidates.left_preference[order],
        candidates.scores[order],
    )


def dense_oracle(
    candidates: Candidates, c_left: np.ndarray, c_right: np.ndarray, beta: float
) -> np.ndarray:
    """μ (n_left, n_right) by the formula of the paper, on full matrices, until nothing
    moves any more: where capacities are equal and next to nothing is left over, that takes tens of
    thousands of turns."""
    kernel = np.zeros((len(candidates.left_ids), len(candidates.right_ids)))
    preferences = candidates.left_preference + candidates.right_preference
    kernel[candidates.rows, candidates.cols] = np.exp(preferences / (2 * beta))
    a, b = np.ones(len(c_left)), np.ones(len(c_right))
    for turn in range(200_000):
        earlier = a
        half = kernel @ b / 2
        a = np.sqrt(c_left + half * half) - half
        half = kernel.T @ a / 2
        b = np.sqrt(c_right + half * half) - half
        if turn % 100 == 0 and np.abs(a - earlier).max(initial=0) <= 1e-13 * a.max(initial=0):
            break
    return a[:, None] * kernel * b


STATES = {"OH": ("DE", 40.0, -82.0), "TX": ("MX", 31.0, -97.0), "WA": ("JP", 47.0, -122.0)}
STATE_FIPS = {"OH": "39", "TX": "48", "WA": "53"}
COUNTRIES = {
    "DE": ("EU", 51.0, 10.0),
    "MX": ("NA", 20.0, -100.0),
    "JP": ("AS", 36.0, 138.0),
    "GH": ("AF", 6.0, -1.0),
}
PER_STATE, PER_COUNTRY = 14, 16


def city_row(
    city_id: int, country: str, admin1: str, lat: float, lon: float, population: float, name: str
) -> Row:
    blank = dict.fromkeys(("elevation_m", "seat_level", "us_foreign_born_pct"), "")
    return {
        "city_id": str(city_id),
        "name": name,
        "ascii_name": name,
        "country": country,
        "admin1_code": admin1,
        "admin1": admin1,
        "admin2_code": "001",
        "koppen": "Cfb",
        "airports_60km": "",
        "timezone": "",
        "lat": str(lat),
        "lon": str(lon),
        "population": str(population),
        "is_capital": "0",
        "coast_km": "50",
        "coastal": "0",
        "seaport": "0",
        "seaport_km": "100",
        "air_destinations_60km": "0",
        "univ_name_hits": "0",
        **blank,
    }


def made_up_rows(seed: int = 1) -> dict[str, list[Row]]:
    """Rows by table: cities, countries, states and pairs."""
    rng = np.random.default_rng(seed)
    cities, pairs = [], []
    abroad: dict[str, list[tuple[int, float]]] = {}
    for at, (code, (_, lat, lon)) in enumerate(COUNTRIES.items()):
        for i in range(PER_COUNTRY):
            city_id, population = 1000 + 100 * at + i, float(np.exp(rng.uniform(8, 14)))
            place = (lat + rng.uniform(-3, 3), lon + rng.uniform(-3, 3))
            cities.append(
                city_row(
                    city_id,
                    code,
                    f"{i % 3:02d}",
                    *place,
                    population,
                    f"Stadt{at} {chr(97 + i)}rund",
                )
            )
            abroad.setdefault(code, []).append((city_id, population))
    for at, (state, (country, lat, lon)) in enumerate(STATES.items()):
        for i in range(PER_STATE):
            city_id, population = 1 + 100 * at + i, float(np.exp(rng.uniform(8, 14)))
            cities.append(
                city_row(
                    city_id,
                    "US",
                    state,
                    lat + rng.uniform(-1, 1),
                    lon + rng.uniform(-1, 1),
                    population,
                    f"Town {city_id}",
                )
            )
            nearest = sorted(abroad[country], key=lambda other: abs(np.log(other[1] / population)))[
                :2
            ]
            stray = abroad["GH"][int(rng.integers(PER_COUNTRY))]
            pairs += [
                {"us_city_id": str(city_id), "foreign_city_id": str(other), "tier": "A"}
                for other, _ in nearest
            ]
            pairs.append(
                {"us_city_id": str(city_id), "foreign_city_id": str(stray[0]), "tier": "C"}
            )
    numbers = (
        "english_official",
        "us_comlang_ethno",
        "gdp_per_capita_ppp_usd",
        "us_export_share_pct",
        "us_import_share_pct",
        "urban_pct",
    )
    countries = [
        {
            "iso2": code,
            "continent": continent,
            "population": "50000000",
            "geonames_languages": "de",
            "us_dist_km": "",
            **dict.fromkeys(numbers, ""),
        }
        for code, (continent, _, _) in COUNTRIES.items()
    ]
    answers = sorted({f"pct_{answer}" for group in ANSWERS.values() for answer in group})
    states = [
        {
            "state": state,
            "state_fips": STATE_FIPS[state],
            **{answer: str(round(float(rng.uniform(0, 9)), 1)) for answer in answers},
        }
        for state in STATES
    ]
    return {"cities": cities, "countries": countries, "states": states, "pairs": pairs}


def made_up_world(seed: int = 1) -> tuple[OpenData, PairTable]:
    """The tables, ready to rank by, and the pairs."""
    rows = made_up_rows(seed)
    data = OpenData(
        CityTable.from_rows(rows["cities"]),
        KeyedTable.from_rows(rows["countries"], "iso2", "countries"),
        KeyedTable.from_rows(rows["states"], "state", "us_states"),
        {},
        np.array([[1000, 1100], [1001, 1101], [1002, 1200]], dtype=np.int64),
    )
    return data, PairTable.from_rows(rows["pairs"])
