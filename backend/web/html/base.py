"""What all pages share: the signed-in person, the way back after an act, and the page that asks
before one, or one question.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme

from backend.accounts.models import User
from backend.cities.permissions import Reader
from backend.common.errors import NotVisible
from backend.web.access import OF_STAFF, access_of


def current_user(request: HttpRequest) -> User:
    """The person; the access of the view has let nobody else in. Raises NotVisible."""
    if not isinstance(request.user, User):
        raise NotVisible
    return request.user


def current_reader(request: HttpRequest) -> Reader:
    """The person and their role in the community of the address, as access has looked it up.
    Raises NotVisible.
    """
    reader = getattr(request, "reader", None)
    if not isinstance(reader, Reader):
        raise NotVisible
    return reader


# Where a form leads after its act: back to the page of ours that it names.


def inside(address: str, otherwise: str) -> str:
    """The address if it is a path of this site, else ``otherwise``."""
    is_ours = url_has_allowed_host_and_scheme(address, allowed_hosts=None) and address.startswith(
        "/"
    )
    return address if is_ours else otherwise


# Before an act that ends something, a page says what will happen; its button does it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a page asks before an act, or in ``form``. ``keep`` leads ``back`` without it,
    the only way on where there is no button;
    ``values`` are sent with the button, where the address of the page does several acts.
    """

    title: str
    heading: str
    sentences: Sequence[str]
    button: str
    keep: str
    back: str
    back_words: str
    is_warning: bool = True
    values: Mapping[str, str] = field(default_factory=dict)
    form: Form | None = None
    has_button: bool = True


def ask(request: HttpRequest, question: Question, *, shows_sample: bool) -> HttpResponse:
    """The page of the question; one that only staff may open has their navigation."""
    match = request.resolver_match
    access = access_of(match.func) if match else None
    is_of_staff = access is not None and access.level_of("GET") in OF_STAFF
    context = {
        "question": question,
        "form": question.form,
        "shows_sample": shows_sample,
        "base": "staff_base.html" if is_of_staff else "base.html",
    }
    is_wrong = question.form is not None and bool(question.form.errors)
    return render(request, "ask.html", context, status=422 if is_wrong else 200)
