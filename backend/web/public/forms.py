"""Filters of the public lists and of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Country
from backend.cities.profile_schema import PARTNERSHIP_STATUS
from backend.common.bounds import LARGEST_ID
from backend.introductions.directory import UNKNOWN
from backend.introductions.directory import Filters as RowFilters
from backend.introductions.models import Partnership
from backend.web.html.forms import (
    COUNTRY_CODE,
    FlagField,
    OpenChoiceField,
    SearchFilters,
    terms,
)

_ANY = ("", _("Any"))
_REGION = rf"[^\x00-\x1f]{{1,{Country._meta.get_field('subregion').max_length}}}"

# Filters of the public lists. A value that is not a choice is said to be wrong, and does not
# filter.


class SeekingFilters(SearchFilters):
    documented = {
        "search": "Words of names; forgives accents",
        "country": "ISO 3166-1 alpha-2",
        "region": "UN subregion, as `/countries/` names it",
        "topic": "Needed or offered",
    }

    country = OpenChoiceField(label=_("Country"), pattern=COUNTRY_CODE)
    region = OpenChoiceField(label=_("Region"), pattern=_REGION)
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=lambda: terms("themes"))
    sector = forms.ChoiceField(label=_("Sector"), required=False, choices=lambda: terms("sectors"))
    topic = forms.ChoiceField(
        label=_("Needs or offers"), required=False, choices=lambda: terms("topics")
    )

    def __init__(self, *args: Any, is_api: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, is_api=is_api, **kwargs)
        if is_api:
            return
        countries = list(
            Country.objects.filter(communities__profile__status="published")
            .distinct()
            .values_list("code", "name", "subregion")
            .order_by("name")
        )
        regions = sorted({region for _code, _name, region in countries if region})
        fields: Any = self.fields
        fields["country"].choices = [_ANY, *((code, name) for code, name, _region in countries)]
        fields["region"].choices = [_ANY, *((region, region) for region in regions)]


# Filters of the directory: of each of its three lists in the API, and of the page that shows them
# together, each with how many partnerships it leaves.


GONE = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)
LIVING = [choice for choice in Partnership.Status.choices if choice[0] not in GONE]
STATUS_WORDS: Mapping[str, Any] = {**dict(LIVING), UNKNOWN: _("Not known")}


class ListedFilters(SearchFilters):
    documented = {
        **SearchFilters.documented,
        "country": "Of either side",
        "kind": "Of U.S. members, or of Global Members",
        "place": "GeoNames id of either side",
    }

    country = OpenChoiceField(
        label=_("Country"),
        pattern=COUNTRY_CODE,
        choices=lambda: [_ANY, *((country.pk, country.label) for country in Country.objects.all())],
    )
    kind = forms.ChoiceField(
        label=_("Members"),
        required=False,
        choices=[_ANY, ("us", _("U.S. members")), ("global", _("Global Members"))],
    )
    place = forms.IntegerField(
        required=False, min_value=1, max_value=LARGEST_ID, widget=forms.HiddenInput
    )


class ConfirmedFilters(ListedFilters):
    documented = {**ListedFilters.documented, "decade": "Its first year: 1980"}

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[_ANY, *PARTNERSHIP_STATUS.items()]
    )
    decade = forms.IntegerField(
        label=_("Begun"), required=False, min_value=1000, max_value=2990, widget=forms.Select
    )


class RecordedFilters(ConfirmedFilters):
    documented = {
        **ConfirmedFilters.documented,
        "theme": "Among its areas of cooperation",
        "recognised": "Only officially recognised ones",
    }

    status = forms.ChoiceField(label=_("Status"), required=False, choices=[_ANY, *LIVING])
    theme = forms.ChoiceField(
        label=_("Theme, where known"), required=False, choices=lambda: terms("themes")
    )
    recognised = FlagField(label=_("Officially recognised only"))


class DirectoryFilters(RecordedFilters):
    """Of the page: what is in any of the three lists."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[_ANY, *STATUS_WORDS.items()]
    )

    def asked(self) -> RowFilters:
        """The valid filters; a wrong one says so beside its field and does not filter."""
        return RowFilters(**self.chosen())

    def show_counts(self, facets: Mapping[str, Mapping[str, int]]) -> None:
        """Leaves the choices that lead to something, with how many; what is chosen stays."""
        fields: Any = self.fields
        for name in ("country", "theme", "status"):
            fields[name].choices = self._counted(name, fields[name].choices, facets)
        decades = {int(decade) for decade in facets.get("decade", ())}
        if chosen := self.chosen().get("decade"):
            decades.add(chosen)
        labels = [(year, _("%(year)ds") % {"year": year}) for year in sorted(decades)]
        fields["decade"].widget.choices = self._counted("decade", labels, facets)

    def _counted(
        self,
        name: str,
        choices: Iterable[tuple[Any, Any]],
        facets: Mapping[str, Mapping[str, int]],
    ) -> list[tuple[Any, Any]]:
        counted = facets.get(name, {})
        chosen = str(self.data.get(name, ""))
        kept = [
            (
                code,
                _("%(label)s (%(count)d)") % {"label": label, "count": counted.get(str(code), 0)},
            )
            for code, label in choices
            if code != "" and (str(code) in counted or str(code) == chosen)
        ]
        return [_ANY, *kept]
