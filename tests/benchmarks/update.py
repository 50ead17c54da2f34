"""Time of keeping a ranking exact when one community edits its profile.

    python -m tests.benchmarks.update [150000 1000000] [--left 2000] [--edits 30] [--check]

Every edit changes one field of a sample profile as an official would: a need, an offer, a challenge
or a theme more or less, another importance, another story, a country excluded. ``python -m
tests.benchmarks.topk`` prints the same lines after its tables.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, replace

import numpy as np

from matching.engine import build_problem
from matching.features import FeatureBuilder
from matching.topk import RankingIndex, top_k
from matching.types import BoolArray, EligibilityMask, Factors, IntArray, PairProblem, ProfileRecord
from tests.benchmarks.sample_market import sample_snapshot, vocabulary

K = 20
RESERVE = 10  # places that kept lists have beyond k
MOST_CITIES = 150_000


def update_times(
    counterparts: int, left: int = 2_000, edits: int = 30, *, check: bool = False
) -> None:
    """Prints how long an edit of one left community takes with that many on the other side (cities
    repeat beyond 150,000).
    """
    before, versions = edited_market(left, min(counterparts, MOST_CITIES), edits)
    everyone = repeated(before, counterparts) if counterparts > MOST_CITIES else before
    rows = np.arange(left)
    problem = with_rows(everyone, rows)
    index = RankingIndex(problem, top_k(problem, K + RESERVE), K)
    wall, cpu, written = [], [], []
    for row, version in versions:
        rows[row] = version
        problem = with_rows(everyone, rows)
        start, used = time.perf_counter(), time.process_time()
        lists = index.update(problem, changed_left=[int(problem.left_ids[row])])
        wall.append((time.perf_counter() - start) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
        written.append(len(lists.right))
    print(
        f"one of {left:,} communities edited, {counterparts:,} counterparts: wall median "
        f"{statistics.median(wall):.1f} ms, "
        f"least {min(wall):.1f}, most {max(wall):.1f}; CPU median {statistics.median(cpu):.1f}, "
        f"least {min(cpu):.1f}; "
        f"lists of others written: median {statistics.median(written):.0f}, most {max(written):,}",
        flush=True,
    )
    if check:
        anew = top_k(problem, K)
        for side in ("left", "right"):
            ours, theirs = getattr(index.ranking, side), getattr(anew, side)
            same = np.array_equal(ours.counterpart_ids, theirs.counterpart_ids) and np.array_equal(
                ours.scores, theirs.scores, equal_nan=True
            )
            print(f"  {side} side equal to ranking anew, bit for bit: {same}", flush=True)


def edited_market(left: int, right: int, edits: int) -> tuple[PairProblem, list[tuple[int, int]]]:
    """A problem whose left side holds, behind its communities, edited versions of some; and (row,
    row of its edited version) of these.
    """
    snapshot = sample_snapshot(left, right)
    rng = np.random.default_rng(3)
    chosen = rng.choice(left, edits, replace=edits > left).tolist()
    versions = [
        replace(edited(snapshot.left[row], at, rng), id=500_000 + at)
        for at, row in enumerate(chosen)
    ]
    problem = build_problem(
        replace(snapshot, left=(*snapshot.left, *versions)),
        FeatureBuilder(vocabulary()).fit(snapshot),
    )
    return problem, [(row, left + at) for at, row in enumerate(chosen)]


def edited(record: ProfileRecord, number: int, rng: np.random.Generator) -> ProfileRecord:
    """The record after one field was edited."""
    words = vocabulary()

    def some(codes: tuple[str, ...]) -> str:
        return codes[int(rng.integers(len(codes)))]

    def toggled(field: str, codes: tuple[str, ...]) -> ProfileRecord:
        held, code = getattr(record, field), some(codes)
        changed = [*(other for other in held if other != code), *([] if code in held else [code])]
        return replace(record, **{field: type(held)(changed)})

    changes = (
        lambda: toggled("offers", words.topics),
        lambda: toggled("needs", words.topics),
        lambda: toggled("challenges", words.challenges),
        lambda: replace(record, themes={**record.themes, some(words.themes): 3}),
        lambda: replace(
            record, importances={**record.importances, "needs_offers": float(rng.integers(0, 4))}
        ),
        lambda: replace(
            record, story=f"{record.story or ''} {words.labels[f'topic:{some(words.topics)}'][0]}"
        ),
        lambda: replace(
            record,
            sought=replace(
                record.sought, excluded_countries=record.sought.excluded_countries | {"FR"}
            ),
        ),
    )
    return changes[number % len(changes)]()


@dataclass
class ChosenRows:
    """The eligibility of a problem of whose left side some rows are taken."""

    original: EligibilityMask
    rows: IntArray

    @property
    def left_ok(self) -> BoolArray:
        return self.original.left_ok[self.rows]

    @property
    def right_ok(self) -> BoolArray:
        return self.original.right_ok

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        return self.original.pairs(self.rows[rows], cols)

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        rows, cols = np.indices((row_stop - row_start, col_stop - col_start))
        return self.pairs(rows.ravel() + row_start, cols.ravel() + col_start).reshape(rows.shape)


def with_rows(problem: PairProblem, rows: IntArray) -> PairProblem:
    """The problem of some of its left rows, in that order, under the ids 1, 2, …"""

    def taken(factors: Factors, *, owner: bool) -> Factors:
        weight = factors.total_weight[rows] if owner else factors.total_weight
        return replace(
            factors,
            gain_left=factors.gain_left[rows],
            presence_left=factors.presence_left[rows],
            total_weight=weight,
        )

    if len(problem.exceptions.rows):
        raise ValueError("ties to one named community are not part of this benchmark")
    return replace(
        problem,
        left_ids=np.arange(len(rows), dtype=np.int64) + 1,
        left_to_right=taken(problem.left_to_right, owner=True),
        right_to_left=taken(problem.right_to_left, owner=False),
        eligibility=ChosenRows(problem.eligibility, rows.copy()),
    )


@dataclass
class RepeatedEligibility:
    """The eligibility of a problem whose right side is repeated."""

    original: EligibilityMask
    left_ok: BoolArray
    right_ok: BoolArray
    origin: IntArray

    def pairs(self, rows: IntArray, cols: IntArray) -> BoolArray:
        return self.original.pairs(rows, self.origin[cols])

    def block(self, row_start: int, row_stop: int, col_start: int, col_stop: int) -> BoolArray:
        rows, cols = np.indices((row_stop - row_start, col_stop - col_start))
        return self.pairs(rows.ravel() + row_start, cols.ravel() + col_start).reshape(rows.shape)


def repeated(problem: PairProblem, counterparts: int, seed: int = 1) -> PairProblem:
    """The problem with its right side repeated to a length; a little is taken off what each copy
    offers, so that no two score alike.
    """
    rng = np.random.default_rng(seed)
    origin = np.arange(counterparts) % len(problem.right_ids)
    share = rng.uniform(0.97, 1.0, counterparts).astype(np.float32)
    forth, back = problem.left_to_right, problem.right_to_left
    forth_right = forth.gain_right[origin]
    forth_right *= share[:, None]
    return replace(
        problem,
        right_ids=np.arange(counterparts, dtype=np.int64) + 10_000_000,
        left_to_right=replace(
            forth, gain_right=forth_right, presence_right=forth.presence_right[origin]
        ),
        right_to_left=replace(
            back,
            gain_right=back.gain_right[origin],
            presence_right=back.presence_right[origin],
            total_weight=back.total_weight[origin],
        ),
        eligibility=RepeatedEligibility(
            problem.eligibility,
            problem.eligibility.left_ok,
            problem.eligibility.right_ok[origin],
            origin,
        ),
    )


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("counterparts", type=int, nargs="*", default=[150_000, 1_000_000])
    options.add_argument("--left", type=int, default=2_000)
    options.add_argument("--edits", type=int, default=30)
    options.add_argument(
        "--check", action="store_true", help="compare with ranking anew at the end"
    )
    chosen = options.parse_args()
    for counterparts in chosen.counterparts:
        update_times(counterparts, chosen.left, chosen.edits, check=chosen.check)


if __name__ == "__main__":
    main()
