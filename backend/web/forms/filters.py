"""Filters of the public lists. A value that is not a choice is said to be wrong, and does not filter."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Country
from backend.cities.vocabularies import vocabulary


def _terms(name: str) -> list[tuple[str, str]]:
    return sorted(((term.code, term.label()) for term in vocabulary(name).values()), key=lambda pair: pair[1])


class Filters(forms.Form):
    search = forms.CharField(label=_("Name"), required=False, max_length=100, strip=True)

    def chosen(self) -> dict[str, Any]:
        """The valid, non-empty filters."""
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}


class SeekingFilters(Filters):
    country = forms.ChoiceField(label=_("Country"), required=False)
    region = forms.ChoiceField(label=_("Region"), required=False)
    theme = forms.ChoiceField(label=_("Theme"), required=False)
    sector = forms.ChoiceField(label=_("Sector"), required=False)
    topic = forms.ChoiceField(label=_("Needs or offers"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        countries = list(
            Country.objects.filter(communities__profile__status="published")
            .distinct()
            .values_list("code", "name", "subregion")
            .order_by("name")
        )
        choices = {
            "country": [(code, name) for code, name, _region in countries],
            "region": [(region, region) for region in sorted({region for _code, _name, region in countries if region})],
            "theme": _terms("themes"),
            "sector": _terms("sectors"),
            "topic": _terms("topics"),
        }
        for name, options in choices.items():
            self.fields[name].choices = [("", _("Any")), *options]  # type: ignore[attr-defined]
