"""Reference data: countries, the gazetteer and partnerships that public lists name. Loaded, never
edited by hand.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from babel import Locale, UnknownLocaleError
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language

from backend.cities.names import fold


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


@cache
def _regions() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """(Country, name) → the region's names by language, where they differ from its name."""
    with gzip.open(REGIONS_FILE, "rt", encoding="utf-8", newline="") as file:
        return {
            (row.pop("country"), row.pop("name")): {
                language: name for language, name in row.items() if name and language != "code"
            }
            for row in csv.DictReader(file)
        }


def region_label(country: str, name: str, language: str | None = None) -> str:
    """A region's name in the reader's language (CLDR); as the gazetteer has it where CLDR has none.
    ("DE", "Bavaria" → Bayern)
    """
    said = _regions().get((country, name), {})
    return said.get((language or get_language() or "en").split("-")[0], name)


def region_spellings(country: str, name: str) -> frozenset[str]:
    """All names of a region in the languages of the service."""
    return frozenset({name, *_regions().get((country, name), {}).values()})


def regions_of(country: str) -> list[str]:
    """The regions of a country in the reader's language."""
    return sorted(region_label(of, name) for of, name in _regions() if of == country)


@cache
def _regions_folded() -> Sequence[tuple[str, str]]:
    return [(name, fold("|".join(said.values()))) for (_, name), said in _regions().items() if said]


def regions_named(word: str) -> list[str]:
    """The gazetteer's names of the regions that have the folded word in a name of another
    language.
    """
    return [name for name, spellings in _regions_folded() if word in spellings]


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
