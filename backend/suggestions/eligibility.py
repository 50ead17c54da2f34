"""What keeps a pair or a community from being suggested: exclusion rules of staff, an answer, a
partnership, and open introductions.

Exclusion rules are dated and sourced. They hold in every run, and at once for what is open. Neither
side learns of a rule: what it takes back is no longer offered to either, whatever each answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.utils.translation import ngettext

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, ExistingPartnership, ListedPartnership, Place
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import require_staff
from backend.cities.profile_schema import document_value
from backend.cities.queries import communities_named
from backend.common.errors import CapacityReached
from backend.suggestions.models import ExclusionRule, Pair, Suggestion


def all_exclusion_rules(user: User | AnonymousUser) -> QuerySet[ExclusionRule]:
    """Every rule, also lifted and expired ones, newest first. Only staff: else NotVisible."""
    require_staff(user, Verb.READ, Resource.SUGGESTION)
    return ExclusionRule.objects.select_related(
        "pair__a__country", "pair__b__country", "country", "set_by", "lifted_by"
    ).order_by("-id")


def active_rules(on: dt.date) -> list[ExclusionRule]:
    """The rules that hold on that day."""
    in_time = Q(from_on__lte=on) & (Q(until_on__isnull=True) | Q(until_on__gte=on))
    return list(
        ExclusionRule.objects.filter(in_time, lifted_at__isnull=True)
        .select_related("country")
        .order_by("id")
    )


def is_in_region(community: Community, code: str, name: str) -> bool:
    """Whether a community lies in, or is, a first-level division; by name where it has no place."""
    if community.place is not None:
        return community.place.admin1_code == code
    return bool(name) and name.casefold() in (
        community.admin1.casefold(),
        community.name.casefold(),
    )


def region_names(rules: Iterable[ExclusionRule]) -> dict[tuple[str, str], str]:
    """(country, code) → the division's name, for every division that the rules name."""
    named = {(HOME_COUNTRY, rule.home_admin1_code) for rule in rules if rule.home_admin1_code}
    named |= {(str(rule.country_id), rule.admin1_code) for rule in rules if rule.admin1_code}
    found = {}
    for country, code in sorted(named):
        name = (
            Place.objects.filter(country_id=country, admin1_code=code)
            .values_list("admin1", flat=True)
            .first()
        )
        found[country, code] = name or ""
    return found


def covers(
    rule: ExclusionRule, home: Community, abroad: Community, names: dict[tuple[str, str], str]
) -> bool:
    """Whether the rule keeps these two apart; ``names`` as ``region_names`` gives them."""
    if rule.pair_id is not None:
        return rule.pair is not None and {rule.pair.a_id, rule.pair.b_id} == {home.pk, abroad.pk}
    ours = _inside([home], HOME_COUNTRY, rule.home_admin1_code, names)
    return bool(ours and _inside([abroad], str(rule.country_id), rule.admin1_code, names))


def _inside(
    communities: Iterable[Community], country: str, code: str, names: dict[tuple[str, str], str]
) -> list[Community]:
    """Those of a country or, where ``code`` is given, of that division of it."""
    return [
        c
        for c in communities
        if c.country_id == country and (not code or is_in_region(c, code, names[country, code]))
    ]


def rules_against(first: Community, second: Community, on: dt.date) -> list[ExclusionRule]:
    """The rules that keep two communities apart on that day, whichever of them is the home side."""
    home, abroad = (first, second) if first.is_home else (second, first)
    rules = [
        b
        for b in _with_pairs(active_rules(on))
        if b.pair_id is not None or b.country_id == abroad.country_id
    ]
    names = region_names(rules)
    return [rule for rule in rules if covers(rule, home, abroad, names)]


def _with_pairs(rules: list[ExclusionRule]) -> list[ExclusionRule]:
    pairs = Pair.objects.in_bulk([rule.pair_id for rule in rules if rule.pair_id is not None])
    for rule in rules:
        if rule.pair_id is not None:
            rule.pair = pairs[rule.pair_id]
    return rules


