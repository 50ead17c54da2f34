"""Times of the both-sided exact top-k, beside plain matrix products of the same shape and one-way
peers, and of one community's update.

    python -m tests.benchmarks.topk [--quick] [--sizes 2000x20000 20000x150000] [--rounds 3]
    [--updates 150000 1000000]

Every round times two plain float32 products of the same shapes (both directions' gains, block by
block, results thrown away) right before each contender; the table gives medians of the ratios
within rounds, which hold on a busy machine: CPU (user + system of the process) decides, wall is
shown. Peers do less: the k best of one direction, for one side, without masks or coverage, and
stand against one product. The base rates are fitted once a run, before its ranking; their memory is
not measured. Memory is how far the peak of resident memory rose
above what the inputs held, each way once in a fresh process of its own: one that has worked before
keeps memory that the next call would not be seen to take. Data: real cities, sample profiles
(sample_market.py).
"""

from __future__ import annotations

import argparse
import copy
import ctypes
import multiprocessing
import os
import pickle
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.neighbors import NearestNeighbors

from matching.base_rates import BaseRates, Rates
from matching.engine import Engine
from matching.topk import top_k
from matching.topk.threads import run_threads, share_out
from matching.types import Factors, FloatArray, PairProblem, Ranking
from tests.benchmarks.sample_market import sample_engine
from tests.benchmarks.update import update_times

K = 20
SIZES = ((1_000, 5_000), (2_000, 20_000), (5_000, 40_000), (20_000, 150_000))
QUICK_SIZES = ((1_000, 5_000), (2_000, 20_000))


@dataclass(frozen=True)
class Clocked:
    wall: float
    cpu: float


def clock(work: Callable[[], object]) -> Clocked:
    """Wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Clocked(time.perf_counter() - wall, time.process_time() - cpu)


def peak_alone(saved: Path, name: str) -> float:
    """MiB that resident memory rises, at most, in a fresh process that has loaded its inputs and
    does one thing.
    """
    with multiprocessing.get_context("spawn").Pool(1) as process:
        return process.apply(_peak, (saved, name))


def _peak(saved: Path, name: str) -> float:
    with saved.open("rb") as file:
        work = contenders(*pickle.load(file))[name][0]
    # What loading has left free must not be taken for memory that the work does not need
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # from here on the peak counts (proc(5))
    before = _status("VmRSS")
    kept = work()
    peak = _status("VmHWM") - before
    del kept
    return peak


def _status(field: str) -> float:
    """A field of this process's status in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024


def plain_products(
    pairs: list[tuple[FloatArray, FloatArray]],
    threads: int = 2,
    height: int = 256,
    width: int = 1024,
) -> None:
    """``left @ right.T`` of every pair in cache-sized blocks, results thrown away: the floor."""
    rows, cols = len(pairs[0][0]), len(pairs[0][1])
    draw = share_out(range(0, cols, width))

    def work() -> None:
        out = np.empty(height * width, dtype=np.float32)
        while (start := draw()) is not None:
            for left, right in pairs:
                block = np.ascontiguousarray(right[start : start + width].T)
                for at in range(0, rows, height):
                    part = left[at : at + height]
                    np.matmul(
                        part, block, out=out[: len(part) * block.shape[1]].reshape(len(part), -1)
                    )

    run_threads(work, threads)


def peers(factors: Factors) -> dict[str, Callable[[], object]]:
    """The k best of the left side by one direction's gains: what libraries offer."""
    left, right = factors.gain_left, factors.gain_right
    found: dict[str, Callable[[], object]] = {
        "scikit-learn brute, one way": lambda: (
            NearestNeighbors(n_neighbors=K, algorithm="brute").fit(right).kneighbors(left)
        )
    }
    try:
        import faiss
    except ImportError:
        print("faiss is not installed (dependency group `bench`): left out")
        return found

    def flat() -> object:
        faiss.omp_set_num_threads(2)
        index = faiss.IndexFlatIP(right.shape[1])
        index.add(right)
        return index.search(left, K)

    return found | {"faiss flat, one way": flat}


def fitted_base_rates(engine: Engine) -> tuple[Rates, Rates]:
    """The base rates of both sides, from nothing but the features."""
    base_rates = BaseRates(engine.builder)
    base_rates.take_over(engine.snapshot, engine.left, engine.right)
    return (
        base_rates.of_side(engine.snapshot.left, engine.left),
        base_rates.of_side(engine.snapshot.right, engine.right),
    )


