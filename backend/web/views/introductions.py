"""An introduction as the two sides see it: where it stands, consent, and the contacts once both have consented."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Thing, may
from backend.cities.permissions import actor_kind
from backend.common.errors import InvalidFields, NotVisible
from backend.introductions.meeting_queries import may_arrange, meetings_in, view_of
from backend.introductions.models import Introduction
from backend.introductions.queries import introduction_for
from backend.introductions.services import contacts_for, give_consent, leave_introduction, withdraw_consent
from backend.web.views.profile import signed_in_user

STAGES: list[Introduction.Stage] = [
    stage for stage in Introduction.Stage if stage not in (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED)
]


@cache_control(no_store=True, private=True)
@require_safe
def introduction(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = signed_in_user(request)
    card, own_id = introduction_for(user, introduction_id)
    if own_id is None:  # staff have a page of their own for it
        return redirect("web:staff_introduction", introduction_id)
    pair = card.pair
    own, other = (pair.a, pair.b) if pair.a_id == own_id else (pair.b, pair.a)
    active = {consent.community_id for consent in card.consents.all() if consent.withdrawn_at is None}
    contacts = contacts_for(user, introduction_id, own_id)
    context = {
        "card": card,
        "own": own,
        "other": other,
        "own_consented": own_id in active,
        "contacts": contacts,
        "both_consented": len(active) == 2,
        "may_consent": may(actor_kind(user, own_id), "X", Thing.CONSENT),
        "may_edit": may(actor_kind(user, own_id), "U", Thing.CONTACTS_BEFORE_CONSENT),
        "closed": card.stage == Introduction.Stage.CLOSED,
        "stages": [(stage.value, stage.label, STAGES.index(stage)) for stage in STAGES],
        "reached": STAGES.index(Introduction.Stage(card.stage)) if card.stage in STAGES else -1,
        "meetings": [view_of(meeting, own_id) for meeting in meetings_in(card)],
        "may_arrange": may_arrange(user, card, own_id),
        "may_leave": may(actor_kind(user, own_id), "X", Thing.CONSENT)
        and card.stage in STAGES
        and card.stage != Introduction.Stage.AGREEMENT,
        "next_step": _next_step(card, own_id in active, len(active) == 2),
        "shows_sample": own.is_sample or other.is_sample,
    }
    return render(request, "web/introduction.html", context)


def _next_step(card: Introduction, own_consented: bool, both_consented: bool) -> str:
    """What the side can do now, in a sentence; the other side's consent shows only in what both have opened."""
    if card.stage == Introduction.Stage.AGREEMENT:
        return _("You have an agreement. What you do together now is the partnership.")
    if card.stage == Introduction.Stage.CLOSED:
        return ""
    if not own_consented:
        return _("Next: decide whether to share your contacts with the other side, and propose times for a first meeting.")
    if not both_consented:
        return _("Next: the other side decides about its contacts. You can propose times for a meeting meanwhile.")
    later = {
        Introduction.Stage.INTRODUCED: _("Next: meet for the first time. Propose times, or write to their contacts."),
        Introduction.Stage.FIRST_MEETING: _("Next: find out what you want to do together."),
        Introduction.Stage.EXPLORING: _("Next: write down what a partnership would hold, and for how long."),
        Introduction.Stage.PROPOSAL: _("Next: bring the proposal before your council."),
        Introduction.Stage.COUNCIL_RESOLUTION: _("Next: both highest officials sign the agreement."),
    }
    return later[Introduction.Stage(card.stage)]


@require_POST
def consent(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = signed_in_user(request)
    card, own_id = introduction_for(user, introduction_id)
    if own_id is None:
        raise NotVisible
    act = request.POST.get("act", "")
    if act == "give":
        give_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        if card.consents.filter(withdrawn_at=None).count() == 2:
            messages.success(request, _("Both sides have consented: contacts are open."))
        else:
            messages.success(request, _("Your side has consented. Contacts open as soon as the other side has consented too."))
    elif act == "withdraw":
        withdraw_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        messages.success(request, _("Your consent is withdrawn; contacts are hidden again for both sides."))
    else:
        raise InvalidFields({"act": [_("Choose whether to give or to withdraw consent.")]})
    return redirect("web:introduction", introduction_id)


@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: HttpRequest, introduction_id: int) -> HttpResponse:
    """A side closes its introduction: asked for once, and done by a button."""
    user = signed_in_user(request)
    card, own_id = introduction_for(user, introduction_id)
    if own_id is None or not may(actor_kind(user, own_id), "X", Thing.CONSENT):
        raise NotVisible
    other = card.pair.b if card.pair.a_id == own_id else card.pair.a
    if request.method == "POST":
        leave_introduction(by=user, introduction_id=introduction_id, side_id=own_id)
        messages.success(request, _("The introduction is closed. Contacts are hidden again and meetings to come are cancelled."))
        return redirect("web:introduction", introduction_id)
    return render(request, "web/introduction_leave.html", {"card": card, "other": other})
