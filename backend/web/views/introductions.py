"""An introduction as the two sides see it: where it stands, consent, and the contacts once both have consented."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Thing, may
from backend.cities.permissions import actor_kind
from backend.common.errors import InvalidFields, NotVisible
from backend.introductions.models import Introduction
from backend.introductions.queries import introduction_for
from backend.introductions.services import contacts_for, give_consent, withdraw_consent
from backend.web.views.profile import signed_in_user

STAGES: list[Introduction.Stage] = [
    stage for stage in Introduction.Stage if stage not in (Introduction.Stage.TO_INTRODUCE, Introduction.Stage.CLOSED)
]


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
        "shows_sample": own.is_sample or other.is_sample,
    }
    return render(request, "web/introduction.html", context)


@require_POST
def consent(request: HttpRequest, introduction_id: int) -> HttpResponse:
    user = signed_in_user(request)
    _card, own_id = introduction_for(user, introduction_id)
    if own_id is None:
        raise NotVisible
    act = request.POST.get("act", "")
    if act == "give":
        give_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        messages.success(request, _("Your side has consented. Contacts open as soon as the other side has consented too."))
    elif act == "withdraw":
        withdraw_consent(by=user, introduction_id=introduction_id, community_id=own_id)
        messages.success(request, _("Your consent is withdrawn; contacts are hidden again for both sides."))
    else:
        raise InvalidFields({"act": [_("Choose whether to give or to withdraw consent.")]})
    return redirect("web:introduction", introduction_id)
