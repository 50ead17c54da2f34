"""What holds of every membership, whoever records it: its class of dues, its standing, and the days
that can be.
"""

from __future__ import annotations

import datetime as dt

from backend.cities.models import Community, Membership
from backend.common.dates import years_after

_S = Membership.Standing
_D = Membership.DuesClass
_CLASSES = ((25_000, _D.UNDER_25K), (100_000, _D.UNDER_100K), (500_000, _D.UNDER_500K))
LONGEST_TERM_YEARS = 3  # of dues paid in advance: a later day is a typing error


def dues_class_for(population: int) -> str:
    """The class of dues for a number of inhabitants."""
    return next((dues.value for limit, dues in _CLASSES if population < limit), _D.LARGE.value)


def population_of(community: Community) -> int | None:
    return community.place.population if community.place else None


def standing_on(today: dt.date, paid_through: dt.date | None) -> str:
    """Good while dues cover the day. Without a recorded last day nothing lapses."""
    return _S.LAPSED.value if paid_through is not None and paid_through < today else _S.GOOD.value


def term_errors(
    started_on: dt.date | None,
    paid_through: dt.date | None,
    ended_on: dt.date | None,
    dues_class: str,
    today: dt.date,
) -> dict[str, list[str]]:
    """What is wrong with the days and the class of a membership, by field."""
    errors: dict[str, list[str]] = {}
    if started_on is None:
        errors["started_on"] = ["Give the day on which the membership began."]
    elif not dt.date(1956, 1, 1) <= started_on <= years_after(today, 1):
        errors["started_on"] = [
            "The first day lies between 1956, when the network began, and a year from now."
        ]
    for name, day in (("paid_through", paid_through), ("ended_on", ended_on)):
        if day is not None and started_on is not None and day < started_on:
            errors[name] = ["This day lies before the membership began."]
    if paid_through is not None and paid_through > years_after(today, LONGEST_TERM_YEARS):
        errors["paid_through"] = [
            "Dues are recorded for at most three years in advance; look at the year."
        ]
    if ended_on is not None and ended_on > today:
        errors["ended_on"] = [
            "A membership is ended on a day that has come. To let it run out, leave this empty."
        ]
    if dues_class not in _D.values:
        errors["dues_class"] = [f"Choose one of: {', '.join(_D.values)}."]
    return errors
