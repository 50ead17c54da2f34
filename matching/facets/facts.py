"""Parts over single facts: size, elevation, age, coast, universities, distance, readiness."""

from __future__ import annotations

from collections.abc import Callable
from math import comb

import numpy as np

from matching.facets.part import (
    EncodedPart,
    Float64,
    Items,
    Part,
    Records,
    Side,
    flags,
    numbers,
    symmetric,
)
from matching.types import OutOfRangeError, ProfileRecord


class Closeness(Part):
    """Closeness of two numbers on a scale: ((1 + cos(π·Δ / range)) / 2)ⁿ, where Δ is taken after
    both are held to the scale's ends.

    It is 1 for equal numbers wherever they lie, falls smoothly, and is a trigonometric polynomial
    of degree n with coefficients C(2n, n+k) / 4ⁿ > 0, hence exactly a product of depth 2n + 1. (An
    interpolated exp(−|Δ|) of the same depth gives equal numbers that lie between two nodes a
    similarity of only 0.6.)
    """

    def __init__(
        self,
        name: str,
        field: str,
        scale: Callable[[Float64], Float64],
        ends: tuple[float, float],
        limits: tuple[float, float],
        *,
        degree: int,
        share: float = 1.0,
    ) -> None:
        self.name, self.field, self.share = name, field, share
        self.scale, self.ends, self.limits, self.degree = scale, ends, limits, degree

    def encode(self, records: Records, side: Side) -> EncodedPart:
        values = numbers(records, self.field, *self.limits)
        present = ~np.isnan(values)
        low, high = (float(self.scale(np.array([end]))[0]) for end in self.ends)
        held = np.clip(self.scale(np.where(present, values, self.ends[0])), low, high)
        angle = np.pi * (held - low) / (high - low)
        columns = [np.full(len(values), np.sqrt(comb(2 * self.degree, self.degree)))]
        for k in range(1, self.degree + 1):
            height = np.sqrt(2 * comb(2 * self.degree, self.degree + k))
            columns += [height * np.cos(k * angle), height * np.sin(k * angle)]
        rows = np.column_stack(columns) / 2**self.degree * present[:, None]
        return symmetric(rows.astype(np.float32), present)


def size() -> Closeness:
    """Similar size by log population: .90 at twice the size, .67 at four times, .32 at ten."""
    ends = (3_000.0, 3_000_000.0)
    return Closeness("population", "population", np.log, ends, (1, 1e9), degree=4)


def elevation() -> Closeness:
    """Similar elevation, on log(1 + metres / 100): lowlands and highlands each differ little."""
    return Closeness(
        "elevation",
        "elevation_m",
        _log_hectometres,
        (0.0, 3_000.0),
        (-500, 9_000),
        degree=1,
        share=0.125,
    )


def _log_hectometres(metres: Float64) -> Float64:
    return np.asarray(np.log1p(np.maximum(metres, 0.0) / 100.0), dtype=np.float64)


def median_age() -> Closeness:
    """Similar age structure: shrinking and growing cities face different work."""
    return Closeness(
        "median_age",
        "median_age",
        np.asarray,
        (15.0, 55.0),
        (0, 120),
        degree=1,
        share=0.125,
    )


class SharedTrait(Part):
    """1 if both have the trait, ``neither`` if neither has it, 0 if one has."""

    few_values = True

    def __init__(self, name: str, field: str, *, neither: float, share: float = 1.0) -> None:
        self.name, self.field, self.neither, self.share = name, field, neither, share

    def encode(self, records: Records, side: Side) -> EncodedPart:
        values = flags(records, self.field)
        rows = np.column_stack([values == 1, (values == 0) * np.sqrt(self.neither)])
        return symmetric(rows.astype(np.float32), ~np.isnan(values))


class SharedAbundance(Part):
    """√(a_i · a_j) with a = min(1, log(1 + n) / log(1 + enough)): high where both have many."""

    def __init__(self, name: str, field: str, *, enough: int, share: float = 1.0) -> None:
        self.name, self.field, self.enough, self.share = name, field, enough, share

    def encode(self, records: Records, side: Side) -> EncodedPart:
        values = numbers(records, self.field, 0, 100_000)
        present = ~np.isnan(values)
        abundance = np.minimum(
            1.0, np.log1p(np.where(present, values, 0.0)) / np.log1p(self.enough)
        )
        return symmetric(np.sqrt(abundance)[:, None].astype(np.float32), present)


class Distance(Part):
    """Closeness on the globe, (1 + cos of the angle between) / 2.

    No weight by default: distance has no influence in the world network (Kaltenbrunner 2013).
    """

    name = "distance"

    def encode(self, records: Records, side: Side) -> EncodedPart:
        latitude, longitude = (
            np.radians(numbers(records, "latitude", -90, 90)),
            np.radians(numbers(records, "longitude", -180, 180)),
        )
        for record, half in zip(records, np.isnan(latitude) != np.isnan(longitude), strict=True):
            if half:
                raise OutOfRangeError(
                    record.id,
                    "longitude",
                    "latitude and longitude must be given together or both left empty",
                )
        present = ~np.isnan(latitude)
        north, east = np.where(present, latitude, 0.0), np.where(present, longitude, 0.0)
        around = np.cos(north)
        rows = np.column_stack(
            [np.ones(len(north)), around * np.cos(east), around * np.sin(east), np.sin(north)]
        )
        return symmetric((rows * present[:, None] * np.sqrt(0.5)).astype(np.float32), present)


class Readiness(Part):
    """How ready j is: the mean degree to which what it stated is in place."""

    name = "readiness"
    stated = True
    few_values = True

    def encode(self, records: Records, side: Side) -> EncodedPart:
        for record in records:
            for code, degree in record.readiness.items():
                if not 0 <= degree <= 1:
                    raise OutOfRangeError(
                        record.id,
                        "readiness",
                        f"{code!r} is {degree!r}; write a degree from 0 to 1",
                    )
        stated = np.fromiter((len(record.readiness) for record in records), np.int64, len(records))
        in_place = np.fromiter(
            (sum(record.readiness.values()) for record in records), np.float64, len(records)
        )
        offered = (in_place / np.maximum(stated, 1))[:, None].astype(np.float32)
        # Anyone can prefer a ready partner, whatever is known of themselves
        everyone = np.ones(len(records), dtype=np.bool_)
        return EncodedPart(
            np.ones((len(records), 1), dtype=np.float32), offered, everyone, stated > 0
        )

    def items(self, chooser: ProfileRecord, chosen: ProfileRecord, similarity: float) -> Items:
        degrees = sorted(chosen.readiness.items(), key=lambda entry: (-entry[1], entry[0]))
        return tuple(
            (f"readiness:{code}", degree / len(chosen.readiness))
            for code, degree in degrees
            if degree
        )
