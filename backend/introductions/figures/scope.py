"""What the figures are asked of: a time and a country."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from django.db.models import Case, F, Q, When
from django.db.models.expressions import Combinable

from backend.cities.models.communities import HOME_COUNTRY

By = Literal["month", "country"]


@dataclass(frozen=True, slots=True)
class Scope:
    """``since`` and ``until`` are days (both counted, UTC); ``country`` is ISO alpha-2 of either
    side.
    """

    since: dt.date | None = None
    until: dt.date | None = None
    country: str = ""

    def within(self, moment: str) -> Q:
        """The condition that ``moment``, a column of time, lies in the scope's time."""
        condition = Q()
        if self.since:
            condition &= Q(**{f"{moment}__gte": dt.datetime.combine(self.since, dt.time(), dt.UTC)})
        if self.until:
            condition &= Q(
                **{
                    f"{moment}__lt": dt.datetime.combine(
                        self.until + dt.timedelta(days=1), dt.time(), dt.UTC
                    )
                }
            )
        return condition

    def of_pair(self, pair: str = "pair") -> Q:
        """The condition that one side of the pair lies in the scope's country."""
        if not self.country:
            return Q()
        return Q(**{f"{pair}__a_country": self.country}) | Q(**{f"{pair}__b_country": self.country})


def country_abroad(pair: str = "pair") -> Combinable:
    """The country of the side that is not at home."""
    return Case(
        When(**{f"{pair}__a_country": HOME_COUNTRY}, then=F(f"{pair}__b_country")),
        default=F(f"{pair}__a_country"),
    )
