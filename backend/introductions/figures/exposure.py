"""Who is shown: suggestions released to communities of each size. Small places must not disappear
behind large ones.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db.models import Count

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import require_staff
from backend.introductions.figures.scope import Scope
from backend.suggestions.models import Suggestion

BANDS = ((25_000, "Under 25,000"), (100_000, "25,000 to 99,999"), (500_000, "100,000 to 499,999"))
LARGE, UNKNOWN = "500,000 and more", "Population not known"
ORDER = (*(label for _limit, label in BANDS), LARGE, UNKNOWN)


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """``shown``: suggestions released within the scope to communities of that size; ``without``:
    communities that got none.
    """

    side: str
    size: str
    communities: int
    shown: int
    without: int

    @property
    def each(self) -> float:
        """Suggestions a community."""
        return self.shown / self.communities if self.communities else 0.0


def exposure_by_size(user: User | AnonymousUser, scope: Scope) -> list[ExposureRow]:
    """Communities that seek now, by side and size, and what was released to them. Raises NotVisible
    for others than staff.
    """
    require_staff(user, "R", Thing.FIGURES)
    shown: Counter[int] = Counter()
    released = Suggestion.objects.filter(
        scope.within("released_at"), released_at__isnull=False
    ).order_by()
    for side in ("pair__a_id", "pair__b_id"):
        shown.update(dict(released.values_list(side).annotate(count=Count("pk"))))
    seeking = Community.objects.seeking().order_by()
    if scope.country:
        seeking = seeking.filter(country_id=scope.country)
    communities: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    without: Counter[tuple[str, str]] = Counter()
    for pk, country, population in seeking.values_list("pk", "country_id", "place__population"):
        key = ("U.S." if country == HOME_COUNTRY else "Abroad", band(population))
        communities[key] += 1
        total[key] += shown[pk]
        without[key] += not shown[pk]
    keys = sorted(communities, key=lambda key: (key[0] != "U.S.", ORDER.index(key[1])))
    return [ExposureRow(*key, communities[key], total[key], without[key]) for key in keys]


def band(population: int | None) -> str:
    if population is None:
        return UNKNOWN
    return next((label for limit, label in BANDS if population < limit), LARGE)
