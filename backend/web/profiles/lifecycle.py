"""A profile's life: registered, checked, submitted, published, confirmed, paused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Place, Profile
from backend.cities.models.places import regions_of
from backend.cities.names import searched_name
from backend.cities.permissions import Reader
from backend.cities.place_search import search_places
from backend.cities.profile_schema import GROUP_BY_CODE
from backend.cities.profile_validation import valid_part
from backend.cities.queries import progress_of
from backend.cities.services import (
    confirm_profile,
    draft_errors,
    mark_fulfilled,
    pause_profile,
    register_community,
    republish_profile,
    resume_profile,
    submit_profile,
    withdraw_profile,
)
from backend.cities.services.communities import (
    AlreadyRegistered,
    LooksRegistered,
    change_picture,
    remove_picture,
)
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.errors import InvalidFields
from backend.introductions.queries.introductions import OVER, introductions_of
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_reader, current_user
from backend.web.profiles.forms import RegistrationForm, country_choices
from backend.web.profiles.outlook import freshness_words, outlook_of
from backend.web.profiles.presentation import answers_not_public, describe
from backend.web.profiles.views import own_profile
from backend.web.public.views import page_of

MOST_BY_HAND = 5  # communities without a place in the list of found ones


class PlaceSearch(forms.Form):
    q = forms.CharField(
        label=gettext_lazy("Name of your city"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("In any spelling, with or without accents."),
    )
    place_country = forms.ChoiceField(label=gettext_lazy("Country (optional)"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place_country"].choices = country_choices(gettext_lazy("Any country"))  # type: ignore[attr-defined]


def _found_places(form: PlaceSearch) -> list[Place]:
    if not form.is_valid() or not form.cleaned_data["q"]:
        return []
    return search_places(form.cleaned_data["q"], country=form.cleaned_data["place_country"])


@open_to(Level.SIGNED_IN)
@require_safe
def places(request: HttpRequest) -> HttpResponse:
    """The type-ahead's list of places: a fragment."""
    search = PlaceSearch(request.GET)
    return render(
        request,
        "profiles/places.html",
        {
            "places": _found_places(search),
            "by_hand": _found_by_hand(search),
            "searched": bool(request.GET.get("q", "").strip()),
        },
    )


@open_to(Level.SIGNED_IN)
@require_safe
def regions(request: HttpRequest) -> HttpResponse:
    """What the field of the region offers for the chosen country: a fragment."""
    names = [(name,) for name in regions_of(request.GET.get("country", ""))]
    return HttpResponse(format_html_join("", '<option value="{}"></option>', names))


def _found_by_hand(form: PlaceSearch) -> list[Community]:
    """Registered communities without a place whose names begin as was typed."""
    typed = searched_name(form.cleaned_data["q"]) if form.is_valid() else ""
    if not typed:
        return []
    called = Q(name_key__startswith=typed) | Q(local_name__istartswith=form.cleaned_data["q"])
    found = Community.objects.filter(called, place__isnull=True).select_related("country")
    return list(found.order_by("name", "id")[:MOST_BY_HAND])


def _registered(request: HttpRequest, form: RegistrationForm, user: User) -> HttpResponse | None:
    try:
        community = register_community(by=user, **form.as_arguments())
    except InvalidFields as invalid:
        form.add_service_errors(invalid)
        return None
    except AlreadyRegistered as registered:
        messages.info(
            request, _("Somebody has registered this community already. You can ask to join it.")
        )
        return redirect("web:join", registered.community.pk)
    except LooksRegistered as looks:
        form.nearly = looks.communities
        form.add_error(None, looks.message)
        return None
    messages.success(
        request, _("%(name)s is registered. Now tell others about it.") % {"name": community.name}
    )
    return redirect("web:profile", community.pk)


