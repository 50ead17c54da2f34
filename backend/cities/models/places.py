"""Reference data: countries, the gazetteer and partnerships that public lists name. Loaded, never
edited by hand.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backend.cities.names import (
    LONGEST_NAME,
    PUNCTUATION,
    fold,
    fold_letters,
    one_mistake_away,
    searched_name,
)
from backend.common.formatting import comma_list


@cache
def _territories(language: str) -> Mapping[str, str]:
    try:
        return Locale(language).territories
    except UnknownLocaleError:
        return {}


def country_name(code: str, language: str | None = None) -> str:
    """A country's name by CLDR, by its code; the code itself where CLDR knows no name."""
    return _territories((language or get_language() or "en").split("-")[0]).get(code, code)


REGIONS_FILE = Path(__file__).parents[1] / "data" / "reference" / "admin1.csv.gz"


class _Region(NamedTuple):
    said: Mapping[str, str]  # its names by language, where they differ from the gazetteer's
    letters: str  # that people write behind a city: OH, NSW
    others: tuple[str, ...]


_NO_REGION = _Region({}, "", ())


@cache
def _regions() -> Mapping[tuple[str, str], _Region]:
    """By country and the gazetteer's name."""
    with gzip.open(REGIONS_FILE, "rt", encoding="utf-8", newline="") as file:
        return {
            (row.pop("country"), row.pop("name")): _Region(
                letters=row.pop("iso"),
                others=tuple(filter(None, row.pop("others").split("|"))),
                said={lang: name for lang, name in row.items() if name and lang != "code"},
            )
            for row in csv.DictReader(file)
        }


def region_label(country: str, name: str, language: str | None = None) -> str:
    """A region's name in the reader's language (CLDR); as the gazetteer has it where CLDR has none.
    ("DE", "Bavaria" → Bayern)
    """
    said = _regions().get((country, name), _NO_REGION).said
    return said.get((language or get_language() or "en").split("-")[0], name)


def region_spellings(country: str, name: str) -> frozenset[str]:
    """All names of a region in the languages of the service, in its own, and in letters."""
    region = _regions().get((country, name), _NO_REGION)
    return frozenset({name, *region.said.values(), *region.others, region.letters} - {""})


def regions_of(country: str) -> list[str]:
    """The regions of a country in the reader's language."""
    return sorted(region_label(of, name) for of, name in _regions() if of == country)


@cache
def _regions_folded() -> Sequence[tuple[str, str]]:
    return [
        (name, fold("|".join([*region.said.values(), *region.others])))
        for (_, name), region in _regions().items()
        if region.said or region.others
    ]


def regions_named(word: str) -> list[str]:
    """The gazetteer's names of the regions that have the folded word in a name of another
    language.
    """
    return [name for name, spellings in _regions_folded() if word in spellings]


# Where somebody says that a place is: the name of a country or of a region, as people write it.

Whereabouts = frozenset[tuple[str, str]]  # (country, the gazetteer's region or "" for all of it)
NOWHERE: Whereabouts = frozenset()
# Languages of which the countries' names are known, beside those of the service.
_SPOKEN = (
    "en",
    "es",
    "fr",
    "de",
    "ja",
    "ar",
    "pt",
    "ru",
    "zh",
    "ko",
    "it",
    "nl",
    "pl",
    "tr",
    "uk",
    "el",
)
# What people call countries otherwise (CLDR has one name a language).
_COUNTRIES_CALLED = {
    "US": "usa|us|america|united states of america|the states|estados unidos de america|eeuu|米国",
    "GB": "uk|great britain|britain|united kingdom of great britain and northern ireland",
    "NL": "holland|the netherlands",
    "KR": "korea|republic of korea|rok|한국",
    "KP": "dprk|democratic peoples republic of korea",
    "CZ": "czech republic",
    "TR": "turkey|turkiye",
    "CI": "ivory coast|cote divoire",
    "RU": "russian federation",
    "CN": "prc|mainland china|peoples republic of china",
    "AE": "uae|emirates",
    "MM": "burma",
    "MK": "macedonia",
    "SZ": "swaziland",
    "CV": "cabo verde",
    "TL": "east timor",
    "VA": "vatican|holy see",
    "CD": "drc|democratic republic of the congo|congo kinshasa",
    "CG": "republic of the congo|congo brazzaville|congo",
    "PS": "palestine|west bank",
    "HK": "hong kong",
    "MO": "macau|macao",
    "BA": "bosnia",
    "IE": "republic of ireland|eire",
    "BN": "brunei darussalam",
}


