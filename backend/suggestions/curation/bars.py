"""Bars: dated, sourced rules of staff on pairs and jurisdictions. They hold in every run, and at
once for what is open.

Neither side is told of a bar: what it takes back disappears for both, whatever each has answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q, QuerySet

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, Country, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import require_staff
from backend.common.clock import database_now
from backend.common.errors import InvalidFields, NotVisible, WrongState
from backend.outbox.models import Event
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.curation.pairs import check_text, pair_of
from backend.suggestions.models import Bar, Pair, Suggestion
from backend.suggestions.states import SUGGESTION_TRANSITIONS

_S = Suggestion.Status
_OPEN_TO_A_SIDE = Q(a_state__in=("pending", "interested")) | Q(
    b_state__in=("pending", "interested")
)
# What a side can still see as open. One that the other side has closed in secret goes as well, or
# what stays would tell of it.
_TAKEN_BACK = Q(status__in=(_S.PROPOSED, _S.HELD, _S.RELEASED)) | (
    Q(status__in=(_S.DECLINED, _S.WITHDRAWN)) & _OPEN_TO_A_SIDE
)


def all_bars(user: User | AnonymousUser) -> QuerySet[Bar]:
    """Every bar, lifted and expired ones too, the newest first. Raises NotVisible for others than
    staff.
    """
    require_staff(user, "R", Thing.SUGGESTION)
    return Bar.objects.select_related(
        "pair__a__country", "pair__b__country", "country", "set_by", "lifted_by"
    ).order_by("-id")


def active_bars(on: dt.date) -> list[Bar]:
    """The bars that hold on that day."""
    in_time = Q(from_on__lte=on) & (Q(until_on__isnull=True) | Q(until_on__gte=on))
    return list(
        Bar.objects.filter(in_time, lifted_at__isnull=True).select_related("country").order_by("id")
    )


def is_in_region(community: Community, code: str, name: str) -> bool:
    """Whether a community lies in, or is, a first-level division; those without a place in the
    gazetteer are known by its name.
    """
    if community.place is not None:
        return community.place.admin1_code == code
    return bool(name) and name.casefold() in (
        community.admin1.casefold(),
        community.name.casefold(),
    )


def region_names(bars: Iterable[Bar]) -> dict[tuple[str, str], str]:
    """(country, code) → the division's name, for every division that the bars name."""
    named = {(HOME_COUNTRY, bar.home_admin1_code) for bar in bars if bar.home_admin1_code}
    named |= {(str(bar.country_id), bar.admin1_code) for bar in bars if bar.admin1_code}
    found = {}
    for country, code in sorted(named):
        name = (
            Place.objects.filter(country_id=country, admin1_code=code)
            .values_list("admin1", flat=True)
            .first()
        )
        found[country, code] = name or ""
    return found


def covers(bar: Bar, home: Community, abroad: Community, names: dict[tuple[str, str], str]) -> bool:
    """Whether the bar keeps these two apart; ``names`` as ``region_names`` gives them."""
    if bar.pair_id is not None:
        return bar.pair is not None and {bar.pair.a_id, bar.pair.b_id} == {home.pk, abroad.pk}
    ours = _inside([home], HOME_COUNTRY, bar.home_admin1_code, names)
    return bool(ours and _inside([abroad], str(bar.country_id), bar.admin1_code, names))


def _inside(
    communities: Iterable[Community], country: str, code: str, names: dict[tuple[str, str], str]
) -> list[Community]:
    """Those of a country or, where ``code`` is given, of that division of it."""
    return [
        c
        for c in communities
        if c.country_id == country and (not code or is_in_region(c, code, names[country, code]))
    ]


def bars_against(first: Community, second: Community, on: dt.date) -> list[Bar]:
    """The bars that keep two communities apart on that day, whichever of them is the home side."""
    home, abroad = (first, second) if first.is_home else (second, first)
    bars = [
        b
        for b in _with_pairs(active_bars(on))
        if b.pair_id is not None or b.country_id == abroad.country_id
    ]
    names = region_names(bars)
    return [bar for bar in bars if covers(bar, home, abroad, names)]


def _with_pairs(bars: list[Bar]) -> list[Bar]:
    pairs = Pair.objects.in_bulk([bar.pair_id for bar in bars if bar.pair_id is not None])
    for bar in bars:
        if bar.pair_id is not None:
            bar.pair = pairs[bar.pair_id]
    return bars


def barred_among(pairs: Iterable[Pair], on: dt.date) -> dict[int, Bar]:
    """Pair id → a bar that holds on that day, of the pairs given (with both communities and their
    places).
    """
    bars = _with_pairs(active_bars(on))
    names = region_names(bars)
    found = {}
    for pair in pairs:
        home, abroad = (pair.a, pair.b) if pair.a.is_home else (pair.b, pair.a)
        bar = next((bar for bar in bars if covers(bar, home, abroad, names)), None)
        if bar is not None:
            found[pair.pk] = bar
    return found


@dataclass(frozen=True, slots=True)
class BarredByStaff:
    """What bars come to among given communities: whole countries abroad, and single pairs (home id,
    abroad id).
    """

    countries: frozenset[str]
    pairs: frozenset[tuple[int, int]]


def barred_by_staff(
    home: Sequence[Community], abroad: Sequence[Community], on: dt.date
) -> BarredByStaff:
    """What a run must leave out on that day, of the communities (with their places) that it knows."""
    bars = _with_pairs(active_bars(on))
    names = region_names(bars)
    countries, pairs = set(), set()
    for bar in bars:
        if bar.pair is not None:
            pairs |= {(bar.pair.a_id, bar.pair.b_id), (bar.pair.b_id, bar.pair.a_id)}
        elif not bar.home_admin1_code and not bar.admin1_code:
            countries.add(str(bar.country_id))
        else:
            ours = _inside(home, HOME_COUNTRY, bar.home_admin1_code, names)
            theirs = _inside(abroad, str(bar.country_id), bar.admin1_code, names)
            pairs |= {(a.pk, b.pk) for a in ours for b in theirs}
    return BarredByStaff(frozenset(countries), frozenset(pairs))


