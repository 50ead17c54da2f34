"""What real partnerships say of the open-data facets' weights: a small non-negative logistic model
on their similarities.

It sees each facet exactly as the engine does (``matching.facets``), for partners of tiers A and B
against random other foreign cities of the same pairs. Coefficients show resemblance to past
choices, so they advise prior weights and do not replace judgement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from matching.facets import FACETS, FitOptions
from matching.lab.link_prediction.heritage import tie_hints
from matching.lab.link_prediction.places import filled
from matching.lab.link_prediction.protocol import training_pairs
from matching.lab.link_prediction.tables import OpenData, PairTable
from matching.types import FloatArray, IntArray, ProfileRecord, Vocabulary

OPEN_FACETS = ("ties", "institutions", "geography", "languages", "size", "time_zone")
_NEGATIVES = 30
_RIDGE = 1.0


@dataclass(frozen=True)
class FacetEvidence:
    """A facet's coefficient (log-odds from 0 to 1), its error, its mean for partners and others."""

    facet: str
    coefficient: float
    standard_error: float
    partners: float
    others: float


def open_records(data: OpenData, rows: IntArray) -> list[ProfileRecord]:
    """Places as records from open data; country's first two languages, solar time as offset."""
    number, text = data.cities.number, data.cities.text
    hints: dict[str, dict[str, float]] = {}
    for hint in tie_hints(data.states, data.countries):
        hints.setdefault(hint.state, {})[hint.country] = hint.strength

    def known(name: str, row: int) -> float | None:
        value = float(number[name][row])
        return None if np.isnan(value) else value

    def record(row: int) -> ProfileRecord:
        country, seat, population = (
            text["country"][row],
            known("seat_level", row),
            known("population", row),
        )
        tags = data.countries.text(country, "geonames_languages").split(",")[
            : 1 if country == "US" else 2
        ]
        return ProfileRecord(
            id=int(data.cities.ids[row]),
            country=country,
            admin1=text["admin1_code"][row] or None,
            latitude=known("lat", row),
            longitude=known("lon", row),
            population=int(population) if population else None,
            elevation_m=known("elevation_m", row),
            utc_offset_hours=float(round(number["lon"][row] / 15.0)),
            climate=text["koppen"][row] or None,
            coastal=number["coastal"][row] == 1,
            port=number["seaport"][row] == 1,
            is_capital=number["is_capital"][row] == 1,
            seat_level=None if seat is None else int(seat),
            air_destinations=int(number["air_destinations_60km"][row]),
            universities=int(number["univ_name_hits"][row]),
            languages=frozenset(tag.split("-")[0] for tag in tags if tag),
            tie_hints=hints.get(text["admin1_code"][row], {}) if country == "US" else {},
        )

    return [record(int(row)) for row in rows]


def facet_similarities(
    left: list[ProfileRecord], right: list[ProfileRecord], rows: IntArray, cols: IntArray
) -> FloatArray:
    """(rows, OPEN_FACETS) similarity left→right: mean of present parts; NaN without any."""
    languages = tuple(sorted({code for record in (*left, *right) for code in record.languages}))
    total = np.zeros((len(rows), len(OPEN_FACETS)))
    share = np.zeros_like(total)
    options = FitOptions(Vocabulary((), (), (), (), (), languages), 1, 0)
    facets = [facet for facet in FACETS if facet.name in OPEN_FACETS]
    for part in (part for facet in facets for part in facet.parts(options)):
        part.fit(left, right)
        part.lay_out(left, right)
        seeker, offered = part.encode(left, "left"), part.encode(right, "right")
        present = seeker.seeks[rows] & offered.offers[cols]
        column = OPEN_FACETS.index(part.facet)
        total[:, column] += (
            part.share * present * np.einsum("nd,nd->n", seeker.seeker[rows], offered.offered[cols])
        )
        share[:, column] += part.share * present
    return np.where(share > 0, total / np.where(share > 0, share, 1.0), np.nan)


def learn_priors(
    data: OpenData, pairs: PairTable, tiers: str = "AB", seed: int = 0
) -> tuple[FacetEvidence, ...]:
    """One entry a facet, largest coefficient first. An unknown similarity counts as the mean."""
    known = training_pairs(data.cities, pairs, "partners", tiers)
    left, rows = np.unique(known.left, return_inverse=True)
    foreign, cols = known.others, np.searchsorted(known.others, known.right)
    rng = np.random.default_rng(seed)
    partners = set(zip(rows.tolist(), cols.tolist(), strict=True))
    random = np.column_stack(
        [np.repeat(rows, _NEGATIVES), rng.integers(0, len(foreign), len(rows) * _NEGATIVES)]
    )
    drawn = np.array([pair for pair in random.tolist() if tuple(pair) not in partners])
    labels = np.r_[np.ones(len(rows)), np.zeros(len(drawn))]
    similarity = facet_similarities(
        open_records(data, left),
        open_records(data, foreign),
        np.r_[rows, drawn[:, 0]],
        np.r_[cols, drawn[:, 1]],
    )
    similarity = filled(similarity)
    coefficient, error = fit_non_negative(similarity, labels)
    found = [
        FacetEvidence(
            name,
            coefficient[i],
            error[i],
            float(similarity[labels == 1, i].mean()),
            float(similarity[labels == 0, i].mean()),
        )
        for i, name in enumerate(OPEN_FACETS)
    ]
    return tuple(sorted(found, key=lambda evidence: -evidence.coefficient))


def fit_non_negative(
    similarity: FloatArray, labels: FloatArray, ridge: float = _RIDGE
) -> tuple[list[float], list[float]]:
    """Coefficients ≥ 0 (d) of a ridge logistic model on (n, d), and standard errors."""
    design = np.column_stack([similarity, np.ones(len(similarity))])
    penalty = np.r_[np.full(similarity.shape[1], ridge), 0.0]

    def loss(beta: FloatArray) -> tuple[float, FloatArray]:
        margin = design @ beta
        value = float(np.sum(np.logaddexp(0.0, margin) - labels * margin) + 0.5 * penalty @ beta**2)
        return value, design.T @ (expit(margin) - labels) + penalty * beta

    bounds = [(0.0, None)] * similarity.shape[1] + [(None, None)]
    beta = minimize(loss, np.zeros(design.shape[1]), jac=True, bounds=bounds, method="L-BFGS-B").x
    chance = expit(design @ beta)
    information = design.T @ (design * (chance * (1 - chance))[:, None]) + np.diag(penalty)
    error = np.sqrt(np.diag(np.linalg.inv(information)))
    return [float(b) for b in beta[:-1]], [float(e) for e in error[:-1]]


def advised_weights(evidence: tuple[FacetEvidence, ...]) -> dict[str, float]:
    """Half way from each facet's default importance to its share of the evidence; their sum stays
    that of the defaults.

    Feasibility facets (languages, time zone) keep their defaults: they say what makes working
    together possible, and past choices that crossed languages do not make that easier.
    """
    default = {
        facet.name: facet.default_importance
        for facet in FACETS
        if facet.name in OPEN_FACETS and not facet.feasibility
    }
    counted = {entry.facet: entry.coefficient for entry in evidence if entry.facet in default}
    total = sum(counted.values())
    if total == 0:
        return default
    return {
        name: round((default[name] + sum(default.values()) * value / total) / 2, 2)
        for name, value in counted.items()
    }