@cache
def _called() -> Mapping[str, Whereabouts]:
    """Folded name → the countries and regions that are called so."""
    named: list[tuple[str, tuple[str, str]]] = []
    for language in _SPOKEN:
        named += [(name, (code, "")) for code, name in _territories(language).items()]
    # Three letters of ISO among them.
    for alias, codes in get_global("territory_aliases").items():
        named += [(alias, (codes[0], ""))] if len(codes) == 1 else []
    for code, names in _COUNTRIES_CALLED.items():
        named += [(name, (code, "")) for name in (code, *names.split("|"))]
    for country, name in _regions():
        named += [(each, (country, name)) for each in region_spellings(country, name)]
    countries = {code for code in _territories("en") if len(code) == 2 and code.isalpha()}
    named = [(code, (code, "")) for code in countries] + [
        pair for pair in named if pair[1][0] in countries
    ]
    named += [
        (re.sub(r" ?[(（].*", "", name).replace("&", "and"), where)
        for name, where in named
        if not {"&", "(", "（"}.isdisjoint(name)
    ]
    folded = fold_letters("\n".join(name for name, _where in named)).translate(PUNCTUATION)
    found: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for key, (_name, where) in zip(folded.split("\n"), named, strict=True):
        found[" ".join(key.split())].add(where)
    return {name: frozenset(where) for name, where in found.items() if name}


def whereabouts(name: str) -> Whereabouts:
    """The countries and regions of that folded name: NOWHERE for none. ("oh" → Ohio, "georgia" →
    the country and the state)
    """
    return _called().get(name, NOWHERE) or _called().get(_OF_REGION.sub("", name), NOWHERE)


def country_called(name: object) -> str:
    """The code of the one country that people call so, in any of many languages, by its codes of
    two or three letters, or otherwise (USA, Holland, Côte d'Ivoire); empty for none.
    """
    if not isinstance(name, str) or len(name) > LONGEST_NAME:
        return ""
    codes = {code for code, region in whereabouts(searched_name(name)) if not region}
    return codes.pop() if len(codes) == 1 else ""