@transaction.atomic
def set_bar(
    *, by: User, because: str, source: str, from_on: dt.date, until_on: dt.date | None = None, home_id: int | None = None,
    abroad_id: int | None = None, home_admin1_code: str = "", country: str = "", admin1_code: str = "",
) -> Bar:  # fmt: skip
    """Bars one pair (``home_id`` and ``abroad_id``) or two jurisdictions (``country``, both
    narrowed by their divisions' codes).

    From ``from_on`` to ``until_on`` inclusive, days in UTC. Open suggestions that it covers are
    taken back in the same commit.

    Raises:
        NotVisible: no curator. InvalidFields: neither or both kinds, an unknown place, dates in the
            wrong order, no reason or source.
    """
    require_staff(by, "X", Thing.CURATION)
    errors = check_text(
        {
            "because": (because, 2000, "why"),
            "source": (source, 1000, "where the rule comes from, a link or a reference,"),
        }
    )
    if until_on is not None and until_on < from_on:
        errors["until_on"] = ["The last day must not lie before the first."]
    of_pair = home_id is not None or abroad_id is not None
    if of_pair == bool(country):
        errors["country"] = ["Name either two communities or a country."]
    elif not of_pair:
        errors |= _check_jurisdiction(country, home_admin1_code, admin1_code)
    elif home_admin1_code or admin1_code:
        errors["country"] = ["A bar of two communities names no divisions."]
    if errors:
        raise InvalidFields(errors)
    bar = Bar.objects.create(
        pair=pair_of(home_id, abroad_id) if of_pair else None, country_id=country or None, home_admin1_code=home_admin1_code,
        admin1_code=admin1_code, because=because.strip(), source=source.strip(), from_on=from_on, until_on=until_on, set_by=by,
    )  # fmt: skip
    record(
        Topic.BAR_SET,
        subject=bar,
        by=by,
        pair=bar.pair_id,
        country=country,
        home_admin1=home_admin1_code,
        admin1=admin1_code,
    )
    take_back_barred(by)
    return bar


def _check_jurisdiction(
    country: str, home_admin1_code: str, admin1_code: str
) -> dict[str, list[str]]:
    errors = {}
    if country == HOME_COUNTRY or not Country.objects.filter(code=country).exists():
        errors["country"] = ["Choose a country abroad."]
    for field, of, code in (
        ("home_admin1_code", HOME_COUNTRY, home_admin1_code),
        ("admin1_code", country, admin1_code),
    ):
        if code and not Place.objects.filter(country_id=of, admin1_code=code).exists():
            errors[field] = [f"The gazetteer knows no division “{code}” of {of}."]
    return errors


@transaction.atomic
def lift_bar(*, by: User, bar_id: int, because: str) -> Bar:
    """Ends a bar now. What it took back stays so; the next run may suggest the pairs again.

    Raises NotVisible, InvalidFields (no reason), WrongState (lifted already).
    """
    require_staff(by, "X", Thing.CURATION)
    errors = check_text({"because": (because, 2000, "why")})
    if errors:
        raise InvalidFields(errors)
    bar = all_bars(by).filter(pk=bar_id).first()
    if bar is None:
        raise NotVisible
    lifted = Bar.objects.filter(pk=bar_id, lifted_at__isnull=True)
    if lifted.update(lifted_at=database_now(), lifted_by=by, lifted_because=because.strip()) != 1:
        raise WrongState("This bar is lifted already.")
    record(Topic.BAR_LIFTED, subject=bar, by=by)
    bar.refresh_from_db()
    return bar


@transaction.atomic
def enforce_bars() -> int:
    """Takes back what bars cover that came into force by their date, or that a run made while one
    was set. Returns how many.
    """
    return take_back_barred(None)


def take_back_barred(by: User | None) -> int:
    """Supersedes every suggestion under a bar that a side may still see as open; pairs with mutual
    interest are left to the board.
    """
    bars = active_bars(database_now().date())
    if not bars:
        return 0
    countries = [bar.country_id for bar in bars if bar.country_id is not None]
    of_bars = (
        Q(pk__in=[bar.pair_id for bar in bars if bar.pair_id is not None])
        | Q(a_country__in=countries)
        | Q(b_country__in=countries)
    )
    open_pairs = Suggestion.objects.filter(_TAKEN_BACK).order_by().values("pair_id")
    pairs = Pair.objects.filter(of_bars, pk__in=open_pairs).select_related("a__place", "b__place")
    barred = barred_among(pairs, database_now().date())
    locked = (
        Pair.objects.select_for_update()
        .filter(pk__in=barred)
        .order_by("pk")
        .values_list("pk", flat=True)
    )
    found = list(Suggestion.objects.filter(_TAKEN_BACK, pair_id__in=list(locked)))
    if any(_S.SUPERSEDED not in SUGGESTION_TRANSITIONS[s.status] for s in found):
        raise WrongState("A suggestion under a bar cannot be taken back from where it is.")
    Suggestion.objects.filter(pk__in=[s.pk for s in found]).update(
        status=_S.SUPERSEDED, closed_at=database_now()
    )
    Event.objects.bulk_create(
        Event(
            topic=Topic.SUGGESTION_SUPERSEDED,
            subject_type="suggestion",
            subject_id=s.pk,
            by=by,
            payload={"bar": barred[s.pair_id].pk},
        )
        for s in found
    )
    return len(found)
