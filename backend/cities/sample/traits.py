"""What the sample communities are like: traits, affinities and wishes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

from backend.cities.profile_schema import FORMS
from backend.cities.sample.places import PlaceFacts, heritage_of_states
from backend.cities.vocabularies import vocabulary


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Countries, and their divisions as US-XX, in which the trait is common knowledge.
REGIONS: Mapping[str, frozenset[str]] = {
    "seismic": _codes(
        "JP CL NZ TR IT GR MX PE EC ID PH NP TW SV GT CR NI HR RO AM GE AL MA DZ IS TJ KG UZ PG VU "
        "SB ME MK XK HT DO PT US-CA US-AK US-WA US-OR US-UT US-HI US-NV"
    ),
    "stormy": _codes(
        "PH TW VN BD MG JM DO HT BS BB LC DM AG KN VC GD MU FJ VU MZ BZ HN US-FL US-LA "
        "US-TX US-NC US-SC US-MS US-AL US-HI"
    ),
    "shrinking": _codes(
        "JP BG RO HR LV LT UA GR PT HU RS BA MD AL PL IT US-WV US-MS US-IL US-OH US-MI US-PA US-LA"
    ),
    "ageing": _codes("JP IT DE PT GR FI ES HR BG KR AT FR SI LV LT US-ME US-VT US-FL US-WV US-NH"),
    "growing": _codes(
        "NG ET KE UG TZ GH CI SN RW ZM MW MZ AO CM BJ TG BF ML NE IN PK BD PH EG JO SA OM AE QA "
        "KW BH US-TX "
        "US-ID US-UT US-AZ US-NV US-NC"
    ),
    "automotive": _codes(
        "DE JP KR MX SK CZ FR SE HU RO MA TH ES GB TR CN SI "
        "US-MI US-OH US-IN US-KY US-TN US-AL US-SC"
    ),
    "aerospace": _codes("FR DE GB US-WA US-KS US-AL US-CA US-FL US-CT US-AZ US-TX CA BR"),
    "textile": _codes(
        "BD PK VN TR IT PT ET KH LK IN EG MG TN MU PE CN ID HN SV LS MA UZ US-NC US-SC"
    ),
    "mining": _codes(
        "CL PE ZA AU ZM MN BO GH BW NA KZ CD MR GN SL ZW PG KG SE US-WV US-NV US-WY US-AZ US-MT "
        "US-MN US-UT US-AK US-KY US-PA"
    ),
    "oil": _codes(
        "NO SA AE QA KW OM BH KZ AZ NG AO DZ TT IQ LY VE GA GQ CG BN TM "
        "US-TX US-OK US-ND US-LA US-AK US-NM US-WY"
    ),
    "forest": _codes("FI SE NO CA EE LV LT AT SI US-OR US-WA US-ME US-WI US-MT US-ID US-MN"),
    "fishing": _codes("NO IS FO GL JP PH VN ID PE CL PT NZ SN MA NA TH US-AK US-ME US-MA US-LA"),
    "sunny_tourism": _codes(
        "ES GR HR TH MX DO JM BB CY MT TN MA EG ID MV MU FJ CR PT AW US-FL US-HI US-CA US-NV"
    ),
    "digital": _codes("EE IN IE IL KR FI SE SG TW UA PL RO US-CA US-WA US-MA US-TX US-UT US-CO"),
    "life_science": _codes("CH DK IE SG BE IN US-MA US-NJ US-NC US-CA US-MD US-PA"),
    "finance": _codes("CH LU SG GB HK AE LI MC JE GG IM US-NY US-DE US-IL US-NC US-CT"),
    "coal": _codes("PL CZ DE ZA BG RO BA UA US-WV US-KY US-PA US-WY"),
    "newcomers": _codes("DE SE CA TR JO LB CO PL GR IT UG US-TX US-CA US-NY US-FL US-MN US-ME"),
}
# All town; high but flat; without woods; without need; without a railway for goods.
_BOUNDS: Mapping[str, frozenset[str]] = {
    "city_state": _codes("MC SG HK MO BH KW QA MV"),
    "plateau": _codes(
        "BW NA ZM ZW UG MW ML NG BF NE TD SA ZA-06 ZA-03 US-KS US-NE US-SD US-ND US-OK US-TX"
    ),
    "bare": _codes("IS FO GL MT AW CW SJ PM US-KS US-NE US-ND US-SD US-IA"),
    "rich": _codes("MC LI AD SM CH LU NO IS SG QA KW AE BN"),
    "no_railway": _codes(
        "AD IS CY MT AG BB BS DM GD KN LC VC TT JM HT AW CW GP MQ GF OM KW BH YE LY SO TD CF RW BI "
        "GW GQ GM ST CV KM MU SC MV BT BN PG SB VU FJ TO WS NC PF GL FO SJ SR GY BZ HN NI SV GT MO "
        "LB PM NE SM GG JE HK US-HI"
    ),
}
_SIZES = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)


def traits_of(facts: PlaceFacts) -> frozenset[str]:
    """The traits of a place; "any" is always among them. A fact that is not known gives none."""
    found = {"any", facts.kind, *_of_size(facts), *_of_climate(facts.climate)}
    codes = {facts.country, f"{facts.country}-{facts.admin1_code}"}
    found.update(trait for trait, where in {**REGIONS, **_BOUNDS}.items() if codes & where)
    high = (facts.elevation_m or 0) >= 700
    checks = {
        "coast": facts.coastal,
        "shore": facts.coastal and (facts.elevation_m or 0) <= 150,
        "port": has_port(facts) and (facts.population or 0) >= 10_000,
        "inland": facts.coastal is False,
        "capital": facts.is_capital,
        "seat": facts.seat_level is not None and facts.seat_level <= 1,
        "university": (facts.university_names or 0) > 0,
        "airport": (facts.air_destinations or 0) >= 40,
        "mountain": high and "plateau" not in found,
        "far_from_equator": abs(facts.latitude or 0) >= 35,
        "lowland": facts.elevation_m is not None and facts.elevation_m <= 10,
        "partnered": len(facts.partners) >= 3,
        "division": facts.kind != "city",
        "world_heritage": facts.place_id in _world_heritage(),
        "vineyards": _grows_wine(facts),
    }
    found.update(trait for trait, holds in checks.items() if holds)
    if facts.income_band is not None:
        found.add(f"income{facts.income_band}")
    if "coast" in found and "storms_possible" in found:
        found.add("stormy")
    return frozenset(found - {"storms_possible"} | _of_ground(found))


def has_port(facts: PlaceFacts) -> bool:
    """Whether ships load and unload here, on the sea, a lake or a river."""
    return facts.port not in (None, "none")


def _world_heritage() -> frozenset[int]:
    return frozenset(affinities()["world_heritage"])


def _grows_wine(facts: PlaceFacts) -> bool:
    """In one of the divisions that are known for their wine, where any is named for the country."""
    divisions = affinities()["wine"].get(facts.country)
    grown_here = divisions is not None and (not divisions or facts.admin1 in divisions)
    return grown_here and (facts.elevation_m or 0) <= 900


def _of_ground(found: set[str]) -> set[str]:
    """Whether fields and woods belong to the place: not where the town fills it, nor where nothing
    grows.
    """
    ground = set()
    known = "division" in found or any(trait.startswith("from_") for trait in found)
    open_country = known and ("division" in found or "from_500k" not in found)
    if open_country and not found & {"city_state", "icy"}:
        ground.add("farmland")
        if not found & {"dry", "bare"}:
            ground.add("woods")
    return ground


def _of_size(facts: PlaceFacts) -> set[str]:
    if facts.population is None:
        return set()
    found = {f"from_{size // 1000}k" for size in _SIZES if facts.population >= size}
    if facts.population < 20_000:
        return found | {"rural", "small"}
    if facts.population < 100_000:
        return found | {"town"}
    return found | ({"large", "metropolis"} if facts.population >= 1_000_000 else {"large"})


def _of_climate(koppen: str) -> set[str]:
    """Traits of a Köppen–Geiger zone."""
    found: set[str] = set()
    if koppen[:1] == "A":
        found |= {"tropical", "storms_possible"}
    if koppen[:1] == "B":
        found |= {"dry", "hot"} if koppen.endswith("h") else {"dry", "cold_nights"}
    if koppen[:2] == "Cs":
        found |= {"mediterranean", "hot"}
    if koppen in {"Cfa", "Cwa"}:
        found |= {"humid"}
    if koppen[:1] in {"D", "E"}:
        found |= {"winter"}
    if koppen[:1] == "E":
        found |= {"icy"}
    if koppen[2:3] in {"c", "d"} or koppen[:1] == "E":
        found |= {"cool"}
    if koppen == "BWh":
        found |= {"hot_desert"}
    if koppen == "Af":
        found |= {"rainforest"}
    return found


# What a place with a trait tends to have, offer, need and care about: weights of the
# generator's draws, by vocabulary code.
#
# The weights (backend/cities/data/sample/world.json) are judgement, not measurement: they
# make a world in which ports speak of logistics and dry places of water.


Question = Literal["sectors", "themes", "offers", "needs", "challenges", "institutions"]
FILE = Path(__file__).parent.parent / "data" / "sample" / "world.json"
VOCABULARY: Mapping[Question, str] = {
    "sectors": "sectors",
    "themes": "themes",
    "offers": "topics",
    "needs": "topics",
    "challenges": "challenges",
    "institutions": "institutions",
}
# Every code that the facts allow has a small chance: real places surprise.
BACKGROUND: Mapping[Question, float] = {
    "sectors": 0.25,
    "themes": 0.5,
    "offers": 0.12,
    "needs": 0.12,
    "challenges": 0.15,
    "institutions": 0.15,
}


@cache
def affinities() -> Mapping[str, Any]:
    """``traits``: trait → question → code → weight; ``needs_of_challenge``, ``offers_of_sector``:
    code → topic → weight; ``only_with``: question → code → the traits without which the facts rule
    the code out (`holds`); ``wine``: country → its divisions that grow it, none for all of them;
    ``world_heritage``: places with a site of UNESCO's list."""
    return dict(json.loads(FILE.read_text(encoding="utf-8"))["affinities"])


