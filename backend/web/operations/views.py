"""Staff's start page, scoring runs, weights, statistics, dead letters, outgoing mails as files, and
the audit trail.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.cities.queries import partnerships_to_confirm, vetting_queue, whole_trail
from backend.cities.services.tickets import tickets_waiting
from backend.common.errors import NotVisible
from backend.common.formatting import csv_lines
from backend.introductions.models import Introduction
from backend.introductions.queries.introductions import board
from backend.introductions.statistics import TABLES, introduced_by_hand, statistics_table
from backend.notifications.mail_files import read_mail, recent_mails
from backend.notifications.services import undelivered
from backend.outbox.queries import dead_letters, oldest_waiting_age
from backend.outbox.services import retry_dead
from backend.suggestions.models import CurrentRun, ScoringRun, WeightSet
from backend.suggestions.queries import recent_runs, run_progress, seconds_of, staff_suggestions
from backend.suggestions.scoring import weights_in_force
from backend.suggestions.services import request_run
from backend.suggestions.services.weights import all_weights, promote_weights, why_not_promoted
from backend.web.access import Level, open_to
from backend.web.html.base import current_user
from backend.web.operations.forms import EventFilters, StatisticsForm


@dataclass(frozen=True, slots=True)
class StaffWaiting:
    """What waits for staff: how many, and where."""

    tickets: int  # messages without an answer
    submissions: int
    claims: int  # partnerships to confirm
    to_release: int
    to_introduce: int
    dead: int


def waiting_for_staff(user: User) -> StaffWaiting:
    """Raises NotVisible for others than staff."""
    return StaffWaiting(
        tickets=tickets_waiting(),
        submissions=vetting_queue(user).count(),
        claims=partnerships_to_confirm(user).count(),
        to_release=staff_suggestions(user).filter(status="proposed").count(),
        to_introduce=board(user).filter(stage=Introduction.Stage.TO_INTRODUCE).count(),
        dead=dead_letters().count(),
    )


@open_to(Level.STAFF)
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    context = {
        "waiting": waiting_for_staff(user),
        "run": recent_runs(user).first(),
        "oldest": oldest_waiting_age(),
    }
    return render(request, "operations/staff_overview.html", context)


@open_to(Level.STAFF)
@require_safe
def dead_letter_list(request: HttpRequest) -> HttpResponse:
    require_staff(request.user, Verb.READ, Resource.OPERATIONS)
    page = Paginator(dead_letters(), 25).get_page(request.GET.get("page"))
    return render(request, "operations/staff_dead_letters.html", {"page": page})


@open_to(Level.STAFF)
@require_POST
def retry(request: HttpRequest, job_id: int) -> HttpResponse:
    require_staff(request.user, Verb.ACT, Resource.OPERATIONS)
    retry_dead(by=current_user(request), job_id=job_id)
    messages.success(request, "It is tried again.")
    return redirect("web:staff_dead_letters")


@open_to(Level.STAFF)
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    require_staff(request.user, Verb.READ, Resource.OPERATIONS)
    context = {
        "rows": [row for row in recent_mails() if row.is_open_to(current_user(request))],
        "as_files": bool(getattr(settings, "EMAIL_FILE_PATH", None)),
        "undelivered": undelivered()[:50],
    }
    return render(request, "operations/staff_mails.html", context)


@open_to(Level.STAFF)
@require_safe
def mail(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request.user, Verb.READ, Resource.OPERATIONS)
    found = read_mail(name)
    if not found.is_open_to(current_user(request)):
        raise NotVisible
    return render(request, "operations/staff_mails.html", {"mail": found})


@open_to(Level.STAFF)
@require_safe
def events(request: HttpRequest) -> HttpResponse:
    form = EventFilters(request.GET)
    found = form.narrow(whole_trail(current_user(request)).select_related("by"))
    return render(
        request,
        "operations/staff_events.html",
        {"form": form, "page": Paginator(found, 50).get_page(request.GET.get("page"))},
    )


@open_to(Level.STAFF)
@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(recent_runs(current_user(request)), 25).get_page(request.GET.get("page"))
    rows = [(run, seconds_of(run)) for run in page]
    current = CurrentRun.objects.values_list("run_id", flat=True).first()
    running = any(run.status == ScoringRun.Status.RUNNING for run in page)
    return render(
        request,
        "operations/staff_runs.html",
        {"page": page, "rows": rows, "current": current, "running": running},
    )


@open_to(Level.STAFF)
@require_safe
def run_page(request: HttpRequest, run_id: int) -> HttpResponse:
    run = recent_runs(current_user(request)).filter(pk=run_id).first()
    if run is None:
        raise NotVisible
    done, total = run_progress(run)
    share = round(100 * done / total) if total else 100
    context = {
        "run": run,
        "done": done,
        "total": total,
        "share": share,
        "seconds": seconds_of(run),
        "running": run.status == ScoringRun.Status.RUNNING,
    }
    return render(request, "operations/staff_run.html", context)


@open_to(Level.STAFF)
@require_POST
def start(request: HttpRequest) -> HttpResponse:
    request_run(by=current_user(request))
    messages.success(request, "A scoring run is asked for; it appears here within seconds.")
    return redirect("web:staff_runs")


PAGE = 25


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of calibration on decisions not seen, the lower the better."""

    name: str
    learned: float
    in_use: float


