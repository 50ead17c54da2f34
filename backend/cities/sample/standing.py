"""Where each sample profile stands in its life: nearly all are published, a handful show the other
stations.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from backend.cities.models import Profile
from backend.cities.sample.actors import ACTORS
from backend.cities.sample.places import PlaceFacts

_S = Profile.Status


@dataclass(frozen=True, slots=True)
class Standing:
    """``confirmed_days``: how long ago the owner confirmed a published profile, from and to."""

    status: str
    published: bool = False
    complete: bool = True
    confirmed_days: tuple[int, int] = (0, 300)


PUBLISHED = Standing(_S.PUBLISHED, published=True)
SUBMITTED = Standing(_S.SUBMITTED)
_OTHERS = (
    *[SUBMITTED] * 7,  # the newcomer's is the eighth
    Standing(_S.CHANGES_REQUESTED),
    *[Standing(_S.DRAFT, complete=False)] * 4,
    *[Standing(_S.PAUSED, published=True)] * 2,
    *[Standing(_S.STALE, published=True, confirmed_days=(380, 440))] * 2,
)


def standings_of(facts: Sequence[PlaceFacts], rng: random.Random) -> list[Standing]:
    """One for each place, in order. Named actors' communities are published, but for the
    newcomer's; the others stand abroad.
    """
    vetted: dict[int | None, bool] = {
        actor.place_id: actor.vetted for actor in ACTORS if actor.place_id
    }
    standings = [PUBLISHED if vetted.get(place.place_id, True) else SUBMITTED for place in facts]
    free = [
        index
        for index, place in enumerate(facts)
        if place.country != "US" and place.place_id not in vetted
    ]
    for index, standing in zip(rng.sample(free, len(_OTHERS)), _OTHERS, strict=True):
        standings[index] = standing
    return standings
