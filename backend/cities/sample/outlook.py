"""How a sample community looks at the world: its languages, its ties, and whom it seeks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from backend.cities.profile_schema import FORMS
from backend.cities.sample.places import PlaceFacts, heritage_of_states
from backend.cities.vocabularies import vocabulary

_SPANISH_STATES = frozenset(["CA", "TX", "FL", "NM", "AZ", "NV", "NY", "NJ", "IL", "CO"])
_LANGUAGE_OF = {
    "DE": "de", "IT": "it", "FR": "fr", "PL": "pl", "PT": "pt", "CN": "zh", "JP": "ja", "KR": "ko", "VN": "vi", "PH": "tl", "IN": "hi",
    "NO": "no", "SE": "sv", "GR": "el", "NL": "nl", "MX": "es",
}  # fmt: skip
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
    "Western Europe", "Northern Europe", "Southern Europe", "Central Europe", "Eastern Asia", "South America", "Central America",
    "Southern Asia", "Western Africa", "Eastern Africa", "South-Eastern Asia", "Caribbean", "Northern Africa", "Western Asia",
)  # fmt: skip
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
        if rng.random() < 0.15:
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
    if rng.random() < (0.6 if facts.seaport else 0.3):
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
        "trade": 0.45 if facts.seaport or (facts.air_destinations or 0) >= 40 else 0.2,
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
