"""The life of a partnership: every decision from every state by every actor, the log, reports,
renewal, nightly upkeep.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from backend.accounts.models import User
from backend.cities.permissions import reader_of
from backend.common.dates import database_now, months_before
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.common.local_times import latest_day
from backend.introductions.models import Activity, Partnership, StatusChange, YearlyReport
from backend.introductions.queries.partnerships import health_of, partnership_for, partnerships_of
from backend.introductions.services.activities import log_activity, retract_activity, save_report
from backend.introductions.services.partnerships import (
    DECISIONS,
    ask_for_reports,
    decide_partnership,
    mark_dormant,
    mark_reviews_due,
    renew_partnership,
)
from backend.introductions.states import PARTNERSHIP_TRANSITIONS
from backend.notifications.notices import notifications_for
from backend.outbox.models import Event
from backend.suggestions.models import Pair
from tests.actors import SIDES, SIGNED_IN, World, agreed, refused

pytestmark = pytest.mark.usefixtures("shared_world")

S = Partnership.Status
Act = Callable[[], object]


@pytest.fixture(scope="module")
def shared_partnership(shared_world: World) -> int:
    return agreed(shared_world, since=dt.date(2020, 1, 1)).pk


@pytest.fixture
def partnership(db: None, shared_partnership: int) -> Partnership:
    return Partnership.objects.get(pk=shared_partnership)


def today() -> dt.date:
    return latest_day("America/Los_Angeles")


def put(partnership: Partnership, status: str, **values: Any) -> Partnership:
    more = {"ended_on": today()} if status == S.ENDED else {}
    Partnership.objects.filter(pk=partnership.pk).update(status=status, **more, **values)
    partnership.refresh_from_db()
    return partnership


def decision(
    world: World, partnership: Partnership, act: str, side: str = "a", **values: Any
) -> Act:
    given: dict[str, Any] = {"decided_on": today(), "reference": "Minutes 12", "reason": ""}
    return lambda: decide_partnership(
        by=world.user(SIDES[side]),
        partnership_id=partnership.pk,
        community_id=getattr(world, side).pk,
        act=act,
        **(given | values),
    )


def activity(
    world: World, partnership: Partnership, side: str = "a", actor: str | None = None, **values: Any
) -> Activity:
    given: dict[str, Any] = {
        "kind": "visit",
        "happened_on": today(),
        "text": "Twelve firefighters came.",
    }
    by = world.user(actor or SIDES[side])
    return log_activity(
        by=by,
        partnership_id=partnership.pk,
        community_id=getattr(world, side).pk,
        **(given | values),
    )


def test_table_is_total_and_names_every_decision() -> None:
    assert set(PARTNERSHIP_TRANSITIONS) == set(S)
    reachable = {new for targets in PARTNERSHIP_TRANSITIONS.values() for new in targets}
    assert {d.new for d in DECISIONS.values()} <= reachable
    assert reachable | {S.ACTIVE} == set(S)


@pytest.mark.parametrize("act", DECISIONS)
def test_every_decision_from_every_state(world: World, partnership: Partnership, act: str) -> None:
    new = DECISIONS[act].new
    for old in S:
        with transaction.atomic():
            put(partnership, old)
            if old == S.SUSPENDED:
                StatusChange.objects.create(
                    partnership=partnership,
                    old="active",
                    new="suspended",
                    community=world.a,
                    decided_on=today(),
                    reference="x",
                    by=world.user("official"),
                )
            events = Event.objects.filter(topic="partnership_status_changed")
            before = events.count()
            if new in PARTNERSHIP_TRANSITIONS[old]:
                decision(world, partnership, act)()
                partnership.refresh_from_db()
                assert partnership.status == new
                change = partnership.changes.latest("id")
                assert (change.old, change.new, change.community_id) == (old, new, world.a.pk)
                assert events.count() == before + 1
            else:
                refused(decision(world, partnership, act), WrongState)
                assert events.count() == before
            transaction.set_rollback(True)


@pytest.mark.parametrize("actor", SIGNED_IN)
@pytest.mark.parametrize("act", DECISIONS)
def test_each_side_decides_for_itself_and_staff_for_nobody(
    world: World, partnership: Partnership, act: str, actor: str
) -> None:
    start = {"resume": S.SUSPENDED, "revitalise": S.DORMANT, "emeritus": S.DORMANT}.get(
        act, S.ACTIVE
    )
    put(partnership, start)
    allowed = set()
    for side in (world.a.pk, world.b.pk, world.c.pk, None):
        with suppress(NotVisible), transaction.atomic():
            decide_partnership(
                by=world.user(actor),
                partnership_id=partnership.pk,
                community_id=side,
                act=act,
                decided_on=today(),
                reference="Minutes 12",
            )
            allowed.add(side)
            transaction.set_rollback(True)
    expected: dict[str, set[int | None]] = {"official": {world.a.pk}, "chair": {world.b.pk}}
    if act == "emeritus":
        expected["curator"] = {None}
    assert allowed == expected.get(actor, set())


def test_end_and_suspension_need_the_councils_decision(
    world: World, partnership: Partnership
) -> None:
    for act in ("end", "suspend"):
        error = refused(decision(world, partnership, act, reference=" "), InvalidFields)
        assert set(error.errors) == {"reference"}
    for day in (today() + dt.timedelta(days=1), dt.date(2019, 12, 31)):
        refused(decision(world, partnership, "end", decided_on=day), InvalidFields)
    refused(decision(world, partnership, "divorce"), InvalidFields)


def test_day_is_that_of_the_sides(
    world: World, partnership: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 16:17 on 29 November in London it is the 30th already in Auckland."""
    moment = dt.datetime(2026, 11, 29, 16, 17, tzinfo=dt.UTC)
    monkeypatch.setattr("backend.common.local_times.database_now", lambda: moment)
    there, tomorrow = dt.date(2026, 11, 30), dt.date(2026, 12, 1)
    acts = [
        lambda day: decision(world, partnership, "suspend", decided_on=day),
        lambda day: partial(activity, world, partnership, happened_on=day),
    ]
    for act in acts:
        refused(act(there), InvalidFields)
    type(world.a).objects.filter(pk=world.a.pk).update(timezone="Pacific/Auckland")
    for act in reversed(acts):
        refused(act(tomorrow), InvalidFields)
        act(there)()