def barred_among(pairs: Iterable[Pair], on: dt.date) -> dict[int, ExclusionRule]:
    """Pair id → a rule that holds on that day, of pairs with both communities and their places."""
    rules = _with_pairs(active_rules(on))
    names = region_names(rules)
    found = {}
    for pair in pairs:
        home, abroad = (pair.a, pair.b) if pair.a.is_home else (pair.b, pair.a)
        rule = next((rule for rule in rules if covers(rule, home, abroad, names)), None)
        if rule is not None:
            found[pair.pk] = rule
    return found


@dataclass(frozen=True, slots=True)
class BarredByStaff:
    """What rules exclude among communities: whole countries abroad, pairs (home id, abroad id)."""

    countries: frozenset[str]
    pairs: frozenset[tuple[int, int]]


def barred_by_staff(
    home: Sequence[Community], abroad: Sequence[Community], on: dt.date
) -> BarredByStaff:
    """What a run must leave out on that day among these communities (with their places)."""
    rules = _with_pairs(active_rules(on))
    names = region_names(rules)
    countries, pairs = set(), set()
    for rule in rules:
        if rule.pair is not None:
            pairs |= {(rule.pair.a_id, rule.pair.b_id), (rule.pair.b_id, rule.pair.a_id)}
        elif not rule.home_admin1_code and not rule.admin1_code:
            countries.add(str(rule.country_id))
        else:
            ours = _inside(home, HOME_COUNTRY, rule.home_admin1_code, names)
            theirs = _inside(abroad, str(rule.country_id), rule.admin1_code, names)
            pairs |= {(a.pk, b.pk) for a in ours for b in theirs}
    return BarredByStaff(frozenset(countries), frozenset(pairs))


DEFAULT_OPEN_INTRODUCTIONS = 3


# What a side has done to a suggestion that it has closed.
CLOSING = (Suggestion.SideState.DECLINED.value, Suggestion.SideState.WITHDRAWN.value)


def over_before(now: dt.datetime) -> dt.datetime:
    """Suggestions whose ``expires_at`` is not after this moment are over.

    An answer of the last minute can be undone in its window, and an undone withdrawal has a whole
    window again. Everybody's time ends that much later, so that the end does not tell whether the
    other side has just answered.
    """
    return now - 2 * dt.timedelta(seconds=settings.SUGGESTIONS["undo_seconds"])


def closed_in_secret(now: dt.datetime) -> Q:
    """Suggestions that one side has closed, while the other may believe them open."""
    closed = (Suggestion.Status.DECLINED, Suggestion.Status.WITHDRAWN)
    return Q(status__in=closed, expires_at__gt=over_before(now))


def unavailable_pairs(now: dt.datetime) -> QuerySet[Pair]:
    """Pairs that may not be suggested, whatever their score: blocked, or resting.

    A pair rests from the end of its suggestion's time on, whether it was closed before or not, and
    whatever rest an introduction by hand has begun beside it.
    """
    of_pair = Suggestion.objects.filter(pair=OuterRef("pk"))
    overdue = of_pair.filter(status=Suggestion.Status.RELEASED, expires_at__lte=over_before(now))
    goes_on = of_pair.filter(closed_in_secret(now) | Q(status=Suggestion.Status.RELEASED))
    rests = Q(closed_until__gt=now) & ~Exists(goes_on)
    return Pair.objects.filter(rests | Exists(overdue) | ~Q(block_reason=""))


def declared_partners(row_id: int | None = None) -> set[tuple[int, int]]:
    """Pairs (smaller id first) of communities that are partners by what one of them has stated and
    staff have confirmed; of one row alone where its id is given.

    Read from the statements each time: the pair is free as soon as none is in force, and barred as
    soon as a partner that was named before registers, with a place or by hand under that name.
    """
    rows = ExistingPartnership.objects.in_force()
    if row_id is not None:
        rows = rows.filter(pk=row_id)
    sides = _registered_sides(rows)
    by_name = list(rows.filter(place__isnull=True, partner__isnull=True))
    later = communities_named(by_name)
    for row in by_name:
        sides |= {
            (row.community_id, community.pk)
            for community in later[row.pk]
            if row.answered_at is not None and community.registered_at > row.answered_at
        }
    return _in_order(sides)