def holds(condition: str, traits: frozenset[str]) -> bool:
    """Whether one of the alternatives, which stand between "|", is true: each of its traits is
    there, or is not where it has a "!" before it.
    """
    return any(
        all((term.removeprefix("!") in traits) != term.startswith("!") for term in every.split())
        for every in condition.split("|")
    )


@cache
def _base(question: Question, traits: frozenset[str]) -> Mapping[str, float]:
    ruled = affinities()["only_with"]
    conditions = ruled.get(VOCABULARY[question], {}) | ruled.get(question, {})
    background = BACKGROUND[question]
    weights = {
        code: background
        for code in vocabulary(VOCABULARY[question])
        if code not in conditions or holds(conditions[code], traits)
    }
    # Sorted: sets of text have another order in each process, and sums of floats depend on it.
    for trait in sorted(traits):
        add_weights(weights, affinities()["traits"].get(trait, {}).get(question, {}))
    return weights


def weights_for(question: Question, traits: frozenset[str]) -> dict[str, float]:
    """Positive weights by code for one question of a place with these traits; codes that the facts
    rule out are absent.
    """
    return dict(_base(question, traits))


def add_weights(weights: dict[str, float], more: Mapping[str, float]) -> None:
    """Adds to the weights of those codes that are possible here."""
    for code, weight in more.items():
        if code in weights:
            weights[code] += weight