def in_order(choices: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """(Code, name) by name, accents aside: Åland and Österreich among A and O."""
    return sorted(choices, key=lambda choice: (fold(choice[1]), choice[0]))


# CLDR has the regions of the table of countries by the codes of UN M49, but for two.
_UN_REGIONS = {
    "Africa": "002",
    "Americas": "019",
    "Asia": "142",
    "Europe": "150",
    "Oceania": "009",
    "Australia and New Zealand": "053",
    "Caribbean": "029",
    "Central America": "013",
    "Central Asia": "143",
    "Eastern Africa": "014",
    "Eastern Asia": "030",
    "Eastern Europe": "151",
    "Melanesia": "054",
    "Micronesia": "057",
    "Middle Africa": "017",
    "North America": "021",
    "Northern Africa": "015",
    "Northern Europe": "154",
    "Polynesia": "061",
    "South America": "005",
    "South-Eastern Asia": "035",
    "Southern Africa": "018",
    "Southern Asia": "034",
    "Southern Europe": "039",
    "Western Africa": "011",
    "Western Asia": "145",
    "Western Europe": "155",
}
_OTHER_REGIONS = {"Central Europe": _("Central Europe"), "Southeast Europe": _("Southeast Europe")}
UN_REGIONS = frozenset({*_UN_REGIONS, *_OTHER_REGIONS})


def un_region_label(name: str) -> str:
    """A region of the world in the reader's language ("Northern Europe" → Nordeuropa)."""
    language = (get_language() or "en").split("-")[0]
    if language == "en" or name not in _UN_REGIONS:
        return str(_OTHER_REGIONS.get(name, name))
    return _territories(language).get(_UN_REGIONS[name], name)


def whereabouts_like(name: str) -> Whereabouts:
    """The same for a name that is not typed to its end, or with one mistake."""
    begun = [key for key in _called() if len(name) > 1 and key.startswith(name)]
    near = [key for key in one_mistake_away(name) if key in _called()] if len(name) > 3 else []
    return frozenset().union(*(_called()[key] for key in begun or near))


_OF_REGION = re.compile(
    r"^(the )?(state|province|commonwealth|free state|estado|provincia|provincia|land|region) "
    r"(of|de|del|da|do|di) | (state|province|prefecture|region|oblast|voivodeship)$"
)


def whereabouts_words(region: str, country: str) -> str:
    """("Ohio, United States"); the country alone where the gazetteer has no region."""
    return comma_list(dict.fromkeys(filter(None, (region, country))))


class Country(models.Model):
    code = models.CharField(primary_key=True, max_length=2, help_text="ISO 3166-1 alpha-2")
    name = models.CharField(max_length=80)
    region = models.CharField(max_length=40, blank=True, help_text="UN region")
    subregion = models.CharField(max_length=60, blank=True, help_text="UN subregion")
    languages = ArrayField(
        models.CharField(max_length=3),
        default=list,
        help_text="ISO 639-1, or 639-3 where there is none",
    )
    income_band = models.PositiveSmallIntegerField(
        null=True, help_text="World Bank group, 1 low .. 4 high"
    )

    class Meta:
        verbose_name_plural = "countries"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def label(self) -> str:
        """Its name in the reader's language (CLDR, by Babel); ours where CLDR has none and for who
        reads English.
        """
        language = (get_language() or "en").split("-")[0]
        return self.name if language == "en" else _territories(language).get(self.code, self.name)


class Place(models.Model):
    """A populated place of the gazetteer."""

    id = models.BigIntegerField(primary_key=True, help_text="GeoNames id")
    name = models.CharField(max_length=200)
    ascii_name = models.CharField(max_length=200)
    alternate_names = ArrayField(models.CharField(max_length=200), default=list)
    search_text = models.TextField(help_text="Lower-case, unaccented names")
    country = models.ForeignKey(Country, on_delete=models.PROTECT, related_name="places")
    admin1_code = models.CharField(max_length=20, blank=True)
    admin1 = models.CharField(max_length=120, blank=True)
    latitude = models.FloatField()
    longitude = models.FloatField()
    population = models.IntegerField(null=True)
    elevation_m = models.FloatField(null=True)
    timezone = models.CharField(max_length=40)
    is_capital = models.BooleanField(default=False)
    seat_level = models.PositiveSmallIntegerField(null=True, help_text="0 national capital .. 4")
    coast_km = models.FloatField(null=True)
    coastal = models.BooleanField(null=True)
    port_kind = models.CharField(
        max_length=5,
        blank=True,
        db_default="",
        help_text="sea, lake, river or none; empty: not known. The rule is in SOURCES.md",
    )
    climate = models.CharField(max_length=4, blank=True, help_text="Köppen–Geiger")
    air_destinations = models.PositiveIntegerField(
        null=True, help_text="Direct airline destinations within 60 km (OpenFlights, ODbL)"
    )
    university_names = models.PositiveSmallIntegerField(
        null=True, help_text="Institutions whose name holds the place's name: a rough proxy"
    )

    class Meta:
        indexes = [
            models.Index(fields=["country", "-population"], name="place_country_size"),
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.country_id}"

    @property
    def region(self) -> str:
        return region_label(self.country_id, self.admin1)

    @property
    def whereabouts(self) -> str:
        """Its region, unless that has its own name, and its country, in the reader's language."""
        return whereabouts_words(
            self.region if self.admin1 != self.name else "", self.country.label
        )

    @property
    def label(self) -> str:
        """What tells it apart from others of its name: "Springfield, Illinois, United States"."""
        return comma_list((self.name, self.whereabouts))

    @property
    def port(self) -> str | None:
        """What a profile calls it; None where it is not known."""
        return self.port_kind or None


class PlaceName(models.Model):
    """One name of a place, as it is searched for. The database keeps these rows itself, from
    `Place.search_text`: nothing writes them.
    """

    pk = models.CompositePrimaryKey("name", "place_id")
    name = models.TextField(
        db_collation="C",
        help_text="Folded, see backend.cities.names; sorted by bytes, for search by its beginning",
    )
    place = models.ForeignKey(Place, on_delete=models.CASCADE, related_name="names", db_index=False)
    country_code = models.CharField(
        max_length=2,
        help_text="Of the place: ranking thousands of names must not read their places",
    )
    population = models.IntegerField(help_text="Of the place, 0 where it is not known")

    class Meta:
        indexes = [
            GinIndex(fields=["name"], name="placename_trgm", opclasses=["gin_trgm_ops"]),
            models.Index(fields=["place"], name="placename_place"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.place_id})"


class ListedPartnership(models.Model):
    """A pair that a public list names. Its dates and status are not known: shown as "listed, status
    unknown", never as an agreement.
    """

    place_a = models.ForeignKey(Place, on_delete=models.CASCADE, related_name="+")
    place_b = models.ForeignKey(Place, on_delete=models.CASCADE, related_name="+")
    sources = ArrayField(
        models.CharField(max_length=30), help_text="Tags, as in the data folder's SOURCES.md"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["place_a", "place_b"], name="listed_once"),
            models.CheckConstraint(name="listed_ordered", condition=Q(place_a__lt=F("place_b"))),
        ]
        indexes = [models.Index(fields=["place_b"], name="listed_by_b")]


class ReferenceLoad(models.Model):
    """Which content of a set of reference data is in the database, so that a start skips what is
    there already.
    """

    name = models.CharField(primary_key=True, max_length=40)
    content_hash = models.CharField(
        max_length=64, help_text="SHA-256 of the carried files and the version of what else went in"
    )
    rows = models.PositiveIntegerField()
    loaded_at = models.DateTimeField(auto_now=True)
