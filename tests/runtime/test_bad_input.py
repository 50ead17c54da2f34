"""Every broken prerequisite: one line that says what to do, exit code 2, nothing damaged."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest

from backend.environment import ConfigurationError, read_environment
from backend.runtime import bootstrap, ports
from backend.runtime.bootstrap import ROOT, ensure_environment
from backend.runtime.datafolder import DataFolder
from backend.runtime.output import SetupError
from backend.runtime.unprivileged import is_root
from backend.runtime.up import check, parse

_SET_BY_THE_TEST_COMMAND = ("DATABASE_URL", "REDIS_URL", "CSC_MODE", "CSC_DATA_DIR", "SECRET_KEY")


def _environment(**variables: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in _SET_BY_THE_TEST_COMMAND} | variables


def _up(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", "up", *map(str, words)]
    return subprocess.run(
        argv,
        cwd=ROOT,
        env=_environment(**variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


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
        _assert_one_line(
            _up("--data", data, "--port", str(taken)),
            f"port {taken} is taken",
            f"--port {taken + 1}",
        )
    assert not (data / "postgres").exists()


@pytest.mark.parametrize("word", ["0", "65536", "http", "-1"])
def test_impossible_port(word: str) -> None:
    _assert_one_line(_up(f"--port={word}"), "is not a port; write a number from 1 to 65535")


@pytest.mark.parametrize(
    "words", [["--prot", "1"], ["--port"], ["--workers", "0"], ["now"], ["--por", "8001"]]
)
def test_wrong_options_are_reported_in_one_line(words: list[str]) -> None:
    _assert_one_line(_up(*words), "up --help")


def test_port_of_a_service_that_is_starting(data: Path, port: str) -> None:
    """Two services that start at the same moment on two data folders: one says so and ends."""
    with ports.reserved(int(port)):
        _assert_one_line(_up("--data", data, "--port", port), f"port {port} is taken; choose")
    assert not (data / "postgres").exists()


def test_port_of_a_killed_service_is_waited_for(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last parts hold the port a little longer than its supervisor lived: here, until it has
    been asked for once.
    """
    folder = DataFolder(data)
    folder.prepare()
    (folder.run / "lock").write_text("999999999 service\n")
    asked: list[bool] = []
    is_free = ports.is_free
    with socket.create_server(("127.0.0.1", 0)) as orphan:

        def ask(port: int, host: str) -> bool:
            asked.append(is_free(port, host))
            orphan.close()
            return asked[-1]

        monkeypatch.setattr(ports, "is_free", ask)
        monkeypatch.setattr(os, "environ", _environment())
        check(parse(["--data", str(data), "--port", str(orphan.getsockname()[1])]))
    assert asked == [False, True]


def test_port_of_a_living_service_names_it(data: Path) -> None:
    folder = DataFolder(data)
    folder.prepare()
    with socket.create_server(("127.0.0.1", 0)) as other, folder.locked("service"):
        taken = other.getsockname()[1]
        ended = _up("--data", data, "--port", str(taken))
        _assert_one_line(
            ended,
            f"port {taken} is taken by the service (process {os.getpid()}) that runs on {data}",
        )


def test_address_of_another_machine(data: Path, port: str) -> None:
    _assert_one_line(
        _up("--data", data, "--port", port, "--host", "192.0.2.1"),
        "'192.0.2.1' is not an address of this machine",
    )


def test_data_folder_that_is_a_file(tmp_path: Path, port: str) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    _assert_one_line(
        _up("--data", file, "--port", port),
        f"the data folder {file} cannot be written",
        "--data DIR",
    )
    assert file.read_text() == "mine"


@pytest.mark.skipif(is_root(), reason="root may write everywhere")
def test_data_folder_of_somebody_else(tmp_path: Path, port: str) -> None:
    tmp_path.chmod(0o500)
    try:
        _assert_one_line(
            _up("--data", tmp_path / "data", "--port", port),
            "cannot be written (Permission denied)",
            "chown",
        )
    finally:
        tmp_path.chmod(0o700)


