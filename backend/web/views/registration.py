"""Registering a community: a city from the gazetteer, or a county, state, district or province by name."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from backend.accounts.models import User
from backend.cities.models import Place
from backend.cities.place_search import search_places
from backend.cities.services import register_community
from backend.cities.services.registration import AlreadyRegistered, LooksRegistered
from backend.common.errors import InvalidFields
from backend.web.forms.registration import PlaceSearch, RegistrationForm


def _found_places(form: PlaceSearch) -> list[Place]:
    if not form.is_valid() or not form.cleaned_data["q"]:
        return []
    return search_places(form.cleaned_data["q"], country=form.cleaned_data["place_country"])


@require_safe
def places(request: HttpRequest) -> HttpResponse:
    """The type-ahead's list of places: a fragment."""
    search = PlaceSearch(request.GET)
    return render(request, "web/parts/places.html", {"places": _found_places(search), "searched": bool(request.GET.get("q", "").strip())})


def _registered(request: HttpRequest, form: RegistrationForm, user: User) -> HttpResponse | None:
    try:
        community = register_community(by=user, **form.as_arguments())
    except InvalidFields as invalid:
        form.take(invalid)
        return None
    except AlreadyRegistered as registered:
        messages.info(request, _("Somebody has registered this community already. You can ask to join it."))
        return redirect("web:join", registered.community.pk)
    except LooksRegistered as looks:
        form.nearly = looks.communities
        form.add_error(None, looks.message)
        return None
    messages.success(request, _("%(name)s is registered. Now tell others about it.") % {"name": community.name})
    return redirect("web:profile", community.pk)


@require_http_methods(["GET", "HEAD", "POST"])
def register(request: HttpRequest) -> HttpResponse:
    """Without JavaScript the search is a GET of this page; with it, the list fills while typing."""
    search = PlaceSearch(request.GET if "q" in request.GET else request.POST if request.method == "POST" else None)
    form = RegistrationForm(request.POST) if request.method == "POST" else RegistrationForm()
    if request.method == "POST" and form.is_valid() and isinstance(request.user, User):
        answer = _registered(request, form, request.user)
        if answer is not None:
            return answer
    context: dict[str, Any] = {
        "search": search,
        "form": form,
        "places": _found_places(search) if search.is_bound else [],
        "searched": bool(search.data.get("q", "").strip()) if search.is_bound else False,
    }
    return render(request, "web/register.html", context, status=422 if form.is_bound and form.errors else 200)
