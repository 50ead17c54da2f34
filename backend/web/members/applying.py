"""What membership is and gives, how dues work, and where one asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from backend.cities.memberships import Amounts, dues_amounts
from backend.cities.models import Membership
from backend.cities.services import set_dues
from backend.introductions.members import in_kind, listed_members
from backend.web.access import Level, open_to
from backend.web.html.base import Question, ask, current_user
from backend.web.members.forms import DuesForm


@dataclass(frozen=True, slots=True)
class DuesRow:
    """A class of dues with its amounts in dollars; None where staff tell it."""

    label: Any
    at_home: int | None
    abroad: int | None


def dues_rows(amounts: Amounts) -> list[DuesRow]:
    return [
        DuesRow(label, amounts.get((code, True)), amounts.get((code, False)))
        for code, label in Membership.DuesClass.choices
    ]


@open_to(Level.PUBLIC)
@require_safe
def membership(request: HttpRequest) -> HttpResponse:
    amounts = dues_amounts()
    context = {
        "dues": dues_rows(amounts),
        "knows_all": len(amounts) == 2 * len(Membership.DuesClass),
        "knows_any": bool(amounts),
        "at_home": listed_members().filter(in_kind("us")).count(),
        "abroad": listed_members().filter(in_kind("global")).count(),
    }
    return render(request, "members/membership.html", context)


@open_to(Level.CURATOR)
@require_http_methods(["GET", "HEAD", "POST"])
def dues(request: HttpRequest) -> HttpResponse:
    """Staff set what members of each class pay for a year."""
    form = DuesForm(
        request.POST if request.method == "POST" else None,
        initial={DuesForm.name(*key): dollars for key, dollars in dues_amounts().items()},
    )
    if request.method == "POST" and form.is_done(set_dues, by=current_user(request)):
        messages.success(request, "The amounts are saved and stand on the page about membership.")
        return redirect("web:staff_members")
    question = Question(
        title="Dues",
        heading="Dues for a year",
        sentences=["In whole U.S. dollars. Leave empty what staff tell: the public page says so."],
        button="Save the amounts",
        keep="Change nothing",
        back=reverse("web:staff_members"),
        back_words="Members",
        is_warning=False,
        form=form,
    )
    return ask(request, question, shows_sample=False)
