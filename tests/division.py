"""How the tests are divided: between two commands, and between processes that run at once; and what
a run says at its end, of all of these.

``manage.py test`` is what a developer runs at each change: each rule, page, act and job once, and
what changes oftenest in every way. ``manage.py test --system`` runs what walks: through the running
service, through its whole data, and through what the default command only touches. What the one
leaves out the other runs; a path that is named runs whole with either.

System tests are those of the running service, of the servers and commands it starts, of its whole
data, and of the laboratory, whose measures no page needs; and walks: each actor at each address,
each answer on each surface. A search (examples that are
drawn, one story told in many variants, one address asked by many actors) has a short form, which
runs by default, and a long one, which runs with the system tests. There are two ways to say so:

- ``one_in(n, cases)`` gives the cases of a table to ``parametrize``: each n-th runs by default, and
  those that ``always`` names; the others are system tests. Choose n so that each value of each
  column still comes (it has no factor in common with their numbers), or name those that must.
- A test marked ``at_length`` runs in both commands, and takes what it tries from
  ``at_length(short, long)``; one whose short form takes many seconds is marked ``system`` too, and
  runs in the second alone (with ``--no-searches`` in its short form). Each test of Hypothesis runs
  in both: conftest.py says with how many examples.

A short form meets each rule, act and page as well; what the long one adds are further ways to them:
more examples, more actors, an act after each other act.

Each process of pytest-xdist has its own broker database and data folder; pytest-django names the
PostgreSQL database. Loaded with ``-p`` (pyproject.toml), so that it runs before Django reads its
settings.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

# What is a system test: all of a folder or file, or whatever asks for the fixture.
_SYSTEM_PATHS = (
    "tests/faults/",
    "tests/runtime/",
    "tests/backend/lab/",
    "tests/matching/test_link_prediction.py",
    "tests/backend/cities/test_sample_world.py",
    "tests/web/test_documents.py::test_generated_client",
)
_SYSTEM_FIXTURE = "service"
_SYSTEM_MARK = "system"
_SEARCH = "at_length"
# Files that take longest, the longest first: so that no process is left alone with one at the end.
_LONGEST = (
    "tests/web/test_walk_registration.py",
    "tests/web/test_walk_agreement.py",
    "tests/test_blind_surfaces.py",
    "tests/runtime/test_up.py",
    "tests/backend/cities/test_sample_world.py",
    "tests/faults/test_heavy.py",
    "tests/faults/test_killed.py",
    "tests/test_url_walk.py",
    "tests/web/test_accessibility.py",
    "tests/test_blind_rankings.py",
    "tests/web/test_documents.py",
    "tests/test_introduction_permissions.py",
    "tests/test_blind_attempts.py",
    "tests/backend/introductions/test_workflow",
)
Tried = TypeVar("Tried")
_is_long = False
COLLECTED = pytest.StashKey[list[pytest.Item]]()
_LEFT_OUT = pytest.StashKey[int]()


def is_system_test(item: pytest.Item) -> bool:
    return (
        item.nodeid.startswith(_SYSTEM_PATHS)
        or _SYSTEM_FIXTURE in getattr(item, "fixturenames", ())
        or item.get_closest_marker(_SYSTEM_MARK) is not None
    )


def is_search(item: pytest.Item) -> bool:
    """Hypothesis marks its own."""
    return any(map(item.get_closest_marker, (_SEARCH, "hypothesis"))) and not is_system_test(item)


def at_length(short: Tried, long: Tried) -> Tried:
    """What a search tries by default, and under --system."""
    return long if _is_long else short


def one_in(
    number: int, cases: Iterable[Any], *, always: Callable[..., bool] = lambda *_: False
) -> list[Any]:
    """The cases for ``parametrize``, of which most are left to --system. A case of several values
    is a tuple, and `always` takes them one by one.
    """
    given = []
    for place, case in enumerate(cases):
        values = case if isinstance(case, tuple) else (case,)
        is_left = place % number and not always(*values)
        given.append(pytest.param(*values, marks=pytest.mark.system if is_left else ()))
    return given


def runs(item: pytest.Item, *, system: bool) -> bool:
    """Whether the command runs the test; a search is run by both."""
    return is_system_test(item) == system or is_search(item)


def divide(
    items: list[pytest.Item], *, system: bool, whole: bool, searches: bool = True
) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The tests that run, and those that are left to the other command. `whole`: no path is named,
    so that `items` are the whole suite. Without `searches` what both commands run is left out.
    """
    if not whole and not system:
        return items, []

    def is_chosen(item: pytest.Item) -> bool:
        return runs(item, system=system) and (searches or not is_search(item))

    return list(filter(is_chosen, items)), [item for item in items if not is_chosen(item)]


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


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--system",
        action="store_true",
        help="run the system tests, which start the service, load all of its data or search at "
        "length, and no others",
    )
    parser.addoption(
        "--no-searches",
        action="store_true",
        help="with --system: without the long form of searches, the longest part of it",
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Each process compiles its share of the test modules, and finds the others' on the disk when
    all of them collect; on a fresh clone each would compile all of them.
    """
    if not _worker:
        return
    files = sorted(session.config.rootpath.glob("tests/**/test_*.py"))
    number, count = int(_worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    for file in files[number::count]:
        # What goes wrong is said by the collection, which comes to the same module.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(
                ".".join(file.relative_to(session.config.rootpath).with_suffix("").parts)
            )


def pytest_configure(config: pytest.Config) -> None:
    """Before the tests are imported, which ask for the length of their searches."""
    global _is_long
    _is_long = config.getoption("--system") and not config.getoption("--no-searches")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next(
            (i for i, start in enumerate(_LONGEST) if item.nodeid.startswith(start)), len(_LONGEST)
        )

    config.stash[COLLECTED] = list(items)
    items[:], left_out = divide(
        items,
        system=config.getoption("--system"),
        whole=config.args == config.getini("testpaths"),
        searches=not config.getoption("--no-searches"),
    )
    config.hook.pytest_deselected(items=left_out)
    config.stash[_LEFT_OUT] = len(left_out)
    items.sort(key=place)


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["left_out"] = session.config.stash.get(_LEFT_OUT, 0)
        session.config.workeroutput["fonts_said"] = list(_said)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Of pytest-xdist; each process collects the whole suite. One that was killed hands nothing
    over.
    """
    if left_out := getattr(node, "workeroutput", {}).get("left_out"):
        node.config.stash[_LEFT_OUT] = left_out
    if said := getattr(node, "workeroutput", {}).get("fonts_said"):
        _said[:] = said


# With which fonts the browser tests measured pages, and which sets this machine lacks. One run is
# on one machine: whichever process says it last says the same.
_said: list[str] = []


def say_fonts(measured: Sequence[str], lacking: Sequence[str]) -> None:
    _said[:] = ["fonts of the browser tests: " + ", ".join(measured)]
    if lacking:
        _said.append(
            "PAGES ARE NOT MEASURED with fonts that this machine lacks: " + ", ".join(lacking)
        )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _said:
        terminalreporter.write_line(line)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of a run names the other command."""
    # pytest now looks five times for cycles, through all that the tests have left: five seconds
    gc.freeze()
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    left_out = config.stash.get(_LEFT_OUT, 0)
    if terminal is None or not left_out:
        return
    if config.getoption("--system"):
        terminal.write_line(f"Other tests, not run: {left_out} (python3 manage.py test)")
    else:
        terminal.write_line(
            "System tests, which start the service, load all of its data or search at length, not "
            f"run: {left_out} (python3 manage.py test --system)"
        )
