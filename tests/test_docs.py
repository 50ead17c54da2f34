"""The documents say what the code says: diagrams, paths, links and commands in them are real."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

from backend.common.transitions import Transitions
from tests import state_diagrams

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PACKAGES = ("backend/", "matching/", "tasks/", "tests/", "docs/", ".ci/", ".github/")


def test_diagrams_are_those_of_the_tables() -> None:
    text = state_diagrams.DOCUMENT.read_text(encoding="utf-8")
    assert state_diagrams.in_document(text) == state_diagrams.section(), (
        "run: .venv/bin/python -m tests.state_diagrams"
    )


def test_every_table_is_drawn() -> None:
    from backend.cities import states as cities
    from backend.introductions import states as introductions
    from backend.suggestions import states as suggestions

    drawn = [id(table) for tables in state_diagrams.tables().values() for table in tables]
    declared = {
        name: table
        for module in (cities, introductions, suggestions)
        for name, table in vars(module).items()
        if name.endswith("_TRANSITIONS")
    }
    assert [name for name, table in declared.items() if id(table) not in drawn] == []


def test_steps_back_are_drawn_and_free_moves_become_a_group() -> None:
    free: Transitions = {
        "a": frozenset({"b", "c", "end"}),
        "b": frozenset({"a", "c", "end"}),
        "c": frozenset({"a", "b", "end"}),
        "end": frozenset(),
    }
    drawn = state_diagrams.diagram(free, {"end": frozenset({"a"})})
    assert "any_order --> end" in drawn
    assert "a --> b" not in drawn
    assert "end --> a: undo" in drawn


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_and_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {
        word
        for quoted in re.findall(r"`([^`\n]+)`", text)
        for word in quoted.split()
        if word.startswith(PACKAGES) and not re.search(r"[<>*{]|NAME|SUBJECT", word)
    }
    missing = [word for word in named if not (ROOT / word.rstrip(".,:").split("::")[0]).exists()]
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing += [
        link for link in links if "://" not in link and not (document.parent / link).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_modules_and_commands_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    commands = {path.stem for path in ROOT.glob("backend/**/management/commands/*.py")}
    commands |= {path.stem for path in ROOT.glob("tasks/management/commands/*.py")}
    django = {"up", "test", "migrate", "makemigrations", "shell", "check", "collectstatic"}
    asked = set(re.findall(r"manage\.py ([a-z_]+)", text))
    assert asked - commands - django == set()
    modules = set(re.findall(r"-m (tests\.[a-z_.]+)", text))
    missing = [
        name
        for name in modules
        if not (ROOT / (name.replace(".", "/") + ".py")).exists()
        and not (ROOT / name.replace(".", "/")).is_dir()
    ]
    assert missing == []


@pytest.mark.system
def test_probes_name_the_command_that_installs_what_they_lack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "requests", None)
    with pytest.raises(SystemExit, match=r"python3 manage\.py test "):
        runpy.run_module("tests.probes")
