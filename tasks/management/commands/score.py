"""``manage.py score``: a full scoring run now, followed to its end."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend.common.errors import Conflict
from backend.outbox.models import Job
from backend.outbox.queries import heartbeat_age
from backend.suggestions.models import ScoringRun
from backend.suggestions.queries import run_progress
from backend.suggestions.services import request_run
from backend.suggestions.services.first_run import fail_stuck_run

ALIVE = dt.timedelta(seconds=45)
POLL_SECONDS = 0.2
LOOK_AGAIN_SECONDS = 5.0
_S = ScoringRun.Status


class Command(BaseCommand):
    help = (
        "Score all pairs now: requests a full run, or follows the one under way, and shows its "
        "progress."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--quiet", action="store_true", help="no progress bar, only the result")

    def handle(self, *args: Any, quiet: bool = False, **options: Any) -> None:
        bar = ProgressBar(show=not quiet and sys.stderr.isatty())
        helpers = Helpers(self.stderr.write if not quiet else None)
        after = _request()
        try:
            run = self._follow(after, helpers, bar)
        finally:
            bar.end()
        if run.status == _S.FAILED:
            raise CommandError(f"The scoring run {run.pk} failed: {run.error}")
        seconds = (run.finished_at - run.begun_at).total_seconds() if run.finished_at else 0.0
        self.stdout.write(
            f"{run.pairs_scored:,} pairs scored, {run.suggestions_made:,} new suggestions, "
            f"{seconds:.1f} s (run {run.pk})"
        )

    def _follow(self, after: int, helpers: Helpers, bar: ProgressBar) -> ScoringRun:
        """Waits, or works where nobody else does, until the run after number ``after`` and the
        suggestions from it are there.
        """
        while True:
            run = ScoringRun.objects.filter(pk__gt=after).defer("snapshot").order_by("pk").first()
            if run is None:
                bar.say("waiting for the run to begin")
                _raise_if_dead("begin_run", "all")
            elif run.status == _S.FAILED or (run.status == _S.COMPLETE and _is_derived(run)):
                return run
            elif run.status == _S.COMPLETE:
                bar.say("making suggestions")
            else:
                bar.show_progress(*run_progress(run))
                fail_stuck_run()
            if helpers.are_away():
                _step()
            else:
                time.sleep(POLL_SECONDS)


def _step() -> None:
    # Loaded only here: engine and worker take seconds, and where a worker runs, this process only
    # watches.
    from tasks.inline import step

    step(limit=1)


def _request() -> int:
    """Asks for a run; returns the number after which it is found. A run under way is followed
    instead of asking for another.
    """
    fail_stuck_run()
    running = ScoringRun.objects.filter(status=_S.RUNNING).values_list("pk", flat=True).first()
    if running is not None:
        return running - 1
    latest = ScoringRun.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    try:
        request_run(by=None)
    except Conflict:  # another one began in this moment
        pass
    return latest


def _is_derived(run: ScoringRun) -> bool:
    _raise_if_dead("derive_from_run", str(run.pk))
    return Job.objects.filter(
        task="derive_from_run", key=str(run.pk), status=Job.Status.DONE
    ).exists()


def _raise_if_dead(task: str, key: str) -> None:
    latest = Job.objects.filter(task=task, key=key).order_by("-pk").first()
    if latest is not None and latest.status == Job.Status.DEAD:
        reason = latest.last_error.strip().splitlines()[-1:] or [""]
        raise CommandError(
            f"The step {task} was given up ({reason[0]}); see the dead letters, work {latest.pk}."
        )


class Helpers:
    """Whether relay and worker are there to do the work. Checked at intervals: they may start or
    end.
    """

    def __init__(self, tell: Any) -> None:
        self._tell = tell
        self._looked_at = 0.0
        self._away: bool | None = None

    def are_away(self) -> bool:
        if self._away is None or time.monotonic() - self._looked_at > LOOK_AGAIN_SECONDS:
            missing = [name for name in ("relay", "worker") if not _is_alive(name)]
            if bool(missing) != self._away and missing and self._tell:
                self._tell(
                    f"No {' and no '.join(missing)} is running; this process does the work itself."
                )
            self._away = bool(missing)
            self._looked_at = time.monotonic()
        return self._away


def _is_alive(name: str) -> bool:
    age = heartbeat_age(name)
    return age is not None and age < ALIVE


class ProgressBar:
    """One line on the terminal that is overwritten."""

    WIDTH = 40

    def __init__(self, *, show: bool) -> None:
        self._show = show
        self._began = time.monotonic()
        self._drawn = 0

    def say(self, text: str) -> None:
        self._draw(f"{text} ... {time.monotonic() - self._began:.0f} s")

    def show_progress(self, done: int, total: int) -> None:
        filled = self.WIDTH * done // total if total else self.WIDTH
        seconds = time.monotonic() - self._began
        self._draw(
            f"[{'#' * filled}{'.' * (self.WIDTH - filled)}] {done}/{total} shards {seconds:.0f} s"
        )

    def end(self) -> None:
        if self._drawn:
            sys.stderr.write("\n")

    def _draw(self, text: str) -> None:
        if self._show:
            sys.stderr.write("\r" + text.ljust(self._drawn))
            sys.stderr.flush()
            self._drawn = len(text)
