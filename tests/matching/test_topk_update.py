"""Updates against a fresh ranking, which other tests compare with the oracle."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.topk import RankingIndex, kept, pairs, scan, top_k, update
from matching.types import Factors, PairExceptions, PairProblem
from tests.division import at_length
from tests.matching.problems import TableEligibility, assert_exact, random_problem


@dataclass
class World:
    """Communities of two versions each, of which some exist; a change is another version, a come or
    a go.
    """

    seed: int
    n_left: int = 14
    n_right: int = 22
    levels: int | None = None
    left_version: np.ndarray = field(init=False)
    right_version: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.versions = [
            random_problem(
                self.seed * 2 + v, self.n_left, self.n_right, levels=self.levels, exceptions=12
            )
            for v in (0, 1)
        ]
        self.left_version, self.right_version = (
            np.zeros(self.n_left, int),
            np.zeros(self.n_right, int),
        )
        self.left_there, self.right_there = np.ones(self.n_left, bool), np.ones(self.n_right, bool)

    def problem(self) -> PairProblem:
        rows, cols = np.flatnonzero(self.left_there), np.flatnonzero(self.right_there)
        a, b = self.versions
        table, other = (
            a.eligibility.block(0, self.n_left, 0, self.n_right),
            b.eligibility.block(0, self.n_left, 0, self.n_right),
        )
        table = np.where(self.left_version[:, None] ^ self.right_version[None, :], other, table)
        eligibility = TableEligibility(
            table[np.ix_(rows, cols)],
            np.where(self.left_version, b.eligibility.left_ok, a.eligibility.left_ok)[rows],
            np.where(self.right_version, b.eligibility.right_ok, a.eligibility.right_ok)[cols],
        )
        return PairProblem(
            a.left_ids[rows],
            a.right_ids[cols],
            self._factors(a.left_to_right, b.left_to_right, rows, cols, owner_is_left=True),
            self._factors(a.right_to_left, b.right_to_left, rows, cols, owner_is_left=False),
            eligibility,
            self._exceptions(rows, cols),
            a.coverage_floor,
        )

    def _factors(
        self, a: Factors, b: Factors, rows: np.ndarray, cols: np.ndarray, *, owner_is_left: bool
    ) -> Factors:
        left, right = self.left_version[:, None], self.right_version[:, None]
        total = np.where(
            *(self.left_version, b.total_weight, a.total_weight)
            if owner_is_left
            else (self.right_version, b.total_weight, a.total_weight)
        )
        return Factors(
            np.where(left, b.gain_left, a.gain_left)[rows],
            np.where(right, b.gain_right, a.gain_right)[cols],
            np.where(left, b.presence_left, a.presence_left)[rows],
            np.where(right, b.presence_right, a.presence_right)[cols],
            total[rows if owner_is_left else cols],
            a.slope,
            a.intercept,
        )

    def _exceptions(self, rows: np.ndarray, cols: np.ndarray) -> PairExceptions:
        """Those of the first version for pairs whose left community has it."""
        every = self.versions[0].exceptions
        kept = (
            self.left_there[every.rows]
            & self.right_there[every.cols]
            & (self.left_version[every.rows] == 0)
        )
        values = (
            every.left_to_right,
            every.right_to_left,
            every.left_coverage,
            every.right_coverage,
        )
        return PairExceptions(
            np.searchsorted(rows, every.rows[kept]),
            np.searchsorted(cols, every.cols[kept]),
            *(value[kept] for value in values),
        )


changes = st.lists(
    st.tuples(
        st.sampled_from(["left", "right"]),
        st.sampled_from(["version", "presence"]),
        st.integers(0, 13),
    ),
    min_size=1,
    max_size=5,
)


@given(
    seed=st.integers(0, 500),
    levels=st.sampled_from([None, 1, 2]),
    k=st.integers(1, 16),
    reserve=st.integers(0, 5),
    steps=st.lists(changes, min_size=1, max_size=5),
)
@pytest.mark.at_length
@settings(max_examples=at_length(40, 120), deadline=None)
def test_a_sequence_of_updates_equals_a_fresh_ranking(
    seed: int, levels: int | None, k: int, reserve: int, steps: list[list[tuple[str, str, int]]]
) -> None:
    world = World(seed, levels=levels)
    problem = world.problem()
    index = RankingIndex(problem, top_k(problem, k + reserve), k)
    for step in steps:
        named: dict[str, list[int]] = {"left": [], "right": []}
        for side, what, at in step:
            if what == "version":
                getattr(world, f"{side}_version")[at] ^= 1
                named[side].append(int(getattr(world.versions[0], f"{side}_ids")[at]))
            else:
                getattr(world, f"{side}_there")[at] ^= True
        present = {side: set(getattr(world.problem(), f"{side}_ids").tolist()) for side in named}
        before = {side: set(getattr(problem, f"{side}_ids").tolist()) for side in named}
        problem = world.problem()
        index.update(
            problem,
            [
                identifier
                for identifier in named["left"]
                if identifier in present["left"] | before["left"]
            ],
            [
                identifier
                for identifier in named["right"]
                if identifier in present["right"] | before["right"]
            ],
        )
        assert_exact(index.ranking, problem)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Work is cut into pieces so small that a tiny problem has many of them."""
    for module, name, size in (
        (kept, "_PARTS", 2),
        (kept, "_PLACED", 3),
        (scan, "_CHUNK", 5),
        (pairs, "_OF_ROW", 4),
    ):
        monkeypatch.setattr(module, name, size)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("levels", [None, 2])
