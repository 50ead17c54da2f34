"""Filters of staff's suggestions, release policy, exclusion rules, and pairs proposed by hand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import Q

from backend.cities.models import Community, Country, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.common.bounds import LARGEST_ID, longest
from backend.common.dates import database_now
from backend.suggestions.models import (
    ExclusionRule,
    HandProposal,
    PartnerRequest,
    ReleasePolicy,
    Suggestion,
)
from backend.suggestions.services.prospects import ProspectsForStaff
from backend.web.html.forms import DomainForm, Filters, FlagField, PairFilters, Rows

_LONG = {"rows": 3}
_DATE = {"type": "date"}


class PolicyForm(DomainForm):
    """Only shows fields and errors; the service checks."""

    mode = forms.ChoiceField(
        label="New suggestions", choices=ReleasePolicy.Mode.choices, widget=forms.RadioSelect
    )
    threshold = forms.FloatField(
        label="Lowest score",
        required=False,
        min_value=0,
        max_value=1,
        help_text="Only for “above a score”: from 0 to 1, the product of both sides' preferences. "
        "Two that bring each other what is typical have 0.07; 0.12 is the least that runs suggest, "
        "and few pairs have more than 0.4.",
    )
    because = forms.CharField(
        label="Why",
        required=False,
        widget=forms.Textarea(attrs=_LONG),
        help_text="Kept in the history.",
    )


class ExclusionRuleForm(DomainForm):
    """An exclusion rule of two jurisdictions or, where ``sides`` are given, of one pair. The
    service checks everything except the names of divisions.
    """

    country = forms.ChoiceField(label="Country abroad")
    admin1 = forms.CharField(
        label="Region of that country (optional)",
        required=False,
        max_length=120,
        help_text="Its name or code; empty: the whole country.",
    )
    home_admin1_code = forms.ChoiceField(label="U.S. side", required=False)
    because = forms.CharField(label="Why", required=False, widget=forms.Textarea(attrs=_LONG))
    source = forms.CharField(
        label="Source: a link or a reference",
        required=False,
        max_length=longest(ExclusionRule, "source"),
    )
    from_on = forms.DateField(
        label="First day", widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d")
    )
    until_on = forms.DateField(
        label="Last day (optional)",
        required=False,
        widget=forms.DateInput(attrs=_DATE, format="%Y-%m-%d"),
        help_text="Days are those of UTC.",
    )

    def __init__(
        self, *args: Any, sides: tuple[Community, Community] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.sides = sides
        if sides is not None:
            for name in ("country", "admin1", "home_admin1_code"):
                del self.fields[name]
            return
        countries = Country.objects.exclude(pk=HOME_COUNTRY).values_list("code", "name")
        self.fields["country"].choices = [("", "–"), *countries]  # type: ignore[attr-defined]
        states = (
            Place.objects.filter(country=HOME_COUNTRY)
            .exclude(admin1_code="")
            .values_list("admin1_code", "admin1")
            .distinct()
        )
        self.fields["home_admin1_code"].choices = [  # type: ignore[attr-defined]
            ("", "All of the United States"),
            *states.order_by("admin1"),
        ]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        country, region = values.get("country", ""), values.get("admin1", "").strip()
        if country and region:
            divisions = Place.objects.filter(country=country).exclude(admin1_code="")
            found = (
                divisions.filter(Q(admin1_code__iexact=region) | Q(admin1__iexact=region))
                .values_list("admin1_code", flat=True)
                .first()
            )
            if found is None:
                known = divisions.order_by("admin1").values_list("admin1", flat=True).distinct()
                self.add_error("admin1", f"Not known. Regions there are: {', '.join(known)}.")
            values["admin1_code"] = found or ""
        return values

    def as_arguments(self) -> dict[str, Any]:
        values = {name: value for name, value in self.cleaned_data.items() if name != "admin1"}
        if self.sides is not None:
            values |= {"home_id": self.sides[0].pk, "abroad_id": self.sides[1].pk}
        return values


class SearchSidesForm(forms.Form):
    """Two communities by their names."""

    home = forms.CharField(label="U.S. community", required=False, max_length=100)
    abroad = forms.CharField(label="Community abroad", required=False, max_length=100)


class ProposalForm(DomainForm):
    documented = {
        "because": "Recorded; neither side reads it",
        "overridden_because": "Why wishes that speak against it are set aside",
    }
    needed = frozenset({"because"})

    because = forms.CharField(
        label="Why these two",
        required=False,
        max_length=longest(HandProposal, "because"),
        widget=forms.Textarea(attrs=_LONG),
        help_text="Kept with the suggestion. Neither side reads it.",
    )
    overridden_because = forms.CharField(
        label="Why the wishes above are set aside",
        required=False,
        max_length=longest(HandProposal, "overridden_because"),
        widget=forms.Textarea(attrs=_LONG),
        help_text="Kept as well.",
    )
    release_now = forms.BooleanField(label="Show it to both sides at once", required=False)

    def __init__(self, *args: Any, overrides: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not overrides:
            del self.fields["overridden_because"]


class AcceptRequestForm(ProposalForm):
    """An accepted request is shown to both sides at once."""

    release_now = None  # type: ignore[assignment]  # Django's way to leave an inherited field out


class DeclineRequestForm(DomainForm):
    documented = {"because": "Recorded; staff alone read it"}

    because = forms.CharField(
        label="Why not",
        error_messages={"required": "Say why, for staff alone."},
        max_length=longest(PartnerRequest, "decided_because"),
        widget=forms.Textarea(attrs=_LONG),
        help_text="Staff alone read it. Who asked reads the standard answer on its day.",
    )


CAUSE_LABELS = {
    "unpublished": "Not published",
    "paused": "Paused",
    "not_seeking": "Seeks no partner",
    "overdue": "Not confirmed for too long",
    "not_scored": "Not scored yet",
    "capacity": "As many introductions as it allows",
    "by_hand": "Staff release by hand",
    "coverage": "Too little filled in",
    "places": "Wishes for countries or regions",
    "excluded": "Excludes countries",
    "partnered": "None where it has a partner",
    "population": "Population range",
    "us_sister": "None with a U.S. sister",
    "forms": "Form of partnership",
    "languages": "Few share a language",
    "threshold": "Few reach its threshold",
    "none": "None of its own",
}


class StandingFilters(Filters):
    """Filters of the communities with few suggestions."""

    cause = forms.ChoiceField(
        label="Cause", required=False, choices=[("", "Any"), *CAUSE_LABELS.items()]
    )
    without = FlagField(label="Only those without any suggestion")

    def kept(self, rows: list[ProspectsForStaff]) -> list[ProspectsForStaff]:
        chosen = self.chosen()
        cause = chosen.get("cause")
        return [
            row
            for row in rows
            if (not chosen.get("without") or not row.open)
            and (not cause or cause in row.codes or (cause == "none" and not row.codes))
        ]


class RequestFilters(Filters):
    """Filters of the communities that others would like to meet."""

    documented = {"shown": "Those to decide (the default of the page), or of one outcome"}

    shown = forms.ChoiceField(
        label="Requests",
        required=False,
        choices=[("", "All"), ("open", "To decide"), *PartnerRequest.Status.choices[1:]],
    )

    def filter_shown(self, rows: Rows, value: str) -> Rows:
        if value == "open":
            return rows.filter(status="waiting", answer_at__gt=database_now())
        return rows.filter(status=value)


class ProposePairForm(ProposalForm):
    """The same with the pair, as the API takes it: the page's address names the two."""

    home_id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)
    abroad_id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)


class SuggestionFilters(PairFilters):
    status = forms.ChoiceField(
        label="State", required=False, choices=[("", "Any"), *Suggestion.Status.choices]
    )


class SidesForm(Filters):
    """The two communities of a pair, by their numbers."""

    home_id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)
    abroad_id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)
