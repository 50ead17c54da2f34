"""The system libraries and fonts that draw text in PDFs (Pango): found, else installed as root,
else unpacked into a private folder.

Runs under the system's bare Python too, so: the standard library alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from backend.common.pdf_worker import PRIVATE_LIBRARIES, environment_for_pdf

LIBRARIES = (
    "libgobject-2.0.so.0",
    "libpango-1.0.so.0",
    "libpangoft2-1.0.so.0",
    "libharfbuzz.so.0",
    "libharfbuzz-subset.so.0",
    "libfontconfig.so.1",
)
# Noto has nearly every script except those of East Asia; Droid Fallback has Chinese and Japanese,
# Nanum has Korean.
PACKAGES = (
    "libpango-1.0-0",
    "libpangoft2-1.0-0",
    "libharfbuzz-subset0",
    "fonts-dejavu-core",
    "fonts-noto-core",
    "fonts-droid-fallback",
    "fonts-nanum",
)
# The C library is the machine's own: another one cannot be loaded into a running process.
_NEVER_PRIVATE = frozenset({"libc6", "libgcc-s1", "gcc-12-base", "libcrypt1"})
_SECONDS = 120
_PATIENT = [
    "-o",
    "Acquire::http::Timeout=15",
    "-o",
    "Acquire::https::Timeout=15",
    "-o",
    "Acquire::Retries=1",
]


def _fonts_are_there(private: Path) -> bool:
    """Whether the fonts were installed, or unpacked by us. Not known, so taken as installed, where
    there is no list of Debian packages.
    """
    if (private / "complete").exists() or shutil.which("dpkg-query") is None:
        return True
    return all(_is_installed(package) for package in PACKAGES if package.startswith("fonts-"))


def are_there(private: Path = PRIVATE_LIBRARIES) -> bool:
    """Whether a process can load the libraries: asked of a new one, for what this one has loaded
    stays loaded.
    """
    names = [*LIBRARIES]
    check = "import ctypes, sys; [ctypes.CDLL(name) for name in sys.argv[1:]]"
    asked = subprocess.run(
        [sys.executable, "-I", "-S", "-c", check, *names],
        env=environment_for_pdf(os.environ, private),
        capture_output=True,
        check=False,
    )
    return asked.returncode == 0


def ensure_pdf_libraries(private: Path = PRIVATE_LIBRARIES) -> str:
    """Sees to the libraries; returns "" or, in one line, why there will be no PDFs on this machine.
    Nothing else depends on them.
    """
    if are_there(private) and _fonts_are_there(private):
        return ""
    apt = shutil.which("apt-get")
    if apt is None:
        return "there is no apt-get to bring Pango; install Pango and some fonts by hand"
    as_root = os.geteuid() == 0
    step = (
        f"As root, running: apt-get install {' '.join(PACKAGES)}"
        if as_root
        else f"Unpacking packages into {private}; nothing else on this machine changes"
    )
    print(
        f"PDFs need libraries and fonts that are not here. {step}",
        file=sys.stderr,
        flush=True,
    )
    failed = _install(apt) if as_root else _unpack(apt, private)
    return failed or ("" if are_there(private) else "the libraries of Pango cannot be loaded")


def _install(apt: str) -> str:
    install = [apt, *_PATIENT, "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]
    failed = _run(install)
    if failed:
        _run([apt, *_PATIENT, "update", "-qq"])
        failed = _run(install)
    return failed


def _unpack(apt: str, private: Path) -> str:
    """Downloads what is not installed and unpacks it below ``private``: neither needs to be
    root.
    """
    new = private.with_name(f"{private.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    for folder in ("lists/partial", "archives/partial", "tree"):
        (new / folder).mkdir(parents=True)
    own = [
        "-o",
        f"Dir::State::lists={new / 'lists'}",
        "-o",
        f"Dir::Cache={new}",
        "-o",
        "Debug::NoLocking=1",
    ]
    wanted = _missing_packages([])
    if not wanted or _run([apt, *_PATIENT, "download", "-qq", *wanted], cwd=new / "archives"):
        failed = _run([apt, *_PATIENT, *own, "update", "-qq"])
        wanted = _missing_packages(own)
        failed = failed or _run(
            [apt, *_PATIENT, *own, "download", "-qq", *wanted], cwd=new / "archives"
        )
        if failed:
            shutil.rmtree(new, ignore_errors=True)
            return failed
    for package in sorted((new / "archives").glob("*.deb")):
        failed = _run(["dpkg", "-x", package, new / "tree"])
        if failed:
            return failed
    for folder in ("lists", "archives"):
        shutil.rmtree(new / folder)
    for cache in new.glob("*.bin"):
        cache.unlink()
    (new / "fonts.conf").write_text(
        _FONTS.format(fonts=private / "tree/usr/share/fonts", cache=private / "cache")
    )
    (new / "complete").touch()
    shutil.rmtree(private, ignore_errors=True)
    new.rename(private)
    return ""


_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig><dir>{fonts}</dir><dir>/usr/share/fonts</dir><dir>/usr/local/share/fonts</dir><cachedir>{cache}</cachedir></fontconfig>
"""


def _missing_packages(options: list[str]) -> list[str]:
    """What is to be fetched: the packages and all that they depend on, except what is installed."""
    no = [
        f"--no-{kind}"
        for kind in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    ]
    asked = subprocess.run(
        ["apt-cache", *options, "depends", "--recurse", *no, *PACKAGES],
        capture_output=True,
        text=True,
        check=False,
    )
    named = [
        line.strip()
        for line in asked.stdout.splitlines()
        if line and not line.startswith((" ", "<"))
    ]
    return sorted(
        {
            name
            for name in named
            if name not in _NEVER_PRIVATE and not name.startswith("<") and not _is_installed(name)
        }
    )


def _is_installed(package: str) -> bool:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Status}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.returncode == 0 and asked.stdout.strip() == "install ok installed"


def _run(argv: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """Runs without output; "" on success, else the last line of the output."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        ended = subprocess.run(
            [str(word) for word in argv],
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    lines = [line for line in ended.stdout.splitlines() if line.strip()]
    return (lines[-1] if lines else f"{argv[0]} failed") if ended.returncode else ""
