"""Accounts of the sample world and their roles: an official for each community, committees for
some, staff.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

from allauth.account.models import EmailAddress

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole
from backend.cities.sample.actors import ACTORS, DOMAIN, Actor
from backend.cities.sample.places import PlaceFacts
from backend.cities.sample.standing import PUBLISHED, Standing

_R = CommunityRole.Role
_BATCH = 1000
COMMITTEES = 19  # besides the one of the named actors


def add_staff(password_hash: str) -> User:
    """The staff accounts; returns the curator."""
    staff = [_account(actor, password_hash) for actor in ACTORS if actor.staff_role]
    User.objects.bulk_create(staff)
    _confirm_addresses(staff)
    return next(user for user in staff if user.staff_role == User.StaffRole.CURATOR)


def add_people(
    facts: Sequence[PlaceFacts],
    communities: Sequence[Community],
    standings: Sequence[Standing],
    password_hash: str,
    now: dt.datetime,
    rng: random.Random,
) -> None:
    """An official for each community, so that both sides of any suggestion have somebody to notify,
    and the committees.
    """
    named = {actor.place_id: actor for actor in ACTORS if actor.role == _R.OFFICIAL}
    entries: list[tuple[User, Community, str, bool]] = []
    for place, community, standing in zip(facts, communities, standings, strict=True):
        actor = named.get(place.place_id) if place.place_id else None
        user = (
            _account(actor, password_hash)
            if actor
            else _person(_mailbox("official", place, community), community, password_hash)
        )
        entries.append((user, community, _R.OFFICIAL, standing.published))
    entries += _committees(facts, communities, standings, password_hash, rng)
    people = [user for user, *_ in entries]
    User.objects.bulk_create(people, batch_size=_BATCH)
    _confirm_addresses(people)
    CommunityRole.objects.bulk_create(
        [
            CommunityRole(
                user=user, community=community, role=role, vetted_at=now if vetted else None
            )
            for user, community, role, vetted in entries
        ],
        batch_size=_BATCH,
    )


def _confirm_addresses(people: Sequence[User]) -> None:
    """Nobody reads mail there, so that no code could be typed at the first sign-in."""
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in people],
        batch_size=_BATCH,
    )


def _committees(
    facts: Sequence[PlaceFacts],
    communities: Sequence[Community],
    standings: Sequence[Standing],
    password_hash: str,
    rng: random.Random,
) -> list[tuple[User, Community, str, bool]]:
    """A chair and two to five members each, for the named actors' city and some others of the U.S."""
    entries: list[tuple[User, Community, str, bool]] = []
    by_place = {
        place.place_id: community
        for place, community in zip(facts, communities, strict=True)
        if place.place_id
    }
    taken = {actor.place_id for actor in ACTORS if actor.place_id}
    free = [
        (place, community)
        for place, community, standing in zip(facts, communities, standings, strict=True)
        if place.country == "US" and place.place_id not in taken and standing == PUBLISHED
    ]
    for actor in ACTORS:
        if actor.role in {_R.CHAIR, _R.COMMITTEE_MEMBER} and actor.place_id:
            entries.append(
                (_account(actor, password_hash), by_place[actor.place_id], actor.role, True)
            )
    city = next(actor.place_id for actor in ACTORS if actor.role == _R.CHAIR)
    seats = [
        (place, community, 0, rng.randint(2, 5))
        for place, community in rng.sample(free, COMMITTEES)
    ]
    seats += [
        (place, by_place[city], 2, 4)
        for place in facts
        if city is not None and place.place_id == city
    ]
    for place, community, first, last in seats:
        for number in range(first, last + 1):
            mailbox = _mailbox("chair" if number == 0 else f"member{number}", place, community)
            role = _R.CHAIR if number == 0 else _R.COMMITTEE_MEMBER
            entries.append((_person(mailbox, community, password_hash), community, role, True))
    return entries


def _mailbox(role: str, place: PlaceFacts, community: Community) -> str:
    return f"{role}+{place.place_id or f'c{community.pk}'}"


def _account(actor: Actor, password_hash: str) -> User:
    return User(
        email=actor.email,
        name=actor.name,
        staff_role=actor.staff_role,
        password=password_hash,
        is_sample=True,
    )


def _person(mailbox: str, community: Community, password_hash: str) -> User:
    role = (
        "Official"
        if mailbox.startswith("official")
        else "Chair"
        if mailbox.startswith("chair")
        else "Member"
    )
    name = f"{role} of {community.name}"[:110] + " (sample)"
    return User(email=f"{mailbox}@{DOMAIN}", name=name, password=password_hash, is_sample=True)
