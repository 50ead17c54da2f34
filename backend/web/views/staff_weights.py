"""Versions of the weights: what each rests on, how it does beside the weights then in use, and which one new runs use."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.suggestions.learning import all_weights, promote_weights, why_not_promoted
from backend.suggestions.models import WeightSet
from backend.suggestions.scoring import weights_in_force
from backend.web.views.profile import signed_in_user

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


@require_safe
def weights_list(request: HttpRequest) -> HttpResponse:
    page = Paginator(all_weights(signed_in_user(request)), PAGE).get_page(request.GET.get("page"))
    in_force = weights_in_force()["version"]
    versions = [Version(row, _measures(row), why_not_promoted(row, in_force)) for row in page]
    return render(request, "web/staff/weights.html", {"page": page, "versions": versions, "in_force": in_force})


def _measures(row: WeightSet) -> tuple[Measure, ...]:
    found = []
    for unseen, words in (("community", "other communities"), ("time", "later decisions")):
        learned, in_use = (row.metrics.get(f"{whose}_by_{unseen}") for whose in ("learned", "in_use"))
        if learned and in_use:
            found += [
                Measure(f"{name}, {words}", learned[key], in_use[key]) for key, name in (("brier", "Brier score"), ("log_loss", "Log loss"))
            ]
    return tuple(found)


@require_POST
def promote(request: HttpRequest, weight_set_id: int) -> HttpResponse:
    version = promote_weights(by=signed_in_user(request), weight_set_id=weight_set_id)
    messages.success(request, _("%(version)s is in force: the next scoring run uses it.") % {"version": version.weights["version"]})
    return redirect("web:staff_weights")
