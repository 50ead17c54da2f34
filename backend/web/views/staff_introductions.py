"""The board of introductions: move cards, look after them, record agreements."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.models import User
from backend.common.errors import InvalidFields, NotVisible
from backend.introductions.models import Introduction
from backend.introductions.queries import board, introduction_for
from backend.introductions.services import assign, move, open_introduction
from backend.introductions.states import INTRODUCTION_TRANSITIONS
from backend.outbox.queries import trail
from backend.suggestions.models import Pair
from backend.web.forms.introductions import AssignForm, MoveForm
from backend.web.forms.staff_filters import BoardFilters
from backend.web.views.profile import signed_in_user

STAGE = Introduction.Stage
SHOWN_ON_BOARD = 300


def _filtered(cards: QuerySet[Introduction], chosen: dict[str, Any], user: User) -> QuerySet[Introduction]:
    stage, owner = chosen.get("stage"), chosen.get("owner")
    cards = cards.filter(stage=stage) if stage else cards.exclude(stage__in=(STAGE.CLOSED, STAGE.AGREEMENT))
    if owner:
        cards = cards.filter(owner=user if owner == "me" else None)
    for word in chosen.get("search", "").split():
        cards = cards.filter(pair__a__name__icontains=word) | cards.filter(pair__b__name__icontains=word)
    return cards


@require_safe
def introduction_board(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = BoardFilters(request.GET)
    chosen = form.chosen()
    cards = list(_filtered(board(user), chosen, user)[:SHOWN_ON_BOARD])
    shown = [STAGE(chosen["stage"])] if chosen.get("stage") else [s for s in STAGE if s not in (STAGE.CLOSED, STAGE.AGREEMENT)]
    columns = [(stage, [card for card in cards if card.stage == stage]) for stage in shown]
    context = {
        "form": form,
        "columns": columns,
        "total": len(cards),
        "move_stages": [stage for stage in STAGE if stage not in (STAGE.CLOSED, STAGE.AGREEMENT)],
        "shows_sample": any(card.pair.a.is_sample or card.pair.b.is_sample for card in cards),
    }
    return render(request, "web/staff/board.html", context)


def _targets(card: Introduction) -> list[str]:
    """The columns to which a card may be moved, in the board's order; an agreement is recorded, not moved to."""
    return sorted(INTRODUCTION_TRANSITIONS[card.stage] - {STAGE.AGREEMENT}, key=STAGE.values.index)


def _detail_context(user: User, introduction_id: int) -> dict[str, Any]:
    card, side = introduction_for(user, introduction_id)
    if side is not None:
        raise NotVisible
    active = {consent.community_id for consent in card.consents.all() if consent.withdrawn_at is None}
    return {
        "card": card,
        "pair": card.pair,
        "consents": [(community, community.pk in active) for community in (card.pair.a, card.pair.b)],
        "events": trail("introduction", card.pk),
        "move_form": MoveForm(stages=_targets(card)),
        "assign_form": AssignForm(initial={"owner": card.owner_id, "due_on": card.due_on}),
        "open": bool(INTRODUCTION_TRANSITIONS[card.stage]),
        "shows_sample": card.pair.a.is_sample or card.pair.b.is_sample,
    }


@require_safe
def detail(request: HttpRequest, introduction_id: int) -> HttpResponse:
    return render(request, "web/staff/introduction.html", _detail_context(signed_in_user(request), introduction_id))


@require_POST
def move_card(request: HttpRequest, introduction_id: int) -> HttpResponse:
    stage = request.POST.get("stage", "")
    reason = request.POST.get("close_reason", "") if stage == STAGE.CLOSED else ""
    user = signed_in_user(request)
    try:
        card = move(by=user, introduction_id=introduction_id, stage=stage, close_reason=reason)
    except InvalidFields as invalid:
        context = _detail_context(user, introduction_id)
        context["move_form"] = MoveForm(request.POST, stages=_targets(context["card"]))
        context["move_form"].take(invalid)
        return render(request, "web/staff/introduction.html", context, status=422)
    messages.success(request, _("Moved to “%(stage)s”.") % {"stage": STAGE(card.stage).label})
    if request.POST.get("after") == "board":
        return redirect("web:staff_introductions")
    return redirect("web:staff_introduction", introduction_id)


@require_POST
def assign_card(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = signed_in_user(request)
    form = AssignForm(request.POST)
    if form.is_valid():
        try:
            assign(by=user, introduction_id=introduction_id, owner_id=form.owner_id(), due_on=form.cleaned_data["due_on"])
        except InvalidFields as invalid:
            form.take(invalid)
        else:
            messages.success(request, _("Owner and due date are saved."))
            return redirect("web:staff_introduction", introduction_id)
    return render(request, "web/staff/introduction.html", _detail_context(user, introduction_id) | {"assign_form": form}, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def open_by_hand(request: HttpRequest, pair_id: int) -> HttpResponse:
    """An introduction without mutual interest, for a reason that is kept."""
    user = signed_in_user(request)
    board(user)
    pair = Pair.objects.select_related("a__country", "b__country").filter(pk=pair_id).first()
    if pair is None:
        raise NotVisible
    errors: dict[str, list[str]] = {}
    if request.method == "POST":
        try:
            card = open_introduction(by=user, pair_id=pair_id, because=request.POST.get("because", ""))
        except InvalidFields as invalid:
            errors = invalid.errors
        else:
            return redirect("web:staff_introduction", card.pk)
    context = {
        "pair": pair,
        "errors": errors,
        "because": request.POST.get("because", ""),
        "shows_sample": pair.a.is_sample or pair.b.is_sample,
    }
    return render(request, "web/staff/open_introduction.html", context, status=422 if errors else 200)
