"""Says at the end of a run with which fonts the browser tests measured pages, and which sets this
machine lacks.

Loaded with ``-p`` (pyproject.toml): under pytest-xdist the processes that run the tests hand it to
the one that prints.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

# One run is on one machine: whichever process says it last says the same.
_said: list[str] = []


def say(measured: Sequence[str], lacking: Sequence[str]) -> None:
    _said[:] = ["fonts of the browser tests: " + ", ".join(measured)]
    if lacking:
        _said.append(
            "PAGES ARE NOT MEASURED with fonts that this machine lacks: " + ", ".join(lacking)
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["fonts_said"] = list(_said)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """Of pytest-xdist; a process that was killed hands nothing over."""
    if said := getattr(node, "workeroutput", {}).get("fonts_said"):
        _said[:] = said


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in _said:
        terminalreporter.write_line(line)
