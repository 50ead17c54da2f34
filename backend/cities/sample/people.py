"""The people of the sample world: their accounts, password, roles and messages."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from backend.accounts.grants import Role
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Place, Profile, Ticket
from backend.cities.sample.places import (
    COMMITTEE_AT_HOME,
    FIRST_OF_COUNTRY,
    NEWCOMER_ABROAD,
    OFFICIAL_ABROAD,
    OFFICIAL_AT_HOME,
    PlaceFacts,
)
from backend.cities.services.tickets import (
    answer_ticket,
    organisation_path,
    reply_to_ticket,
    take_ticket,
    token_of,
    write_ticket,
)
from backend.common.dates import database_now
from backend.notifications.mail_files import REFUSED_MAILBOX

FILE = Path(__file__).parent.parent / "data" / "sample" / "world.json"
DOMAIN = "sample.example"  # reserved by RFC 2606: no mail ever leaves for it


@dataclass(frozen=True, slots=True)
class SampleActor:
    """``place_id`` and ``role``: for which community they act, and as what; staff have neither."""

    mailbox: str
    name: str
    what_to_try: str
    place_id: int | None = None
    role: Role | Literal[""] = ""
    staff_role: str = User.StaffRole.NONE
    vetted: bool = True

    @property
    def email(self) -> str:
        return f"{self.mailbox}@{DOMAIN}"


ACTORS = (
    SampleActor(
        "official",
        "Camila Rojas Fuentes (sample)",
        "a city abroad: its suggestions, its profile, its answers",
        OFFICIAL_ABROAD,
        Role.OFFICIAL,
    ),
    SampleActor(
        "us.official",
        "Andrew Sullivan (sample)",
        "a U.S. city without a committee: the other side",
        OFFICIAL_AT_HOME,
        Role.OFFICIAL,
    ),
    SampleActor(
        "chair",
        "Denise Coleman (sample)",
        "a U.S. committee: read suggestions, answer for the city",
        COMMITTEE_AT_HOME,
        Role.CHAIR,
    ),
    SampleActor(
        "member",
        "Marcus Reed (sample)",
        "the same committee: read suggestions",
        COMMITTEE_AT_HOME,
        Role.COMMITTEE_MEMBER,
    ),
    SampleActor(
        "volunteer",
        "Grace Whitman (sample)",
        "a volunteer of the same city: draft open meetings and calls for help",
        COMMITTEE_AT_HOME,
        Role.VOLUNTEER,
    ),
    SampleActor(
        "newcomer",
        "Nino Beridze (sample)",
        "a registrant who waits for vetting",
        NEWCOMER_ABROAD,
        Role.OFFICIAL,
        vetted=False,
    ),
    SampleActor(
        "curator",
        "Ruth Bergman (sample)",
        "staff: vet registrants, release suggestions, introduce",
        staff_role=User.StaffRole.CURATOR,
    ),
    SampleActor(
        "curator2",
        "Daniel Osei (sample)",
        "staff: the second of two approvals",
        staff_role=User.StaffRole.CURATOR,
    ),
    SampleActor(
        "admin",
        "Helen Whitaker (sample)",
        "staff: the same and operations",
        staff_role=User.StaffRole.ADMIN,
    ),
)


# The one password of all sample accounts: made once per data folder, readable by its owner
# alone.


_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


def password_file() -> Path:
    return Path(settings.DATA_DIR) / "sample-password"


def sample_password() -> str:
    """The password, made on the first call.

    Raises:
        OSError: the data folder cannot be read or written.
    """
    path = password_file()
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return _make(path)


def _make(path: Path) -> str:
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(4))
    path.parent.mkdir(parents=True, exist_ok=True)
    arriving = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(password + "\n")
        # Fails where another process was faster: then theirs is the password
        os.link(arriving, path)
    except FileExistsError:
        return path.read_text(encoding="ascii").strip()
    finally:
        arriving.unlink()
    return password


# The status of each sample profile: nearly all are published, a handful show the
# other stations.


_S = Profile.Status


@dataclass(frozen=True, slots=True)
class SampleStatus:
    """``confirmed_days``: how long ago the owner confirmed a published profile, from and to."""

    status: str
    published: bool = False
    complete: bool = True
    confirmed_days: tuple[int, int] = (0, 300)


PUBLISHED = SampleStatus(_S.PUBLISHED, published=True)
SUBMITTED = SampleStatus(_S.SUBMITTED)
_OTHERS = (
    *[SUBMITTED] * 5,  # with the newcomer's and the two first of their countries eight
    SampleStatus(_S.CHANGES_REQUESTED),
    *[SampleStatus(_S.DRAFT, complete=False)] * 4,
    *[SampleStatus(_S.PAUSED, published=True)] * 2,
    *[SampleStatus(_S.STALE, published=True, confirmed_days=(380, 440))] * 2,
)


def statuses_of(facts: Sequence[PlaceFacts], rng: random.Random) -> list[SampleStatus]:
    """One for each place, in order. Named actors' communities are published, except for the
    newcomer's; the others stand abroad.
    """
    vetted: dict[int | None, bool] = {
        actor.place_id: actor.vetted for actor in ACTORS if actor.place_id
    }
    waiting = {place for place, is_vetted in vetted.items() if not is_vetted} | {*FIRST_OF_COUNTRY}
    statuses = [SUBMITTED if place.place_id in waiting else PUBLISHED for place in facts]
    free = [
        index
        for index, place in enumerate(facts)
        if place.country != "US" and place.place_id not in {*vetted, *FIRST_OF_COUNTRY}
    ]
    for index, sample_status in zip(rng.sample(free, len(_OTHERS)), _OTHERS, strict=True):
        statuses[index] = sample_status
    return statuses


# Accounts of the sample world and their roles: an official for each community, committees for
# some, staff.


_BATCH = 1000
COMMITTEES = 19  # besides the one of the named actors


def add_staff(password_hash: str) -> User:
    """The staff accounts; returns the first curator."""
    staff = [_account(actor, password_hash) for actor in ACTORS if actor.staff_role]
    User.objects.bulk_create(staff)
    _confirm_addresses(staff)
    return next(user for user in staff if user.staff_role == User.StaffRole.CURATOR)


def add_people(
    facts: Sequence[PlaceFacts],
    communities: Sequence[Community],
    statuses: Sequence[SampleStatus],
    password_hash: str,
    now: dt.datetime,
    rng: random.Random,
) -> None:
    """An official for each community, so that both sides of any suggestion have somebody to notify,
    and the committees.
    """
    named = {actor.place_id: actor for actor in ACTORS if actor.role == Role.OFFICIAL}
    entries: list[tuple[User, Community, str, bool]] = []
    for place, community, sample_status in zip(facts, communities, statuses, strict=True):
        actor = named.get(place.place_id) if place.place_id else None
        user = (
            _account(actor, password_hash)
            if actor
            else _person(_mailbox("official", place, community), place, password_hash, rng)
        )
        entries.append((user, community, Role.OFFICIAL, sample_status.published))
    entries += _committees(facts, communities, statuses, password_hash, rng)
    strangers = _colleagues(facts, password_hash, rng)
    people = [*(user for user, *_ in entries), *strangers]
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


def _colleagues(facts: Sequence[PlaceFacts], password_hash: str, rng: random.Random) -> list[User]:
    """Who has an account and belongs to no community yet: they ask to join."""
    homes = [place for place in facts if place.place_id in {OFFICIAL_ABROAD, COMMITTEE_AT_HOME}]
    return [
        _person(f"colleague{number}+{place.place_id}", place, password_hash, rng)
        for place in homes
        for number in (1, 2)
    ]


def _confirm_addresses(people: Sequence[User]) -> None:
    """Nobody reads mail there, so that no code could be typed at the first sign-in."""
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in people],
        batch_size=_BATCH,
    )


def _committees(
    facts: Sequence[PlaceFacts],
    communities: Sequence[Community],
    statuses: Sequence[SampleStatus],
    password_hash: str,
    rng: random.Random,
) -> list[tuple[User, Community, str, bool]]:
    """A chair and two to five members each, for the named actors' city and some others."""
    entries: list[tuple[User, Community, str, bool]] = []
    by_place = {
        place.place_id: community
        for place, community in zip(facts, communities, strict=True)
        if place.place_id
    }
    taken = {actor.place_id for actor in ACTORS if actor.place_id}
    free = [
        (place, community)
        for place, community, sample_status in zip(facts, communities, statuses, strict=True)
        if place.country == "US" and place.place_id not in taken and sample_status == PUBLISHED
    ]
    for actor in ACTORS:
        if actor.role in {Role.CHAIR, Role.COMMITTEE_MEMBER, Role.VOLUNTEER} and actor.place_id:
            entries.append(
                (_account(actor, password_hash), by_place[actor.place_id], actor.role, True)
            )
    city = next(actor.place_id for actor in ACTORS if actor.role == Role.CHAIR)
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
            name = "chair" if number == 0 else f"member{number}"
            if place.place_id == city and number == last:
                name = REFUSED_MAILBOX  # for staff to find among the mails
            mailbox = _mailbox(name, place, community)
            role = Role.CHAIR if number == 0 else Role.COMMITTEE_MEMBER
            entries.append((_person(mailbox, place, password_hash, rng), community, role, True))
    return entries


