"""Own threads with one BLAS thread each: OpenBLAS's own fall behind on a busy machine."""

from __future__ import annotations

import functools
import importlib
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]


@functools.cache
def _blas() -> ThreadpoolController:
    """Cached: searching the process's libraries takes longer than a small update."""
    importlib.import_module("scipy.linalg.blas")
    return ThreadpoolController()


def single_blas_thread() -> AbstractContextManager[object]:
    """Within it BLAS uses one thread."""
    limit: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limit


def run_threads(work: Callable[[], None], threads: int) -> None:
    """Runs ``work`` in threads with one BLAS thread each; raises what any of them raised."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:  # raised again below, in the thread that asked
            errors.append(error)

    with single_blas_thread():
        if threads == 1:
            guarded()
        else:
            workers = [threading.Thread(target=guarded) for _ in range(threads)]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
    if errors:
        raise errors[0]


def share_out(starts: Iterable[int]) -> Callable[[], int | None]:
    """A counter that several threads may draw from; None when it is used up."""
    lock, remaining = threading.Lock(), iter(starts)

    def draw() -> int | None:
        with lock:
            return next(remaining, None)

    return draw
