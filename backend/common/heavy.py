"""Heavy acts in processes apart: drawing PDFs, and reading files that anybody may have made.

Such an act can need any amount of time or memory, so it never runs in a thread of the web. A lane
is one child process, one act at a time; it is killed when its time is over, and another is started
when next needed. In front of it waits a bounded queue, in which a person has few places, and a
person has a budget of seconds. All limits hold in each web process.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import structlog
from django.utils.translation import gettext as _

from backend.common.errors import TooManyRequests, Unavailable
from backend.common.heavy_worker import DONE, REFUSED, Refused
from backend.common.pdf_worker import environment_for_pdf

# What the libraries leave behind grows a little with each act.
ACTS_A_PROCESS = 200
LONGEST_ANSWER = 64 * 1024 * 1024  # bytes
_ROOT = Path(__file__).resolve().parents[2]
# A process that reads files of strangers knows no secret of the service.
_ENVIRONMENT = ("PATH", "HOME", "TMPDIR", "LANG", "LC_", "LD_LIBRARY_PATH", "FONTCONFIG_", "XDG_")
_log = structlog.get_logger(__name__)


class Failed(Exception):
    """The act ended with an error, or was stopped at its limit of time or memory."""


class Lane:
    """One child process and its queue; started when first needed."""

    def __init__(
        self,
        name: str,
        *,
        seconds: float,
        patience: float,
        places: int,
        places_each: int = 2,
        budget: float = 120.0,
        period: float = 600.0,
        memory: int = 1024,
    ) -> None:
        """
        Args:
            seconds: of one act. patience: of one act with its wait, in seconds.
            places: acts that wait or run. places_each: those of one person.
            budget: seconds of acts that a person has in ``period`` seconds.
            memory: address space of the process, in MiB.
        """
        self.name, self.seconds, self.patience = name, seconds, patience
        self.places, self.places_each = places, places_each
        self.budget, self.period, self.memory = budget, period, memory
        self._turn = threading.Lock()
        self._count = threading.Lock()
        self._present: list[int] = []
        self._spent: dict[int, deque[tuple[float, float]]] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._done = 0

    def run(
        self, act: str, payload: bytes | Callable[[], bytes], *, person: int, **options: object
    ) -> bytes:
        """The answer of a function ``module:name`` of ``(payload, **options)`` in the process.

        Args:
            payload: or what makes it, which is called once the act has a place, so that nobody
                works for an act that is refused.

        Raises:
            TooManyRequests: the person has acts enough under way, or used the budget.
            Unavailable: too many acts of others are under way, or the wait was too long.
            Refused: raised by the function. Failed: it ended otherwise, or was stopped.
        """
        deadline = time.monotonic() + self.patience
        with self._place(person):
            content = payload() if callable(payload) else payload
            if not self._turn.acquire(timeout=self.patience):
                raise _busy()
            begun = time.monotonic()
            try:
                return self._run(act, content, options, deadline)
            finally:
                self._turn.release()
                self._spend(person, begun)

    @contextlib.contextmanager
    def _place(self, person: int) -> Iterator[None]:
        with self._count:
            if self._present.count(person) >= self.places_each:
                raise TooManyRequests(
                    _(
                        "You have asked for this several times, and it is still being done. Wait "
                        "until the first is ready, then ask again."
                    ),
                    retry_after=5,
                )
            wait = self._wait_for_budget(person)
            if wait:
                raise TooManyRequests(
                    _(
                        "You have asked for more PDFs or file checks than the service does for one "
                        "person at a time. Try again in ten minutes."
                    ),
                    retry_after=wait,
                )
            if len(self._present) >= self.places:
                raise _busy()
            self._present.append(person)
        try:
            yield
        finally:
            with self._count:
                self._present.remove(person)

    def _wait_for_budget(self, person: int) -> int:
        """Seconds until the person may ask again; 0 when now."""
        now = time.monotonic()
        for other, acts in list(self._spent.items()):
            while acts and acts[0][0] < now - self.period:
                acts.popleft()
            if not acts:
                del self._spent[other]
        spent = self._spent.get(person, deque[tuple[float, float]]())
        if sum(seconds for _when, seconds in spent) < self.budget:
            return 0
        return max(1, int(spent[0][0] + self.period - now) + 1)

    def _spend(self, person: int, begun: float) -> None:
        now = time.monotonic()
        with self._count:
            self._spent.setdefault(person, deque()).append((now, now - begun))

    def _run(
        self, act: str, payload: bytes, options: Mapping[str, object], deadline: float
    ) -> bytes:
        seconds = min(self.seconds, deadline - time.monotonic())
        if seconds <= 0:
            raise _busy()
        head = json.dumps({"act": act, "seconds": seconds, "options": options}).encode()
        process = self._running()
        clock = threading.Timer(seconds, process.kill)
        clock.start()
        try:
            answer = self._ask(process, head, payload)
        except OSError:
            answer = None
        finally:
            clock.cancel()
        self._done += 1
        if answer is None or self._done >= ACTS_A_PROCESS:
            self._stop(process)
        if answer is None:
            _log.warning("heavy_act_stopped", lane=self.name, act=act, seconds=round(seconds, 1))
            if seconds < self.seconds:  # the wait took its time
                raise _busy()
            raise Failed("the process ended or took too long")
        status, body = answer
        if status == REFUSED:
            raise Refused(body.decode())
        if status != DONE:
            raise Failed(body.decode(errors="replace")[:500])
        return body

    def _ask(
        self, process: subprocess.Popen[bytes], head: bytes, payload: bytes
    ) -> tuple[int, bytes] | None:
        assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
        for part in (head, payload):
            process.stdin.write(struct.pack(">I", len(part)) + part)
        process.stdin.flush()
        begin = process.stdout.read(5)
        if len(begin) < 5:
            return None
        length = struct.unpack(">I", begin[1:])[0]
        if length > LONGEST_ANSWER:
            return None
        body = process.stdout.read(length)
        return (begin[0], body) if len(body) == length else None

    def _running(self) -> subprocess.Popen[bytes]:
        process = self._process
        if process is None or process.poll() is not None or self._owner != os.getpid():
            environment = environment_for_pdf(os.environ)
            # It ends by itself when our end of the pipe closes, so it never outlives this process.
            process = subprocess.Popen(
                [sys.executable, "-m", "backend.common.heavy_worker", str(self.memory)],
                cwd=_ROOT,
                env={
                    name: value
                    for name, value in environment.items()
                    if name.startswith(_ENVIRONMENT)
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._process, self._owner, self._done = process, os.getpid(), 0
        return process

    def _stop(self, process: subprocess.Popen[bytes]) -> None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was not written has no reader any more
                    pipe.close()
        self._process = None


def _busy() -> Unavailable:
    return Unavailable(
        _(
            "Many people ask for PDFs or send files just now. Nothing was changed; try again in "
            "half a minute."
        ),
        retry_after=30,
    )


# Sixteen threads answer requests: most of them never wait here.
DRAWING = Lane("drawing", seconds=15, patience=20, places=6, memory=2048)
READING = Lane("reading", seconds=12, patience=20, places=5)
