"""Rounds of the race: a scene, a beginning, some acts let go at one moment, and what was broken."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from backend.accounts.models import User
from backend.common.errors import DomainError
from backend.introductions.racing.acts import ACTS, Leak, draw
from backend.introductions.racing.checks import violations
from backend.introductions.racing.scenes import Scene, make_people, make_scene

_WAIT_SECONDS = 30
MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Round:
    """``ways``: what each act came to, "done" or the code of its refusal."""

    number: int
    beginning: tuple[str, ...]
    acts: tuple[str, ...]
    ways: tuple[str, ...]
    broken: tuple[str, ...]

    def __str__(self) -> str:
        acts = ", ".join(f"{act} ({way})" for act, way in zip(self.acts, self.ways, strict=True))
        return f"round {self.number}: after [{', '.join(self.beginning)}] at once {acts}: {'; '.join(self.broken) or 'nothing broken'}"


def run_rounds(count: int, seed: int) -> Iterator[Round]:
    """Runs the rounds on the default database, which they fill: give them a scratch one."""
    randomness = random.Random(seed)  # noqa: S311 - it draws scenarios
    people, curator = make_people()
    before = settings.SUGGESTIONS["undo_seconds"]
    try:
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            try:
                for number in range(1, count + 1):
                    yield _round(number, randomness, people, curator, pool)
            finally:
                _close_connections(pool)
    finally:
        settings.SUGGESTIONS["undo_seconds"] = before


def _round(
    number: int,
    randomness: random.Random,
    people: dict[str, User],
    curator: User,
    pool: ThreadPoolExecutor,
) -> Round:
    beginning, acts, settings.SUGGESTIONS["undo_seconds"] = draw(randomness)
    scene = make_scene(people, curator)
    first = [_attempt(scene, name) for name in beginning]
    start = threading.Barrier(len(acts))

    def run(name: str) -> str:
        connection.ensure_connection()
        start.wait(timeout=_WAIT_SECONDS)
        return _attempt(scene, name)

    ways = tuple(pool.map(run, acts))
    done = Counter(
        name
        for name, way in zip((*beginning, *acts), (*first, *ways), strict=True)
        if way == "done"
    )
    unforeseen = [
        f"{name}: {way}"
        for name, way in zip((*beginning, *acts), (*first, *ways), strict=True)
        if way.startswith("!")
    ]
    broken = (*unforeseen, *violations(scene, done))
    return Round(number=number, beginning=beginning, acts=acts, ways=ways, broken=broken)


def _close_connections(pool: ThreadPoolExecutor) -> None:
    """Each thread closes its own; the barrier gives every thread exactly one turn."""
    everybody = threading.Barrier(MOST_AT_ONCE)

    def close(_: int) -> None:
        everybody.wait(timeout=_WAIT_SECONDS)
        connection.close()

    list(pool.map(close, range(MOST_AT_ONCE)))


def _attempt(scene: Scene, name: str) -> str:
    """ "done", the code of the refusal, or "!" and what should never happen."""
    try:
        ACTS[name](scene)
    except DomainError as refused:
        return refused.code
    except Leak as leak:
        return f"! leaked {leak.what}"
    except Exception as error:
        return f"! {type(error).__name__}: {error}"
    return "done"
