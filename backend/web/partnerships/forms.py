"""What the sides of a partnership write down and decide, and staff's filters."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.cities.profile_schema import FIRST_YEAR
from backend.cities.services.statements import STATEMENTS
from backend.common.bounds import longest
from backend.introductions.models import Activity, Partnership, Renewal, StatusChange, YearlyReport
from backend.introductions.models.partnerships import MOST_PEOPLE
from backend.introductions.services.partnerships import DECISIONS
from backend.web.html.forms import DomainForm, PairFilters, date_input

_TEXT = {"rows": 5}


class ActivityForm(DomainForm):
    kind = forms.ChoiceField(
        label=_("What it was"), choices=Activity.Kind.choices, widget=forms.RadioSelect
    )
    happened_on = forms.DateField(label=_("When"), widget=date_input())
    text = forms.CharField(
        label=_("What you did together"),
        max_length=longest(Activity, "text"),
        widget=forms.Textarea(attrs=_TEXT),
    )
    own_people = forms.IntegerField(min_value=0, max_value=MOST_PEOPLE, required=False, initial=0)
    other_people = forms.IntegerField(min_value=0, max_value=MOST_PEOPLE, required=False, initial=0)

    def __init__(self, *args: Any, own: Community, other: Community, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, community in (("own_people", own), ("other_people", other)):
            self.fields[name].label = _("How many people of %(community)s took part") % {
                "community": community.name
            }

    def as_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {
            **data,
            "own_people": data["own_people"] or 0,
            "other_people": data["other_people"] or 0,
        }


class StatementForm(DomainForm):
    """Of the API alone: the page asks for all partners at once."""

    documented = {
        "partner": "The `key` of a partner of the list",
        "status": "`not_ours`: there is no such partnership",
        "year": "Since when, from 800 on; leave it out where it is not known",
    }

    partner = forms.CharField(max_length=40)
    status = forms.ChoiceField(choices=list(STATEMENTS.items()))
    year = forms.IntegerField(required=False, min_value=FIRST_YEAR, max_value=9999)


class ReportForm(DomainForm):
    year = forms.IntegerField(label=_("Year"), min_value=1900, max_value=9999, widget=forms.Select)
    achieved = forms.CharField(
        label=_("What you achieved"),
        max_length=longest(YearlyReport, "achieved"),
        widget=forms.Textarea(attrs=_TEXT),
    )
    difficulties = forms.CharField(
        label=_("What was difficult"),
        max_length=longest(YearlyReport, "difficulties"),
        required=False,
        widget=forms.Textarea(attrs=_TEXT),
    )
    plans = forms.CharField(
        label=_("What you plan"),
        max_length=longest(YearlyReport, "plans"),
        required=False,
        widget=forms.Textarea(attrs=_TEXT),
    )

    def __init__(self, *args: Any, years: range, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["year"].widget.choices = [(year, str(year)) for year in reversed(years)]


class RenewalForm(DomainForm):
    next_review_on = forms.DateField(label=_("Look at it together again on"), widget=date_input())
    decided_on = forms.DateField(label=_("Decided on"), widget=date_input())
    reference = forms.CharField(
        label=_("The council's decision, if there is one"),
        max_length=longest(Renewal, "reference"),
        required=False,
    )


class HonourForm(DomainForm):
    decided_on = forms.DateField(label=_("Decided on"), widget=date_input())
    reason = forms.CharField(
        label=_("Why, in your words"),
        max_length=longest(StatusChange, "reason"),
        required=False,
        widget=forms.Textarea(attrs=_TEXT),
    )


class DecisionForm(HonourForm):
    """``act`` is chosen by the page; the council's decision is asked for where the service wants
    it.
    """

    documented = {"reference": "Of the council's decision"}

    act = forms.ChoiceField(choices=[(act, act) for act in DECISIONS], widget=forms.HiddenInput)
    reference = forms.CharField(
        label=_("The council's decision"),
        max_length=longest(StatusChange, "reference"),
        required=False,
        help_text=_("For example its number in the minutes."),
    )
    field_order = ["decided_on", "reference", "reason"]

    def __init__(self, *args: Any, by_council: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["act"]
        if not by_council:
            del self.fields["reference"]


class PartnershipFilters(PairFilters):
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("Any")), *Partnership.Status.choices]
    )
