"""Scoring runs: the list, one run with its progress, and a run on demand."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.common.errors import NotVisible
from backend.suggestions.models import CurrentRun, ScoringRun
from backend.suggestions.queries import recent_runs, run_progress, seconds_of
from backend.suggestions.services import request_run
from backend.web.views.profile import signed_in_user


@require_safe
def run_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(recent_runs(signed_in_user(request)), 25).get_page(request.GET.get("page"))
    rows = [(run, seconds_of(run)) for run in page]
    current = CurrentRun.objects.values_list("run_id", flat=True).first()
    running = any(run.status == ScoringRun.Status.RUNNING for run in page)
    return render(request, "web/staff/runs.html", {"page": page, "rows": rows, "current": current, "running": running})


def _run_context(request: HttpRequest, run_id: int) -> dict[str, Any]:
    run = recent_runs(signed_in_user(request)).filter(pk=run_id).first()
    if run is None:
        raise NotVisible
    done, total = run_progress(run)
    share = round(100 * done / total) if total else 100
    return {
        "run": run,
        "done": done,
        "total": total,
        "share": share,
        "seconds": seconds_of(run),
        "running": run.status == ScoringRun.Status.RUNNING,
    }


@require_safe
def run_page(request: HttpRequest, run_id: int) -> HttpResponse:
    return render(request, "web/staff/run.html", _run_context(request, run_id))


@require_safe
def progress(request: HttpRequest, run_id: int) -> HttpResponse:
    """The bar alone, asked for again and again while the run goes on."""
    return render(request, "web/staff/run_progress.html", _run_context(request, run_id))


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    request_run(by=signed_in_user(request))
    messages.success(request, _("A scoring run is asked for; it appears here within seconds."))
    return redirect("web:staff_runs")