def test_data_folder_that_root_has_used_before(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is the user's, the lock in it is root's, as after a start with sudo."""
    folder = DataFolder(data)
    folder.prepare()
    (folder.run / "lock").touch()
    monkeypatch.setattr(os, "access", lambda path, _mode: path.name != "lock")
    with pytest.raises(SetupError, match=r"cannot be written \(Permission denied\).*chown -R"):
        folder.prepare()


@pytest.mark.parametrize(
    ("name", "value", "advice"),
    [
        (
            "DATABASE_URL",
            "mysql://u:p@localhost/db",
            "write postgresql://user:password@host:5432/name",
        ),
        (
            "DATABASE_URL",
            "postgresql://u:p@localhost:port/db",
            "write postgresql://user:password@host:5432/name",
        ),
        ("DATABASE_URL", "postgresql://localhost", "write postgresql://user:password@host:5432"),
        ("DATABASE_URL", "postgresql://[::1/db", "DATABASE_URL"),
        ("REDIS_URL", "http://localhost:6379", "write redis://:password@host:6379/0"),
        ("REDIS_URL", "redis://localhost:99999/0", "write redis://:password@host:6379/0"),
        ("EMAIL_URL", "mail.example.org", "write smtp://user:password@host:587"),
        ("PUBLIC_URL", "cities.example.org", "write https://cities.example.org"),
        ("CSC_PLACES_FROM", "few", "write how many inhabitants"),
        ("CSC_PAGE_CACHE_MB", "64M", "write how many megabytes"),
    ],
)
def test_variable_that_cannot_be_understood(
    name: str, value: str, advice: str, data: Path, port: str
) -> None:
    _assert_one_line(_up("--data", data, "--port", port, **{name: value}), name, advice)
    assert not data.exists()


@pytest.mark.parametrize(
    ("name", "scheme", "path"),
    [("DATABASE_URL", "postgresql", "/csc"), ("REDIS_URL", "redis", "/0")],
)
def test_address_at_which_nothing_answers(
    name: str, scheme: str, path: str, data: Path, port: str
) -> None:
    silent = ports.pick_free()
    ended = _up(
        "--data", data, "--port", port, **{name: f"{scheme}://u:p@127.0.0.1:{silent}{path}"}
    )
    _assert_one_line(ended, f"nothing answers at 127.0.0.1:{silent} ({name})", f"unset {name}")


def test_second_service_on_the_same_folder(data: Path, port: str) -> None:
    folder = DataFolder(data)
    folder.prepare()
    with folder.locked("service") as ours:
        assert ours
        _assert_one_line(
            _up("--data", data, "--port", port),
            f"a service (process {os.getpid()}) uses {data} already",
            "--data DIR",
        )
    assert not (data / "postgres").exists()


def test_clearing_is_refused_where_nobody_can_be_asked(data: Path, port: str) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "precious").touch()
    (data / "postgres" / "password").touch()
    _assert_one_line(
        _up("--data", data, "--port", port, "--fresh"),
        f"--fresh deletes all data in {data}",
        "add --yes",
    )
    assert (data / "postgres" / "precious").exists()


def test_folders_that_are_not_of_the_service_are_not_cleared(data: Path, port: str) -> None:
    (data / "mail").mkdir(parents=True)
    (data / "mail" / "letter").touch()
    ended = _up("--data", data, "--port", port, "--fresh", "--yes")
    _assert_one_line(ended, f"{data} holds mail, but no data of this service", "--data DIR")
    assert [entry.name for entry in data.iterdir()] == ["mail"]


def test_linked_folder_is_not_cleared(data: Path, tmp_path: Path, port: str) -> None:
    folder = DataFolder(data)
    folder.prepare()
    folder.secret_key()
    (tmp_path / "disk").mkdir()
    (data / "postgres").symlink_to(tmp_path / "disk")
    ended = _up("--data", data, "--port", port, "--fresh", "--yes")
    _assert_one_line(ended, f"{data / 'postgres'} is a symbolic link")
    assert (data / "secret-key").exists()


@pytest.mark.parametrize(
    ("word", "advice"), [("", "it names no folder"), ("~nobody-here/d", "write the whole path")]
)
def test_data_folder_that_cannot_be_meant(word: str, advice: str, port: str) -> None:
    _assert_one_line(_up("--data", word, "--port", port), advice)


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
    _assert_one_line(
        _up("--data", data, "--port", port, "--empty"), "holds the sample world", "--fresh"
    )


def test_production_mode_is_not_for_one_machine(data: Path, port: str) -> None:
    _assert_one_line(_up("--data", data, "--port", port, CSC_MODE="production"), "docker compose")


@pytest.mark.parametrize("mode", ["prod", "Production", "test", "locale"])
def test_unknown_mode_is_not_taken_for_local(mode: str, data: Path, port: str) -> None:
    _assert_one_line(
        _up("--data", data, "--port", port, CSC_MODE=mode),
        f"CSC_MODE is {mode!r}",
        "unset CSC_MODE",
    )
    assert not data.exists()


@pytest.mark.parametrize("mode", ["prod", "Production"])
def test_unknown_mode_stops_other_commands_too(mode: str) -> None:
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=_environment(CSC_MODE=mode),
        capture_output=True,
        text=True,
        check=False,
    )
    _assert_one_line(ended, f"CSC_MODE is {mode!r}")


@pytest.mark.parametrize(
    "key", ["k" * 60, "ab" * 40, "django-insecure-" + "".join(map(chr, range(48, 98)))]
)
def test_production_refuses_a_key_that_can_be_guessed(key: str) -> None:
    with pytest.raises(
        ConfigurationError, match="SECRET_KEY can be guessed; make one with: python3 -c"
    ):
        read_environment({"CSC_MODE": "production", "SECRET_KEY": key})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "file:"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", "cities.example.org, *"),
        ("PUBLIC_URL", "http://cities.example.org"),
    ],
)
def test_production_refuses_what_is_for_one_machine(name: str, value: str) -> None:
    servers = {"DATABASE_URL": "postgresql://csc@127.0.0.1/csc", "REDIS_URL": "redis://127.0.0.1/0"}
    names = {"PUBLIC_URL": "https://cities.example.org", "ALLOWED_HOSTS": "cities.example.org"}
    more = {"SECRET_KEY": secrets.token_urlsafe(50), "EMAIL_URL": "smtp://mail.example.org"}
    good = {"CSC_MODE": "production"} | servers | names | more
    read_environment(good)
    with pytest.raises(ConfigurationError, match=f"^{name} .*; write [^\\n]+$"):
        read_environment(good | {name: value})


def test_random_keys_of_every_alphabet_are_accepted() -> None:
    for _ in range(200):
        for key in (secrets.token_urlsafe(50), secrets.token_hex(25)):
            # The next that is asked for
            with pytest.raises(ConfigurationError, match="PUBLIC_URL is not set"):
                read_environment({"CSC_MODE": "production", "SECRET_KEY": key})


def test_nearly_full_disk(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 50 * 2**20))
    with pytest.raises(
        SetupError,
        match=r"only 50 MB are free on the disk of .*, 300 MB are needed; free some space",
    ):
        DataFolder(data).prepare()


def test_broken_variable_stops_other_commands_in_one_line_too(data: Path) -> None:
    env = _environment(CSC_DATA_DIR=str(data), DATABASE_URL="nonsense")
    ended = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
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
        shutil.rmtree(venv, ignore_errors=True)
        (venv / "bin").mkdir(parents=True)
        (venv / "bin" / "python").touch()

    def test_is_installed_once_and_again_when_the_lock_changed(
        self, root: Path, installs: list[Path]
    ) -> None:
        lock = Path("requirements.lock")
        ensure_environment(root, lock)
        ensure_environment(root, lock)
        assert installs == [lock]
        (root / lock).write_text("django==5.2.1\n")
        ensure_environment(root, lock)
        assert installs == [lock, lock]

    def test_packages_of_the_tests_serve_the_service_as_long_as_both_locks_agree(
        self, root: Path, installs: list[Path]
    ) -> None:
        (root / "tests").mkdir()
        tests = Path("tests/requirements.lock")
        (root / tests).write_text("django==5.2\npytest==9\n")
        ensure_environment(root, tests)
        ensure_environment(root, Path("requirements.lock"))
        assert installs == [tests]
        (root / "requirements.lock").write_text("django==5.2.1\n")
        ensure_environment(root, Path("requirements.lock"))
        assert installs == [tests, Path("requirements.lock")]

    def test_failed_installation_is_tried_again(
        self, root: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object) -> None:
            raise SetupError("no network")

        with monkeypatch.context() as patch:
            patch.setattr(bootstrap, "_install", fail)
            with pytest.raises(SetupError, match="no network"):
                ensure_environment(root, Path("requirements.lock"))
        ensure_environment(root, Path("requirements.lock"))
        assert len(installs) == 1

    def test_half_installed_environment_is_made_anew(
        self, root: Path, installs: list[Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def die(venv: Path, *_: object) -> None:
            (venv / "half").touch()
            raise KeyboardInterrupt

        lock = Path("requirements.lock")
        with monkeypatch.context() as patch:
            patch.setattr(bootstrap, "_install", die)
            with pytest.raises(KeyboardInterrupt):
                ensure_environment(root, lock)
        with pytest.raises(
            SetupError, match=r"the packages are not installed yet; `python3 manage.py up`"
        ):
            bootstrap.enter(None, root)
        ensure_environment(root, lock)
        assert not (root / ".venv" / "half").exists()
        ensure_environment(root, lock)
        assert installs == [lock]

    def test_environment_that_does_not_lead_inside_is_reported_and_not_retried(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self._pretend(root / ".venv")
        monkeypatch.setenv("CSC_ENTERING", str(root))
        with pytest.raises(SetupError, match="is damaged; delete it and start again"):
            bootstrap.enter(None, root)

    def test_ordinary_command_installs_nothing(self, root: Path, installs: list[Path]) -> None:
        with pytest.raises(
            SetupError, match=r"the packages are not installed yet; `python3 manage.py up`"
        ):
            bootstrap.enter(None, root)
        assert not (root / ".venv").exists()

    def test_clone_that_cannot_be_written_is_reported_before_anything_is_made(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        # Root may write everywhere but on a read-only disk
        monkeypatch.setattr(os, "access", lambda path, mode: False)
        with pytest.raises(
            SetupError, match="which you may not write; clone the project into a folder of your own"
        ):
            ensure_environment(root, Path("requirements.lock"))
        assert capsys.readouterr().err == ""

    def test_missing_venv_module_names_the_package(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        python = root / "python"
        python.write_text(
            "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'ensurepip'\" >&2\nexit 1\n"
        )
        python.chmod(0o755)
        monkeypatch.setattr(bootstrap, "_base_python", lambda: str(python))
        with pytest.raises(SetupError, match="apt install python3-venv"):
            ensure_environment(root, Path("requirements.lock"))
        assert not (root / ".venv").exists()

    def test_too_little_room_is_reported_before_anything_is_made(
        self, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        usage = namedtuple("usage", "total used free")
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 10**12, 50 * 2**20))
        with pytest.raises(SetupError, match=r"only 50 MB are free .* the packages need 900 MB"):
            ensure_environment(root, Path("requirements.lock"))
        assert not (root / ".venv").exists()