@open_to(Level.SIGNED_IN)
@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Without JavaScript the search is a GET of this page; with it, the list fills while typing."""
    search = PlaceSearch(
        request.GET if "q" in request.GET else request.POST if request.method == "POST" else None
    )
    form = RegistrationForm(request.POST) if request.method == "POST" else RegistrationForm()
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        response = _registered(request, form, request.user)
        if response is not None:
            return response
    context: dict[str, Any] = {
        "search": search,
        "form": form,
        "places": _found_places(search) if search.is_bound else [],
        "by_hand": _found_by_hand(search) if search.is_bound else [],
        "searched": bool(search.data.get("q", "").strip()) if search.is_bound else False,
    }
    return render(
        request,
        "profiles/register.html",
        context,
        status=422 if form.is_bound and form.errors else 200,
    )


def _labelled(errors: Mapping[str, list[str]], community_id: int) -> list[dict[str, Any]]:
    """Each error with the words of its question and the page where it is corrected."""
    rows = []
    for path, lines in errors.items():
        code, _dot, name = path.partition(".")
        group = GROUP_BY_CODE.get(code)
        question = (
            next((str(field.label) for field in group.fields if field.name == name), "")
            if group
            else ""
        )
        url = reverse("web:profile_group", args=[community_id, code]) + f"#{name}" if group else ""
        rows.append(
            {
                "group": group.label if group else "",
                "question": question,
                "lines": lines,
                "url": url,
            }
        )
    return rows


def _check_context(
    profile: Profile, errors: Mapping[str, list[str]], *, vetted: bool
) -> dict[str, Any]:
    published_before = profile.current_version_id is not None
    return {
        "profile": profile,
        "community": profile.community,
        "outlook": outlook_of(profile),
        "progress": progress_of(profile),
        "groups": describe(profile.draft, profile.community, reader="staff", by_owner=True),
        "problems": _labelled(errors, profile.community_id),
        "can_submit": profile.status in ("draft", "changes_requested", "withdrawn"),
        "can_publish": published_before
        and vetted
        and profile.status in ("published", "stale", "paused", "fulfilled"),
        "changed": not published_before or profile.draft != profile.current_version.data,  # type: ignore[union-attr]
        "has_letter": profile.letters.exists(),
        "shows_sample": profile.community.is_sample,
    }


def _vetted(request: HttpRequest) -> bool:
    role = current_reader(request).role
    return role is not None and role.vetted_at is not None


@open_to(Level.COMMUNITY)
@require_safe
def check(request: HttpRequest, community_id: int) -> HttpResponse:
    profile = own_profile(current_reader(request), Verb.UPDATE)
    errors = draft_errors(profile, complete=True)
    return render(
        request,
        "profiles/check.html",
        _check_context(profile, errors, vetted=_vetted(request)),
    )


def _check_again(request: HttpRequest, community_id: int, invalid: InvalidFields) -> HttpResponse:
    profile = own_profile(current_reader(request), Verb.UPDATE)
    context = _check_context(profile, invalid.errors, vetted=_vetted(request))
    return render(request, "profiles/check.html", context, status=422)


@open_to(Level.COMMUNITY)
@require_POST
def submit(request: HttpRequest, community_id: int) -> HttpResponse:
    try:
        submit_profile(by=current_user(request), community_id=community_id)
    except InvalidFields as invalid:
        return _check_again(request, community_id, invalid)
    messages.success(
        request, _("Submitted. Staff read it and write to you; you can watch the state here.")
    )
    return redirect("web:profile", community_id)


@open_to(Level.COMMUNITY)
@require_POST
def publish(request: HttpRequest, community_id: int) -> HttpResponse:
    try:
        version = republish_profile(by=current_user(request), community_id=community_id)
    except InvalidFields as invalid:
        return _check_again(request, community_id, invalid)
    messages.success(
        request,
        _("Version %(number)d is published. Below you read what it changes once it is scored.")
        % {"number": version.number},
    )
    return redirect("web:suggestions", community_id)


@open_to(Level.COMMUNITY)
@require_safe
def preview(request: HttpRequest, community_id: int) -> HttpResponse:
    """The public page, made from the draft: what cannot be published yet is left out."""
    profile = own_profile(current_reader(request))
    document, errors = valid_part(profile.draft, profile.community)
    shown = profile.community
    shown.current_memberships = list(shown.memberships.filter(ended_on__isnull=True))  # type: ignore[attr-defined]
    context = page_of(shown, document) | {
        "hidden_errors": len(errors),
        "not_public": answers_not_public(document, shown),
    }
    return render(request, "profiles/preview.html", context)


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, community_id: int) -> HttpResponse:
    """Where a reminder's link leads. Opening it changes nothing; its one button confirms."""
    user = current_user(request)
    if request.method == "POST":
        confirm_profile(by=user, community_id=community_id)
        messages.success(request, _("Thank you: confirmed as still true."))
        return redirect("web:profile", community_id)
    profile = own_profile(current_reader(request), Verb.ACT)
    version = profile.current_version
    words = freshness_words(profile) or _(
        "The profile is not published, so there is nothing to confirm."
    )
    context = {
        "profile": profile,
        "community": profile.community,
        "can_confirm": profile.status in (Profile.Status.PUBLISHED, Profile.Status.STALE),
        "next_step": words,
        "unpublished": version is not None and profile.draft != version.data,
        "groups": describe(version.data, profile.community, reader="staff", by_owner=True)
        if version
        else [],
        "shows_sample": profile.community.is_sample,
    }
    return render(request, "profiles/confirm.html", context)


_ACTS: Mapping[str, tuple[Callable[..., Profile], Any]] = {
    "confirm": (confirm_profile, gettext_lazy("Thank you: confirmed as still true.")),
    "pause": (
        pause_profile,
        gettext_lazy("Paused. You get no new suggestions until it ends or you resume."),
    ),
    "resume": (resume_profile, gettext_lazy("Resumed. You are among those who seek again.")),
}


