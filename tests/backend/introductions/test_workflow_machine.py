"""A pair from proposal to introduction, acted on by everybody in any order, beside a model of it in
plain words.

The model knows the rules of ``domain.md`` and nothing of the code: what it says is allowed must
succeed and leave exactly its state, everything else must be refused and change nothing. After each
step the audit rows are counted, and each side's view is compared with what it may know.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import HealthCheck, Phase, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backend.cities.permissions import reader_of
from backend.common.dates import database_now
from backend.common.errors import DomainError, Gone, NotVisible
from backend.introductions.models import Introduction
from backend.introductions.services.introductions import (
    contacts_for,
    give_consent,
    leave_introduction,
    move_introduction,
    open_introduction_for_mutual,
    withdraw_consent,
)
from backend.outbox.models import Event
from backend.suggestions.models import Decision, Suggestion
from backend.suggestions.queries import suggestion_for
from backend.suggestions.services import (
    answer_suggestion,
    expire_suggestions,
    hold,
    release,
    settle_answer,
    undo_answer,
)
from backend.suggestions.services.answers import settle_due
from tests.actors import SIGNED_IN, World, contact_of, make_world
from tests.division import at_length, one_in
from tests.factories import SuggestionFactory

# Each begins somewhere on the way, so few steps reach far.
EXAMPLES, STEPS, LENGTH_OF_WAY = at_length(8, 80), 5, 9
SPEAKS_FOR = {"official": "a", "chair": "b"}
SEES = {"official": "a", "chair": "b", "committee_member": "b"}
OTHERS = tuple(who for who in SIGNED_IN if who not in SEES)
OPEN_COLUMNS = (
    "to_introduce",
    "introduced",
    "first_meeting",
    "exploring",
    "proposal",
    "council_resolution",
)
ROWS = """
SELECT s.status, s.a_state, s.b_state,
    ARRAY(SELECT i.stage FROM introductions_introduction i WHERE i.pair_id = s.pair_id),
    (SELECT count(*) FROM introductions_consent c
     JOIN introductions_introduction i ON i.id = c.introduction_id
     WHERE i.pair_id = s.pair_id AND c.withdrawn_at IS NULL),
    ARRAY(SELECT e.topic FROM outbox_event e
          WHERE e.topic ~ '^(suggestion|interest|introduction|consent)_' AND e.id > %s)
