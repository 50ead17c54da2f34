"""Where the libraries for PDFs come from: the machine, or a private folder; nothing but the making
of PDFs depends on them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from backend.runtime import pdf_libraries


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
