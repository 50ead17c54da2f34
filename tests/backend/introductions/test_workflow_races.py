"""The short form of ``race_workflow``: everybody acts at once, and no promise is broken."""

from __future__ import annotations

import pytest

from backend.introductions.racing.rounds import run_rounds


@pytest.mark.django_db(transaction=True)
def test_acts_at_the_same_moment_break_no_promise() -> None:
    rounds = list(run_rounds(40, seed=20))
    assert [str(outcome) for outcome in rounds if outcome.broken] == []
    ways = {way for outcome in rounds for way in outcome.ways}
    assert {"done", "wrong_state", "not_found", "capacity_reached"} <= ways, "the rounds hardly meet any refusal"