FROM suggestions_suggestion s WHERE s.id = %s
"""
actors = st.sampled_from(SIGNED_IN)
# Mostly those who may: a machine that is refused all day finds nothing.
speakers = st.one_of(st.sampled_from(("official", "chair")), actors)
staff = st.one_of(st.just("curator"), actors)
sides = st.sampled_from("ab")


@dataclass
class Model:
    """The pair as the rules have it."""

    status: str = "proposed"
    states: dict[str, str] = field(default_factory=lambda: {"a": "pending", "b": "pending"})
    windows: set[str] = field(default_factory=set)  # sides whose last answer can still be undone
    over: bool = False  # the time to answer
    was_mutual: bool = False
    stage: str = ""
    consents: set[str] = field(default_factory=set)
    events: dict[str, int] = field(default_factory=dict)

    def record(self, topic: str) -> None:
        self.events[topic] = self.events.get(topic, 0) + 1

    def settle(self) -> None:
        """Final answers take effect: one refusal closes, two interests are mutual."""
        if self.status != "released":
            return
        final = {
            side: state
            for side, state in self.states.items()
            if state != "pending" and side not in self.windows
        }
        closing = [state for state in final.values() if state in ("declined", "withdrawn")]
        if len(set(closing)) > 1:
            raise AssertionError(
                "the machine settles after each answer's window: two different closings cannot meet"
            )
        if closing:
            self.status = closing[0]
            self.record("suggestion_closed")
        elif list(final.values()) == ["interested", "interested"]:
            self.status, self.was_mutual = "mutual", True
            self.record("interest_mutual")

    def expire(self) -> None:
        self.settle()
        if not self.over:
            return
        if self.status == "released" and not self.windows:
            self.status = "expired"
            self.record("suggestion_expired")
        elif self.status not in ("declined", "withdrawn") or self.was_mutual:
            return
        self.states = {
            side: "expired" if state in ("pending", "interested") else state
            for side, state in self.states.items()
        }

    def seen_by(self, side: str) -> str | None:
        """What a side may know: its own answer, the clock, and mutual interest. None: there is
        nothing for it to see.
        """
        if self.status in ("proposed", "held", "superseded"):
            return "gone" if "suggestion_released" in self.events else None
        if self.status in ("mutual", "introduced"):
            return self.status
        if self.was_mutual:
            return "ended"
        own = self.states[side]
        if own in ("declined", "withdrawn"):
            return own
        if own == "expired" or self.over:
            return "closed"
        return "waiting" if own == "interested" else "open"


class Workflow(RuleBasedStateMachine):
    # One world for all examples; each begins where ``come_to`` left it, and is rolled back.
    world: World
    suggestion_id: int
    before: int
    begun = Model()
    begun_looked_at = ""  # once for all examples: their rows are the same
    depth = 0

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = transaction.atomic()
        self.rolled_back.__enter__()
        self.model = deepcopy(self.begun)
        self.looked_at = self.begun_looked_at

    @classmethod
    def come_to(cls, depth: int) -> None:
        """Random acts alone seldom get as far as two consents; every example begins somewhere on
        the way there.
        """
        first = cls()
        way: list[Callable[[], None]] = [
            lambda: first.release("curator"),
            lambda: first.answer("official", "a", "interested"),
            lambda: first.answer("chair", "b", "interested"),
            lambda: first.a_minute_passes_for("a"),
            lambda: first.a_minute_passes_for("b"),
            first.the_card_is_opened,
            lambda: first.move("curator", "introduced"),
            lambda: first.consent("official", "a"),
            lambda: first.consent("chair", "b"),
        ]
        assert len(way) == LENGTH_OF_WAY
        for act in way[:depth]:
            act()
        first.rolled_back.__exit__(None, None, None)  # what it did stays
        cls.begun, cls.depth = first.model, depth

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    def attempt(self, allowed: bool, act: Callable[[], object]) -> bool:
        """Does it; whether it went through must be what the rules say."""
        refused: DomainError | None = None
        try:
            with transaction.atomic():
                act()
        except DomainError as error:
            refused = error
        assert (refused is None) == allowed, (
            f"the rules say {allowed}, the code {refused.code if refused else 'let it through'}"
        )
        return allowed

    def community(self, side: str) -> int:
        return {"a": self.world.a.pk, "b": self.world.b.pk}[side]

    @property
    def card(self) -> int:
        return (
            Introduction.objects.filter(pair=self.world.pair)
            .order_by("-pk")
            .values_list("pk", flat=True)
            .first()
            or 0
        )

    @rule(who=staff)
    def release(self, who: str) -> None:
        allowed = who == "curator" and self.model.status in ("proposed", "held")
        if self.attempt(
            allowed, lambda: release(by=self.world.user(who), suggestion_id=self.suggestion_id)
        ):
            self.model.status, self.model.over = "released", False
            self.model.record("suggestion_released")

    @rule(who=staff)
    def hold(self, who: str) -> None:
        pending = set(self.model.states.values()) == {"pending"}
        allowed = who == "curator" and self.model.status in ("proposed", "released") and pending
        if self.attempt(
            allowed, lambda: hold(by=self.world.user(who), suggestion_id=self.suggestion_id)
        ):
            self.model.status = "held"
            self.model.record("suggestion_held")

    @rule(
        who=speakers,
        side=sides,
        given=st.sampled_from(("interested", "interested", "interested", "declined", "withdrawn")),
    )
    def answer(self, who: str, side: str, given: str) -> None:
        model, reason = self.model, "no_fit" if given == "declined" else ""
        before = {"interested": "pending", "declined": "pending", "withdrawn": "interested"}[given]
        allowed = (
            SPEAKS_FOR.get(who) == side
            and model.status in ("released", "declined", "withdrawn")
            and not model.was_mutual
            and not model.over
            and model.states[side] == before
        )
        user = self.world.user(who)
        if self.attempt(
            allowed,
            lambda: answer_suggestion(
                by=user,
                suggestion_id=self.suggestion_id,
                community_id=self.community(side),
                choice=given,
                reason=reason,
                comment="x",
            ),
        ):
            model.states[side] = given
            model.windows.add(side)
            model.record("suggestion_answered")

    @rule(who=speakers, side=sides)
    def undo(self, who: str, side: str) -> None:
        model = self.model
        fallback = {"interested": "pending", "declined": "pending", "withdrawn": "interested"}
        allowed = (
            SPEAKS_FOR.get(who) == side and side in model.windows and model.states[side] in fallback
        )
        allowed = allowed and model.status in ("released", "declined", "withdrawn")
        user = self.world.user(who)
        if self.attempt(
            allowed,
            lambda: undo_answer(
                by=user, suggestion_id=self.suggestion_id, community_id=self.community(side)
            ),
        ):
            model.states[side] = fallback[model.states[side]]
            if model.states[side] == "pending":
                model.windows.discard(side)
            model.record("suggestion_answer_undone")

    @rule(side=sides)
    def a_minute_passes_for(self, side: str) -> None:
        moved = {f"{side}_final_at": F(f"{side}_final_at") - dt.timedelta(minutes=5)}
        Suggestion.objects.filter(pk=self.suggestion_id).update(**moved)
        for decision_id in Decision.objects.filter(suggestion_id=self.suggestion_id).values_list(
            "pk", flat=True
        ):
            settle_answer(decision_id)
        self.model.windows.discard(side)
        self.model.settle()

    @precondition(
        lambda self: (
            self.model.status in ("released", "declined", "withdrawn") and not self.model.was_mutual
        )
    )
    @rule()
    def the_time_to_answer_runs_out(self) -> None:
        moved = {
            name: F(name) - dt.timedelta(days=200)
            for name in ("expires_at", "a_final_at", "b_final_at")
        }
        Suggestion.objects.filter(pk=self.suggestion_id).update(**moved)
        self.model.over = True
        self.model.windows.clear()
        expire_suggestions()
        self.model.expire()

    @rule()
    def sweep(self) -> None:
        settle_due()
        expire_suggestions()
        self.model.expire()

    @rule()
    def the_card_is_opened(self) -> None:
        open_introduction_for_mutual(self.suggestion_id)
        if self.model.status == "mutual" and not self.model.stage:
            self.model.stage = "to_introduce"
            self.model.record("introduction_opened")

    @precondition(lambda self: self.model.stage)
    @rule(who=staff, stage=st.sampled_from((*OPEN_COLUMNS, "introduced", "closed", "agreement")))
    def move(self, who: str, stage: str) -> None:
        columns, now, user = OPEN_COLUMNS, self.model.stage, self.world.user(who)
        place = columns.index(now) if now in columns else None
        allowed = place is not None and stage in (
            *columns[1:place],
            *columns[place + 1 : place + 2],
            "closed",
        )
        move: dict[str, Any] = {"introduction_id": self.card, "stage": stage}
        if stage == "closed":
            move["close_reason"] = "no_response"
        if (now, stage) == ("first_meeting", "exploring"):
            move["met_on"] = database_now().date()
        if self.attempt(allowed and who == "curator", lambda: move_introduction(by=user, **move)):
            self.moved_to(stage)

    @precondition(lambda self: self.model.stage)
    @rule(who=speakers, side=sides)
    def leave(self, who: str, side: str) -> None:
        allowed = SPEAKS_FOR.get(who) == side and self.model.stage in OPEN_COLUMNS[1:]
        user, community = self.world.user(who), self.community(side)
        if self.attempt(
            allowed,
            lambda: leave_introduction(by=user, introduction_id=self.card, side_id=community),
        ):
            self.moved_to("closed")

    def moved_to(self, stage: str) -> None:
        self.model.stage = stage
        self.model.record("introduction_moved")
        if stage == "closed":
            self.model.status = "withdrawn"
        elif stage != "to_introduce":
            self.model.status = "introduced"

    @precondition(lambda self: self.model.stage)
    @rule(who=speakers, side=sides)
    def consent(self, who: str, side: str) -> None:
        allowed = (
            SPEAKS_FOR.get(who) == side
            and self.model.stage in OPEN_COLUMNS[1:]
            and side not in self.model.consents
        )
        user, community = self.world.user(who), self.community(side)
        if self.attempt(
            allowed,
            lambda: give_consent(by=user, introduction_id=self.card, community_id=community),
        ):
            self.model.consents.add(side)
            self.model.record("consent_given")

    @precondition(lambda self: self.model.consents)
    @rule(who=speakers, side=sides)
    def take_consent_back(self, who: str, side: str) -> None:
        allowed = SPEAKS_FOR.get(who) == side and side in self.model.consents
        user, community = self.world.user(who), self.community(side)
        if self.attempt(
            allowed,
            lambda: withdraw_consent(by=user, introduction_id=self.card, community_id=community),
        ):
            self.model.consents.discard(side)
            self.model.record("consent_withdrawn")

    @invariant()
    def the_rows_are_what_the_rules_say(self) -> None:
        """The rows of the pair and the audit rows of its transitions, in one statement: they are
        read after every step.
        """
        with connection.cursor() as cursor:
            cursor.execute(ROWS, [self.before, self.suggestion_id])
            status, a_state, b_state, stages, consents, topics = cursor.fetchone()
        assert (status, a_state, b_state) == (
            self.model.status,
            self.model.states["a"],
            self.model.states["b"],
        )
        assert stages == ([self.model.stage] if self.model.stage else [])
        assert consents == len(self.model.consents)
        assert Counter(topics) == self.model.events

    def two_people(self) -> tuple[str, str]:
        """One who may see and one who may not, in turn: over all stories everybody looks often."""
        turn = self.depth + sum(self.model.events.values()) + len(self.model.windows)
        return tuple(SEES)[turn % len(SEES)], OTHERS[turn % len(OTHERS)]

    @invariant()
    def everybody_reads_what_they_may(self) -> None:
        state = repr(self.model)
        if state == self.looked_at:
            return
        insider, outsider = self.two_people()
        self.check_view(insider, self.model.seen_by(SEES[insider]))
        self.check_view(outsider, None)
        if self.model.stage:
            self.check_contacts(insider, outsider)
        self.looked_at = state
        if self.model == self.begun:
            type(self).begun_looked_at = state

    def check_view(self, who: str, expected: str | None) -> None:
        try:
            reader = reader_of(self.world.user(who))
            seen: str | None = suggestion_for(reader, self.suggestion_id).status_for_side
        except NotVisible:
            seen = None
        except Gone:
            seen = "gone"
        assert seen == expected, f"{who} sees {seen}, and may know {expected}"

    def check_contacts(self, insider: str, outsider: str) -> None:
        """They are open under both consents only."""
        due = self.model.consents == {"a", "b"} and self.model.stage in OPEN_COLUMNS[1:]
        shown = contacts_for(self.world.user(insider), self.card, self.community(SEES[insider]))
        assert bool(shown) == due
        if due:
            with pytest.raises(NotVisible):
                contacts_for(self.world.user(outsider), self.card, self.world.a.pk)


def machine_at(depth: int, settings) -> type[Workflow]:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    world = make_world()
    contact_of(world.a), contact_of(world.b)
    of_one_world = {
        "world": world,
        "suggestion_id": SuggestionFactory(pair=world.pair, proposed=True).pk,
        "before": Event.objects.order_by("-id").values_list("id", flat=True).first() or 0,
    }
    machine = seed(depth)(type("WorkflowOfOneWorld", (Workflow,), of_one_world))
    machine.come_to(depth)
    return machine


@pytest.mark.parametrize("depth", [LENGTH_OF_WAY - 2, LENGTH_OF_WAY])
def test_nothing_goes_on_after_the_end(db: None, settings, depth: int) -> None:
    """It ends before or after both have consented; random acts seldom try what may come then."""
    machine = machine_at(depth, settings)()
    try:
        machine.leave("official", "a")
        for act in ("consent", "take_consent_back", "undo", "leave"):
            for who, side in SPEAKS_FOR.items():
                getattr(machine, act)(who, side)
                machine.the_rows_are_what_the_rules_say()
                machine.everybody_reads_what_they_may()
        for stage in (*OPEN_COLUMNS, "closed"):
            machine.move("curator", stage)
    finally:
        machine.teardown()


@pytest.mark.at_length
@pytest.mark.parametrize("depth", one_in(3, range(LENGTH_OF_WAY + 1)))
def test_no_order_of_acts_breaks_a_rule(db: None, settings, depth: int) -> None:
    machine = machine_at(depth, settings)
    # Shrinking replays whole stories for minutes; the first one found is short enough to read.
    phases = [phase for phase in Phase if phase not in (Phase.shrink, Phase.explain)]
    run = hypothesis_settings(max_examples=EXAMPLES, stateful_step_count=STEPS, phases=phases)
    run = hypothesis_settings(run, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(machine, settings=run)
