"""What a save changes in a draft, and what collides with somebody else's save. Pure: no database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from backend.common.errors import Conflict

Answers = dict[str, Any]
EMPTY: tuple[Any, ...] = (None, "", [], {})


class DraftConflict(Conflict):
    """Two editors changed the same answers. ``collisions`` gives both values by ``group.field``;
    nothing of the later save is stored.
    """

    code = "newer_draft"

    def __init__(self, revision: int, collisions: Mapping[str, tuple[Any, Any]]) -> None:
        super().__init__(
            "Somebody else changed the same answers in the meantime. Nothing is lost: choose which to keep."
        )
        self.revision = revision
        self.collisions = dict(collisions)
        self.details = {
            "revision": revision,
            "conflicts": {
                path: {"yours": yours, "theirs": theirs}
                for path, (yours, theirs) in collisions.items()
            },
        }


def answer_at(draft: Mapping[str, Any], path: str) -> Any:
    """The answer at ``group.field``, None where it is empty."""
    group, name = path.split(".", 1)
    return (draft.get(group) or {}).get(name)


def changed_answers(draft: Mapping[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> Answers:
    """By ``group.field``, the answers that differ from the draft's; None removes one."""
    found: Answers = {}
    for group, answers in changes.items():
        for name, value in answers.items():
            new = None if value in EMPTY else value
            if not _equal(new, answer_at(draft, f"{group}.{name}")):
                found[f"{group}.{name}"] = new
    return found


def _equal(first: Any, second: Any) -> bool:
    """As people tell answers apart: 1 and 1.0 are one, 1 and true are two, the order of keys says
    nothing.
    """
    return json.dumps(_plain(first), sort_keys=True) == json.dumps(_plain(second), sort_keys=True)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def collisions(
    draft: Mapping[str, Any], changed: Answers, revisions: Mapping[str, int], revision: int
) -> dict[str, tuple[Any, Any]]:
    """The changed answers that somebody else changed after ``revision``: (yours, theirs) by path."""
    return {
        path: (value, answer_at(draft, path))
        for path, value in changed.items()
        if revisions.get(path, 0) > revision
    }


def with_answers(draft: Mapping[str, Any], changed: Answers) -> dict[str, Any]:
    """The draft with these answers; groups without an answer are left out."""
    merged: dict[str, Any] = {group: dict(answers) for group, answers in draft.items()}
    for path, value in changed.items():
        group, name = path.split(".", 1)
        if value is None:
            merged.get(group, {}).pop(name, None)
        else:
            merged.setdefault(group, {})[name] = value
    return {group: answers for group, answers in merged.items() if answers}
