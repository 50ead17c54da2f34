"""Taking part: writing to a community's organisation, its open meetings and calls for help, and
starting an organisation where there is none.
"""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Place, Ticket
from backend.cities.place_search import search_places
from backend.cities.services.tickets import (
    answer_letter,
    answer_path,
    asked_for_organisation,
    letter_by_token,
    letters_to,
    organisation_path,
    ticket_path,
    write_ticket,
)
from backend.common.bounds import LARGEST_ID
from backend.common.errors import NotVisible, TooManyRequests, WrongState
from backend.introductions.models import PartnershipProcess
from backend.introductions.services.calls import (
    calls_calendar,
    draft_call,
    drafted_calls,
    open_calls,
    process_of,
    publish_call,
    publish_draft,
    withdraw_call,
    write_process,
)
from backend.web.access import Level, open_to
from backend.web.help.forms import (
    CallForm,
    OrganisationForm,
    ProcessForm,
    ReplyForm,
    VolunteerForm,
)
from backend.web.help.views import is_sent, status_of
from backend.web.html.base import current_reader, current_user

FOUND_AT_MOST = 8
LETTERS_SHOWN = 50
_ID = "process-%s"  # of fields: the page has another text


def public_community(community_id: int) -> Community:
    """Raises NotVisible for one that nobody may see, as for one that does not exist."""
    found = Community.objects.public().select_related("country").filter(pk=community_id).first()
    if found is None:
        raise NotVisible
    return found


def _about(user: User | None) -> dict[str, str]:
    return {"name": user.name, "email": user.email} if user else {}


