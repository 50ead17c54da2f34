"""Two sides, two connections, one moment: a pair reaches one outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from backend.cities.models import Community
from backend.cities.services.communities import register_community
from backend.common.errors import CapacityReached, Conflict, InvalidFields, WrongState
from backend.introductions.services.introductions import give_consent, open_introduction_for_mutual
from backend.outbox.models import Event
from backend.suggestions.eligibility import declared_partners
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.services import answer_suggestion, hold, release
from backend.suggestions.services.partners import answer_partnership
from backend.suggestions.sides import ActsForOtherSide
from tests.actors import World, at_once, outcomes_of
from tests.factories import ExistingPartnershipFactory, PairFactory, SuggestionFactory, document

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 8


def rounds(world: World) -> Iterator[Suggestion]:
    for _ in range(ROUNDS):
        Suggestion.objects.filter(pair=world.pair, status__in=Suggestion.OPEN).update(
            status="superseded", a_state="pending", b_state="pending"
        )
        yield SuggestionFactory(pair=world.pair)


def give(
    world: World, side: str, given: str, suggestion: Suggestion, community: Community | None = None
) -> Callable[[], Any]:
    by, own = {"a": ("official", world.a), "b": ("chair", world.b)}[side]
    reason = "no_fit" if given == "declined" else ""
    return lambda: answer_suggestion(
        by=world.user(by),
        suggestion_id=suggestion.pk,
        community_id=(community or own).pk,
        choice=given,
        reason=reason,
    )


def test_two_interests_at_once_are_mutual_once(world: World) -> None:
    for suggestion in rounds(world):
        assert at_once(
            give(world, "a", "interested", suggestion), give(world, "b", "interested", suggestion)
        ) == [None, None]
        suggestion.refresh_from_db()
        assert suggestion.status == "mutual"
        assert Event.objects.filter(topic="interest_mutual", subject_id=suggestion.pk).count() == 1


def test_interest_and_decline_at_once_are_declined(world: World) -> None:
    for suggestion in rounds(world):
        assert at_once(
            give(world, "a", "interested", suggestion), give(world, "b", "declined", suggestion)
        ) == [None, None]
        suggestion.refresh_from_db()
        assert (suggestion.status, suggestion.a_state, suggestion.b_state) == (
            "declined",
            "interested",
            "declined",
        )
        assert not Event.objects.filter(topic="interest_mutual", subject_id=suggestion.pk).exists()


def test_one_side_answering_twice_at_once_decides_once(world: World) -> None:
    for suggestion in rounds(world):
        refused = at_once(
            give(world, "a", "interested", suggestion), give(world, "a", "declined", suggestion)
        )
        assert sorted(type(error) for error in refused if error) == [WrongState]
        assert Decision.objects.filter(suggestion=suggestion).count() == 1


def test_withdrawal_and_second_interest_at_once_leave_one_outcome(world: World) -> None:
    for suggestion in rounds(world):
        give(world, "a", "interested", suggestion)()
        outcomes = at_once(
            give(world, "a", "withdrawn", suggestion), give(world, "b", "interested", suggestion)
        )
        suggestion.refresh_from_db()
        assert outcomes[1] is None
        if suggestion.status == "mutual":
            assert isinstance(outcomes[0], WrongState)
        else:
            assert (suggestion.status, outcomes[0]) == ("withdrawn", None)


def test_holding_and_answering_at_once_leave_one_outcome(world: World) -> None:
    for suggestion in rounds(world):
        held = lambda pk=suggestion.pk: hold(by=world.user("curator"), suggestion_id=pk)  # noqa: E731
        outcomes = at_once(held, give(world, "a", "interested", suggestion))
        suggestion.refresh_from_db()
        assert sum(outcome is None for outcome in outcomes) == 1
        assert (suggestion.status, suggestion.a_state) in {
            ("held", "pending"),
            ("released", "interested"),
        }


def test_release_twice_at_once_happens_once(world: World) -> None:
    suggestion = SuggestionFactory(pair=world.pair, proposed=True)
    act = lambda: release(by=world.user("curator"), suggestion_id=suggestion.pk)  # noqa: E731
    refused = [error for error in at_once(act, act, act) if error]
    assert [type(error) for error in refused] == [WrongState, WrongState]
    assert Event.objects.filter(topic="suggestion_released").count() == 1


def test_last_place_of_a_capacity_is_taken_once(world: World) -> None:
    """A allows one open introduction; two pairs of A become mutual at the same moment."""
    community = Community.objects.get(pk=world.a.pk)
    version = community.profile.versions.create(
        number=2, data=document(capacity={"open_introductions": 1})
    )
    community.profile.current_version = version
    community.profile.save()
    first, second = (
        SuggestionFactory(pair=PairFactory(a=community), b_state="interested") for _ in range(2)
    )
    outcomes = at_once(
        give(world, "a", "interested", first), give(world, "a", "interested", second)
    )
    assert sorted(type(error) for error in outcomes if error) == [CapacityReached]
    assert Suggestion.objects.filter(status="mutual").count() == 1


def test_introduction_of_one_mutual_interest_is_opened_once(world: World) -> None:
    suggestion = SuggestionFactory(pair=world.pair, mutual=True)
    assert at_once(*[lambda: open_introduction_for_mutual(suggestion.pk)] * 4) == [None] * 4
    assert Event.objects.filter(topic="introduction_opened").count() == 1


def test_consent_given_twice_at_once_is_one(world: World) -> None:
    introduction = world.introduced()

    def act() -> Any:
        return give_consent(
            by=world.user("official"), introduction_id=introduction.pk, community_id=world.a.pk
        )

    refused = [error for error in at_once(act, act) if error]
    assert [type(error) for error in refused] in ([WrongState], [Conflict])
    assert introduction.consents.count() == 1


def test_one_person_answering_for_both_sides_at_once_answers_for_one(world: World) -> None:
    world.in_both()
    for suggestion in rounds(world):
        outcomes = at_once(
            give(world, "a", "interested", suggestion),
            give(world, "a", "interested", suggestion, community=world.b),
        )
        assert [type(error) for error in outcomes if error] == [ActsForOtherSide]
        assert Decision.objects.filter(suggestion=suggestion).count() == 1
        suggestion.refresh_from_db()
        assert suggestion.status == "released"


def waits(act: Callable[[], Any]) -> bool:
    """Whether the act, on a connection of its own, cannot be done before this transaction ends."""

    def try_it() -> bool:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '1ms'")
                act()
        except OperationalError:
            return True
        return False

    (outcome,) = outcomes_of(try_it)
    return outcome is True


def test_partner_registers_by_name_before_staff_confirm_or_after(world: World) -> None:
    """Never at the same moment, when neither would know of the other: staff are asked about who
    has registered, and whoever registers later is barred.
    """

    def stated(name: str) -> Callable[[], Any]:
        place = {"place": None, "country": world.b.country}
        row = ExistingPartnershipFactory(community=world.a, name=name, **place)
        by = world.user("curator")
        return lambda: answer_partnership(by=by, partnership_id=row.pk, answer="confirmed")

    def registers(name: str) -> Callable[[], Community]:
        values = {"kind": "county", "name": name, "country": world.b.country_id}
        return lambda: register_community(by=world.user("stranger"), **values)

    confirm, register = stated("Nowhere"), registers("Nowhere")
    with transaction.atomic():
        register()
        assert waits(confirm)
    with pytest.raises(InvalidFields):
        confirm()
    confirm, register = stated("Elsewhere"), registers("Elsewhere")
    with transaction.atomic():
        confirm()
        assert waits(register)
    assert declared_partners() == set()
    confirm, register = stated("Somewhere"), registers("Somewhere")
    with transaction.atomic():
        assert world.a.existing_partnerships.count() == 3  # begun before staff confirm
        outcomes_of(confirm)
        made = register()
    assert declared_partners() == {(world.a.pk, made.pk)}