def add_following(
    weights: dict[str, float],
    kind: Literal["needs_of_challenge", "offers_of_sector"],
    codes: Iterable[str],
) -> None:
    """What the chosen challenges make a place need, or its chosen sectors let it offer."""
    for code in codes:
        add_weights(weights, affinities()[kind].get(code, {}))


# How a sample community looks at the world: its languages, its ties, and whom it seeks.


_SPANISH_STATES = frozenset(["CA", "TX", "FL", "NM", "AZ", "NV", "NY", "NJ", "IL", "CO"])
_LANGUAGE_OF = {
    "DE": "de",
    "IT": "it",
    "FR": "fr",
    "PL": "pl",
    "PT": "pt",
    "CN": "zh",
    "JP": "ja",
    "KR": "ko",
    "VN": "vi",
    "PH": "tl",
    "IN": "hi",
    "NO": "no",
    "SE": "sv",
    "GR": "el",
    "NL": "nl",
    "MX": "es",
}
_TRADE_PARTNERS = ("MX", "CA", "JP", "DE", "KR", "GB", "CN", "IN", "TW", "NL", "BR", "VN")
_HISTORY_WITH_US = frozenset(
    [
        "GB",
        "FR",
        "DE",
        "ES",
        "MX",
        "PH",
        "JP",
        "KR",
        "LR",
        "CU",
        "PA",
        "IT",
        "NL",
        "IE",
        "PL",
        "VN",
        "CN",
    ]
)
_REGIONS = (
    "Western Europe",
    "Northern Europe",
    "Southern Europe",
    "Central Europe",
    "Eastern Asia",
    "South America",
    "Central America",
    "Southern Asia",
    "Western Africa",
    "Eastern Africa",
    "South-Eastern Asia",
    "Caribbean",
    "Northern Africa",
    "Western Asia",
)
_EVIDENCE = {
    "mayoral": (
        "Our mayors met at an international congress.",
        "The two mayors' offices write to each other.",
    ),
    "trade": ("Local firms buy and sell there.", "A yearly trade mission goes there."),
    "historical": (
        "Our histories have met more than once.",
        "Our archives hold letters of that time.",
    ),
    "ancestral": ("Many families here have their roots there.", "Descendants visit every summer."),
    "expatriate": ("A community from there lives with us.", "An expatriate club meets here."),
    "faith": ("A congregation here works with one there.",),
    "personal": (
        "Several of our residents studied or worked there.",
        "Former exchange students keep in touch.",
    ),
    "shared_challenge": ("We face the same task and have compared notes.",),
}