def test_pieces_and_threads_do_not_matter(levels: int | None) -> None:
    world = World(31, n_left=60, n_right=70, levels=levels)
    problem = world.problem()
    index = RankingIndex(problem, top_k(problem, 9), 6)
    for side, at in (("left", 7), ("right", 9), ("left", 59), ("right", 69), ("left", 7)):
        getattr(world, f"{side}_version")[at] ^= 1
        problem = world.problem()
        index.update(
            problem, **{f"changed_{side}": [int(getattr(problem, f"{side}_ids")[at])]}, threads=3
        )
        assert_exact(index.ranking, problem)


@pytest.mark.usefixtures("small_pieces")
def test_a_list_without_reserve_is_filled_again_when_it_loses_entries() -> None:
    world = World(12, n_left=40, n_right=30)
    problem = world.problem()
    index = RankingIndex(problem, top_k(problem, 5))
    before = problem.right_ids[(index.ranking.right.counterpart_ids[:, 4] >= 0)]
    gone = problem.left_ids[[3, 17, 20]]
    world.left_there[[3, 17, 20]] = False
    problem = world.problem()
    lists = index.update(problem)
    held = np.isin(
        before, index.ranking.right.ids[(index.ranking.right.counterpart_ids[:, 4] >= 0)]
    )
    assert held.mean() > 0.9 and not np.isin(index.ranking.right.counterpart_ids, gone).any()
    assert len(lists.right) > 0
    assert_exact(index.ranking, problem)


def test_more_counterparts_than_two_bytes_can_name() -> None:
    """The left side is longer than int16 reaches; one community at its far end changes and stands
    in lists of the other side.
    """
    wide = random_problem(3, 33_000, 6, levels=8)
    other = random_problem(4, 33_000, 6, levels=8)
    index = RankingIndex(wide, top_k(wide, 3))

    def with_row(mine: Factors, theirs: Factors, total: bool) -> Factors:
        gains, presences, weights = (
            mine.gain_left.copy(),
            mine.presence_left.copy(),
            mine.total_weight.copy(),
        )
        gains[-1], presences[-1] = theirs.gain_left[-1] + 1, theirs.presence_left[-1] + 1
        if total:
            weights[-1] = presences[-1].sum()
        return replace(mine, gain_left=gains, presence_left=presences, total_weight=weights)

    after = replace(
        wide,
        left_to_right=with_row(wide.left_to_right, other.left_to_right, True),
        right_to_left=with_row(wide.right_to_left, other.right_to_left, False),
    )
    index.update(after, changed_left=[int(wide.left_ids[-1])])
    fresh = top_k(after, 3)
    for name in ("counterpart_ids", "scores"):
        for side in ("left", "right"):
            np.testing.assert_array_equal(
                getattr(getattr(index.ranking, side), name), getattr(getattr(fresh, side), name)
            )


@pytest.mark.parametrize("side", ["left", "right"])
def test_an_update_names_the_lists_it_wrote(side: str) -> None:
    world = World(5)
    before = world.problem()
    old = top_k(before, 4)
    getattr(world, f"{side}_version")[3] ^= 1
    after = world.problem()
    index = RankingIndex(before, top_k(before, 4))
    changed = int(getattr(after, f"{side}_ids")[3])
    written = index.update(after, **{f"changed_{side}": [changed]})
    assert changed in getattr(written, side)
    for name in ("left", "right"):
        new_lists, old_lists = getattr(index.ranking, name), getattr(old, name)
        differ = (new_lists.counterpart_ids != old_lists.counterpart_ids).any(axis=1)
        assert set(new_lists.ids[differ].tolist()) <= set(getattr(written, name).tolist())


def test_update_of_a_ranking_leaves_the_old_one_as_it_is() -> None:
    world = World(9)
    before = world.problem()
    old = top_k(before, 4)
    kept = old.left.counterpart_ids.copy(), old.right.scores.copy()
    world.left_version[0] ^= 1
    after = world.problem()
    assert_exact(update(old, after, before=before, changed_left=[int(after.left_ids[0])]), after)
    assert np.array_equal(old.left.counterpart_ids, kept[0])
    assert np.array_equal(old.right.scores, kept[1], equal_nan=True)


def test_what_cannot_be_updated_is_refused() -> None:
    problem = World(2).problem()
    index = RankingIndex(problem, top_k(problem, 3))
    with pytest.raises(ValueError, match="are in neither problem"):
        index.update(problem, changed_left=[999_999])
    with pytest.raises(ValueError, match="rank the problem by top_k first"):
        RankingIndex(World(3).problem(), top_k(problem, 3))
    problem.left_to_right.gain_left[0, 0] = np.inf
    with pytest.raises(ValueError, match="NaN or infinity"):
        index.update(problem, changed_left=[int(problem.left_ids[0])])
