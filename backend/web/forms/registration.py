"""Forms of registration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community, Country
from backend.web.forms.domain_errors import DomainForm


def country_choices(empty: Any) -> list[tuple[str, Any]]:
    return [("", empty), *Country.objects.values_list("code", "name")]


class PlaceSearch(forms.Form):
    q = forms.CharField(
        label=_("Name of your city"), required=False, max_length=100, help_text=_("In any spelling, with or without accents.")
    )
    place_country = forms.ChoiceField(label=_("Country to prefer"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["place_country"].choices = country_choices(_("Any country"))  # type: ignore[attr-defined]


class RegistrationForm(DomainForm):
    place_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("Kind of community"), choices=Community.Kind.choices, initial="city", required=False)
    name = forms.CharField(label=_("Name in English"), required=False, max_length=200)
    country = forms.ChoiceField(label=_("Country"), required=False)
    admin1 = forms.CharField(label=_("State, province or region it lies in"), required=False, max_length=120)
    website = forms.URLField(label=_("Official website"), required=False, assume_scheme="https")
    is_another = forms.BooleanField(label=_("None of these: mine is another community"), required=False)

    nearly: Sequence[Community] = ()
    """Registered communities with nearly the name that was typed: the person says whether one of them is theirs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = country_choices(_("Choose a country"))  # type: ignore[attr-defined]
        self.fields["kind"].choices = [choice for choice in Community.Kind.choices if choice[0] != "city"]  # type: ignore[attr-defined]
        if self.data.get("kind") == "city":
            self.fields["kind"].choices = Community.Kind.choices  # type: ignore[attr-defined]

    def as_arguments(self) -> dict[str, Any]:
        return {**self.cleaned_data, "kind": self.cleaned_data["kind"] or "city"}