def draw_languages(facts: PlaceFacts, rng: random.Random) -> list[str]:
    """Working languages: official ones, English abroad as the place's size and income make likely,
    and heritage ones in the U.S.
    """
    known = vocabulary("languages")
    if facts.country == "US":
        chosen = ["en"]
        if rng.random() < (0.8 if facts.admin1_code in _SPANISH_STATES else 0.35):
            chosen.append("es")
        heritage = _heritage_country(facts, rng)
        if rng.random() < 0.25 and heritage in _LANGUAGE_OF:
            chosen.append(_LANGUAGE_OF[heritage])
    else:
        chosen = [language for language in facts.languages if language in known][:3]
        if not chosen or rng.random() < 0.55 + 0.1 * (facts.income_band or 2) + (
            0.1 if facts.seat_level is not None else 0
        ):
            chosen.append("en")
        if rng.random() < 0.15 and (facts.population or 0) >= 100_000:
            chosen.append(rng.choice(("fr", "de", "es", "zh", "ja", "ru", "pt")))
    return list(dict.fromkeys(chosen))


def draw_ties(
    facts: PlaceFacts, rng: random.Random, nameable: Sequence[int]
) -> list[dict[str, Any]]:
    """Up to five ties to countries or, where there are any to name, to communities of the other
    side.
    """
    ties = _ties_of_us(facts, rng) if facts.country == "US" else _ties_to_us(facts, rng)
    if nameable and rng.random() < 0.25:
        kind = rng.choice(("mayoral", "personal", "shared_challenge", "faith"))
        ties.append(_tie(kind, rng) | {"community_id": rng.choice(nameable)})
    return ties


