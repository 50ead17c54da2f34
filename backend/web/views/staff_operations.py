"""Staff's start page, dead letters, outgoing mails as files, and the audit trail."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.permissions import require_staff
from backend.cities.profile_queries import whole_trail
from backend.cities.queries import vetting_queue
from backend.introductions.models import Introduction
from backend.introductions.queries import board
from backend.notifications.outgoing import read_mail, recent_mails
from backend.notifications.services import undelivered
from backend.outbox.queries import dead_letters, oldest_waiting_age
from backend.outbox.services import retry_dead
from backend.suggestions.queries import recent_runs, staff_suggestions
from backend.web.forms.staff_filters import EventFilters
from backend.web.views.profile import signed_in_user


@dataclass(frozen=True, slots=True)
class StaffWaiting:
    """What waits for staff: how many, and where."""

    submissions: int
    to_release: int
    to_introduce: int
    dead: int


def waiting_for_staff(user: User) -> StaffWaiting:
    """Raises NotVisible for others than staff."""
    return StaffWaiting(
        submissions=vetting_queue(user).count(),
        to_release=staff_suggestions(user, status="proposed").count(),
        to_introduce=board(user).filter(stage=Introduction.Stage.TO_INTRODUCE).count(),
        dead=dead_letters().count(),
    )


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    context = {"waiting": waiting_for_staff(user), "run": recent_runs(user).first(), "oldest": oldest_waiting_age()}
    return render(request, "web/staff/overview.html", context)


@require_safe
def dead_letter_list(request: HttpRequest) -> HttpResponse:
    require_staff(request.user, "R", Thing.OPERATIONS)
    page = Paginator(dead_letters(), 25).get_page(request.GET.get("page"))
    return render(request, "web/staff/dead_letters.html", {"page": page})


@require_POST
def retry(request: HttpRequest, work_id: int) -> HttpResponse:
    require_staff(request.user, "X", Thing.OPERATIONS)
    retry_dead(by=signed_in_user(request), work_id=work_id)
    messages.success(request, _("It is tried again."))
    return redirect("web:staff_dead_letters")


@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    require_staff(request.user, "R", Thing.OPERATIONS)
    context = {
        "rows": recent_mails(),
        "as_files": bool(getattr(settings, "EMAIL_FILE_PATH", None)),
        "undelivered": undelivered()[:50],
    }
    return render(request, "web/staff/mails.html", context)


@require_safe
def mail(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request.user, "R", Thing.OPERATIONS)
    return render(request, "web/staff/mail.html", {"mail": read_mail(name)})


@require_safe
def events(request: HttpRequest) -> HttpResponse:
    form = EventFilters(request.GET)
    found = whole_trail(signed_in_user(request)).select_related("by").filter(**form.chosen())
    return render(request, "web/staff/events.html", {"form": form, "page": Paginator(found, 50).get_page(request.GET.get("page"))})
