"""Plain Django commands find the servers of the running service, or bring their own; each process
of the service can be imported without ``manage.py``; and where the libraries for PDFs come from:
the machine, or a private folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from backend.runtime import pdf_libraries
from backend.runtime.bootstrap import ROOT
from backend.runtime.datafolder import DataFolder
from backend.runtime.servers import running_servers

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