def contenders(
    problem: PairProblem, earlier: Ranking
) -> dict[str, tuple[Callable[[], object], int]]:
    """What is measured, and against how many of the two products."""
    return {
        "top_k, both sides, cold": (lambda: top_k(problem, K), 2),
        "top_k, both sides, warm": (lambda: top_k(problem, K, warm=earlier), 2),
        **{name: (work, 1) for name, work in peers(problem.left_to_right).items()},
    }


def without_records(problem: PairProblem) -> PairProblem:
    """The problem as another process can take it: its mask without the records, which only reasons
    are read from.
    """
    mask = copy.copy(problem.eligibility)
    vars(mask).pop("snapshot", None)
    return replace(problem, eligibility=mask)


def compare(engine: Engine, rounds: int) -> float:
    """Prints the table of one size; returns the CPU seconds of a cold run."""
    problem = engine.problem
    forth, back = problem.left_to_right, problem.right_to_left
    both = [
        (forth.gain_left, forth.gain_right),
        (back.gain_left, back.gain_right),
    ]
    earlier = top_k(problem, K)
    ways = contenders(problem, earlier)
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "inputs.pickle"
        with saved.open("wb") as file:
            pickle.dump((without_records(problem), earlier), file, protocol=5)
        peaks = {name: f"{peak_alone(saved, name):.0f}" for name in ways}
    ways["fit of the base rates"] = (lambda: fitted_base_rates(engine), 2)
    taken: dict[str, list[tuple[Clocked, Clocked]]] = {name: [] for name in ways}
    for number in range(rounds):
        print(
            f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}",
            file=sys.stderr,
            flush=True,
        )
        for name, (work, products) in ways.items():
            floor = clock(lambda products=products: plain_products(both[:products]))  # type: ignore[misc]
            taken[name].append((floor, clock(work)))
    depths = f"{forth.gain_left.shape[1]} + {back.gain_left.shape[1]}"
    shape = f"{len(problem.left_ids):,} x {len(problem.right_ids):,}, depths {depths}"
    print(
        f"\n{shape}, k = {K}, {rounds} rounds\n"
        f"{'':<32}{'wall s':>9}{'CPU s':>9}{'x floor wall':>14}{'x floor CPU':>13}{'peak MiB':>10}"
    )
    for name, pairs in taken.items():
        wall, cpu = (
            statistics.median(getattr(mine, field) for _, mine in pairs)
            for field in ("wall", "cpu")
        )
        wall_ratio = statistics.median(mine.wall / floor.wall for floor, mine in pairs)
        cpu_ratio = statistics.median(mine.cpu / floor.cpu for floor, mine in pairs)
        print(
            f"{name:<32}{wall:9.2f}{cpu:9.2f}{wall_ratio:14.2f}{cpu_ratio:13.2f}"
            f"{peaks.get(name, '-'):>10}",
            flush=True,
        )
    return statistics.median(mine.cpu for _, mine in taken["top_k, both sides, cold"])


def main() -> None:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--quick", action="store_true", help="two small sizes and one update, in a minute"
    )
    options.add_argument("--sizes", nargs="*", default=None, help="ROWSxCOLUMNS …")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument(
        "--updates",
        type=int,
        nargs="*",
        default=None,
        help="numbers of counterparts for the update of one community",
    )
    chosen = options.parse_args()
    sizes: tuple[tuple[int, int], ...] = QUICK_SIZES if chosen.quick else SIZES
    if chosen.sizes is not None:
        sizes = tuple(
            (int(rows), int(cols)) for rows, cols in (size.split("x") for size in chosen.sizes)
        )
    updates = (
        chosen.updates
        if chosen.updates is not None
        else [150_000]
        if chosen.quick
        else [150_000, 1_000_000]
    )
    cpu = [(rows * cols, compare(sample_engine(rows, cols), chosen.rounds)) for rows, cols in sizes]
    if len(cpu) > 1:
        exponent = np.polyfit(
            np.log([pairs for pairs, _ in cpu]), np.log([seconds for _, seconds in cpu]), 1
        )[0]
        print(
            "\nscaling of the cold run: CPU time grows with the number of pairs to the power "
            f"{exponent:.2f}\n"
        )
    for counterparts in updates:
        update_times(counterparts)


if __name__ == "__main__":
    main()
