"""Heritage by U.S. state: how strongly a state's people trace their origin to a country, from
Census tables.

Source: American Community Survey 2018, one-year tables DP02 and DP05, percent of a state's
population (U.S. public domain). The Census asks for ancestries and origins, not for countries, so
each country is given the one answer that comes closest: German for Germany and Austria; English,
Scottish, Scotch-Irish and Welsh together for the United Kingdom; French Canadian for Canada;
Chinese for China and Taiwan; Arab for the Arab countries; Subsaharan African for the countries
south of the Sahara; "other Hispanic or Latino" for Latin America beyond Mexico, Cuba and Puerto
Rico, and for Spain. Countries without an answer of their own have no hint. Delaware's ancestry is
blank in the source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from matching.lab.link_prediction.tables import KeyedTable
from matching.types import FloatArray

_ARAB = [
    "EG",
    "JO",
    "LB",
    "SY",
    "IQ",
    "MA",
    "PS",
    "TN",
    "DZ",
    "SA",
    "AE",
    "YE",
    "KW",
    "QA",
    "OM",
    "BH",
    "LY",
    "SD",
]
_SUBSAHARAN = [
    "GH",
    "NG",
    "KE",
    "ET",
    "UG",
    "TZ",
    "SN",
    "CM",
    "CI",
    "ZA",
    "ZW",
    "ZM",
    "RW",
    "SL",
    "LR",
    "GM",
    "ML",
    "BJ",
    "TG",
    "BF",
    "MW",
    "MZ",
    "AO",
    "CD",
    "CG",
    "GA",
    "NA",
    "BW",
    "MG",
    "SO",
    "ER",
    "SS",
    "BI",
    "NE",
    "TD",
    "CV",
    "GN",
    "GW",
    "LS",
    "SZ",
]
_HISPANIC = [
    "GT",
    "SV",
    "HN",
    "NI",
    "CR",
    "PA",
    "CO",
    "VE",
    "EC",
    "PE",
    "BO",
    "CL",
    "AR",
    "UY",
    "PY",
    "DO",
    "ES",
]

ANSWERS: Mapping[str, tuple[str, ...]] = {
    "DE": ("ancestry_german",),
    "AT": ("ancestry_german",),
    "IE": ("ancestry_irish",),
    "GB": ("ancestry_english", "ancestry_scottish", "ancestry_scotch_irish", "ancestry_welsh"),
    "IT": ("ancestry_italian",),
    "PL": ("ancestry_polish",),
    "FR": ("ancestry_french_except_basque",),
    "NO": ("ancestry_norwegian",),
    "SE": ("ancestry_swedish",),
    "DK": ("ancestry_danish",),
    "NL": ("ancestry_dutch",),
    "CZ": ("ancestry_czech",),
    "SK": ("ancestry_slovak",),
    "HU": ("ancestry_hungarian",),
    "GR": ("ancestry_greek",),
    "LT": ("ancestry_lithuanian",),
    "PT": ("ancestry_portuguese",),
    "RU": ("ancestry_russian",),
    "UA": ("ancestry_ukrainian",),
    "CH": ("ancestry_swiss",),
    "CA": ("ancestry_french_canadian",),
    "MX": ("mexican",),
    "CU": ("cuban",),
    "CN": ("chinese",),
    "TW": ("chinese",),
    "JP": ("japanese",),
    "KR": ("korean",),
    "PH": ("filipino",),
    "IN": ("asian_indian",),
    "VN": ("vietnamese",),
    "BR": ("ancestry_portuguese",),
    **dict.fromkeys(_ARAB, ("ancestry_arab",)),
    **dict.fromkeys(_SUBSAHARAN, ("ancestry_subsaharan_african",)),
    **dict.fromkeys(_HISPANIC, ("other_hispanic_or_latino",)),
}

_SMOOTHING = 0.05  # percentage points, half of what the tables resolve


def share(states: KeyedTable, state: str, country: str) -> float:
    """Percent of the state's people with the country's heritage; NaN where not known."""
    answers = ANSWERS.get(country)
    if answers is None:
        return float("nan")
    return float(sum(states.get(state, "pct_" + answer) for answer in answers))


def over_representation(
    states: KeyedTable, codes: tuple[str, ...], countries: tuple[str, ...]
) -> FloatArray:
    """(codes, countries) log ratio of a state's heritage share to the states' mean; 0 unknown."""
    result = np.zeros((len(codes), len(countries)))
    for column, country in enumerate(countries):
        if country not in ANSWERS:
            continue
        everywhere = np.nanmean([share(states, state, country) for state in states.keys])
        own = np.array([share(states, state, country) for state in codes])
        result[:, column] = np.nan_to_num(np.log((own + _SMOOTHING) / (everywhere + _SMOOTHING)))
    return result


@dataclass(frozen=True)
class TieHint:
    """Ties of heritage that a state's communities likely have: ``strength`` in (0, 1)."""

    state: str
    country: str
    strength: float


SMALLEST_HINT = 0.05


def tie_hints(states: KeyedTable, countries: KeyedTable) -> Iterator[TieHint]:
    """Hints of at least ``SMALLEST_HINT``, by state and country.

    With s the percent of the state's people with the heritage and r its ratio to the mean of all
    states, the strength is s/(1+s) · r/(1+r): both how many they are and how particular to the
    state. Where one answer means several countries ("Arab", "other Hispanic"), s is divided
    among them by the square root of their populations.
    """
    sharing: dict[tuple[str, ...], float] = {}
    weight = {code: float(np.sqrt(max(countries.get(code, "population"), 1.0))) for code in ANSWERS}
    for code, answers in ANSWERS.items():
        sharing[answers] = sharing.get(answers, 0.0) + weight[code]
    for country, answers in sorted(ANSWERS.items()):
        everywhere = float(np.nanmean([share(states, state, country) for state in states.keys]))
        for state in sorted(states.keys):
            percent = share(states, state, country)
            if np.isnan(percent):
                continue
            ratio = (percent + _SMOOTHING) / (everywhere + _SMOOTHING)
            own = percent * weight[country] / sharing[answers]
            strength = own / (1 + own) * ratio / (1 + ratio)
            if strength >= SMALLEST_HINT:
                yield TieHint(state, country, round(strength, 3))
