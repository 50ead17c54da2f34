"""Filters of the public lists and of the directory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Country, Place, SeekingEntry
from backend.cities.models.places import UN_REGIONS, country_called, in_order, un_region_label
from backend.cities.permissions import Reader
from backend.cities.place_search import search_places
from backend.cities.profile_schema import FIRST_YEAR, FORMS, PARTNERSHIP_STATUS, STATED_STATUS
from backend.cities.seeking import (
    FIT,
    FRESH,
    MATCH,
    NEAR,
    SIZE,
    Asked,
    Viewpoint,
    asked_of,
    narrowed,
    ordered,
    viewpoint_at,
    viewpoint_of,
)
from backend.common.bounds import LARGEST_ID
from backend.introductions.directory import RowFilters
from backend.introductions.models import Partnership
from backend.web.cache import Remembered
from backend.web.html.forms import (
    COUNTRY_CODE,
    DomainForm,
    Filters,
    FlagField,
    OpenChoiceField,
    Rows,
    SearchFilters,
    terms,
)

_ANY = ("", _("Any"))
_REGION = rf"[^\x00-\x1f]{{1,{Country._meta.get_field('subregion').max_length}}}"


SORTS: Mapping[str, Any] = {
    FRESH: _("Newest first"),
    MATCH: _("Best name first"),
    SIZE: _("Largest first"),
    NEAR: _("Nearest first"),
    FIT: _("Best fit of needs and offers first"),
}
SIZE_WORDS: Mapping[str, Any] = {
    "under_25k": _("Small town: under 25,000 people"),
    "under_100k": _("Town: 25,000 to 100,000"),
    "under_500k": _("City: 100,000 to 500,000"),
    "under_2m": _("Large city: 500,000 to 2 million"),
    "over_2m": _("Very large city: over 2 million"),
}
MEMBER_WORDS: Mapping[str, Any] = {
    "us": _("U.S. members"),
    "global": _("Global Members"),
    "none": _("Not members"),
}


def _seeking_countries() -> list[Country]:
    entries = SeekingEntry.objects.values("country").distinct()
    return list(Country.objects.filter(pk__in=entries))


# Which countries a page of seekers offers in its filters
seeking_countries = Remembered(_seeking_countries)


class SeekingFilters(SearchFilters):
    """Of the market place of seekers. Their conditions are in ``backend.cities.seeking``, which
    finds for saved searches as well.
    """

    documented = {
        "search": "Words of names; forgives accents",
        "needs": "Needed by the community: what one could offer it",
        "offers": "Offered by the community: what one is looking for",
        "topic": "Needed or offered",
        "size": "By population",
        "country": "ISO 3166-1 alpha-2",
        "region": "UN subregion, as `/countries/` names it",
        "language": "Working language, ISO 639",
        "form": "Form of partnership that it seeks, or is open to",
        "member": "Members in good standing, or communities that are none",
        "fresh": "Published in the last 30 days",
        "sort": "`fresh` unless `search` is given, then `match`; `near` asks for `near` or "
        "`community`, `fit` for `community` and lists its counterparts alone",
        "near": "A city by its name, or its GeoNames id: for `sort=near`",
        "community": "Number of a public community: the list as it sees it, by its published needs "
        "and offers",
        "needs_ours": "Only those that need something that `community` offers",
        "offers_ours": "Only those that offer something that `community` needs",
    }

    needs = forms.ChoiceField(label=_("They need"), required=False, choices=lambda: terms("topics"))
    offers = forms.ChoiceField(
        label=_("They offer"), required=False, choices=lambda: terms("topics")
    )
    topic = forms.ChoiceField(
        label=_("Needs or offers"), required=False, choices=lambda: terms("topics")
    )
    theme = forms.ChoiceField(label=_("Theme"), required=False, choices=lambda: terms("themes"))
    sector = forms.ChoiceField(label=_("Sector"), required=False, choices=lambda: terms("sectors"))
    size = forms.ChoiceField(label=_("Size"), required=False, choices=[_ANY, *SIZE_WORDS.items()])
    country = OpenChoiceField(label=_("Country"), pattern=COUNTRY_CODE)
    region = OpenChoiceField(label=_("Region"), pattern=_REGION)
    language = forms.ChoiceField(
        label=_("Working language"), required=False, choices=lambda: terms("languages")
    )
    form = forms.ChoiceField(label=_("Form sought"), required=False, choices=[_ANY, *FORMS.items()])
    member = forms.ChoiceField(
        label=_("Membership"), required=False, choices=[_ANY, *MEMBER_WORDS.items()]
    )
    fresh = FlagField(label=_("New in the last month"))
    sort = forms.ChoiceField(label=_("Order"), required=False, choices=[*SORTS.items()])
    near = forms.CharField(
        label=_("Distance from"), help_text=_("A city"), required=False, max_length=100, strip=True
    )
    community = forms.IntegerField(
        label=_("As seen by"),
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
        widget=forms.HiddenInput,
    )
    needs_ours = FlagField(label=_("Needs what we offer"))
    offers_ours = FlagField(label=_("Offers what we need"))

    viewpoint: Viewpoint | None = None  # of ``community``
    places: Sequence[Place] = ()  # that ``near`` may mean, the likeliest first

    def __init__(self, *args: Any, is_api: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, is_api=is_api, **kwargs)
        if is_api:
            return
        fields: Any = self.fields
        countries, regions = self._whereabouts()
        fields["country"].choices = [_ANY, *in_order(countries.items())]
        fields["region"].choices = [_ANY, *in_order(regions.items())]
        # What holds unless another order is chosen comes first, and is no filter
        usual = MATCH if self.data.get("search", "").strip() else FRESH
        left_out = {usual, MATCH} if self.data.get("community") else {usual, MATCH, FIT}
        others = [each for each in SORTS.items() if each[0] not in left_out]
        fields["sort"].widget.choices = [("", SORTS[usual]), *others]

    def _whereabouts(self) -> tuple[dict[str, str], dict[str, str]]:
        """The countries and regions to choose from: of those who seek, and those of the address,
        where nobody may seek yet.
        """
        found = list(seeking_countries())
        given = country_called(self.data.get("country", ""))
        if given and all(one.pk != given for one in found):
            found += Country.objects.filter(pk=given)
        regions = {one.subregion for one in found if one.subregion}
        if (given := self.data.get("region", "")) in UN_REGIONS:
            regions.add(given)
        return {one.pk: one.label for one in found}, {one: un_region_label(one) for one in regions}

    @cached_property
    def values(self) -> dict[str, Any]:
        """The valid, non-empty filters, read once."""
        return super().chosen()

    def chosen(self) -> dict[str, Any]:
        return self.values

    def clean_community(self) -> int | None:
        number: int | None = self.cleaned_data["community"]
        if number is not None:
            self.viewpoint = viewpoint_of(number)
            if self.viewpoint is None:
                raise forms.ValidationError(_("Choose a community that seeks partners here."))
        return number

    def clean_near(self) -> str:
        typed: str = self.cleaned_data["near"]
        if typed:
            self.places = _places_named(typed)
            if not self.places:
                raise forms.ValidationError(_("No city is called so, whatever the spelling."))
        return typed

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("needs_ours", "offers_ours"):
            if values.get(name) and self.viewpoint is None:
                self.add_error(name, _("Choose your community first."))
        sort = values.get("sort")
        if sort == NEAR and self.looks_from is None:
            self.add_error("sort", _("Name the city from which the distance counts."))
        elif sort == FIT and self.viewpoint is None:
            self.add_error("sort", _("Choose your community first."))
        return values

    @property
    def looks_from(self) -> Viewpoint | None:
        """From where distances count: the place that was named, else the community."""
        return viewpoint_at(self.places[0]) if self.places else self.viewpoint

    def asked(self) -> Asked:
        """The valid filters; a wrong one says so beside its field and does not filter."""
        return asked_of(self.values)

    @property
    def order(self) -> str:
        chosen = self.values.get("sort") or (MATCH if self.values.get("search") else FRESH)
        return str(chosen)

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        """Of ``SeekingEntry`` rows those that fit, in the chosen order."""
        asked = self.asked()
        found = narrowed(rows, asked, self.viewpoint)
        seen_from = self.looks_from if self.order == NEAR else self.viewpoint
        return ordered(found, self.order, asked, seen_from)


def _places_named(typed: str) -> Sequence[Place]:
    """The place of a GeoNames id, or those of a name."""
    if typed.isascii() and typed.isdigit() and len(typed) < 19:
        return list(Place.objects.select_related("country").filter(pk=int(typed)))
    return search_places(typed, limit=5)


class SaveSearchForm(DomainForm):
    documented = {"query": "The search as its address has it: `needs=port_logistics&country=JP`"}
    needed = frozenset({"query"})

    query = forms.CharField(required=False, max_length=1000, widget=forms.HiddenInput)

    def clean_query(self) -> dict[str, Any]:
        """As ``Asked`` has it; ``sort`` and ``near`` change no search."""
        given = QueryDict(self.cleaned_data["query"]).dict()
        kept = {name: value for name, value in given.items() if value not in ("", None)}
        filters = SeekingFilters(kept, is_api=True)
        unknown = sorted(set(kept) - set(filters.fields))
        if unknown or filters.errors:
            names = ", ".join([*unknown, *filters.errors])
            raise forms.ValidationError(_("These filters are wrong: %(names)s.") % {"names": names})
        return filters.asked().plain()


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
STATUS_WORDS: Mapping[str, Any] = {**STATED_STATUS, **dict(LIVING)}


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
        label=_("Begun"),
        required=False,
        min_value=FIRST_YEAR,
        max_value=2990,
        widget=forms.Select,
    )


class StatedFilters(ConfirmedFilters):
    """Of listed pairs, by what one of the two says."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[_ANY, *STATED_STATUS.items()]
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
