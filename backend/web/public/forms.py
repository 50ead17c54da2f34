"""Filters of the public lists and of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.db.models import Case, Q, When
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Country
from backend.cities.models.places import regions_named, whereabouts
from backend.cities.names import fold
from backend.cities.permissions import Reader
from backend.cities.profile_schema import PARTNERSHIP_STATUS
from backend.cities.queries import is_named, readings_inside, words_apart
from backend.common.bounds import LARGEST_ID
from backend.introductions.directory import UNKNOWN, RowFilters, any_of
from backend.introductions.models import Partnership
from backend.web.html.forms import (
    COUNTRY_CODE,
    Filters,
    FlagField,
    OpenChoiceField,
    Rows,
    SearchFilters,
    terms,
)

_ANY = ("", _("Any"))
_DATA = "profile__current_version__data"
_REGION = rf"[^\x00-\x1f]{{1,{Country._meta.get_field('subregion').max_length}}}"


class SeekingFilters(SearchFilters):
    documented = {
        "search": "Words of names; forgives accents",
        "country": "ISO 3166-1 alpha-2",
        "region": "UN subregion, as `/countries/` names it",
        "topic": "Needed or offered",
    }

    topic = forms.ChoiceField(
        label=_("Needs or offers"), required=False, choices=lambda: terms("topics")
    )
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=lambda: terms("themes"))
    sector = forms.ChoiceField(label=_("Sector"), required=False, choices=lambda: terms("sectors"))
    country = OpenChoiceField(label=_("Country"), pattern=COUNTRY_CODE)
    region = OpenChoiceField(label=_("Region"), pattern=_REGION)

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

    def filter_search(self, rows: Rows, value: str) -> Rows:
        """Whose own name or place begins so comes first."""
        names = ("name", "name_key", "local_name", "place__search_text")
        every = Q()
        for word in words_apart(value):
            every &= (
                is_named(word, {"": names})
                | Q(admin1__icontains=word)
                | Q(admin1__in=regions_named(word))
                | Q(country__name__icontains=word)
                | Q(country__in=[of for of, region in whereabouts(word) if not region])
            )
        begun = Q(name__istartswith=value) | Q(place__search_text__startswith=fold(value))
        begun |= any_of(Q(place__search_text__startswith=r.name) for r in readings_inside(value))
        found = rows.filter(every | is_named(value, {"": names}))
        # A column, so that the cursor of a page of the API can hold it
        ranked = found.annotate(search_rank=Case(When(begun, then=0), default=1))
        return ranked.order_by("search_rank", "name", "id")

    def filter_region(self, rows: Rows, value: str) -> Rows:
        return rows.filter(country__subregion=value)

    def filter_theme(self, rows: Rows, value: str) -> Rows:
        return rows.filter(**{f"{_DATA}__themes__importances__has_key": value})

    def filter_sector(self, rows: Rows, value: str) -> Rows:
        return rows.filter(**{f"{_DATA}__sectors__strengths__has_key": value})

    def filter_topic(self, rows: Rows, value: str) -> Rows:
        either = ({"needs_offers": {kind: [value]}} for kind in ("needs", "offers"))
        return rows.filter(any_of(Q(**{f"{_DATA}__contains": part}) for part in either))


class PlaceFilters(Filters):
    documented = {
        "q": "A name or its beginning, in any script; forgives accents and mistakes",
        "country": "ISO 3166-1 alpha-2; its places come first",
    }

    q = forms.CharField(min_length=2, max_length=100)
    country = OpenChoiceField(pattern=COUNTRY_CODE)


class SearchForm(PlaceFilters):
    """The search for all places and communities."""

    documented = {
        "q": "A name with or without where it is, in any script; forgives accents and mistakes",
        "country": "ISO 3166-1 alpha-2; what is there comes first",
    }

    q = forms.CharField(
        label=_("City, county, state or province"), min_length=1, max_length=100, required=True
    )


GONE = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)
LIVING = [choice for choice in Partnership.Status.choices if choice[0] not in GONE]
STATUS_WORDS: Mapping[str, Any] = {**dict(LIVING), UNKNOWN: _("Not known")}


class ListedFilters(SearchFilters):
    """Their conditions are in ``backend.introductions.directory``, one for all three lists."""

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

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        return rows

    def asked(self) -> RowFilters:
        """The valid filters; a wrong one says so beside its field and does not filter."""
        return RowFilters(**self.chosen())


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
