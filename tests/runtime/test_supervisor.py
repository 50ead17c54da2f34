"""The supervisor on small real processes: crash, restart, order of the stop, interruption."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.runtime import processes
from backend.runtime.errors import ServerError
from backend.runtime.output import Output
from backend.runtime.supervisor import Interrupted, ServicePart, Supervisor


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path)
    yield made
    made.stop_all([[part.name for part in made.parts]])


def _part(name: str, code: str, **options: float) -> ServicePart:
    def launch(stdout: int) -> subprocess.Popen[bytes]:
        return processes.spawn([sys.executable, "-u", "-c", code], stdout=stdout)

    return ServicePart(name, launch, **options)  # type: ignore[arg-type]


def _said(part: ServicePart, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in part.output.tail)


def test_crashed_part_comes_back_and_what_it_had_started_is_gone(supervisor: Supervisor) -> None:
    # The grandchild ignores its parent's death: only the supervisor can end it.
    code = (
        "import subprocess, sys, time\n"
        "print('child', subprocess.Popen([sys.executable, '-c', 'import time; "
        "time.sleep(600)']).pid); time.sleep(600)"
    )
    part = _part("fragile", code)
    supervisor.start(part)
    assert supervisor.run_until(_said(part, "child"), seconds=20)
    assert part.process is not None
    first, orphan = part.process.pid, int(part.output.tail[-1].split()[1])
    part.output.tail.clear()
    os.kill(first, signal.SIGKILL)
    assert supervisor.run_until(_said(part, "child"), seconds=20)
    assert part.process.pid != first
    assert processes.wait_until(
        lambda: not Path(f"/proc/{orphan}").exists() or _is_zombie(orphan), seconds=5
    )


def _is_zombie(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_part_that_keeps_crashing_while_starting_ends_the_start_with_its_last_line(
    supervisor: Supervisor,
) -> None:
    supervisor.start(_part("broken", "raise SystemExit('no such thing')"))
    with pytest.raises(
        ServerError,
        match=r"broken ended unasked \(exit code 1\): no such thing \(more in .*broken.log\)",
    ):
        supervisor.run_until(lambda: False, seconds=30, patience=1)


def test_delay_before_a_restart_doubles(
    supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(_part("broken", "raise SystemExit(3)"))
    with pytest.raises(ServerError):
        supervisor.run_until(lambda: False, seconds=30, patience=2)
    delays = [
        line.rsplit(" in ", 1)[1]
        for line in capsys.readouterr().out.splitlines()
        if "starting it again" in line
    ]
    assert delays == ["0.5 s", "1 s"]


def test_signal_interrupts_and_parts_stop_group_after_group(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    code = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    time.sleep({delay}); open({order!r}, 'a').write('{name} '); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); print('up'); time.sleep(600)"
    )
    parts = [
        _part(name, code.format(delay=delay, order=str(order), name=name))
        for name, delay in (("client", 0.4), ("server", 0))
    ]
    for part in parts:
        supervisor.start(part)
    with supervisor.signals():
        assert supervisor.run_until(lambda: all(_said(part, "up")() for part in parts), seconds=20)
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            supervisor.run_for_ever()
        supervisor.stop_all([["client"], ["server"]])
    assert order.read_text().split() == ["client", "server"]


def test_part_that_will_not_stop_is_killed_after_its_time(supervisor: Supervisor) -> None:
    part = _part(
        "stubborn",
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); "
        "time.sleep(600)",
        stop_seconds=0.3,
    )
    supervisor.start(part)
    assert supervisor.run_until(_said(part, "up"), seconds=20)
    begun = time.monotonic()
    supervisor.stop_all([["stubborn"]])
    assert part.process is not None
    assert part.process.returncode == -signal.SIGKILL
    assert time.monotonic() - begun < 5


def test_log_file_is_turned_over_before_it_grows_without_bound(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = Output("web", tmp_path, 0)
    line = b"x" * 999 + b"\n"
    for _ in range(30):
        output.feed(line * 500)
    output.close()
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"web.log", "web.log.1"}
    assert max(sizes.values()) <= 5 * 2**20 + 1000
