"""Draws the transition tables as the Mermaid diagrams of docs/architecture.md.

``.venv/bin/python -m tests.state_diagrams`` writes them; tests/test_docs.py fails when the document
differs from the tables.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import django

from backend.common.transitions import Transitions

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "architecture.md"
BEGIN = "<!-- diagrams: written by python -m tests.state_diagrams -->"
END = "<!-- end of diagrams -->"
_FEWEST_IN_A_GROUP = 3


def tables() -> dict[str, list[Transitions]]:
    """The diagrams by title. A second table of the same states is drawn as dotted steps back."""
    from backend.cities import states as cities
    from backend.introductions import states as introductions
    from backend.suggestions import states as suggestions

    return {
        "Profile": [cities.PROFILE_TRANSITIONS],
        "Suggestion": [suggestions.SUGGESTION_TRANSITIONS],
        "One side's answer to a suggestion": [
            suggestions.SIDE_TRANSITIONS,
            suggestions.UNDO_TRANSITIONS,
        ],
        "Introduction": [introductions.INTRODUCTION_TRANSITIONS],
        "Meeting": [introductions.MEETING_TRANSITIONS],
        "Agreement": [introductions.AGREEMENT_TRANSITIONS],
        "Partnership": [introductions.PARTNERSHIP_TRANSITIONS],
        "Partnership that a profile claims": [cities.EXISTING_TRANSITIONS],
        "Invitation": [cities.INVITATION_TRANSITIONS],
        "Request to join": [cities.JOIN_TRANSITIONS],
        "Request for membership": [cities.MEMBERSHIP_REQUEST_TRANSITIONS],
        "Ticket": [cities.TICKET_TRANSITIONS],
    }


def diagram(table: Transitions, undo: Transitions | None = None) -> str:
    """One Mermaid state diagram. States between which every step is allowed become one group."""
    lines = ["stateDiagram-v2", f"    [*] --> {next(iter(table))}"]
    group = _group(table)
    if group:
        lines += ["    state any_order {", *(f"        {state}" for state in group), "    }"]
        lines += _arrows("any_order", table[group[0]] - set(group))
    for state, targets in table.items():
        if state not in group:
            lines += _arrows(state, targets)
    for state, targets in (undo or {}).items():
        lines += [f"    {state} --> {target}: undo" for target in sorted(targets)]
    return "\n".join(lines)


def _arrows(state: str, targets: frozenset[str]) -> list[str]:
    if not targets:
        return [f"    {state} --> [*]"]
    return [f"    {state} --> {target}" for target in sorted(targets)]


def _group(table: Transitions) -> list[str]:
    """The states that lead to each other and to the same others, in the order of the table."""
    alike: dict[frozenset[str], list[str]] = defaultdict(list)
    for state, targets in table.items():
        alike[targets | {state}].append(state)
    for reached, states in alike.items():
        if len(states) >= _FEWEST_IN_A_GROUP and reached.issuperset(states):
            return states
    return []


def section() -> str:
    """What the document says between BEGIN and END."""
    parts = [
        f"### {title}\n\n```mermaid\n{diagram(*drawn)}\n```" for title, drawn in tables().items()
    ]
    return "\n\n".join([BEGIN, *parts, END])


def in_document(text: str) -> str:
    """The part of the document's text that ``section`` writes; ValueError where it has none."""
    return text[text.index(BEGIN) : text.index(END) + len(END)]


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    django.setup()
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(text.replace(in_document(text), section()), encoding="utf-8")


if __name__ == "__main__":
    main()
