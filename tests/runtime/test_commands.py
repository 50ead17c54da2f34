"""Plain Django commands find the servers of the running service, or bring their own; where the
libraries for PDFs come from; how the parts of the service are kept running, and stopped. Each
process of the service can be imported without ``manage.py``.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from backend.runtime import pdf_libraries, processes
from backend.runtime.bootstrap import ROOT
from backend.runtime.datafolder import DataFolder
from backend.runtime.output import Output, ServerError
from backend.runtime.servers import running_servers
from backend.runtime.supervisor import Interrupted, ServicePart, Supervisor

_ASK = (
    "from django.db import connection as c; k = c.cursor(); k.execute('SELECT 40 + 2'); "
    "print('answer', k.fetchone()[0])"
)


def _manage(data: Path, *words: str) -> subprocess.CompletedProcess[str]:
    hidden = ("DATABASE_URL", "REDIS_URL", "CSC_MODE", "SECRET_KEY")
    env = {k: v for k, v in os.environ.items() if k not in hidden} | {"CSC_DATA_DIR": str(data)}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_command_without_a_service_runs_on_servers_of_its_own_and_stops_them(
    tmp_path: Path,
) -> None:
    with running_servers(tmp_path / "data", durable=False, environ={}):
        pass
    ended = _manage(tmp_path / "data", "shell", "-v", "0", "-c", _ASK)
    assert "answer 42" in ended.stdout, ended.stderr
    assert not (tmp_path / "data" / "postgres" / "cluster" / "postmaster.pid").exists()
    assert (tmp_path / "data" / "secret-key").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("exists", [False, True])
def test_command_before_the_first_start_names_it_and_makes_nothing(
    exists: bool, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    if exists:
        DataFolder(data).prepare()
    ended = _manage(data, "shell", "-c", _ASK)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        f"error: {data} holds no database yet; `python3 manage.py up` sets one up"
    )
    assert ended.stderr.count("\n") == 1
    assert not (data / "postgres").exists()
    assert data.exists() == exists


def test_command_beside_a_running_service_uses_its_servers(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    with folder.locked("service") as ours:
        assert ours
        folder.announce({name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL")})
        assert folder.service_file.stat().st_mode & 0o077 == 0
        ended = _manage(folder.path, "shell", "-v", "0", "-c", _ASK)
    assert "answer 42" in ended.stdout, ended.stderr
    assert not (folder.path / "postgres").exists()


def test_command_beside_another_command_must_wait(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.prepare()
    with folder.locked("command"):
        ended = _manage(folder.path, "shell", "-c", _ASK)
    assert ended.returncode == 2
    assert ended.stderr.startswith(
        f"error: another command (process {os.getpid()}) works on {folder.path} just now"
    )
    assert ended.stderr.count("\n") == 1


def test_announcement_ends_with_its_service(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    with folder.locked("service"):
        folder.announce({"DATABASE_URL": "postgresql://x"})
        assert json.loads(folder.service_file.read_text()) == {"DATABASE_URL": "postgresql://x"}
    assert folder.announced() is None
    assert folder.holder() == (0, "")


@pytest.mark.parametrize("module", ["backend.wsgi", "tasks.app", "tasks.beat"])
def test_entry_point_is_imported_first(module: str) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    subprocess.run(
        [sys.executable, "-c", f"import {module}"], cwd=ROOT, env=environment, check=True
    )


# Nothing but the making of PDFs depends on its libraries.


def test_private_folder_is_used_only_when_it_is_complete(tmp_path: Path) -> None:
    libraries = tmp_path / "tree/usr/lib/x86_64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "libpango-1.0.so.0").touch()
    assert pdf_libraries.environment_for_pdf({"A": "b"}, tmp_path) == {"A": "b"}
    (tmp_path / "complete").touch()
    found = pdf_libraries.environment_for_pdf({"LD_LIBRARY_PATH": "/theirs"}, tmp_path)
    assert found["LD_LIBRARY_PATH"] == f"{libraries}{os.pathsep}/theirs"
    assert found["FONTCONFIG_FILE"] == str(tmp_path / "fonts.conf")


def test_machine_without_apt_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf_libraries, "LIBRARIES", ("libno-such-thing.so.9",))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "install Pango" in pdf_libraries.ensure_pdf_libraries(tmp_path / "pango")


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="PDF LIBRARY TEST SKIPPED: no apt-get")
def test_without_root_the_packages_are_unpacked_into_the_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a little package, made here, in place of the archive's: what is downloaded is unpacked,
    and half a download is not used.
    """
    tree = tmp_path / "made"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text(
        "Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: nobody "
        "<n@example.org>\nDescription: -\n"
    )
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/libtiny.so.1").touch()
    deb = tmp_path / "tiny.deb"
    subprocess.run(
        ["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, capture_output=True
    )
    run = pdf_libraries._run
    private = tmp_path / "venv" / "pango"
    private.parent.mkdir()

    def in_place_of_the_archive(argv: list[str | Path], *, cwd: Path | None = None) -> str:
        if "download" not in argv:
            return run(argv, cwd=cwd)
        assert cwd is not None and not private.exists()
        shutil.copy(deb, cwd)
        return ""

    monkeypatch.setattr(pdf_libraries, "_run", in_place_of_the_archive)
    monkeypatch.setattr(pdf_libraries, "_missing_packages", lambda options: ["tiny"])
    assert pdf_libraries._unpack("apt-get", private) == ""
    assert (
        str(private / "tree/usr/lib")
        in pdf_libraries.environment_for_pdf({}, private)["LD_LIBRARY_PATH"]
    )
    assert str(private / "tree/usr/share/fonts") in (private / "fonts.conf").read_text()
    assert not list(private.parent.glob("*.new"))


# The supervisor on small real processes: crash, restart, order of the stop, interruption.


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
