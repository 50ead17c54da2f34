"""What a start waits for: the first suggestions, or the word that they will not come."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management.base import CommandError

from backend.outbox.models import Event, Job
from backend.outbox.topics import Topic
from backend.runtime.datafolder import DataFolder
from backend.runtime.management.commands import prepare_service
from backend.suggestions.models import RankedPair, ScoringRun
from backend.suggestions.services import runs
from backend.suggestions.services.first_run import (
    failure_since,
    first_run_progress,
    has_first_suggestions,
    retry_first_run,
)
from tests.factories import (
    MOMENT,
    CommunityFactory,
    JobFactory,
    ScoringRunFactory,
    ScoringShardFactory,
    SuggestionFactory,
)

pytestmark = pytest.mark.django_db
_RUNNING = ScoringRun.Status.RUNNING


def _dead(task: str, key: str = "all") -> Job:
    return JobFactory(
        task=task,
        key=key,
        status=Job.Status.DEAD,
        finished_at=MOMENT,
        last_error="Traceback\nValueError: no weights\n",
    )


def test_suggestions_are_there_when_a_side_can_read_one() -> None:
    SuggestionFactory(proposed=True)
    assert not has_first_suggestions()

    SuggestionFactory()
    assert has_first_suggestions()


def test_a_run_that_found_nothing_promising_is_not_waited_for() -> None:
    JobFactory(task="derive_from_run", status=Job.Status.DONE, finished_at=MOMENT)

    assert has_first_suggestions()


def test_run_under_way_is_not_asked_for_again() -> None:
    JobFactory(task="begin_run", key="all")

    assert retry_first_run() == 0
    assert not Event.objects.filter(topic=Topic.RUN_REQUESTED).exists()


def test_run_that_was_given_up_is_failed_and_asked_for_again() -> None:
    run = ScoringRunFactory(status=_RUNNING)
    ScoringShardFactory(run=run, index=0)
    dead = _dead("score_shard", f"{run.pk}:0")

    assert retry_first_run() == dead.pk

    run.refresh_from_db()
    assert run.status == ScoringRun.Status.FAILED
    assert Event.objects.filter(topic=Topic.RUN_REQUESTED).count() == 1
    assert failure_since(dead.pk) == ""


def test_step_given_up_ends_the_start_with_one_line_that_says_where_to_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_service, "retry_first_run", lambda: 0)
    _dead("begin_run")

    with pytest.raises(
        CommandError,
        match=r"the step begin_run was given up \(ValueError: no weights\); see .*worker\.log$",
    ):
        prepare_service.Command()._await_first_suggestions(DataFolder(tmp_path))


def test_run_that_takes_too_long_ends_the_start_with_how_far_it_has_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare_service, "_FIRST_RUN_SECONDS", -1)
    ScoringShardFactory(run=ScoringRunFactory(status=_RUNNING))

    with pytest.raises(CommandError, match=r"0 of 1 shards are scored; see .*worker\.log$"):
        prepare_service.Command()._await_first_suggestions(DataFolder(tmp_path))


def test_progress_in_words() -> None:
    assert first_run_progress() == "the run has not begun"
    ScoringRunFactory()
    assert first_run_progress() == "suggestions are being made"


def test_run_over_an_empty_side_completes() -> None:
    CommunityFactory(published=True, country_code="DE")
    run = runs.begin_run(reason="first")
    assert run is not None
    run.refresh_from_db()
    assert run.status == ScoringRun.Status.COMPLETE and not RankedPair.objects.exists()