@dataclass(frozen=True, slots=True)
class Version:
    row: WeightSet
    measures: tuple[Measure, ...]
    obstacle: str  # what keeps it from being promoted; empty if nothing does


@open_to(Level.STAFF)
@require_safe
def weights_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(all_weights(current_user(request)), PAGE).get_page(request.GET.get("page"))
    in_force = weights_in_force()["version"]
    versions = [Version(row, _measures(row), why_not_promoted(row, in_force)) for row in page]
    return render(
        request,
        "operations/staff_weights.html",
        {"page": page, "versions": versions, "in_force": in_force},
    )


def _measures(row: WeightSet) -> tuple[Measure, ...]:
    found = []
    for unseen, words in (("community", "other communities"), ("time", "later decisions")):
        learned, in_use = (
            row.metrics.get(f"{whose}_by_{unseen}") for whose in ("learned", "in_use")
        )
        if learned and in_use:
            found += [
                Measure(f"{name}, {words}", learned[key], in_use[key])
                for key, name in (("brier", "Brier score"), ("log_loss", "Log loss"))
            ]
    return tuple(found)


@open_to(Level.STAFF)
@require_POST
def promote(request: HttpRequest, weight_set_id: int) -> HttpResponse:
    version = promote_weights(by=current_user(request), weight_set_id=weight_set_id)
    messages.success(
        request,
        "{version} is in force: the next scoring run uses it.".format(
            version=version.weights["version"]
        ),
    )
    return redirect("web:staff_weights")


_HEADINGS = {
    "label": "",
    "shown": "Suggestions shown",
    "each": "For each community",
    "without": "Communities without any",
    "median_days": "Median, days",
    "p90_days": "90 % within, days",
    "id": "No.",
    "where": "Stage",
    "idle_days": "Days without a move",
    "overdue_days": "Days overdue",
}
# Which column of a table its bars show.
_BARS = {"responses": 2, "exposure": 3}


def _heading(column: str) -> str:
    return _HEADINGS.get(column, column.capitalize())


def _width(value: float, largest: float) -> str:
    """Of 200 units."""
    return f"{200 * value / largest:.1f}" if largest else "0"


def _funnel_bars(rows: list[Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole scope, step by step, and what share of the step before came so far."""
    totals = [sum(row[index] for row in rows) for index in range(1, len(columns))]
    bars = []
    for index, total in enumerate(totals):
        before = totals[index - 1] if index else 0
        share = f"{100 * total / before:.0f} % of the step before" if before else ""
        bars.append(
            {
                "label": _heading(columns[index + 1]),
                "value": total,
                "note": share,
                "width": _width(total, totals[0]),
            }
        )
    return bars


def _bars(name: str, rows: list[Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    if name == "funnel":
        return _funnel_bars(rows, columns) if rows else []
    if name not in _BARS:
        return []
    column = _BARS[name]
    largest = max((row[column] for row in rows), default=0)
    return [
        {"label": row[0], "value": row[column], "note": "", "width": _width(row[column], largest)}
        for row in rows
    ]


@open_to(Level.STAFF)
@require_safe
def statistics(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = StatisticsForm(request.GET)
    scope, by = form.scope()
    tables = []
    for name in TABLES:
        table, rows = statistics_table(user, name, scope, by)
        listed = list(rows)
        headings = [
            _heading(column) or {"month": "Month", "country": "Country"}[by]
            for column in table.columns
        ]
        if name == "exposure":
            headings[0] = "Side and size"
        tables.append(
            {
                "name": name,
                "table": table,
                "rows": listed,
                "headings": headings,
                "bars": _bars(name, listed, table.columns),
                "unit": _heading(table.columns[_BARS[name]]) if name in _BARS else "",
            }
        )
    context = {"form": form, "tables": tables, "by_hand": introduced_by_hand(user, scope), "by": by}
    return render(
        request, "operations/staff_statistics.html", context, status=422 if form.errors else 200
    )


@open_to(Level.STAFF)
@require_safe
def statistics_csv(request: HttpRequest, name: str) -> HttpResponse:
    scope, by = StatisticsForm(request.GET).scope()
    table, rows = statistics_table(current_user(request), name, scope, by)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(
        "".join(csv_lines(table.columns, rows)),
        content_type="text/csv; charset=utf-8",
        headers=headers,
    )
