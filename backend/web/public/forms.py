"""Filters of the public lists and of the directory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Country
from backend.cities.vocabularies import vocabulary
from backend.introductions.directory import UNKNOWN
from backend.introductions.directory import Filters as RowFilters
from backend.introductions.models import Partnership
from backend.web.html.forms import Filters

# Filters of the public lists. A value that is not a choice is said to be wrong, and does not
# filter.


def _terms(name: str) -> list[tuple[str, str]]:
    return sorted(
        ((term.code, term.label()) for term in vocabulary(name).values()), key=lambda pair: pair[1]
    )


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
            "region": [
                (region, region)
                for region in sorted({region for _code, _name, region in countries if region})
            ],
            "theme": _terms("themes"),
            "sector": _terms("sectors"),
            "topic": _terms("topics"),
        }
        for name, options in choices.items():
            self.fields[name].choices = [("", _("Any")), *options]  # type: ignore[attr-defined]


# Filters of the directory, each with how many partnerships it leaves.


GONE = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)
STATUS_WORDS: Mapping[str, Any] = {
    **{code: label for code, label in Partnership.Status.choices if code not in GONE},
    UNKNOWN: _("Not known"),
}
_ANY = ("", _("Any"))
FIRST_DECADE, LAST_DECADE = 1900, 2100


class DirectoryFilters(Filters):
    country = forms.ChoiceField(label=_("Country"), required=False)
    kind = forms.ChoiceField(
        label=_("Members"),
        required=False,
        choices=[_ANY, ("us", _("U.S. members")), ("global", _("Global Members"))],
    )
    theme = forms.ChoiceField(label=_("Theme, where known"), required=False)
    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[_ANY, *STATUS_WORDS.items()]
    )
    decade = forms.TypedChoiceField(label=_("Begun"), required=False, coerce=int, empty_value=None)
    recognised = forms.BooleanField(label=_("Officially recognised only"), required=False)
    place = forms.IntegerField(
        required=False, min_value=1, max_value=2**63 - 1, widget=forms.HiddenInput
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = [  # type: ignore[attr-defined]
            _ANY,
            *((country.pk, country.label) for country in Country.objects.all()),
        ]
        self.fields["theme"].choices = [  # type: ignore[attr-defined]
            _ANY,
            *((term.code, term.label()) for term in vocabulary("themes").values()),
        ]
        decades = (
            (year, _("%(year)ds") % {"year": year}) for year in range(FIRST_DECADE, LAST_DECADE, 10)
        )
        self.fields["decade"].choices = [_ANY, *decades]  # type: ignore[attr-defined]

    def asked(self) -> RowFilters:
        """The valid filters; a wrong one says so beside its field and does not filter."""
        return RowFilters(**self.chosen())

    def show_counts(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        """Leaves the choices that lead to something, with how many; what is chosen stays."""
        for name in ("country", "theme", "status", "decade"):
            counted = facets.get(name, {})
            field: Any = self.fields[name]
            chosen = str(self.data.get(name, ""))
            kept = [
                (
                    code,
                    _("%(label)s (%(count)d)")
                    % {"label": label, "count": counted.get(str(code), 0)},
                )
                for code, label in field.choices
                if code != "" and (str(code) in counted or str(code) == chosen)
            ]
            field.choices = [_ANY, *kept]
