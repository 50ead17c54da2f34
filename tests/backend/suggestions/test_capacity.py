"""What keeps a pair from being suggested: a side without a place for another introduction
(accepting never takes more than there are), and a partnership that a side has declared.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Profile
from backend.cities.partner_places import NO_PLACE
from backend.cities.services import republish_profile
from backend.common.errors import InvalidFields, WrongState
from backend.introductions.services.introductions import move_introduction, open_introduction
from backend.notifications.models import Notification
from backend.notifications.notices import describe
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import declared_partners, known_partners, open_introductions
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.scoring import freeze_snapshot
from backend.suggestions.services import answer_suggestion
from backend.suggestions.services.answers import settle_due
from backend.suggestions.services.partners import (
    answer_partnership,
    close_suggestions_of_partners,
)
from backend.suggestions.services.proposals import assess_pair, propose_pair
from backend.suggestions.services.ranked_pairs import allocate_run
from backend.suggestions.services.suggestions_from_ranking import derive_suggestions
from tests.actors import World, at_once
from tests.division import one_in
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    CurrentRunFactory,
    ExistingPartnershipFactory,
    IntroductionFactory,
    ListedPartnershipFactory,
    PairFactory,
    PartnershipFactory,
    PlaceFactory,
    RankedPairFactory,
    SuggestionFactory,
    UserFactory,
    document,
)


def with_one_place(**values: Any) -> Community:
    return CommunityFactory(
        published=True, published__document=document(capacity={"open_introductions": 1}), **values
    )


def is_available(community: Community) -> bool:
    snapshot = freeze_snapshot()
    return next(
        record.available
        for record in (*snapshot.left, *snapshot.right)
        if record.id == community.pk
    )


@pytest.mark.django_db
def test_introduction_opened_by_hand_takes_a_place_until_it_is_closed() -> None:
    curator, home = UserFactory(curator=True), with_one_place()
    pair = PairFactory(a=home)
    introduction = open_introduction(by=curator, pair_id=pair.pk, because="They met.")
    assert [open_introductions(home.pk), open_introductions(pair.b_id)] == [1, 1]
    assert not is_available(home)
    move_introduction(
        by=curator, introduction_id=introduction.pk, stage="closed", close_reason="no_response"
    )
    assert open_introductions(home.pk) == 0
    assert is_available(home)


@pytest.mark.django_db
def test_mutual_interest_and_its_introduction_take_one_place() -> None:
    suggestion = SuggestionFactory(mutual=True)
    IntroductionFactory(suggestion=suggestion, stage="introduced")
    assert open_introductions(suggestion.pair.a_id) == 1


@pytest.mark.django_db
def test_partnership_gives_its_place_back() -> None:
    home = with_one_place()
    suggestion = SuggestionFactory(
        pair=PairFactory(a=home, block_reason="partners"),
        status="introduced",
        a_state="interested",
        b_state="interested",
    )
    PartnershipFactory(agreement__introduction__suggestion=suggestion)
    assert open_introductions(home.pk) == 0
    assert is_available(home)


@pytest.mark.django_db(transaction=True)
def test_two_accept_at_once_where_the_other_side_has_one_place_left() -> None:
    """The home community said yes to both before; the second yes waits, and takes effect when the
    place is free again.
    """
    home = with_one_place()
    others = [
        CommunityRoleFactory(community=CommunityFactory(country_code="DE", published=True))
        for _ in range(2)
    ]
    waiting = [
        SuggestionFactory(pair__a=home, pair__b=role.community, a_state="interested")
        for role in others
    ]
    accept = [
        lambda s=s, role=role: answer_suggestion(
            by=role.user, suggestion_id=s.pk, community_id=role.community_id, choice="interested"
        )
        for s, role in zip(waiting, others, strict=True)
    ]
    assert at_once(*accept) == [None, None], "neither learns that the other side is full"
    Suggestion.objects.update(a_final_at=None, b_final_at=None)
    assert at_once(settle_due, settle_due) == [None, None]
    assert sorted(Suggestion.objects.values_list("status", flat=True)) == ["mutual", "released"]
    assert open_introductions(home.pk) == 1
    Suggestion.objects.filter(status="mutual").update(
        status="withdrawn", a_state="withdrawn", closed_at="2026-01-01T00:00Z"
    )
    settle_due()
    assert sorted(Suggestion.objects.values_list("status", flat=True)) == ["mutual", "withdrawn"]


# Declared partners: what a side states and staff confirm.


def declared(world: World, by: str = "a", **values: Any) -> ExistingPartnership:
    own, other = (world.a, world.b) if by == "a" else (world.b, world.a)
    facts = {"place": other.place, "country": other.country, "status": "active", **values}
    row: ExistingPartnership = ExistingPartnershipFactory(community=own, **facts)
    return row


def confirm(world: World, row: ExistingPartnership, **chosen: Any) -> None:
    answer_partnership(
        by=world.user("curator"), partnership_id=row.pk, answer="confirmed", **chosen
    )


def without_place(community: Community) -> Community:
    """Makes it a county that was registered by hand, before what staff answer in the test."""
    community.place, community.kind, community.name = None, Community.Kind.COUNTY, "Alba County"
    community.registered_at = MOMENT
    community.save()
    return community


def is_barred(world: World) -> bool:
    """Whether the pair is barred in a run; then it is by hand and in the choice of a run too."""
    barred = {frozenset(pair) for pair in freeze_snapshot().barred_pairs}
    sides = {"home_id": world.a.pk, "abroad_id": world.b.pk}
    by_hand = assess_pair(world.user("curator"), **sides)
    found = {
        frozenset((world.a.pk, world.b.pk)) in barred,
        not by_hand.is_possible,
        (world.a.pk, world.b.pk) in known_partners(),
    }
    assert len(found) == 1
    return found.pop()


@pytest.mark.parametrize(
    ("status", "a", "b", "told"),
    [
        ("proposed", "pending", "pending", False),
        ("released", "pending", "pending", True),
        ("released", "interested", "interested", True),
        ("declined", "declined", "pending", True),
        ("declined", "declined", "declined", True),
        ("withdrawn", "interested", "withdrawn", True),
    ],
)
def test_confirmed_partnership_closes_the_suggestion_alike_whatever_was_answered(
    world: World, drain: Any, status: str, a: str, b: str, told: bool
) -> None:
    Pair.objects.filter(pk=world.pair.pk).update(
        closed_until=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    )
    released = {} if told else {"released_at": None}
    suggestion = world.released(status=status, a_state=a, b_state=b, **released)
    confirm(world, declared(world))
    drain()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.SUPERSEDED
    notes = Notification.objects.filter(kind="partners_already")
    assert {note.community_id for note in notes} == ({world.a.pk, world.b.pk} if told else set())
    assert {note.payload["other"] for note in notes} == {note.community_id for note in notes}
    # The rest that a decline begins would reveal it once the pair is free again
    assert Pair.objects.get(pk=world.pair.pk).closed_until is None


@pytest.mark.parametrize("by", one_in(2, ["a", "b"]))
def test_pair_is_barred_while_a_statement_is_in_force(world: World, by: str) -> None:
    suggestion = world.released()
    row = declared(world, by)
    assert is_barred(world)  # claimed alone: not suggested anew, and what is open stays open
    close_suggestions_of_partners()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.RELEASED
    confirm(world, row)
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.SUPERSEDED
    assert is_barred(world)
    assert propose_refused(world)
    states = {
        "dormant": True,
        "unknown": True,
        "ended": False,
        "not_ours": False,
    }
    for status, barred in states.items():
        ExistingPartnership.objects.filter(pk=row.pk).update(status=status)
        assert is_barred(world) == barred, status
    ExistingPartnership.objects.filter(pk=row.pk).update(status="active")
    answer_partnership(
        by=world.user("curator"), partnership_id=row.pk, answer="refused", note="A mistake."
    )
    assert not is_barred(world)


def propose_refused(world: World) -> bool:
    with pytest.raises(WrongState, match="partners already"):
        propose_pair(
            by=world.user("curator"), home_id=world.a.pk, abroad_id=world.b.pk, because="Still."
        )
    return True


def test_partner_that_registers_later_is_barred_from_then_on(world: World) -> None:
    place = PlaceFactory(country=world.b.country)
    confirm(world, declared(world, place=place))
    later = CommunityFactory(published=True, place=place, country=place.country)
    assert declared_partners() == {(world.a.pk, later.pk)}


@pytest.mark.parametrize("has_place", one_in(2, [True, False]))
def test_details_that_change_do_not_free_the_pair_but_an_end_does(
    world: World, has_place: bool
) -> None:
    chosen: dict[str, Any] = {"place_id": world.b.place_id}
    if not has_place:
        chosen = {"partner_id": without_place(world.b).pk}
    official = world.user("official")
    row = {"name": "Beta", "country": "DE", "status": "active"}

    def publish(*rows: dict[str, Any]) -> None:
        answers = document(partnerships={"existing": list(rows)})
        Profile.objects.filter(community=world.a).update(draft=answers)
        republish_profile(by=official, community_id=world.a.pk)

    publish(row)
    claim = world.a.existing_partnerships.get()
    confirm(world, claim, **chosen)
    publish({**row, "year": 1990})
    assert is_barred(world)
    if not has_place:  # by now it has its place, which the profile names
        world.b.place = PlaceFactory(country=world.b.country)
        world.b.save()
        publish({**row, "year": 1991})
        assert is_barred(world)
        row["place_id"] = world.b.place_id
        publish({**row, "year": 1990})
    assert world.a.existing_partnerships.get().state == "claimed"
    assert is_barred(world)
    publish({**row, "year": 1990, "status": "ended"})
    assert not is_barred(world)
    publish(row)
    assert is_barred(world)  # it lives again, as its owner says at once
    assert declared_partners() == set()
    confirm(world, claim)
    assert is_barred(world)
    publish()
    assert not is_barred(world)


@pytest.mark.parametrize("place", ["own", "abroad", "none"])
def test_staff_name_no_place_that_the_partner_cannot_be(world: World, place: str) -> None:
    row = declared(world, place=None)
    ids = {"own": world.a.place_id, "abroad": world.c.place_id, "none": 5}
    with pytest.raises(InvalidFields) as caught:
        answer_partnership(
            by=world.user("curator"),
            partnership_id=row.pk,
            answer="confirmed",
            place_id=ids[place],
        )
    assert list(caught.value.errors) == ["place_id"]


def test_confirmation_of_a_name_of_the_gazetteer_says_which_place_it_is(world: World) -> None:
    place = world.b.place
    assert place is not None
    row = declared(world, place=None, name=place.name)
    with pytest.raises(InvalidFields) as caught:
        confirm(world, row)
    assert f"{place.name}, {place.admin1} ({place.pk})" in caught.value.errors["place_id"][0]
    answers: dict[str, Any] = {"by": world.user("curator"), "partnership_id": row.pk}
    for place_id, barred in ((NO_PLACE, False), (place.pk, True)):
        answer_partnership(answer="confirmed", place_id=place_id, **answers)
        assert is_barred(world) == barred
        answer_partnership(answer="refused", note="Look again.", **answers)


@pytest.mark.parametrize("by", ["a", "b"])
def test_partner_without_a_place_is_a_registered_community_that_staff_choose(
    world: World, drain: Any, by: str
) -> None:
    other = without_place(world.b if by == "a" else world.a)
    row = declared(world, by, name="Nowhere", place=None)
    assert not is_barred(world)
    suggestion = world.released(status="released", a_state="interested")
    confirm(world, row, partner_id=other.pk)
    assert is_barred(world)
    drain()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.SUPERSEDED
    notes = Notification.objects.filter(kind="partners_already")
    assert {note.community_id for note in notes} == {world.a.pk, world.b.pk}
    other.place = PlaceFactory(country=other.country)
    other.save()
    assert is_barred(world)
    ExistingPartnership.objects.update(status="ended")
    assert not is_barred(world)


def test_community_with_the_name_is_chosen_or_said_to_be_another(world: World) -> None:
    other = without_place(world.b)
    row = declared(world, place=None, name="County of Alba")
    with pytest.raises(InvalidFields) as caught:
        confirm(world, row)
    assert f"Alba County, County, {other.admin1} ({other.pk})" in str(caught.value.errors)
    assert list(caught.value.errors) == ["partner_id"]
    for chosen, barred in ({"place_id": NO_PLACE}, False), ({"partner_id": other.pk}, True):
        confirm(world, row, **chosen)
        assert is_barred(world) == barred
        answer_partnership(
            by=world.user("curator"), partnership_id=row.pk, answer="refused", note="Look again."
        )
    confirm(world, row)  # as it was chosen
    assert is_barred(world)


def test_partner_that_registers_later_without_a_place_is_barred_by_its_name(world: World) -> None:
    row = declared(world, place=None, name="County of Alba")
    confirm(world, row)
    later = without_place(CommunityFactory(country=world.b.country))
    assert declared_partners() == set()  # staff could have chosen it
    Community.objects.filter(pk=later.pk).update(
        registered_at=dt.datetime(2099, 1, 1, tzinfo=dt.UTC)
    )
    assert declared_partners() == {(world.a.pk, later.pk)}
    Community.objects.filter(pk=later.pk).update(registered_at=MOMENT)
    refused = {"answer": "refused", "note": "Another one."}
    answer_partnership(by=world.user("curator"), partnership_id=row.pk, **refused)
    confirm(world, row, place_id=NO_PLACE)
    assert declared_partners() == set()


@pytest.mark.parametrize("chosen", ["own", "abroad", "none", "two", "contradicts"])
def test_staff_choose_no_community_that_the_partner_cannot_be(world: World, chosen: str) -> None:
    other = without_place(world.b)
    place = PlaceFactory(country=other.country)
    row = declared(world, place=place if chosen == "contradicts" else None)
    if chosen == "own":
        ExistingPartnership.objects.filter(pk=row.pk).update(country=world.a.country)
    ids = {"own": world.a.pk, "abroad": world.c.pk, "none": 2**62}
    place_id = place.pk if chosen == "two" else None
    with pytest.raises(InvalidFields) as caught:
        confirm(world, row, partner_id=ids.get(chosen, other.pk), place_id=place_id)
    assert list(caught.value.errors) == ["partner_id"]


def test_community_that_has_a_place_is_stored_as_its_place(world: World) -> None:
    row = declared(world, place=None, name="Elsewhere")
    confirm(world, row, partner_id=world.b.pk)
    row.refresh_from_db()
    assert (row.place_id, row.partner_id) == (world.b.place_id, None)
    assert is_barred(world)


def test_staff_decide_about_partners_who_are_being_introduced(world: World, drain: Any) -> None:
    suggestion = world.released(mutual=True)
    confirm(world, declared(world))
    drain()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.MUTUAL
    told = Notification.objects.filter(kind="partners_introduced")
    assert [note.recipient for note in told] == [world.user("curator")]
    assert not Notification.objects.filter(kind="partners_already").exists()


def test_what_was_suggested_while_staff_confirmed_is_closed_afterwards(
    world: World, drain: Any
) -> None:
    confirm(world, declared(world))
    suggestion = world.released()
    drain()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.SUPERSEDED
    assert close_suggestions_of_partners() == 0


def test_pair_that_a_run_has_ranked_is_not_suggested_once_staff_confirm(world: World) -> None:
    """The run began before, so that its mask does not know the partnership."""
    run = CurrentRunFactory().run
    RankedPairFactory(run=run, left=world.a, right=world.b, expected_matches=0.5)
    confirm(world, declared(world))
    assert derive_suggestions().made == 0
    assert allocate_run(run.pk) == 0


def listed(world: World) -> None:
    """A newly loaded public list names the two."""
    ids = sorted((world.a.place_id or 0, world.b.place_id or 0))
    ListedPartnershipFactory(place_a_id=ids[0], place_b_id=ids[1])
    record(Topic.PARTNERSHIPS_LISTED, subject=(ListedPartnership, 0), by=None)


@pytest.mark.parametrize("answer", ["pending", "declined"])
def test_newly_loaded_list_closes_the_suggestions_of_the_pairs_it_names(
    world: World, drain: Any, answer: str
) -> None:
    status = "released" if answer == "pending" else "declined"
    suggestion = world.released(status=status, a_state=answer)
    listed(world)
    drain()
    suggestion.refresh_from_db()
    assert suggestion.status == Suggestion.Status.SUPERSEDED
    notes = list(Notification.objects.filter(kind="partners_already"))
    assert {note.community_id for note in notes} == {world.a.pk, world.b.pk}
    assert {"a public list" in describe(note).sentences[0] for note in notes} == {True}
    assert propose_refused(world)


def test_staff_are_asked_once_about_listed_partners_who_are_being_introduced(
    world: World, drain: Any
) -> None:
    world.released(mutual=True)
    for _ in range(2):
        close_suggestions_of_partners()
        drain()
    assert not Notification.objects.filter(kind="partners_introduced").exists()
    listed(world)
    for _ in range(2):
        close_suggestions_of_partners()
        drain()
    (note,) = Notification.objects.filter(kind="partners_introduced")
    assert "a public list" in describe(note).sentences[0]


def test_pair_that_a_run_has_ranked_is_not_suggested_once_a_list_names_it(world: World) -> None:
    run = CurrentRunFactory().run
    RankedPairFactory(run=run, left=world.a, right=world.b, expected_matches=0.5)
    listed(world)
    assert derive_suggestions().made == 0
    assert allocate_run(run.pk) == 0
