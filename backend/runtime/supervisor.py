"""Runs the parts of the service, reads their output, restarts those that crash, and stops all."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backend.runtime.output import Output, ServerError, print_quietly
from backend.runtime.processes import signal_group

_FIRST_DELAY, _LONGEST_DELAY = 0.5, 30.0
_STEADY_SECONDS = 60.0
_TICK = 0.1


class Interrupted(Exception):
    """Ctrl-C, SIGTERM or a closed terminal asked the service to stop."""


@dataclass
class ServicePart:
    """One process of the service.

    `launch` starts it with its output going to the given descriptor; on a restart it is called
    again. It may raise ServerError, which counts as a crash.
    """

    name: str
    launch: Callable[[int], subprocess.Popen[bytes]]
    stop_signal: int = signal.SIGTERM
    stop_seconds: float = 10.0
    process: subprocess.Popen[bytes] | None = None
    crashes: int = 0
    started_at: float = 0.0
    restart_at: float | None = None
    output: Output = field(init=False)

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def last_line(self) -> str:
        said = [line.strip() for line in self.output.tail if line.strip()]
        return said[-1][:400] if said else "it said nothing"


class Supervisor:
    """Owns the processes; single-threaded, since Linux binds a child's life to the thread that
    started it.
    """

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.parts: list[ServicePart] = []
        self._selector = selectors.DefaultSelector()
        self._stop_requests = 0

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """Turn SIGINT, SIGTERM and SIGHUP into an orderly stop for the length of the block."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._request_stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _request_stop(self, *_: object) -> None:
        self._stop_requests += 1

    def start(self, part: ServicePart) -> None:
        """Start a part and supervise it from now on. Raises ServerError when it cannot even be
        launched.
        """
        part.output = Output(part.name, self.logs, len(self.parts))
        self.parts.append(part)
        self._launch(part)

    def _launch(self, part: ServicePart) -> None:
        reading, writing = os.pipe()
        try:
            part.process = part.launch(writing)
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        part.started_at, part.restart_at = time.monotonic(), None
        os.set_blocking(reading, False)
        self._selector.register(reading, selectors.EVENT_READ, part)

    def run_until(
        self,
        condition: Callable[[], bool],
        *,
        seconds: float | None = None,
        patience: int | None = None,
    ) -> bool:
        """Supervise until `condition` holds (True) or `seconds` have passed (False).

        Raises:
            Interrupted: a signal asked to stop.
            ServerError: a part crashed more than `patience` times in a row.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not condition():
            if self._stop_requests:
                raise Interrupted
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._read(_TICK)
            for part in self.parts:
                self._look_after(part, patience)
        return True

    def run_for_ever(self) -> None:
        """Supervise until a signal raises Interrupted."""
        self.run_until(lambda: False)

    def run_once(
        self, part: ServicePart, *, meanwhile: Callable[[], None], seconds: float, patience: int
    ) -> None:
        """Run a part that ends by itself, calling `meanwhile` again and again, while the others are
        supervised.

        Raises:
            Interrupted, ServerError: as `run_until`; also when the part fails, or takes longer than
                `seconds`.
        """
        self.start(part)
        self.parts.remove(part)

        def has_ended() -> bool:
            meanwhile()
            return not part.is_running()

        try:
            if not self.run_until(has_ended, seconds=seconds, patience=patience):
                raise ServerError(
                    f"{part.name} has not ended after {seconds:.0f} s (more in {part.output.path})"
                )
        finally:
            self._end([part])
        assert part.process is not None
        if part.process.returncode:
            raise ServerError(
                f"{part.last_line().removeprefix('error: ').removeprefix('CommandError: ')} (more "
                f"in {part.output.path})"
            )

    def _look_after(self, part: ServicePart, patience: int | None) -> None:
        if part.is_running():
            return
        now = time.monotonic()
        if part.restart_at is None:
            self._note_crash(part, now, patience)
        elif now >= part.restart_at:
            try:
                self._launch(part)
            except (ServerError, OSError) as error:
                part.process, part.started_at = None, now
                part.output.feed(f"{error}\n".encode())
                self._note_crash(part, now, patience)

    def _note_crash(self, part: ServicePart, now: float, patience: int | None) -> None:
        if part.process is not None:
            self._read(0)
            # What it started must not live beside its successor
            signal_group(part.process, signal.SIGKILL)
        part.crashes = 1 if now - part.started_at > _STEADY_SECONDS else part.crashes + 1
        code = part.process.returncode if part.process is not None else None
        what = f"{part.name} ended unasked ({_describe(code)})"
        if patience is not None and part.crashes > patience:
            raise ServerError(f"{what}: {part.last_line()} (more in {part.output.path})")
        delay = min(_LONGEST_DELAY, _FIRST_DELAY * 2 ** (part.crashes - 1))
        part.restart_at = now + delay
        print_quietly(f"{what}; starting it again in {delay:g} s")

    def _read(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            descriptor = int(key.fd)
            try:
                data = os.read(descriptor, 65536)
            except BlockingIOError:
                continue
            if data:
                key.data.output.feed(data)
            else:
                key.data.output.end()
                self._selector.unregister(descriptor)
                os.close(descriptor)

    def stop_all(self, order: list[list[str]]) -> None:
        """Stop the parts, group of names after group; a second signal from outside kills what is
        left at once.
        """
        asked = self._stop_requests
        for names in order:
            group = [part for part in self.parts if part.name in names]
            self._end(group, hurried=lambda: self._stop_requests > max(asked, 1))
        for part in self.parts:
            part.output.close()
        self.parts.clear()

    def _end(self, parts: list[ServicePart], hurried: Callable[[], bool] = lambda: False) -> None:
        """Signal the parts side by side, wait as long as each may take, then kill their groups."""
        for part in parts:
            if part.process is not None and part.is_running():
                part.process.send_signal(part.stop_signal)
        begun = time.monotonic()
        while (
            any(p.is_running() and time.monotonic() - begun < p.stop_seconds for p in parts)
            and not hurried()
        ):
            self._read(0.05)
        for part in parts:
            if part.process is not None:
                signal_group(part.process, signal.SIGKILL)
                part.process.wait()
        self._read(0)


def _describe(code: int | None) -> str:
    if code is None:
        return "not started"
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