def test_database_keeps_an_end_without_decision_out(world: World, partnership: Partnership) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        StatusChange.objects.create(
            partnership=partnership, old="active", new="ended", decided_on=today()
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Partnership.objects.filter(pk=partnership.pk).update(status="ended")


def test_one_sides_council_is_enough_to_end_and_the_pair_rests(
    world: World, partnership: Partnership
) -> None:
    given = {"reference": "Ratsbeschluss 7/2026", "reason": "New priorities"}
    decision(world, partnership, "end", "b", decided_on=dt.date(2026, 3, 3), **given)()
    partnership.refresh_from_db()
    change = partnership.changes.get()
    assert (partnership.status, partnership.ended_on) == ("ended", dt.date(2026, 3, 3))
    assert change.community == world.b
    assert {name: getattr(change, name) for name in given} == given
    pair = Pair.objects.get(pk=partnership.pair_id)
    assert pair.block_reason == ""
    assert pair.closed_until is not None and pair.closed_until > database_now()
    refused(lambda: activity(world, partnership), WrongState)


def test_suspension_is_lifted_by_who_suspended(world: World, partnership: Partnership) -> None:
    decision(world, partnership, "suspend", "b")()
    refused(decision(world, partnership, "resume", "a"), WrongState)
    decision(world, partnership, "resume", "b")()
    partnership.refresh_from_db()
    assert (partnership.status, partnership.awake_since) == ("active", today())


@pytest.mark.parametrize("actor", SIGNED_IN)
@pytest.mark.parametrize("side", ["a", "b"])
def test_people_of_a_side_write_its_log(
    world: World, partnership: Partnership, actor: str, side: str
) -> None:
    allowed = {"official": "a", "committee_member": "b", "chair": "b"}.get(actor) == side
    if allowed:
        made = activity(world, partnership, side, actor, own_people=12, other_people=3)
        assert (made.people_a, made.people_b) == ((12, 3) if side == "a" else (3, 12))
    else:
        refused(lambda: activity(world, partnership, side, actor), NotVisible)


@pytest.mark.parametrize(
    "values",
    [
        *({"kind": "party"}, {"text": " "}, {"own_people": -1}),
        *({"happened_on": dt.date(year, 1, 1)} for year in (2019, 2999)),
    ],
)
def test_wrong_entries_are_named(
    world: World, partnership: Partnership, values: dict[str, Any]
) -> None:
    error = refused(lambda: activity(world, partnership, **values), InvalidFields)
    assert set(error.errors) == set(values)


def test_entry_is_taken_back_by_its_writer_or_who_leads_that_side(
    world: World, partnership: Partnership
) -> None:
    made = activity(world, partnership, "b", "committee_member")
    for actor, side in (("official", "a"), ("curator", "b"), ("official", "b"), ("admin", "b")):
        refused(partial(retract, world, made, actor, side), NotVisible)
    retract(world, made, "committee_member", "b")
    refused(lambda: retract(world, made, "chair", "b"), WrongState)
    shown, _side = partnership_for(reader_of(world.user("official")), partnership.pk)
    assert shown.log == []  # type: ignore[attr-defined]
    of_chair = activity(world, partnership, "b", "chair")
    refused(lambda: retract(world, of_chair, "committee_member", "b"), NotVisible)


def test_activity_wakes_what_was_dormant(world: World, partnership: Partnership) -> None:
    put(partnership, S.DORMANT)
    activity(world, partnership, happened_on=months_before(today(), 20))
    partnership.refresh_from_db()
    assert partnership.status == S.DORMANT, "what is long past wakes nothing"
    activity(world, partnership)
    partnership.refresh_from_db()
    assert partnership.status == S.ACTIVE
    assert [(c.old, c.new) for c in partnership.changes.order_by("id")] == [
        ("dormant", "revitalising"),
        ("revitalising", "active"),
    ]


def test_report_is_one_a_side_and_year(world: World, partnership: Partnership) -> None:
    save = partial(report, world, partnership)
    save("official", "a")
    save("official", "a", achieved="A youth exchange and a concert.")
    save("chair", "b")
    assert sorted(partnership.reports.values_list("community_id", "achieved")) == sorted(
        [(world.a.pk, "A youth exchange and a concert."), (world.b.pk, "A youth exchange.")]
    )
    for actor, side in (("curator", "a"), ("committee_member", "b"), ("official", "b")):
        refused(partial(save, actor, side), NotVisible)
    wrong_years = [{"year": 2019}, {"year": today().year + 1}]
    for wrong in (*wrong_years, {"achieved": ""}, {"plans": "x" * 4001}):
        refused(partial(save, "official", "a", **wrong), InvalidFields)


def report(
    world: World, partnership: Partnership, actor: str, side: str, **values: Any
) -> YearlyReport:
    given: dict[str, Any] = {"year": today().year - 1, "achieved": "A youth exchange."}
    return save_report(
        by=world.user(actor),
        partnership_id=partnership.pk,
        community_id=getattr(world, side).pk,
        **(given | values),
    )


def retract(world: World, made: Activity, actor: str, side: str) -> Activity:
    return retract_activity(
        by=world.user(actor), activity_id=made.pk, community_id=getattr(world, side).pk
    )


def go_on(
    world: World, partnership: Partnership, side: str, years: int = 3, by: User | None = None
) -> Partnership:
    return renew_partnership(
        by=by or world.user(SIDES[side]),
        partnership_id=partnership.pk,
        community_id=getattr(world, side).pk,
        next_review_on=today() + dt.timedelta(days=365 * years),
        decided_on=today(),
    )


def test_renewal_takes_both_and_the_earlier_date(world: World, partnership: Partnership) -> None:
    refused(lambda: go_on(world, partnership, "a"), WrongState)
    put(partnership, S.REVIEW_DUE, review_on=today())
    go_on(world, partnership, "a", years=5)
    refused(lambda: go_on(world, partnership, "a"), WrongState)
    partnership.refresh_from_db()
    assert partnership.status == S.REVIEW_DUE
    go_on(world, partnership, "b", years=3)
    partnership.refresh_from_db()
    assert (partnership.status, partnership.review_on) == (
        S.RENEWED,
        today() + dt.timedelta(days=365 * 3),
    )
    asked = Event.objects.filter(topic="partnership_renewal_given").order_by("id")
    assert [{n.community_id for n in notifications_for(event)} for event in asked] == [
        {world.b.pk},
        set(),
    ]


@pytest.mark.parametrize(
    "actor", [actor for actor in SIGNED_IN if actor not in {"official", "chair"}]
)
def test_nobody_else_renews(world: World, partnership: Partnership, actor: str) -> None:
    put(partnership, S.REVIEW_DUE, review_on=today())
    for side in "ab":
        refused(partial(go_on, world, partnership, side, by=world.user(actor)), NotVisible)


def test_review_becomes_due_once(world: World, partnership: Partnership) -> None:
    assert mark_reviews_due() == 0
    put(partnership, S.ACTIVE, review_on=today())
    assert mark_reviews_due() == 1
    assert mark_reviews_due() == 0
    event = Event.objects.get(topic="partnership_status_changed")
    assert {n.community_id for n in notifications_for(event)} == {world.a.pk, world.b.pk}


@pytest.mark.parametrize(("months", "dormant"), [(17, False), (18, False), (19, True)])
@pytest.mark.parametrize("status", [S.ACTIVE, S.RENEWED, S.REVIEW_DUE, S.REVITALISING, S.SUSPENDED])
def test_eighteen_months_without_activity_alert_both_once(
    world: World, partnership: Partnership, months: int, dormant: bool, status: str
) -> None:
    activity(world, partnership, happened_on=months_before(today(), months))
    put(partnership, status)
    expected = dormant and status != S.SUSPENDED
    assert mark_dormant() == int(expected)
    assert mark_dormant() == 0
    events = Event.objects.filter(topic="partnership_status_changed", payload__new="dormant")
    assert events.count() == int(expected)
    if expected:
        assert {n.community_id for n in notifications_for(events.get())} == {world.a.pk, world.b.pk}


def test_what_was_taken_back_keeps_nobody_awake_and_revitalising_does(
    world: World, partnership: Partnership
) -> None:
    made = activity(world, partnership)
    retract(world, made, "official", "a")
    assert mark_dormant() == 1
    decision(world, partnership, "revitalise", "b")()
    assert mark_dormant() == 0
    event = Event.objects.filter(topic="partnership_status_changed").latest("id")
    assert {n.community_id for n in notifications_for(event)} == {world.a.pk}, (
        "the other side is notified, not the one that acted"
    )


def test_reports_are_asked_for_once_a_year(
    world: World, partnership: Partnership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on(day: dt.date) -> None:
        moment = dt.datetime.combine(day, dt.time(2), dt.UTC)
        monkeypatch.setattr(
            "backend.introductions.services.partnerships.database_now", lambda: moment
        )

    on(dt.date(2027, 1, 31))
    assert ask_for_reports() == 0
    on(dt.date(2027, 2, 1))
    report(world, partnership, "official", "a", year=2026)
    assert ask_for_reports() == 1
    assert ask_for_reports() == 0
    event = Event.objects.get(topic="partnership_report_due")
    assert {n.community_id for n in notifications_for(event)} == {world.b.pk}, (
        "who has written is not asked"
    )
    on(dt.date(2028, 3, 1))
    assert ask_for_reports() == 1


def test_health_is_derived_and_says_why(world: World, partnership: Partnership) -> None:
    def health(side: str) -> Any:
        reader = reader_of(world.user(SIDES[side]), getattr(world, side).pk)
        return health_of(partnerships_of(reader).get(pk=partnership.pk), today())

    silent = health("a")
    assert silent.level == "silent" and silent.sentences[0] == "No activity is recorded yet."
    activity(world, partnership)
    watch = health("a")
    assert watch.level == "watch"
    assert f"The reports of {today().year - 1} are missing." in watch.sentences
    report(world, partnership, "official", "a")
    report(world, partnership, "chair", "b")
    assert health("a").level == "good"
    world.user("official").community_roles.update(ended_at=database_now())
    assert "Nobody acts for Alpha any more." in health("b").sentences
    put(partnership, S.REVIEW_DUE, review_on=today())
    assert health("b").sentences[0].startswith("The review of")


def test_who_reads_a_partnership(world: World, partnership: Partnership) -> None:
    seen: dict[str, int | None] = {}
    for actor in SIGNED_IN:
        with suppress(NotVisible):
            _row, side = partnership_for(reader_of(world.user(actor)), partnership.pk)
            seen[actor] = side.community_id
    assert seen == {
        "official": world.a.pk,
        "committee_member": world.b.pk,
        "chair": world.b.pk,
        "curator": None,
        "admin": None,
    }