def _mailbox(role: str, place: PlaceFacts, community: Community) -> str:
    return f"{role}+{place.place_id or f'c{community.pk}'}"


def _account(actor: SampleActor, password_hash: str) -> User:
    return User(
        email=actor.email,
        name=actor.name,
        staff_role=actor.staff_role,
        password=password_hash,
        is_sample=True,
    )


def _person(mailbox: str, place: PlaceFacts, password_hash: str, rng: random.Random) -> User:
    return User(
        email=f"{mailbox}@{DOMAIN}",
        name=sample_person(place, rng),
        password=password_hash,
        is_sample=True,
    )


# What people are called, and what the highest official of a place is, by country.


@cache
def people_of_countries() -> Mapping[str, Any]:
    """``names``: area → pools of order, given and family names; ``of``: country, or country and
    division, → area; ``offices``: country → what its highest local official is called.
    """
    return dict(json.loads(FILE.read_text(encoding="utf-8"))["people"])


def sample_person(place: PlaceFacts, rng: random.Random) -> str:
    """An invented name that says so, as people of the place are called and in their order, in Latin
    letters.
    """
    order, given, family = rng.choice(
        people_of_countries()["names"][_of_place("of", place) or "english"]
    )
    names = [rng.choice(given), rng.choice(family)]
    return f"{' '.join(names[::-1] if order == 'family first' else names)} (sample)"