@open_to(Level.COMMUNITY)
@require_POST
def change_status(request: HttpRequest, community_id: int) -> HttpResponse:
    act = request.POST.get("act", "")
    if act not in _ACTS:
        raise InvalidFields({"act": [_("Choose what to do with the profile.")]})
    service, words = _ACTS[act]
    try:
        service(by=current_user(request), community_id=community_id, **_pause_end(request, act))
    except InvalidFields as invalid:
        messages.error(
            request, " ".join(line for lines in invalid.errors.values() for line in lines)
        )
        return redirect("web:profile", community_id)
    messages.success(request, words)
    return redirect("web:profile", community_id)


# What ends the search is asked for on a page of its own, and done by its button.
_ENDS: Mapping[str, tuple[Callable[..., Profile], str, Any]] = {
    "fulfil": (
        mark_fulfilled,
        Profile.Status.FULFILLED,
        gettext_lazy("Congratulations! Your profile is marked as fulfilled."),
    ),
    "withdraw": (
        withdraw_profile,
        Profile.Status.WITHDRAWN,
        gettext_lazy("Withdrawn. Nobody sees the profile any more; you can come back."),
    ),
}
_WITHDRAW = {
    "heading": gettext_lazy("Withdraw %(name)s from the service?"),
    "button": gettext_lazy("Withdraw from the service"),
}
_FULFIL = {
    "heading": gettext_lazy("Has %(name)s found its partner?"),
    "button": gettext_lazy("We have found our partner"),
}


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def end(request: HttpRequest, community_id: int, act: str) -> HttpResponse:
    """Withdraws the profile, or says that the partner is found; the page says what will happen."""
    service, status, done = _ENDS[act]
    if request.method == "POST":
        service(by=current_user(request), community_id=community_id)
        messages.success(request, done)
        return redirect("web:profile", community_id)
    reader = current_reader(request)
    profile = own_profile(reader, Verb.ACT)
    if status not in PROFILE_TRANSITIONS[profile.status]:
        return redirect("web:profile", community_id)
    name = {"name": profile.community.name}
    words = _WITHDRAW if act == "withdraw" else _FULFIL
    question = Question(
        title=str(words["button"]),
        heading=words["heading"] % name,
        sentences=[_what_ends(profile, act), *_who_is_notified(reader, profile)],
        button=str(words["button"]),
        keep=_("Leave it as it is"),
        back=reverse("web:profile", args=[community_id]),
        back_words=_("Profile of %(name)s") % name,
        is_warning=act == "withdraw",
    )
    return ask(request, question, shows_sample=profile.community.is_sample)


def _what_ends(profile: Profile, act: str) -> str:
    if act == "fulfil":
        return _(
            "The profile stays public and says that you have found your partner. You get no new "
            "suggestions until you resume."
        )
    if profile.is_approved:
        return _(
            "Nobody sees the profile any more, and you get no new suggestions. You can come back "
            "at any time: what is published now is public again, and staff need not vet it a "
            "second time."
        )
    return _(
        "Nobody sees the profile any more, and staff read it no further. To come back you submit "
        "it again."
    )


def _who_is_notified(reader: Reader, profile: Profile) -> list[str]:
    partners = []
    if reader.may(Verb.READ, Resource.INTRODUCTION):
        for introduction in introductions_of(reader).exclude(stage__in=OVER):
            pair = introduction.pair
            partners.append(pair.b if pair.a_id == profile.community_id else pair.a)
    if partners:
        return [
            _("Staff are notified, and your partners in open introductions: %(names)s.")
            % {"names": ", ".join(partner.name for partner in partners)},
            _("Introductions stay open until you close them, each on its own page."),
        ]
    return [_("Staff are notified.")] if profile.is_public else []


@open_to(Level.COMMUNITY)
@require_POST
def picture(request: HttpRequest, community_id: int) -> HttpResponse:
    """Puts a picture on the public page, or takes it off."""
    user, sent = current_user(request), request.FILES.get("picture")
    if request.POST.get("act") == "remove":
        remove_picture(by=user, community_id=community_id)
        messages.success(request, _("The picture is removed."))
        return redirect("web:profile", community_id)
    alternative = request.POST.get("alternative", "")
    try:
        if not isinstance(sent, UploadedFile):
            words = _("Choose a picture first: JPEG or PNG, at most 10 MB.")
            raise InvalidFields({"picture": [words]})
        change_picture(by=user, community_id=community_id, upload=sent, alternative=alternative)
    except InvalidFields as invalid:
        messages.error(request, " ".join(line for each in invalid.errors.values() for line in each))
    else:
        messages.success(request, _("The picture is on your public page."))
    return redirect("web:profile", community_id)


def _pause_end(request: HttpRequest, act: str) -> dict[str, dt.date]:
    """The day on which a pause ends, if one is given. Raises InvalidFields for what is no day."""
    text = request.POST.get("until", "").strip() if act == "pause" else ""
    try:
        return {"until": dt.date.fromisoformat(text)} if text else {}
    except ValueError:
        raise InvalidFields(
            {"until": [_("Write the day as year-month-day, for example 2027-03-01.")]}
        ) from None
