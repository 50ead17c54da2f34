"""Acts of people and staff on one pair at the same moment, and the pairs on which they are done."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.db.models import F

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
from backend.introductions.models import Introduction
from backend.introductions.services.introductions import (
    contacts_for,
    give_consent,
    leave_introduction,
    move_introduction,
    open_introduction,
    open_introduction_for_mutual,
    withdraw_consent,
)
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services import answer_suggestion, expire_suggestions, hold, undo_answer
from backend.suggestions.services.answers import settle_due

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Scene:
    """``first``: A's suggestion with B, ``second``: with C. ``people`` answer, by letter."""

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
    """Fresh rows: A with room for one introduction, B and C for many, two suggestions."""
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


Act = Callable[[Scene], object]


@dataclass(frozen=True)
class Leak(Exception):
    """A reader was shown what was closed to it already."""

    what: str


def _answer(letter: str, given: str, which: str = "first") -> Act:
    def act(scene: Scene) -> object:
        return answer_suggestion(
            by=scene.people[letter],
            suggestion_id=getattr(scene, which).pk,
            community_id=scene.community(letter).pk,
            choice=given,
            reason="no_fit" if given == "declined" else "",
        )

    return act


def _undo(letter: str) -> Act:
    return lambda scene: undo_answer(
        by=scene.people[letter],
        suggestion_id=scene.first.pk,
        community_id=scene.community(letter).pk,
    )


def _introduction(scene: Scene) -> int:
    """The open introduction of the first pair, or 0, which is refused like a wrong id."""
    introductions = Introduction.objects.filter(pair_id=scene.first.pair_id).exclude(
        stage=Introduction.Stage.CLOSED
    )
    return introductions.values_list("pk", flat=True).first() or 0


def _consent(letter: str) -> Act:
    return lambda scene: give_consent(
        by=scene.people[letter],
        introduction_id=_introduction(scene),
        community_id=scene.community(letter).pk,
    )


def _take_consent_back(letter: str) -> Act:
    def act(scene: Scene) -> None:
        introduction, side = _introduction(scene), scene.community(letter).pk
        withdraw_consent(by=scene.people[letter], introduction_id=introduction, community_id=side)
        other = "b" if letter == "a" else "a"
        shown = contacts_for(scene.people[other], introduction, scene.community(other).pk)
        given_again = (
            Introduction.objects.get(pk=introduction)
            .consents.filter(community_id=side, withdrawn_at__isnull=True)
            .exists()
        )
        if shown and not given_again:
            raise Leak(f"contacts of {letter.upper()} after its consent was withdrawn")

    return act


def _move(stage: str, reason: str = "") -> Act:
    return lambda scene: move_introduction(
        by=scene.curator, introduction_id=_introduction(scene), stage=stage, close_reason=reason
    )


def _leave(letter: str) -> Act:
    return lambda scene: leave_introduction(
        by=scene.people[letter],
        introduction_id=_introduction(scene),
        side_id=scene.community(letter).pk,
    )


def _run_out(scene: Scene) -> object:
    now_over = dt.timedelta(days=61)
    Suggestion.objects.filter(pk=scene.first.pk).update(expires_at=F("expires_at") - now_over)
    return expire_suggestions()


def _end_windows(scene: Scene) -> object:
    """The minute in which an answer can be undone goes by."""
    Suggestion.objects.filter(pk__in=[s.pk for s in scene.suggestions]).update(
        a_final_at=F("a_final_at") - dt.timedelta(minutes=5),
        b_final_at=F("b_final_at") - dt.timedelta(minutes=5),
    )
    return settle_due()


ACTS: Mapping[str, Act] = {
    "A accepts": _answer("a", "interested"),
    "B accepts": _answer("b", "interested"),
    "A declines": _answer("a", "declined"),
    "B declines": _answer("b", "declined"),
    "A withdraws": _answer("a", "withdrawn"),
    "B withdraws": _answer("b", "withdrawn"),
    "A accepts C": _answer("a", "interested", "second"),
    "C accepts": _answer("c", "interested", "second"),
    "C declines": _answer("c", "declined", "second"),
    "A undoes": _undo("a"),
    "B undoes": _undo("b"),
    "A consents": _consent("a"),
    "B consents": _consent("b"),
    "A takes its consent back": _take_consent_back("a"),
    "B takes its consent back": _take_consent_back("b"),
    "A leaves": _leave("a"),
    "B leaves": _leave("b"),
    "staff hold": lambda scene: hold(by=scene.curator, suggestion_id=scene.first.pk),
    "staff introduce": _move("introduced"),
    "staff note a meeting": _move("first_meeting"),
    "staff close": _move("closed", "no_response"),
    "staff open by hand": lambda scene: open_introduction(
        by=scene.curator, pair_id=scene.first.pair_id, because="Their mayors met."
    ),
    "the introduction is opened": lambda scene: open_introduction_for_mutual(scene.first.pk),
    "the introduction is opened again": lambda scene: open_introduction_for_mutual(scene.first.pk),
    "time runs out": _run_out,
    "windows end": _end_windows,
}
_MUTUAL = ("A accepts", "B accepts", "windows end")
_INTRODUCED = (*_MUTUAL, "the introduction is opened", "staff introduce")
# Each beginning, and the acts that mean something after it.
BEGINNINGS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    (): (
        "A accepts",
        "B accepts",
        "A declines",
        "B declines",
        "A undoes",
        "staff hold",
        "time runs out",
        "windows end",
        "staff open by hand",
    ),
    ("A accepts",): (
        "B accepts",
        "B declines",
        "A undoes",
        "A withdraws",
        "windows end",
        "time runs out",
        "B undoes",
    ),
    ("A accepts", "B accepts"): (
        "A undoes",
        "B undoes",
        "A withdraws",
        "B withdraws",
        "windows end",
        "time runs out",
        "the introduction is opened",
    ),
    ("B accepts", "C accepts"): (
        "A accepts",
        "A accepts C",
        "windows end",
        "B withdraws",
        "C declines",
    ),
    ("A accepts", "A accepts C"): ("B accepts", "C accepts", "windows end", "A withdraws"),
    _MUTUAL: (
        "the introduction is opened",
        "the introduction is opened again",
        "A withdraws",
        "B withdraws",
        "staff open by hand",
        "A accepts C",
    ),
    _INTRODUCED: (
        "A consents",
        "B consents",
        "A leaves",
        "staff close",
        "staff note a meeting",
        "A takes its consent back",
        "A accepts C",
    ),
    (*_INTRODUCED, "A consents"): (
        "B consents",
        "A takes its consent back",
        "B leaves",
        "staff close",
        "A consents",
    ),
    (*_INTRODUCED, "A consents", "B consents"): (
        "A takes its consent back",
        "B takes its consent back",
        "A consents",
        "staff close",
        "B leaves",
    ),
}


def draw(randomness: random.Random) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """A beginning, two to four simultaneous acts, and the undo window in seconds."""
    beginning = randomness.choice(list(BEGINNINGS))
    acts = tuple(randomness.choice(BEGINNINGS[beginning]) for _ in range(randomness.randint(2, 4)))
    return beginning, acts, randomness.choice((0, 60))