def highest_office(place: PlaceFacts) -> str:
    """In English, and in the country's word where that is no plain mayor."""
    of_division = {"state": "Governor", "county": "County executive"}
    return of_division.get(place.kind) or _of_place("offices", place) or "Mayor"


def _of_place(table: str, place: PlaceFacts) -> str:
    """What stands for the division or else for the country."""
    found = people_of_countries()[table]
    return str(found.get(f"{place.country}-{place.admin1_code}", found.get(place.country, "")))


# What waits for staff: messages of each kind, in the languages of the service, by people with an
# account and without one.


@dataclass(frozen=True, slots=True)
class _Message:
    """``account``: who writes it signed in; others give their name. ``place_id``: on whose page.
    ``hours``: ago. ``answer`` is what staff wrote, ``again`` what came back.
    """

    topic: str
    language: str
    text: str
    hours: int
    name: str = ""
    place_id: int = 0
    page: str = ""
    account: str = ""
    answer: str = ""
    closed: bool = False
    again: str = ""
    taken: bool = False


@transaction.atomic
def load_sample_tickets() -> int:
    """Adds the messages to a sample world that has none; returns how many were written now."""
    staff = User.objects.filter(is_sample=True, staff_role=User.StaffRole.CURATOR)
    curator = staff.order_by("id").first()
    if curator is None or Ticket.objects.filter(email__endswith=f"@{DOMAIN}").exists():
        return 0
    rows = json.loads(FILE.read_text(encoding="utf-8"))["tickets"]
    for number, row in enumerate(rows):
        _tell(_Message(**row), number, curator)
    return len(rows)


def _tell(message: _Message, number: int, curator: User) -> None:
    accounts = User.objects.filter(is_sample=True, email__startswith=message.account)
    writer = accounts.order_by("id").first() if message.account else None
    with translation.override(message.language):
        ticket = write_ticket(
            by=writer,
            topic=message.topic,
            text=message.text,
            name=writer.name if writer else message.name,
            email=writer.email if writer else f"visitor{number}@{DOMAIN}",
            about=_page(message),
        )
    if message.taken:
        take_ticket(by=curator, ticket_id=ticket.pk)
    if message.answer:
        answer_ticket(by=curator, ticket_id=ticket.pk, text=message.answer, close=message.closed)
    if message.again:
        reply_to_ticket(by=writer, token=token_of(ticket), text=message.again)
    _date_back(ticket, message.hours)


def _page(message: _Message) -> str:
    """The path that it is about; empty where the sample world does not have it."""
    if message.page:
        return reverse(f"web:{message.page}")
    if message.topic == Ticket.Kind.ORGANISATION:
        place = Place.objects.filter(country_id="DE", community=None).order_by("-population")
        return organisation_path(place[0].pk) if place else ""
    community = Community.objects.filter(is_sample=True, place_id=message.place_id).first()
    return reverse("web:community", args=[community.pk]) if community else ""


def _date_back(ticket: Ticket, hours: int) -> None:
    """As if it had been written some hours ago, and each further message a day after."""
    began = database_now() - dt.timedelta(hours=hours)
    at = began
    for later, message in enumerate(ticket.messages.order_by("pk")):
        at = began + dt.timedelta(hours=20 * later)
        ticket.messages.filter(pk=message.pk).update(at=at)
    Ticket.objects.filter(pk=ticket.pk).update(written_at=began, changed_at=at)
