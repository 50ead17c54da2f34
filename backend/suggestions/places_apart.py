"""Where two places lie, how far apart, and when both are at work."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from math import asin, cos, radians, sin, sqrt

from backend.cities.models import Community
from backend.common.working_hours import Season, seasons, zone

EARTH_RADIUS_KM = 6371.0088


@dataclass(frozen=True, slots=True)
class PlacesApart:
    """Two communities on the map and on the clock. ``seasons`` is empty where a time zone is not
    known.
    """

    own: Community
    other: Community
    distance_km: int | None
    seasons: list[Season]

    @property
    def both(self) -> list[Community]:
        return [self.own, self.other]

    @property
    def on_map(self) -> bool:
        return self.distance_km is not None


def distance_km(first: Community, second: Community) -> int | None:
    """Great-circle distance in whole kilometres; None where a place has no coordinates.
    https://en.wikipedia.org/wiki/Haversine_formula
    """
    if (
        first.latitude is None
        or first.longitude is None
        or second.latitude is None
        or second.longitude is None
    ):
        return None
    lat1, lon1, lat2, lon2 = (
        radians(value)
        for value in (first.latitude, first.longitude, second.latitude, second.longitude)
    )
    chord = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return round(2 * EARTH_RADIUS_KM * asin(min(1.0, sqrt(chord))))


def places_apart(own: Community, other: Community, today: dt.date) -> PlacesApart:
    here, there = zone(own.timezone), zone(other.timezone)
    return PlacesApart(
        own, other, distance_km(own, other), seasons(today, here, there) if here and there else []
    )
