"""A small world for each round: A may have one open introduction, and two communities abroad, B and
C, are suggested to it.
"""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass

from backend.accounts.models import User
from backend.cities.models import (
    Community,
    CommunityRole,
    Contact,
    Country,
    Organisation,
    Profile,
    ProfileVersion,
)
from backend.common.dates import database_now
from backend.suggestions.models import Pair, Suggestion

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """``first`` is A's suggestion with B, ``second`` the one with C. ``people`` answer for their
    community, by its letter.
    """

    a: Community
    b: Community
    c: Community
    people: dict[str, User]
    curator: User
    first: Suggestion
    second: Suggestion

    def community(self, letter: str) -> Community:
        return {"a": self.a, "b": self.b, "c": self.c}[letter]

    @property
    def suggestions(self) -> tuple[Suggestion, Suggestion]:
        return self.first, self.second


def make_people() -> tuple[dict[str, User], User]:
    """The three who answer, and a curator."""
    for code, name in (("US", "United States"), ("DE", "Germany")):
        Country.objects.get_or_create(code=code, defaults={"name": name})
    people = {
        letter: User.objects.create_user(f"{letter}@race.invalid", name=letter.upper())
        for letter in "abc"
    }
    return people, User.objects.create_user(
        "curator@race.invalid", staff_role=User.StaffRole.CURATOR
    )


def make_scene(people: dict[str, User], curator: User) -> Scene:
    """Fresh rows: a published A with room for one introduction, B and C with room for many, and two
    released suggestions.
    """
    number, now = next(_numbers), database_now()
    a, b, c = (_community(letter, number, people[letter], now) for letter in "abc")
    first, second = (_suggestion(a, other, now) for other in (b, c))
    return Scene(a=a, b=b, c=c, people=people, curator=curator, first=first, second=second)


def _community(letter: str, number: int, person: User, now: dt.datetime) -> Community:
    country = "US" if letter == "a" else "DE"
    community = Community.objects.create(
        kind=Community.Kind.COUNTY, name=f"{letter.upper()} {number}", country_id=country
    )
    profile = Profile.objects.create(community=community)
    room = 1 if letter == "a" else 9
    version = ProfileVersion.objects.create(
        profile=profile, number=1, data={"capacity": {"open_introductions": room}}
    )
    Profile.objects.filter(pk=profile.pk).update(
        status=Profile.Status.PUBLISHED, current_version=version, confirmed_at=now
    )
    CommunityRole.objects.create(
        user=person, community=community, role=CommunityRole.Role.OFFICIAL, vetted_at=now
    )
    organisation = Organisation.objects.create(
        community=community, name=f"Friends of {community.name}"
    )
    Contact.objects.create(
        organisation=organisation,
        name=f"Contact {letter}",
        email=f"contact-{letter}@race.invalid",
        is_primary=True,
    )
    return community


def _suggestion(a: Community, other: Community, now: dt.datetime) -> Suggestion:
    pair = Pair.objects.create(a=a, b=other, a_country=a.country_id, b_country=other.country_id)
    return Suggestion.objects.create(
        pair=pair,
        status=Suggestion.Status.RELEASED,
        score=0.5,
        a_preference=0.5,
        b_preference=0.5,
        a_coverage=1,
        b_coverage=1,
        released_at=now,
        expires_at=now + dt.timedelta(days=60),
    )