def _registered_sides(rows: QuerySet[ExistingPartnership]) -> set[tuple[int, int]]:
    """Who says it and the registered partner that the row names."""
    named = rows.filter(Q(place__community__isnull=False) | Q(partner__isnull=False))
    other = Coalesce("place__community__id", "partner_id")
    return set(named.values_list("community_id", other))


def _in_order(sides: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    return {(min(pair), max(pair)) for pair in sides if pair[0] != pair[1]}


def stated_partners() -> set[tuple[int, int]]:
    """Pairs (smaller id first) of which one says that they are partners and staff have not answered
    yet: not suggested anew meanwhile; what is open stays open until staff confirm.
    """
    return _in_order(_registered_sides(ExistingPartnership.objects.waiting()))


def listed_and_not_denied() -> QuerySet[ListedPartnership]:
    """What public lists name, but those of which one side says, confirmed by staff, that the
    partnership ended or is none.
    """
    found = ListedPartnership.objects.all()
    for one, other in (("place_a", "place_b"), ("place_b", "place_a")):
        denied = ExistingPartnership.objects.over().filter(
            community__place=OuterRef(one), place=OuterRef(other)
        )
        found = found.exclude(Exists(denied))
    return found


def listed_partners() -> set[tuple[int, int]]:
    """Pairs (smaller id first) of registered communities that a public list names, unless one of
    them has denied it.
    """
    registered = Q(place_a__community__isnull=False, place_b__community__isnull=False)
    sides = listed_and_not_denied().filter(registered)
    return _in_order(sides.values_list("place_a__community__id", "place_b__community__id"))


def known_partners() -> set[tuple[int, int]]:
    """Pairs (smaller id first) that are partners before they came: declared, stated or listed."""
    return declared_partners() | stated_partners() | listed_partners()


BY_HAND = (Pair.BlockReason.TO_INTRODUCE, Pair.BlockReason.INTRODUCED)


def pairs_being_introduced() -> QuerySet[Pair]:
    """Pairs with mutual interest, or introduced by hand, neither closed nor partners yet."""
    past = (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
    interested = Exists(Suggestion.objects.filter(pair=OuterRef("pk"), status__in=past))
    return Pair.objects.exclude(block_reason=Pair.BlockReason.PARTNERS).filter(
        Q(block_reason__in=BY_HAND) | Q(interested)
    )


def open_introductions(community_id: int) -> int:
    """How many introductions of the community are open."""
    return pairs_being_introduced().filter(Q(a_id=community_id) | Q(b_id=community_id)).count()


def introduction_capacity(community: Community) -> int:
    """How many open introductions the community allows itself."""
    version = community.profile.current_version
    value = document_value(version.data if version else {}, "capacity", "open_introductions")
    return int(value or DEFAULT_OPEN_INTRODUCTIONS)


def lock_communities(*community_ids: int) -> list[Community]:
    """The rows, locked in the order of their ids: two pairs of one community cannot both take its
    last place, and none waits in a ring.
    """
    locked = Community.objects.select_for_update(of=("self",)).select_related(
        "profile__current_version"
    )
    return list(locked.filter(pk__in=community_ids).order_by("pk"))


def has_room(community: Community) -> bool:
    """Whether a locked community may have one more open introduction."""
    return open_introductions(community.pk) < introduction_capacity(community)


def require_room(community: Community) -> None:
    """Raises CapacityReached where a locked community has no room for another introduction."""
    if not has_room(community):
        capacity = introduction_capacity(community)
        words = ngettext(
            "You have %(count)d open introduction, as many as your profile allows. Close one or "
            "raise the number.",
            "You have %(count)d open introductions, as many as your profile allows. Close one or "
            "raise the number.",
            capacity,
        )
        raise CapacityReached(words % {"count": capacity})
