"""How far a draft has come: topics done, what is still needed, and about how many minutes are left."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal

from backend.cities.draft_changes import EMPTY, answer_at
from backend.cities.models import Profile
from backend.cities.open_data import PREFILLED, PROVENANCE
from backend.cities.profile_schema import GROUPS, Field, Group, Kind
from backend.cities.profile_validation import missing_answers, valid_part

State = Literal["done", "begun", "needed", "wrong", "to_confirm", "empty"]
# Seconds to read a question and answer it, by kind: a person who knows their town and types with
# two fingers.
SECONDS: Mapping[Kind, int] = {
    "text": 12, "url": 15, "long_text": 150, "integer": 10, "number": 10, "boolean": 4, "choice": 5, "codes": 35, "weighted": 45,
    "countries": 15, "regions": 10, "ties": 45, "partnerships": 45,
}  # fmt: skip
_TO_CONFIRM = 3  # seconds to look at a value that is there already
_TO_TURN = 4  # seconds a page takes on a slow line

# Topics with a needed answer come first: whoever stops after them has a profile that can be
# submitted.
WALK: tuple[Group, ...] = tuple(
    sorted(GROUPS, key=lambda group: (not group.is_needed, group.number))
)


@dataclass(frozen=True, slots=True)
class TopicProgress:
    group: Group
    state: State
    answered: int
    seconds_left: int
    needed_seconds: int


@dataclass(frozen=True, slots=True)
class Progress:
    """``needed_left``: paths without which nobody can submit. ``next_needed``: the topic of the
    first of them, or with a wrong answer.
    """

    topics: tuple[TopicProgress, ...]
    needed_left: tuple[str, ...]
    wrong: tuple[str, ...]

    @property
    def done(self) -> int:
        return sum(topic.state == "done" for topic in self.topics)

    @property
    def next_needed(self) -> Group | None:
        return next(
            (topic.group for topic in self.topics if topic.state in ("needed", "begun", "wrong")),
            None,
        )

    @property
    def minutes_needed(self) -> int:
        return _minutes(
            topic.needed_seconds
            for topic in self.topics
            if topic.state in ("needed", "begun", "wrong")
        )

    @property
    def minutes_left(self) -> int:
        return _minutes(topic.seconds_left for topic in self.topics if topic.state != "done")


def _minutes(seconds: Iterable[int]) -> int:
    return ceil(sum(seconds) / 60)


def progress_of(profile: Profile) -> Progress:
    """Each topic in the order of the walk, with where it stands."""
    wrong = valid_part(profile.draft)[1]
    missing = missing_answers(profile.draft)
    topics = tuple(_topic(profile.draft, group, wrong, missing) for group in WALK)
    return Progress(topics, tuple(missing), tuple(wrong))


def _topic(
    draft: Mapping[str, Any], group: Group, wrong: Mapping[str, Any], missing: Mapping[str, Any]
) -> TopicProgress:
    prefix = f"{group.code}."
    unconfirmed = {
        path
        for path, kept in (draft.get(PROVENANCE) or {}).items()
        if kept["standing"] == PREFILLED
    }
    answered = sum(answer_at(draft, prefix + field.name) not in EMPTY for field in group.fields)
    state: State
    if any(path == group.code or path.startswith(prefix) for path in wrong):
        state = "wrong"
    elif any(path.startswith(prefix) for path in missing):
        state = "begun" if answered else "needed"
    elif any(path.startswith(prefix) for path in unconfirmed):
        state = "to_confirm"
    else:
        state = "done" if answered else "empty"
    seconds = [
        (field.needed, _seconds(draft, f"{prefix}{field.name}", field, unconfirmed))
        for field in group.fields
    ]
    left, needed = (
        sum(each for _needed, each in seconds),
        sum(each for is_needed, each in seconds if is_needed),
    )
    return TopicProgress(group, state, answered, _TO_TURN + left, _TO_TURN + needed)


def _seconds(draft: Mapping[str, Any], path: str, field: Field, unconfirmed: set[str]) -> int:
    if path in unconfirmed:
        return _TO_CONFIRM
    if path == "story.english" and answer_at(draft, "story.language") in (None, "en"):
        return 0
    return SECONDS[field.kind] if answer_at(draft, path) in EMPTY else 0