@open_to(Level.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def volunteer(request: HttpRequest, community_id: int) -> HttpResponse:
    """“I would like to help”: the message reaches the organisation, no address is shown."""
    shown = public_community(community_id)
    user = request.user if isinstance(request.user, User) else None
    form = VolunteerForm(request.POST if request.method == "POST" else None, initial=_about(user))
    known = {"topic": Ticket.Kind.VOLUNTEER, "about": request.path, "to_id": shown.pk}
    if is_sent(request, form, write_ticket, by=user, **known):
        return redirect(ticket_path(form.result))
    context = {
        "form": form,
        "heading": _("I would like to help: %(community)s") % {"community": shown.name},
        "lines": [
            _(
                "Your message goes to the people who run the programme here. Say what you can do "
                "and when. They answer through this service; neither side sees the other's address."
            )
        ],
        "shows_sample": shown.is_sample,
    }
    return render(request, "help/contact.html", context, status=status_of(form))


@open_to(Level.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def letter(request: HttpRequest, letter: str) -> HttpResponse:
    """The organisation's side of a thread, for whoever has the link of the mail."""
    found = letter_by_token(letter)
    user = request.user if isinstance(request.user, User) else None
    form = ReplyForm(request.POST if request.method == "POST" else None)
    if is_sent(request, form, answer_letter, by=user, token=letter):
        messages.success(request, _("Your answer goes out by mail."))
        return redirect("web:letter", letter)
    writer = found.name or _("Somebody who gave no name")
    context = {"ticket": found, "form": form, "is_addressee": True, "writer": writer}
    return render(request, "help/contact.html", context, status=status_of(form))


@open_to(Level.PUBLIC)
@require_safe
def calendar(request: HttpRequest, community_id: int) -> HttpResponse:
    shown = public_community(community_id)
    response = HttpResponse(
        calls_calendar(shown, open_calls(shown.pk)), content_type="text/calendar; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="meetings.ics"'
    return response


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def volunteers(request: HttpRequest, community_id: int) -> HttpResponse:
    """What the community opens to everybody, and who has written to it. Who may not publish hands
    in a draft.
    """
    reader = current_reader(request)
    reader.require(Verb.READ, Resource.CALL)
    form = CallForm(request.POST if request.method == "POST" else None)
    asked = {"by": current_user(request), "community_id": community_id}
    publishes = reader.may(Verb.ACT, Resource.CALL)
    service = publish_call if publishes else draft_call
    if request.method == "POST" and form.is_done(service, refusals=(TooManyRequests,), **asked):
        messages.success(request, _said_of_kept(community_id, is_draft=not publishes))
        return redirect("web:volunteers", community_id)
    return _own_page(request, community_id, form=form)


def _said_of_kept(community_id: int, *, is_draft: bool) -> str:
    if is_draft:
        return _("Your draft is kept. Who publishes for the community is told of it.")
    if Community.objects.public().filter(pk=community_id).exists():
        return _("It is on your public page now.")
    return _("It is kept. Everybody sees it once your profile is published.")


def _own_page(
    request: HttpRequest,
    community_id: int,
    *,
    form: CallForm | None = None,
    process_form: ProcessForm | None = None,
) -> HttpResponse:
    """The page with what each may see of it; 422 where one of its forms is wrong."""
    reader = current_reader(request)
    community = Community.objects.select_related("country", "profile").get(pk=community_id)
    written = process_of(community_id)
    reads_letters = reader.may(Verb.READ, Resource.VOLUNTEERS)
    letters = letters_to(reader)[:LETTERS_SHOWN] if reads_letters else ()
    context = {
        "community": community,
        "is_public": Community.objects.public().filter(pk=community_id).exists(),
        "calls": open_calls(community_id),
        "drafts": drafted_calls(reader),
        "reads_letters": reads_letters,
        "letters": [(one, answer_path(one)) for one in letters],
        "may_publish": reader.may(Verb.ACT, Resource.CALL),
        "me": reader.user.pk,
        "form": form or CallForm(),
        "process": written,
        "process_form": process_form or _process_form(community, written),
        "writes_process": reader.may(Verb.ACT, Resource.VOLUNTEERS),
        "shows_sample": community.is_sample,
    }
    is_wrong = any(one is not None and one.errors for one in (form, process_form))
    return render(request, "help/volunteers.html", context, status=422 if is_wrong else 200)


def _process_form(community: Community, written: PartnershipProcess | None) -> ProcessForm:
    """As it is; a first text is in the language of the community's story."""
    if written is not None:
        return ProcessForm(
            initial={"text": written.text, "language": written.language}, auto_id=_ID
        )
    story = community.profile.draft.get("story") or {}
    return ProcessForm(initial={"language": story.get("language") or "en"}, auto_id=_ID)


@open_to(Level.COMMUNITY)
@require_POST
def process(request: HttpRequest, community_id: int) -> HttpResponse:
    current_reader(request).require(Verb.ACT, Resource.VOLUNTEERS)
    form = ProcessForm(request.POST, auto_id=_ID)
    if not form.is_done(write_process, by=current_user(request), community_id=community_id):
        return _own_page(request, community_id, process_form=form)
    shown, off = _("Your text is on your public page now."), _("The text is off your page.")
    messages.success(request, shown if form.result else off)
    return redirect("web:volunteers", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def publish(request: HttpRequest, community_id: int, call_id: int) -> HttpResponse:
    try:
        publish_draft(by=current_user(request), community_id=community_id, call_id=call_id)
    except (WrongState, TooManyRequests) as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, _said_of_kept(community_id, is_draft=False))
    return redirect("web:volunteers", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def withdraw(request: HttpRequest, community_id: int, call_id: int) -> HttpResponse:
    withdraw_call(by=current_user(request), community_id=community_id, call_id=call_id)
    messages.success(request, _("It is taken back."))
    return redirect("web:volunteers", community_id)


def _place(request: HttpRequest) -> Place | None:
    typed = request.GET.get("place", "")
    if not (typed.isdecimal() and len(typed) < 19 and 0 < int(typed) <= LARGEST_ID):
        return None
    return Place.objects.select_related("country", "community").filter(pk=int(typed)).first()


@open_to(Level.PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def organisation_start(request: HttpRequest) -> HttpResponse:
    """An existing organisation first; else how many have asked before, and a message to staff."""
    place = _place(request)
    heading = _("Start an organisation")
    if place is None:
        search = request.GET.get("search", "")
        lines = [_("First see whether there is one already. Which city do you mean?")]
        context: dict[str, Any] = {
            "search": search,
            "found": search_places(search, limit=FOUND_AT_MOST),
        }
        return _page(request, context | {"heading": heading, "lines": lines})
    heading = _("An organisation for %(place)s") % {"place": f"{place.name}, {place.country.label}"}
    existing = getattr(place, "community", None)
    if existing is not None:
        is_public = Community.objects.public().filter(pk=existing.pk).exists()
        lines = [_("This city is registered here already. Do not start a second one; join in.")]
        context = {"existing": existing, "is_public": is_public}
        return _page(request, context | {"heading": heading, "lines": lines})
    user = request.user if isinstance(request.user, User) else None
    form = OrganisationForm(
        request.POST if request.method == "POST" else None, initial=_about(user)
    )
    known = {"topic": Ticket.Kind.ORGANISATION, "about": organisation_path(place.pk)}
    if is_sent(request, form, write_ticket, by=user, **known):
        return redirect(ticket_path(form.result))
    lines = [
        _("Nobody from this city is registered here. Ask at city hall too whether there is one."),
        _others(asked_for_organisation(place.pk)),
    ]
    context = {"form": form, "form_address": organisation_path(place.pk)}
    return _page(request, context | {"heading": heading, "lines": lines})


def _others(asked: int) -> str:
    if not asked:
        return _("Nobody else has asked for this city yet. Tell us, and staff answer you.")
    words = ngettext(
        "%(count)d other person has asked for this city. Tell us, and staff bring you together.",
        "%(count)d others have asked for this city. Tell us, and staff bring you together.",
        asked,
    )
    return words % {"count": asked}


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    form = context.get("form")
    return render(request, "help/contact.html", context, status=status_of(form) if form else 200)
