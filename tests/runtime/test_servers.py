"""The embedded servers: what a kill, a stale lock, an interrupted set-up and a full disk leave
behind.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from backend.runtime import processes
from backend.runtime.bootstrap import ROOT
from backend.runtime.output import SetupError
from backend.runtime.postgres import EmbeddedPostgres, find_binaries
from backend.runtime.unprivileged import NOBODY, is_root, readable_programs
from backend.runtime.valkey import EmbeddedValkey


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    # pytest makes tmp_path with mode 0700, so under root this is also the case of a home that
    # `nobody` may not enter.
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    yield server
    server.stop(signal.SIGQUIT)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path / "valkey")
    server.start()
    yield server
    server.stop()


def test_committed_rows_survive_a_killed_server_at_the_same_address(
    postgres: EmbeddedPostgres,
) -> None:
    postgres.start()
    url = postgres.url
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        connection.commit()
        postgres.kill()
    postgres.start()
    assert postgres.url == url
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_cluster_is_utf8_and_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    postgres.start()
    with psycopg.connect(postgres.url) as connection:
        row = connection.execute(
            "SELECT current_setting('server_encoding'), upper('łódź'), current_setting('timezone')"
        ).fetchone()
    assert row == ("UTF8", "ŁÓDŹ", "UTC")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.url.replace("://csc:", "://csc:x"))


def test_stale_lock_whose_number_belongs_to_another_program_is_cleared(
    postgres: EmbeddedPostgres,
) -> None:
    postgres.start()
    postgres.stop()
    # A process of the server's own user: PostgreSQL alone would take it for a living server and
    # refuse to start.
    sleep: list[str | Path] = [Path(shutil.which("sleep") or "sleep"), "600"]
    stranger = processes.spawn(sleep, user=NOBODY if is_root() else None)
    try:
        lock = postgres.cluster / "postmaster.pid"
        lock.write_text(
            f"{stranger.pid}\n{postgres.cluster}\n1\n{postgres.port}\n\n127.0.0.1\n   123456    "
            "987654\nready   \n"
        )
        if is_root():
            os.chown(lock, NOBODY, NOBODY)
        postgres.start()
        with psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert stranger.poll() is None
    finally:
        processes.stop(stranger)


def test_interrupted_set_up_is_discarded(postgres: EmbeddedPostgres) -> None:
    half = postgres.folder / "cluster.partial"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    postgres.start()
    assert not half.exists()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_server_under_root_has_no_capability_and_opens_no_folder(
    postgres: EmbeddedPostgres,
) -> None:
    above = [
        folder.stat().st_mode for folder in (postgres.folder.parent, postgres.folder.parent.parent)
    ]
    postgres.start()
    assert postgres.process is not None
    status = Path(f"/proc/{postgres.process.pid}/status").read_text()
    if is_root():
        assert f"Uid:\t{NOBODY}\t{NOBODY}\t{NOBODY}\t{NOBODY}" in status
    assert "CapEff:\t0000000000000000" in status
    assert "CapPrm:\t0000000000000000" in status
    assert [
        folder.stat().st_mode for folder in (postgres.folder.parent, postgres.folder.parent.parent)
    ] == above
    assert postgres.folder.stat().st_mode & 0o077 == 0


class TestProgramsUnderRoot:
    """A package in a folder that is closed to others: its programs run from a copy."""

    pytestmark = pytest.mark.skipif(not is_root(), reason="only root needs a copy")

    @pytest.fixture
    def program(self, tmp_path: Path) -> Path:
        assert tmp_path.stat().st_mode & 0o077 == 0
        program = tmp_path / "package" / "bin" / "program"
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\necho 1\n")
        program.chmod(0o700)
        (tmp_path / "record").write_text("first")
        return program

    @pytest.fixture
    def home(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
        folder.chmod(0o755)
        yield folder
        shutil.rmtree(folder)

    def _find(self, program: Path, *homes: Path) -> Path:
        package = program.parents[1]
        return readable_programs([package], program, package.with_name("record"), homes)

    def test_copy_is_made_once_a_version(self, program: Path, home: Path) -> None:
        found = self._find(program, home)
        assert found.is_relative_to(home)
        made = found.stat().st_ino
        assert self._find(program, home).stat().st_ino == made
        program.parents[1].with_name("record").write_text("second")
        assert self._find(program, home).stat().st_ino != made

    def test_programs_that_everybody_may_read_are_not_copied(
        self, program: Path, home: Path
    ) -> None:
        shutil.copytree(program.parents[2], home / "open")
        for path in (home / "open").rglob("*"):
            path.chmod(0o755)
        (home / "open").chmod(0o755)
        own = home / "open" / "package" / "bin" / "program"
        assert self._find(own, home) == own

    def test_folder_that_somebody_else_may_write_is_passed_over(
        self, program: Path, home: Path, tmp_path: Path
    ) -> None:
        planted = home / "planted"
        (planted / "cities-seeking-cities").mkdir(parents=True)
        (planted / "cities-seeking-cities").chmod(0o777)
        good = home / "good"
        good.mkdir()
        assert self._find(program, planted, good).is_relative_to(good)

    def test_lack_of_a_usable_folder_is_reported_in_one_line(
        self, program: Path, tmp_path: Path
    ) -> None:
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o700)
        with pytest.raises(
            SetupError,
            match=r"must not run as root, and the user nobody may run it from none of .*; start as "
            r"an ordinary",
        ):
            self._find(program, closed, tmp_path / "missing")

    def test_interrupted_copy_leaves_nothing_behind(
        self, program: Path, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fill_the_disk(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(shutil, "copytree", fill_the_disk)
            with pytest.raises(SetupError):
                self._find(program, home)
        assert not any((home / "cities-seeking-cities").iterdir())
        assert self._find(program, home).exists()


@pytest.mark.skipif(not is_root(), reason="only root can mount a small disk")
def test_full_disk_is_reported_in_one_line_and_leaves_no_half_cluster(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m,mode=0755", "tmpfs", disk],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine allows no mounts")
    try:
        server = EmbeddedPostgres(disk / "postgres")
        with pytest.raises(
            SetupError,
            match=r"the disk of .* is full; free some space, or choose another folder with --data "
            r"DIR",
        ):
            server.start()
        assert not server.cluster.exists()
        assert not (server.folder / "cluster.partial").exists()
    finally:
        subprocess.run(["umount", disk], check=True)


def test_valkey_keeps_its_data_through_a_kill_and_loses_them_when_wiped(
    valkey: EmbeddedValkey,
) -> None:
    client = redis.Redis.from_url(valkey.url)
    client.set("kept", "yes")
    valkey.kill()
    valkey.start()
    assert client.get("kept") == b"yes"
    valkey.kill()
    valkey.wipe()
    valkey.start()
    assert client.get("kept") is None


def test_valkey_refuses_who_does_not_know_the_password(valkey: EmbeddedValkey) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=valkey.port).ping()
    assert (valkey.folder / "valkey.conf").stat().st_mode & 0o077 == 0


_STARTER = """
import sys, time
from pathlib import Path
from backend.runtime.servers import start_servers
servers = start_servers(Path(sys.argv[1]), environ={})
print(servers.postgres.process.pid, servers.valkey.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_servers_end_when_their_starter_is_killed(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    pids = [int(word) for word in starter.stdout.readline().split()]
    assert len(pids) == 2
    starter.kill()
    starter.wait()
    assert processes.wait_until(lambda: not any(_is_alive(pid) for pid in pids), seconds=15)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_binaries_are_those_of_the_package() -> None:
    said = subprocess.run(
        [find_binaries() / "postgres", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert said.startswith("postgres (PostgreSQL) 18.")
