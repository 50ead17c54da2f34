"""The board: every column × every move × every actor; consents, agreements, and what follows for
the suggestion.
"""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest
from django.db import transaction

from backend.cities.models import Community
from backend.common.errors import DomainError, InvalidFields, NotVisible, WrongState
from backend.introductions.models import Consent, Introduction, Partnership
from backend.introductions.services.introductions import (
    assign_introduction,
    give_consent,
    move_introduction,
    open_introduction_for_mutual,
    withdraw_consent,
)
from backend.introductions.states import INTRODUCTION_TRANSITIONS, PARTNERSHIP_TRANSITIONS
from backend.outbox.models import Event
from backend.suggestions.models import Pair, Suggestion
from tests.actors import SIGNED_IN, World
from tests.factories import SuggestionFactory

I = Introduction.Stage  # noqa: E741
OPEN = [
    I.TO_INTRODUCE,
    I.INTRODUCED,
    I.FIRST_MEETING,
    I.EXPLORING,
    I.PROPOSAL,
    I.COUNCIL_RESOLUTION,
]


def make_introduction(world: World, stage: str) -> Introduction:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True)
    if stage != I.TO_INTRODUCE:
        Suggestion.objects.filter(pk=suggestion.pk).update(status="introduced")
    return Introduction.objects.create(
        pair=world.pair,
        suggestion=suggestion,
        stage=stage,
        close_reason="other" if stage == I.CLOSED else "",
    )


def marks(introduction: Introduction) -> tuple[Any, ...]:
    rows = Introduction.objects.filter(pk=introduction.pk).values().get()
    suggestion = Suggestion.objects.filter(pk=introduction.suggestion_id).values().get()
    pair = Pair.objects.filter(pk=introduction.pair_id).values().get()
    return (
        rows,
        suggestion,
        pair,
        Consent.objects.count(),
        Partnership.objects.count(),
        Event.objects.count(),
    )


@pytest.mark.parametrize("old", I.values)
def test_every_move_of_every_actor(world: World, old: str) -> None:
    introduction = make_introduction(world, old)
    before = marks(introduction)
    for new, actor in itertools.product(I.values, SIGNED_IN):
        reason = "other" if new == I.CLOSED else ""
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    move_introduction(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        stage=new,
                        close_reason=reason,
                    )
            except DomainError as error:
                refused = error
                assert marks(introduction) == before, (new, actor)
            if actor != "curator":
                assert isinstance(refused, NotVisible), (new, actor, refused)
            elif old in OPEN and new in {*OPEN, I.CLOSED} - {old}:
                assert refused is None, (new, refused)
                assert new in INTRODUCTION_TRANSITIONS[I(old)]
                now = Introduction.objects.select_related("suggestion", "pair").get(
                    pk=introduction.pk
                )
                assert now.stage == new
                assert now.suggestion is not None
                assert (now.suggestion.status == "withdrawn") == (new == I.CLOSED)
                assert (now.pair.closed_until is not None) == (new == I.CLOSED)
                assert Event.objects.count() == before[-1] + 1
            else:
                assert isinstance(refused, WrongState), (new, refused)
            transaction.set_rollback(True)


@pytest.mark.parametrize("stage", I.values)
def test_consent_in_every_column_by_every_actor_for_every_side(world: World, stage: str) -> None:
    introduction = make_introduction(world, stage)
    before = marks(introduction)
    sides: dict[str, Community] = {"a": world.a, "b": world.b, "c": world.c}
    for actor, side in itertools.product(SIGNED_IN, sides):
        with transaction.atomic():
            refused: DomainError | None = None
            try:
                with transaction.atomic():
                    give_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
            except DomainError as error:
                refused = error
                assert marks(introduction) == before
            if (actor, side) not in {("official", "a"), ("chair", "b")} or stage == I.TO_INTRODUCE:
                assert isinstance(refused, NotVisible), (actor, side, refused)
                with pytest.raises(NotVisible):
                    withdraw_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
            elif stage == I.CLOSED:
                assert isinstance(refused, WrongState), (actor, refused)
            else:
                assert refused is None, (actor, refused)
                with pytest.raises(WrongState):
                    give_consent(
                        by=world.user(actor),
                        introduction_id=introduction.pk,
                        community_id=sides[side].pk,
                    )
                withdraw_consent(
                    by=world.user(actor),
                    introduction_id=introduction.pk,
                    community_id=sides[side].pk,
                )
                give_consent(
                    by=world.user(actor),
                    introduction_id=introduction.pk,
                    community_id=sides[side].pk,
                )
                assert [
                    consent.withdrawn_at is None for consent in Consent.objects.order_by("id")
                ] == [False, True]
            transaction.set_rollback(True)


def test_tables_are_total() -> None:
    assert set(INTRODUCTION_TRANSITIONS) == set(I.values)
    assert set(PARTNERSHIP_TRANSITIONS) == set(Partnership.Status.values)


def test_mutual_interest_opens_one_introduction_however_often_it_is_delivered(world: World) -> None:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True)
    first, second = (
        open_introduction_for_mutual(suggestion.pk),
        open_introduction_for_mutual(suggestion.pk),
    )
    assert first == second
    assert first is not None
    assert first.stage == I.TO_INTRODUCE
    assert Event.objects.filter(topic="introduction_opened").count() == 1


def test_withdrawn_interest_opens_no_introduction(world: World) -> None:
    suggestion = SuggestionFactory(
        pair=world.pair, status="withdrawn", a_state="withdrawn", b_state="interested"
    )
    assert open_introduction_for_mutual(suggestion.pk) is None


@pytest.mark.parametrize("actor", SIGNED_IN)
def test_who_may_assign_and_to_whom(world: World, actor: str) -> None:
    introduction = make_introduction(world, I.INTRODUCED)

    def give(owner: str) -> Introduction:
        due = dt.date(2027, 1, 31)
        return assign_introduction(
            by=world.user(actor),
            introduction_id=introduction.pk,
            owner_id=world.user(owner).pk,
            due_on=due,
        )

    if actor != "curator":
        with pytest.raises(NotVisible):
            give("curator")
        return
    assert give("curator").owner == world.user("curator")
    with pytest.raises(InvalidFields):
        give("official")
