"""Heavy acts: stopped at their limits, queued within bounds, and each person within a budget."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from backend.common.errors import TooManyRequests, Unavailable
from backend.common.heavy import Failed, Lane
from backend.common.heavy_worker import Refused

HERE = "tests.backend.common.test_heavy"


# What runs in the process.


def wait(payload: bytes, *, seconds: float) -> bytes:
    time.sleep(seconds)
    return payload


def refuse(payload: bytes) -> bytes:
    raise Refused(payload.decode())


def take_memory(payload: bytes) -> bytes:
    return bytes(bytearray(2**32)[:1])


def environment(payload: bytes) -> bytes:
    return " ".join(os.environ).encode()


@pytest.fixture(scope="module")
def made() -> Iterator[Lane]:
    lane = Lane("test", seconds=8, patience=10, places=3)
    yield lane
    if lane._process is not None:
        lane._stop(lane._process)


@pytest.fixture
def lane(made: Lane) -> Lane:
    """A process that runs, with short limits and nothing spent."""
    made.seconds, made.patience, made.budget, made.period = 8, 10, 4, 600
    made.run(f"{HERE}:wait", b"", person=0, seconds=0)  # started, and what it imports is loaded
    made._spent.clear()
    made.seconds, made.patience = 1.0, 2.0
    return made


def act(lane: Lane, person: int, seconds: float = 0.0) -> bytes:
    return lane.run(f"{HERE}:wait", b"done", person=person, seconds=seconds)


def in_background(lane: Lane, person: int, seconds: float) -> threading.Thread:
    thread = threading.Thread(target=act, args=(lane, person, seconds))
    thread.start()
    time.sleep(0.1)
    return thread


def test_slow_act_is_stopped_and_the_next_one_runs(lane: Lane) -> None:
    begun = time.monotonic()
    with pytest.raises(Failed):
        act(lane, 1, seconds=30)
    assert time.monotonic() - begun < 2
    lane.seconds = lane.patience = 8
    assert act(lane, 1) == b"done"


def test_killed_process_is_an_error_and_another_is_started(lane: Lane) -> None:
    assert lane._process is not None
    threading.Timer(0.3, os.kill, (lane._process.pid, signal.SIGKILL)).start()
    with pytest.raises(Failed):
        act(lane, 1, seconds=0.9)
    lane.seconds = lane.patience = 8
    assert act(lane, 1) == b"done"


def test_memory_is_limited_and_the_process_survives(lane: Lane) -> None:
    with pytest.raises(Failed, match="MemoryError"):
        lane.run(f"{HERE}:take_memory", b"", person=1)
    assert act(lane, 1) == b"done"


def test_refusal_keeps_its_code(lane: Lane) -> None:
    with pytest.raises(Refused, match="too_blue"):
        lane.run(f"{HERE}:refuse", b"too_blue", person=1)


def test_process_knows_no_secret(lane: Lane) -> None:
    names = lane.run(f"{HERE}:environment", b"", person=1).decode().split()
    assert "PATH" in names
    assert not {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "EMAIL_URL"} & set(names)


def test_one_person_has_two_places(lane: Lane) -> None:
    threads = [in_background(lane, 1, 0.4) for _ in range(2)]
    with pytest.raises(TooManyRequests) as refused:
        act(lane, 1)
    assert refused.value.retry_after
    assert act(lane, 2) == b"done", "others are served"
    for thread in threads:
        thread.join()
    assert act(lane, 1) == b"done"


def test_nobody_works_for_an_act_that_is_refused(lane: Lane) -> None:
    def made() -> bytes:
        raise AssertionError("made for nothing")

    threads = [in_background(lane, 1, 0.4) for _ in range(2)]
    with pytest.raises(TooManyRequests):
        lane.run(f"{HERE}:wait", made, person=1)
    for thread in threads:
        thread.join()
    assert lane.run(f"{HERE}:wait", lambda: b"done", person=1, seconds=0) == b"done"


def test_full_queue_refuses_at_once(lane: Lane) -> None:
    threads = [in_background(lane, person, 0.4) for person in (1, 2, 3)]
    with pytest.raises(Unavailable) as refused:
        act(lane, 4)
    assert threads[-1].is_alive(), "before the acts in front of it are done"
    assert refused.value.retry_after
    for thread in threads:
        thread.join()


def test_limit_of_time_includes_the_wait(lane: Lane) -> None:
    lane.patience = 0.5
    thread = in_background(lane, 1, 0.45)
    begun = time.monotonic()
    with pytest.raises(Unavailable):  # the wait's fault, so nothing is said against the act
        act(lane, 2, seconds=0.9)
    assert time.monotonic() - begun < 1.2
    thread.join()


def test_budget_of_a_person_is_in_seconds_and_comes_back(lane: Lane) -> None:
    lane.budget, lane.period = 0.5, 1.5
    assert act(lane, 1, seconds=0.6) == b"done"
    with pytest.raises(TooManyRequests) as refused:
        act(lane, 1)
    assert refused.value.retry_after in (1, 2)
    assert act(lane, 2) == b"done"
    time.sleep(1.6)
    assert act(lane, 1) == b"done"
