"""Two halves of the suite at once: each process of pytest-xdist has its own broker database and
data folder.

Loaded with ``-p`` (pyproject.toml), so that it runs before Django reads its settings. pytest-django
names the PostgreSQL database.
"""

from __future__ import annotations

import gc
import os
import urllib.parse
from pathlib import Path

import pytest

# Files of half a minute and more, the longest first: so that no process is left alone with one at
# the end.
_LONGEST = (
    "tests/web/test_walk_registration.py",
    "tests/web/test_walk_agreement.py",
    "tests/backend/introductions/test_workflow",
    "tests/runtime/test_up.py",
    "tests/test_blind_surfaces.py",
    "tests/faults/",
    "tests/test_url_walk.py",
    "tests/web/test_walks.py",
    "tests/web/test_accessibility.py",
    "tests/backend/cities/test_sample_world.py",
    "tests/web/test_fuzzing.py",
    "tests/matching/test_engine.py",
)


def _separate(worker: str) -> None:
    number = int(worker.removeprefix("gw")) + 1
    if broker := os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = urllib.parse.urlsplit(broker)._replace(path=f"/{number}").geturl()
    # One thread each: two processes that both count on every core wait for each other in the
    # libraries' spinning loops.
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    if folder := os.environ.get("CSC_DATA_DIR"):
        own = Path(folder) / worker
        own.mkdir(parents=True, exist_ok=True)
        os.environ["CSC_DATA_DIR"] = str(own)


# Python looks for cycles after every 700 new objects; looking through the modules, the tests and
# Django's registries again and again took a tenth of the time.
gc.set_threshold(50_000, 20, 50)

if _worker := os.environ.get("PYTEST_XDIST_WORKER"):
    _separate(_worker)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next(
            (i for i, start in enumerate(_LONGEST) if item.nodeid.startswith(start)), len(_LONGEST)
        )

    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
