"""Facts of a place → its traits, the words in which the affinities of the generator are written."""

from __future__ import annotations

from collections.abc import Mapping

from backend.cities.sample.places import PlaceFacts


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Countries, and U.S. states as US-XX, in which the trait is common knowledge.
REGIONS: Mapping[str, frozenset[str]] = {
    "seismic": _codes(
        "JP CL NZ TR IT GR MX PE EC ID PH NP TW SV GT CR NI HR RO AM GE AL MA DZ IS US-CA US-AK US-WA US-OR US-UT US-HI"
    ),
    "stormy": _codes(
        "PH TW VN BD MG JM DO HT BS BB LC DM AG KN VC GD MU FJ VU MZ BZ HN US-FL US-LA US-TX US-NC US-SC US-MS US-AL US-HI"
    ),
    "shrinking": _codes(
        "JP BG RO HR LV LT UA GR PT HU RS BA MD AL PL IT US-WV US-MS US-IL US-OH US-MI US-PA US-LA"
    ),
    "ageing": _codes("JP IT DE PT GR FI ES HR BG KR AT FR SI LV LT US-ME US-VT US-FL US-WV US-NH"),
    "growing": _codes(
        "NG ET KE UG TZ GH CI SN RW ZM MW MZ AO CM BJ TG BF ML NE IN PK BD PH EG JO US-TX US-ID US-UT US-AZ US-NV US-NC"
    ),
    "automotive": _codes(
        "DE JP KR MX SK CZ FR SE HU RO MA TH US-MI US-OH US-IN US-KY US-TN US-AL US-SC"
    ),
    "aerospace": _codes("FR US-WA US-KS US-AL US-CA US-FL US-CT US-AZ CA BR"),
    "textile": _codes("BD PK VN TR IT PT ET KH LK IN EG MG TN MU PE"),
    "mining": _codes("CL PE ZA AU ZM MN BO GH BW NA KZ CD US-WV US-NV US-WY US-AZ US-MT"),
    "oil": _codes(
        "NO SA AE QA KW OM BH KZ AZ NG AO DZ TT US-TX US-OK US-ND US-LA US-AK US-NM US-WY"
    ),
    "wine": _codes(
        "FR IT ES PT DE AT HU GE MD CL AR ZA AU NZ GR SI HR US-CA US-OR US-WA US-NY US-VA"
    ),
    "forest": _codes("FI SE NO CA EE LV LT AT SI US-OR US-WA US-ME US-WI US-MT US-ID US-MN"),
    "fishing": _codes("NO IS JP PH VN ID PE CL PT NZ SN MA NA TH US-AK US-ME US-MA US-LA"),
    "sunny_tourism": _codes(
        "ES GR HR TH MX DO JM BB CY MT TN MA EG ID MV MU FJ CR PT US-FL US-HI US-CA US-NV"
    ),
    "digital": _codes("EE IN IE IL KR FI SE SG TW UA PL RO US-CA US-WA US-MA US-TX US-UT US-CO"),
    "life_science": _codes("CH DK IE SG BE IN US-MA US-NJ US-NC US-CA US-MD US-PA"),
    "finance": _codes("CH LU SG GB HK AE US-NY US-DE US-IL US-NC US-CT"),
    "coal": _codes("PL CZ DE ZA BG RO BA UA US-WV US-KY US-PA US-WY"),
    "newcomers": _codes("DE SE CA TR JO LB CO PL GR IT UG US-TX US-CA US-NY US-FL US-MN US-ME"),
}


def traits_of(facts: PlaceFacts) -> frozenset[str]:
    """The traits of a place; "any" is always among them. A fact that is not known gives none."""
    found = {"any", facts.kind, *_of_size(facts), *_of_climate(facts.climate)}
    codes = {facts.country, f"{facts.country}-{facts.admin1_code}"}
    found.update(trait for trait, where in REGIONS.items() if codes & where)
    checks = {
        "coast": facts.coastal,
        "port": facts.seaport and (facts.population or 0) >= 10_000,
        "inland": facts.coastal is False,
        "capital": facts.is_capital,
        "seat": facts.seat_level is not None and facts.seat_level <= 1,
        "university": (facts.university_names or 0) > 0,
        "airport": (facts.air_destinations or 0) >= 40,
        "mountain": (facts.elevation_m or 0) >= 700,
        "lowland": facts.elevation_m is not None and facts.elevation_m <= 10,
        "partnered": len(facts.partners) >= 3,
    }
    found.update(trait for trait, holds in checks.items() if holds)
    if facts.income_band is not None:
        found.add(f"income{facts.income_band}")
    if "coast" in found and "storms_possible" in found:
        found.add("stormy")
    return frozenset(found - {"storms_possible"})


def _of_size(facts: PlaceFacts) -> set[str]:
    if facts.population is None:
        return set()
    if facts.population < 20_000:
        return {"rural", "small"}
    if facts.population < 100_000:
        return {"town"}
    return {"large", "metropolis"} if facts.population >= 1_000_000 else {"large"}


def _of_climate(koppen: str) -> set[str]:
    """Traits of a Köppen–Geiger zone."""
    found: set[str] = set()
    if koppen[:1] == "A":
        found |= {"tropical", "storms_possible"}
    if koppen[:1] == "B":
        found |= {"dry", "hot"} if koppen.endswith("h") else {"dry"}
    if koppen[:2] == "Cs":
        found |= {"mediterranean", "hot"}
    if koppen in {"Cfa", "Cwa"}:
        found |= {"humid"}
    if koppen[:1] in {"D", "E"}:
        found |= {"winter"}
    return found
