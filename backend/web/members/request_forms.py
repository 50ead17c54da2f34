"""What a community says when it asks for membership, what staff answer, and dues."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from backend.cities.memberships import dues_class_for, population_of
from backend.cities.models import Community, Membership, MembershipRequest
from backend.cities.services.membership_requests import LONGEST_NOTE, MOST_PEOPLE
from backend.cities.services.memberships import HIGHEST_DUES
from backend.common.bounds import longest
from backend.web.html.forms import DomainForm, Filters
from backend.web.members.forms import DayField


def _amounts() -> dict[str, forms.Field]:
    """A field for what members of each class and kind pay for a year."""
    return {
        DuesForm.name(code, is_home): forms.IntegerField(
            label=f"{label} people, {'U.S. members' if is_home else 'Global Members'}",
            required=False,
            min_value=0,
            max_value=HIGHEST_DUES,
        )
        for is_home in (True, False)
        for code, label in Membership.DuesClass.choices
    }


class DuesForm(DomainForm):
    """Whole dollars a year; an empty one is told by staff."""

    @staticmethod
    def name(dues_class: str, is_home: bool) -> str:
        return f"{'us' if is_home else 'global'}_{dues_class}"

    @staticmethod
    def amounts(given: Mapping[str, int | None]) -> dict[tuple[str, bool], int | None]:
        """(Class, whether of U.S. members) → dollars."""
        keys = {name: name.partition("_") for name in given}
        return {(keys[name][2], keys[name][0] == "us"): given[name] for name in given}

    def as_arguments(self) -> dict[str, Any]:
        return {"amounts": self.amounts(self.cleaned_data)}


# Made rather than written: one field a class and kind
DuesForm.base_fields.update(_amounts())


class MembershipRequestForm(DomainForm):
    """A community asks to become a member, or to stay one."""

    documented = {
        "dues_class": "Empty: by the population",
        "population": "Needed where the gazetteer does not know it and no class is given",
    }

    population = forms.IntegerField(
        label=_("How many people live there?"), required=False, min_value=1, max_value=MOST_PEOPLE
    )
    dues_class = forms.ChoiceField(
        label=_("Class of dues, by population"),
        required=False,
        choices=[("", _("By the population")), *Membership.DuesClass.choices],
    )
    billing_name = forms.CharField(
        label=_("Who gets the bill?"),
        help_text=_("A person or an office."),
        max_length=longest(MembershipRequest, "billing_name"),
    )
    billing_email = forms.EmailField(
        label=_("E-mail address for the bill"),
        help_text=_("Seen by staff and by those who answer for your community."),
        max_length=longest(MembershipRequest, "billing_email"),
    )
    note = forms.CharField(
        label=_("What else should staff know?"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class OwnRequestForm(MembershipRequestForm):
    """On the page of a community: asks for its population only where nobody knows it."""

    def __init__(self, *args: Any, community: Community, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = population_of(community)
        if people is not None:
            del self.fields["population"]
            fields: Any = self.fields
            fields["dues_class"].choices = Membership.DuesClass.choices
            fields["dues_class"].initial = dues_class_for(people)
            fields["dues_class"].help_text = _("Proposed by %(people)s inhabitants.") % {
                "people": number_format(people, force_grouping=True)
            }


class MembershipReplyForm(DomainForm):
    text = forms.CharField(
        label=_("Your answer to staff"),
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


_WHAT_STAFF_DO = {
    "accept": "Accept; the dues are still to be paid",
    "ask": "Ask for more",
    "decline": "Decline",
    "paid": "The dues have come: begin or renew the membership",
}


class MembershipAnswerForm(DomainForm):
    documented = {
        "text": "The community reads it; needed to ask and to decline",
        "dues_class": "Corrects the class; empty: as it was asked for",
        "started_on": "With `paid`, of a new membership; empty: today",
        "paid_through": "With `paid`; empty: a year on",
    }

    answer = forms.ChoiceField(label="What do you do?", choices=list(_WHAT_STAFF_DO.items()))
    text = forms.CharField(
        label="To the community",
        help_text="They read it. Needed to ask and to decline; else, for example, how to pay.",
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    dues_class = forms.ChoiceField(
        label="Class",
        required=False,
        choices=[("", "As they asked"), *Membership.DuesClass.choices],
    )
    started_on = DayField(
        label="Member from",
        required=False,
        help_text="When the dues have come and the membership is new. Empty: today.",
    )
    paid_through = DayField(
        label="Dues paid through",
        required=False,
        help_text="When the dues have come. Empty: a year on.",
    )

    def offer(self, allowed: Collection[str]) -> None:
        """Leaves the acts that the request's state allows."""
        fields: Any = self.fields
        fields["answer"].choices = [
            (code, label) for code, label in _WHAT_STAFF_DO.items() if code in allowed
        ]


class MembershipRequestFilters(Filters):
    documented = {"status": "Those that staff have to act on are `waiting` and `accepted`"}

    status = forms.ChoiceField(
        label="State", required=False, choices=[("", "Any"), *MembershipRequest.Status.choices]
    )