def _ties_of_us(facts: PlaceFacts, rng: random.Random) -> list[dict[str, Any]]:
    ties = []
    for chance in (0.7, 0.35):
        country = _heritage_country(facts, rng)
        if country and rng.random() < chance:
            ties.append(_tie("ancestral", rng) | {"country": country})
    if rng.random() < (0.6 if has_port(facts) else 0.3):
        ties.append(_tie("trade", rng) | {"country": rng.choice(_TRADE_PARTNERS)})
    for kind in ("expatriate", "personal", "historical"):
        country = _heritage_country(facts, rng)
        if country and rng.random() < 0.2:
            ties.append(_tie(kind, rng) | {"country": country})
    # One kind of tie to one country is said once.
    return list({(tie["kind"], tie["country"]): tie for tie in ties}.values())


def _ties_to_us(facts: PlaceFacts, rng: random.Random) -> list[dict[str, Any]]:
    settled = any(facts.country in shares for shares in heritage_of_states().values())
    chances = {
        "ancestral": 0.5 if settled else 0.05,
        "trade": 0.45 if has_port(facts) or (facts.air_destinations or 0) >= 40 else 0.2,
        "historical": 0.35 if facts.country in _HISTORY_WITH_US else 0.05,
        "expatriate": 0.25 if settled else 0.12,
        "personal": 0.35,
        "faith": 0.1,
        "shared_challenge": 0.1,
    }
    return [
        _tie(kind, rng) | {"country": "US"}
        for kind, chance in chances.items()
        if rng.random() < chance
    ]


def _tie(kind: str, rng: random.Random) -> dict[str, Any]:
    tie: dict[str, Any] = {"kind": kind, "strength": rng.choice((1, 1, 2, 2, 3))}
    if rng.random() < 0.6:
        tie["evidence"] = rng.choice(_EVIDENCE[kind])
    return tie


def _heritage_country(facts: PlaceFacts, rng: random.Random) -> str:
    shares = heritage_of_states().get(facts.admin1_code, {})
    return rng.choices(list(shares), list(shares.values()))[0] if shares else ""


def draw_sought(facts: PlaceFacts, rng: random.Random) -> dict[str, Any]:
    """Whom it looks for; most leave most of it open."""
    home = facts.country == "US"
    heritage = (
        sorted(
            {country for country in (_heritage_country(facts, rng) for _ in range(3)) if country}
        )
        if home
        else []
    )
    return {
        "countries": _now_and_then(rng, 0.12, heritage if home else ["US"]),
        "regions": _now_and_then(
            rng,
            0.3 if home else 0.12,
            rng.sample(_REGIONS, rng.randint(2, 5)) if home else ["North America"],
        ),
        **_population_range(facts, rng),
        "forms": rng.sample(list(FORMS), rng.randint(1, len(FORMS))) if rng.random() < 0.8 else [],
        "not_where_partnered": True if rng.random() < 0.2 else None,
        "not_with_us_sister": True if home and rng.random() < 0.08 else None,
    }


def _now_and_then(rng: random.Random, chance: float, values: list[str]) -> list[str]:
    return values if rng.random() < chance else []


def _population_range(facts: PlaceFacts, rng: random.Random) -> dict[str, int | None]:
    if not facts.population or rng.random() < 0.6:
        return {}
    factor = rng.choice((3, 5, 10, 20))
    low, high = facts.population // factor, min(facts.population * factor, 50_000_000)
    return {
        "population_min": round(low, 2 - len(str(low))) if low >= 1000 else None,
        "population_max": round(high, 2 - len(str(high))),
    }
