"""Writing to staff: the form, the thread for who asked, and staff's queue."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.models import User
from backend.cities.models import Ticket
from backend.cities.services.tickets import (
    LONGEST_TEXT,
    answer_ticket,
    close_ticket,
    reply_to_ticket,
    staff_tickets,
    take_ticket,
    ticket_by_token,
    ticket_path,
    write_ticket,
)
from backend.common.bounds import longest
from backend.common.errors import NotVisible, TooManyRequests
from backend.web.access import Level, open_to
from backend.web.help.forms import (
    ContactForm,
    GuardedForm,
    ReplyForm,
    TicketAnswerForm,
    TicketFilters,
)
from backend.web.html.adapters import network_allows_message
from backend.web.html.base import current_user, inside

PAGE = 25


def is_sent(request: HttpRequest, form: GuardedForm, service: Any, **known: Any) -> bool:
    """True if the message is taken; else the form says what is wrong and keeps what was typed."""
    if request.method != "POST" or not form.is_valid():
        return False
    if not network_allows_message(request):
        form.add_error(
            None,
            _(
                "Many messages have come from your network in the last hour. Yours is still here: "
                "send it later."
            ),
        )
        return False
    return form.is_done(service, refusals=(TooManyRequests,), **known)


def status_of(form: GuardedForm) -> int:
    return 422 if form.errors else 200


def _prefilled(request: HttpRequest, user: User | None) -> dict[str, str]:
    """What the link to the page, and the account, know already."""
    topic = request.GET.get("topic", "")
    return {
        "topic": topic if topic in Ticket.Kind.values else "",
        "about": inside(request.GET.get("about", ""), "")[: longest(Ticket, "about")],
        "text": request.GET.get("text", "")[:LONGEST_TEXT],
        "name": user.name if user else "",
        "email": user.email if user else "",
    }


@open_to(Level.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def contact(request: HttpRequest) -> HttpResponse:
    """Anybody writes to staff; nobody needs an account."""
    user = request.user if isinstance(request.user, User) else None
    form = ContactForm(
        request.POST if request.method == "POST" else None,
        user=user,
        initial=_prefilled(request, user),
    )
    if is_sent(request, form, write_ticket, by=user):
        return redirect(ticket_path(form.result))
    context = {
        "form": form,
        "about": form["about"].value() or "",
        "heading": _("Contact staff"),
        "lines": [
            _(
                "Ask, report a mistake, or say what is missing. You need no account. We answer by "
                "mail, in your language where we can."
            )
        ],
    }
    return render(request, "help/contact.html", context, status=status_of(form))


@open_to(Level.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def ticket(request: HttpRequest, thread: str) -> HttpResponse:
    """The thread, for whoever has the link of the mail."""
    found = ticket_by_token(thread)
    user = request.user if isinstance(request.user, User) else None
    form = ReplyForm(request.POST if request.method == "POST" else None)
    if is_sent(request, form, reply_to_ticket, by=user, token=thread):
        messages.success(request, _("Your message is added. The answer comes by mail."))
        return redirect("web:ticket", thread)
    context = {"ticket": found, "form": form}
    return render(request, "help/contact.html", context, status=status_of(form))


@open_to(Level.STAFF)
@require_safe
def ticket_list(request: HttpRequest) -> HttpResponse:
    user = current_user(request)
    form = TicketFilters(request.GET or {"shown": "open"}, user=user)
    page = Paginator(form.narrow(staff_tickets(user)), PAGE).get_page(request.GET.get("page"))
    return render(request, "help/staff_tickets.html", {"form": form, "page": page})


@open_to(Level.STAFF)
@require_http_methods(["GET", "HEAD", "POST"])
def staff_ticket(request: HttpRequest, ticket_id: int) -> HttpResponse:
    """One thread; staff answer it here."""
    user = current_user(request)
    found = staff_tickets(user).filter(pk=ticket_id).first()
    if found is None:
        raise NotVisible
    form = TicketAnswerForm(request.POST if request.method == "POST" else None)
    asked: dict[str, Any] = {"by": user, "ticket_id": ticket_id}
    if request.method == "POST" and form.is_done(answer_ticket, **asked):
        messages.success(request, f"Your answer goes to {found.email}.")
        return redirect("web:staff_tickets")
    context = {"ticket": found, "form": form}
    return render(request, "help/staff_tickets.html", context, status=422 if form.errors else 200)


@open_to(Level.STAFF)
@require_POST
def ticket_take(request: HttpRequest, ticket_id: int) -> HttpResponse:
    take_ticket(by=current_user(request), ticket_id=ticket_id)
    messages.success(request, "It is yours.")
    return redirect("web:staff_ticket", ticket_id)


@open_to(Level.STAFF)
@require_POST
def ticket_close(request: HttpRequest, ticket_id: int) -> HttpResponse:
    close_ticket(by=current_user(request), ticket_id=ticket_id)
    messages.success(request, "It is closed. A new message of the writer opens it again.")
    return redirect("web:staff_tickets")
