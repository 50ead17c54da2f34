"""Every broken prerequisite: one line that says what to do, exit code 2, nothing damaged."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from backend.runtime import bootstrap, ports
from backend.runtime.bootstrap import ROOT, ensure_environment
from backend.runtime.datafolder import DataFolder
from backend.runtime.errors import SetupError
from backend.runtime.unprivileged import is_root

_SET_BY_THE_TEST_COMMAND = ("DATABASE_URL", "REDIS_URL", "CSC_MODE", "CSC_DATA_DIR", "SECRET_KEY")


def _up(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in _SET_BY_THE_TEST_COMMAND} | variables
    argv = [sys.executable, "manage.py", "up", *map(str, words)]
    return subprocess.run(argv, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)


def _assert_one_line(ended: subprocess.CompletedProcess[str], *parts: str) -> None:
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
    for part in parts:
        assert part in ended.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def port() -> str:
    return str(ports.pick_free())


def test_taken_port(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        _assert_one_line(_up("--data", data, "--port", str(taken)), f"port {taken} is taken", f"--port {taken + 1}")
    assert not (data / "postgres").exists()


@pytest.mark.parametrize("word", ["0", "65536", "http", "-1"])
def test_impossible_port(word: str) -> None:
    ended = _up(f"--port={word}")
    assert ended.returncode == 2
    assert "is not a port; write a number from 1 to 65535" in ended.stderr


def test_address_of_another_machine(data: Path, port: str) -> None:
    _assert_one_line(_up("--data", data, "--port", port, "--host", "192.0.2.1"), "'192.0.2.1' is not an address of this machine")


def test_data_folder_that_is_a_file(tmp_path: Path, port: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    _assert_one_line(_up("--data", file, "--port", port), f"the data folder {file} cannot be written", "--data DIR")
    assert file.read_text() == "mine"


@pytest.mark.skipif(is_root(), reason="root may write everywhere")
def test_data_folder_of_somebody_else(tmp_path: Path, port: str) -> None:
    tmp_path.chmod(0o500)
    try:
        _assert_one_line(_up("--data", tmp_path / "data", "--port", port), "cannot be written (Permission denied)", "chown")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        ("DATABASE_URL", "mysql://u:p@localhost/db", "write postgresql://user:password@host:5432/name"),
        ("DATABASE_URL", "postgresql://u:p@localhost:port/db", "write postgresql://user:password@host:5432/name"),
        ("DATABASE_URL", "postgresql://localhost", "write postgresql://user:password@host:5432/name"),
        ("DATABASE_URL", "postgresql://[::1/db", "DATABASE_URL"),
        ("REDIS_URL", "http://localhost:6379", "write redis://:password@host:6379/0"),
        ("REDIS_URL", "redis://localhost:99999/0", "write redis://:password@host:6379/0"),
        ("EMAIL_URL", "mail.example.org", "write smtp://user:password@host:587"),
        ("PUBLIC_URL", "cities.example.org", "write https://cities.example.org"),
    ],
)
def test_variable_that_cannot_be_understood(name: str, value: str, advice: str, data: Path, port: str) -> None:
    _assert_one_line(_up("--data", data, "--port", port, **{name: value}), name, advice)
    assert not data.exists()


@pytest.mark.parametrize(("name", "scheme", "path"), [("DATABASE_URL", "postgresql", "/csc"), ("REDIS_URL", "redis", "/0")])
def test_address_at_which_nothing_answers(name: str, scheme: str, path: str, data: Path, port: str) -> None:
    silent = ports.pick_free()
    ended = _up("--data", data, "--port", port, **{name: f"{scheme}://u:p@127.0.0.1:{silent}{path}"})
    _assert_one_line(ended, f"nothing answers at 127.0.0.1:{silent} ({name})", f"unset {name}")


def test_second_service_on_the_same_folder(data: Path, port: str) -> None:
    folder = DataFolder(data)
    folder.prepare()
    with folder.locked("service") as ours:
        assert ours
        _assert_one_line(_up("--data", data, "--port", port), f"a service (process {os.getpid()}) uses {data} already", "--data DIR")
    assert not (data / "postgres").exists()


def test_clearing_is_refused_where_nobody_can_be_asked(data: Path, port: str) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "precious").touch()
    _assert_one_line(_up("--data", data, "--port", port, "--fresh"), f"--fresh deletes all data in {data}", "add --yes")
    assert (data / "postgres" / "precious").exists()


def test_clearing_leaves_files_that_are_not_of_the_service(data: Path) -> None:
    folder = DataFolder(data)
    folder.prepare()
    folder.secret_key()
    (data / "postgres").mkdir()
    (data / "letter.txt").write_text("not yours")
    folder.clear()
    assert sorted(entry.name for entry in data.iterdir()) == ["letter.txt", "logs", "run", "static"]
    assert not any((data / "static").iterdir())


def test_empty_start_over_the_sample_world(data: Path, port: str) -> None:
    data.mkdir()
    (data / "world").write_text("sample")
    _assert_one_line(_up("--data", data, "--port", port, "--empty"), "holds the sample world", "--fresh")


def test_production_mode_is_not_for_one_machine(data: Path, port: str) -> None:
    _assert_one_line(_up("--data", data, "--port", port, CSC_MODE="production"), "docker compose")


def test_nearly_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 50 * 2**20))
    with pytest.raises(SetupError, match=r"only 50 MB are free on the disk of .*, 300 MB are needed; free some space"):
        DataFolder(data).prepare()


def test_broken_variable_stops_other_commands_in_one_line_too(data: Path) -> None:
    env = {k: v for k, v in os.environ.items() if k not in _SET_BY_THE_TEST_COMMAND} | {
        "CSC_DATA_DIR": str(data),
        "DATABASE_URL": "nonsense",
    }
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    _assert_one_line(ended, "DATABASE_URL is not a PostgreSQL address")


class TestEnvironment:
    """Making ``.venv``, with the steps that need a network replaced."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        (tmp_path / "requirements.lock").write_text("django==5.2\n")
        return tmp_path

    @pytest.fixture
    def installs(self, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
        done: list[Path] = []
        monkeypatch.setattr(bootstrap, "_works", lambda venv: (venv / "bin" / "python").exists())
        monkeypatch.setattr(bootstrap, "_install", lambda venv, root, lock: done.append(lock))
        monkeypatch.setattr(bootstrap, "_make_venv", self._pretend)
        return done

    @staticmethod
    def _pretend(venv: Path) -> None:
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").touch()

    def test_is_installed_once_and_again_when_the_lock_changed(self, root: Path, installs: list[Path]) -> None:
        lock = Path("requirements.lock")
        ensure_environment(root, lock)
        ensure_environment(root, lock)
        assert installs == [lock]
        (root / lock).write_text("django==5.2.1\n")
        ensure_environment(root, lock)
        assert installs == [lock, lock]

    def test_packages_of_the_tests_serve_the_service_as_long_as_both_locks_agree(self, root: Path, installs: list[Path]) -> None:
        (root / "tests").mkdir()
        tests = Path("tests/requirements.lock")
        (root / tests).write_text("django==5.2\npytest==9\n")
        ensure_environment(root, tests)
        ensure_environment(root, Path("requirements.lock"))
        assert installs == [tests]
        (root / "requirements.lock").write_text("django==5.2.1\n")
        ensure_environment(root, Path("requirements.lock"))
        assert installs == [tests, Path("requirements.lock")]

    def test_failed_installation_is_tried_again(self, root: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise SetupError("no network")

        with monkeypatch.context() as patch:
            patch.setattr(bootstrap, "_install", fail)
            with pytest.raises(SetupError, match="no network"):
                ensure_environment(root, Path("requirements.lock"))
        ensure_environment(root, Path("requirements.lock"))
        assert len(installs) == 1

    def test_missing_venv_module_names_the_package(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        python = root / "python"
        python.write_text("#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2\nexit 1\n")
        python.chmod(0o755)
        monkeypatch.setattr(bootstrap, "_base_python", lambda: str(python))
        with pytest.raises(SetupError, match="apt install python3-venv"):
            ensure_environment(root, Path("requirements.lock"))
        assert not (root / ".venv").exists()

    def test_too_little_room_is_told_before_anything_is_made(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 50 * 2**20))
        with pytest.raises(SetupError, match=r"only 50 MB are free .* the packages need 900 MB"):
            ensure_environment(root, Path("requirements.lock"))
        assert not (root / ".venv").exists()
