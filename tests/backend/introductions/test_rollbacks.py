"""An act on a suggestion or an introduction that fails at its last step leaves everything as it
was.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import models

from backend.introductions.models import Agreement, Consent, Introduction, Partnership, Signatory
from backend.introductions.services import introductions
from backend.outbox.models import Event
from backend.suggestions import services as suggestions
from backend.suggestions.models import AnswerRule, Decision, Pair, ShortlistEntry, Suggestion, Vote
from tests.actors import World, confirmed, make_world, signing

TABLES: tuple[type[models.Model], ...] = (
    Suggestion,
    Pair,
    Decision,
    Vote,
    AnswerRule,
    ShortlistEntry,
    Introduction,
    Consent,
    Agreement,
    Signatory,
    Partnership,
    Event,
)


class Broken(Exception):
    """The step that fails."""


def _answer(world: World, suggestion: Suggestion) -> Any:
    return suggestions.answer_suggestion(
        by=world.user("official"),
        suggestion_id=suggestion.pk,
        community_id=world.a.pk,
        choice="declined",
        reason="no_fit",
    )


OF_SUGGESTIONS: dict[str, tuple[str, Callable[[World, Suggestion], Any]]] = {
    "answer": ("answers", _answer),
    "settlement of an answer": ("answers:2", _answer),  # the first event is the answer's own
    "hold": (
        "curation",
        lambda world, suggestion: suggestions.hold(
            by=world.user("curator"), suggestion_id=suggestion.pk
        ),
    ),
    "vote": (
        "reviews",
        lambda world, suggestion: suggestions.cast_vote(
            by=world.user("chair"),
            suggestion_id=suggestion.pk,
            community_id=world.b.pk,
            choice="yes",
            comment="A port!",
        ),
    ),
    "shortlist": (
        "reviews",
        lambda world, suggestion: suggestions.shortlist(
            by=world.user("chair"),
            suggestion_id=suggestion.pk,
            community_id=world.b.pk,
            listed=True,
        ),
    ),
    "rule": (
        "reviews",
        lambda world, suggestion: suggestions.set_answer_rule(
            by=world.user("chair"), community_id=world.b.pk, kind="majority", votes_needed=2
        ),
    ),
}
OF_INTRODUCTIONS: dict[str, tuple[str, Callable[[World, Introduction], Any]]] = {
    "consent": (
        "introductions",
        lambda world, introduction: introductions.give_consent(
            by=world.user("official"), introduction_id=introduction.pk, community_id=world.a.pk
        ),
    ),
    "close": (
        "introductions",
        lambda world, introduction: introductions.move_introduction(
            by=world.user("curator"),
            introduction_id=introduction.pk,
            stage="closed",
            close_reason="other",
        ),
    ),
    "assign": (
        "introductions",
        lambda world, introduction: introductions.assign_introduction(
            by=world.user("curator"),
            introduction_id=introduction.pk,
            owner_id=world.user("curator").pk,
            due_on=None,
        ),
    ),
}


def state() -> list[list[dict[str, Any]]]:
    return [list(table._default_manager.order_by("pk").values()) for table in TABLES]


def assert_all_or_nothing(
    act: Callable[[], Any], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``module`` records an event that fails: its first one, or that of the number after a
    colon.
    """
    module, _, number = module.partition(":")
    calls = itertools.count(1)
    intact = importlib.import_module(module).record

    def break_off(*args: Any, **kwargs: Any) -> Any:
        if next(calls) == int(number or 1):
            raise Broken
        return intact(*args, **kwargs)

    before = state()
    with monkeypatch.context() as patch:
        patch.setattr(f"{module}.record", break_off)
        with pytest.raises(Broken):
            act()
    assert state() == before
    act()
    assert state() != before, "the same act does something when nothing breaks"


@pytest.mark.django_db
@pytest.mark.parametrize("name", OF_SUGGESTIONS)
def test_suggestion(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    suggestion = world.released()
    module, act = OF_SUGGESTIONS[name]
    assert_all_or_nothing(
        lambda: act(world, suggestion), f"backend.suggestions.services.{module}", monkeypatch
    )


@pytest.mark.django_db
@pytest.mark.parametrize("name", OF_INTRODUCTIONS)
def test_introduction(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    introduction = world.introduced()
    module, act = OF_INTRODUCTIONS[name]
    assert_all_or_nothing(
        lambda: act(world, introduction), f"backend.introductions.services.{module}", monkeypatch
    )


@pytest.mark.django_db
def test_second_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    world = make_world()
    agreement = confirmed(world, signing(world), "a")
    assert_all_or_nothing(
        lambda: confirmed(world, agreement, "b"),
        "backend.introductions.services.agreements",
        monkeypatch,
    )
