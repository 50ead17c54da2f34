"""A small world in which each kind of actor exists once, the requests of each actor, and the way
from an introduction to a partnership, through the real services.

A (U.S.) and B (Germany) are published and vetted; C (Mexico) has nothing to do with them; N is
registered and not vetted yet.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pytest
from allauth.account.internal.flows.login import AUTHENTICATION_METHODS_SESSION_KEY
from django.conf import settings
from django.core.files import File
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import F
from django.test import Client

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Contact, Organisation, Profile
from backend.common.dates import database_now
from backend.common.errors import DomainError
from backend.introductions.models import Agreement, Consent, Introduction, Partnership
from backend.introductions.services.agreements import (
    add_document,
    confirm_signature,
    newest_document,
)
from backend.introductions.services.drafts import begin_draft, offer_agreement, save_version
from backend.outbox.models import Job
from backend.suggestions import services
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services import answer_suggestion, cast_vote, undo_answer
from tasks.inline import drain
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ConsentFactory,
    ContactFactory,
    IntroductionFactory,
    OrganisationFactory,
    PairFactory,
    ProfileFactory,
    SuggestionFactory,
    communities_in,
    document,
    make_users,
    publish,
)
from tests.letters import pdf

ACTORS = (
    "visitor",
    "stranger",
    "unvetted",
    "official",
    "other_official",
    "committee_member",
    "chair",
    "volunteer",
    "curator",
    "admin",
)
SIGNED_IN = ACTORS[1:]
Role = CommunityRole.Role
API = "/api/v1/"
STAFF = {"curator", "admin"}
MEMBERS = {"official", "committee_member", "chair"}  # of A, and of B
SPEAKERS = {"official", "chair"}
# Whom the tables of permissions ask by default: of each kind one, and who speaks for somebody else.
OF_EACH_KIND = ("official", "committee_member", "curator", "admin", "other_official")
# And those whom the tables of all acts in all states ask.
DOERS = ("official", "chair", "curator", "committee_member")


@dataclass(frozen=True)
class World:
    a: Community
    b: Community
    c: Community
    newcomer: Community
    pair: Pair
    people: dict[str, User]
    sessions: dict[str, str] = field(default_factory=dict)

    def sign_in_everybody(self) -> None:
        """From now on every client of an actor has the same session."""
        for actor in SIGNED_IN:
            self.sessions[actor] = self.client(actor).cookies[settings.SESSION_COOKIE_NAME].value

    def user(self, actor: str) -> User:
        return self.people[actor]

    def client(self, actor: str) -> Client:
        client = Client()
        if actor in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[actor]
        elif actor != "visitor":
            client.force_login(self.people[actor])
            sign_in_again(client, self.people[actor])
        return client

    def home_of(self, actor: str) -> Community | None:
        homes = {
            "unvetted": self.newcomer,
            "official": self.a,
            "other_official": self.c,
            "committee_member": self.b,
            "chair": self.b,
            "volunteer": self.a,
        }
        return homes.get(actor)

    def released(self, **values: object) -> Suggestion:
        return SuggestionFactory(pair=self.pair, **values)

    def introduced(self, **values: object) -> Introduction:
        return IntroductionFactory(
            suggestion=SuggestionFactory(pair=self.pair, mutual=True),
            **({"stage": "introduced"} | values),
        )

    def in_both(self) -> User:
        """The official of A, who is one of B as well."""
        CommunityRoleFactory(user=self.people["official"], community=self.b)
        return self.people["official"]

    def consent(self, introduction: Introduction, *communities: Community) -> list[Consent]:
        return [
            ConsentFactory(introduction=introduction, community=community, by=self.people["admin"])
            for community in communities
        ]


def sign_in_again(
    client: Client, user: User, *, at: float | None = None, by: str = "password"
) -> None:
    """The client's session has proved itself again at that time (Unix, seconds), or just now; by a
    "code" it has begun then.
    """
    session = client.session
    records = [{"method": by, "at": at or time.time(), "reauthenticated": by == "password"}]
    session[AUTHENTICATION_METHODS_SESSION_KEY] = records
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


Ask = Callable[[Any, Client, str], Any]
Body = dict[str, Any] | Callable[[Any], dict[str, Any]] | None


def request(address: str, body: Body = None, method: str = "") -> Ask:
    """How an actor asks: a GET, or with ``body`` a POST; to the API as JSON unless it holds a file.
    The ``{names}`` in ``address`` come from ``scene.names(actor)``.
    """

    def ask(scene: Any, client: Client, actor: str) -> Any:
        path = address.format_map(scene.names(actor))
        data = body(scene) if callable(body) else body
        if data is None and not method:
            return client.get(path)
        if not path.startswith(API) or any(isinstance(x, File) for x in (data or {}).values()):
            return client.post(path, data)
        return client.generic(
            method or "POST", path, json.dumps(data or {}), content_type="application/json"
        )

    return ask


def page(address: str, body: Body = None) -> Ask:
    return request(f"/{address}", body)


def api(address: str, body: Body = None, method: str = "") -> Ask:
    return request(f"{API}{address}", body, method)


def refused(act: Callable[[], object], *errors: type[DomainError]) -> DomainError:
    """The error, one of ``errors``, that the act must raise."""
    with pytest.raises(errors) as caught, transaction.atomic():
        act()
    return caught.value


def is_admitted(response: Any) -> bool:
    """True for an actor who gets through. All others are sent to sign in, or find nothing there:
    never a 403, which would confirm that it exists.
    """
    is_api = response.wsgi_request.path.startswith(API)
    expected = {200, 201, 202, 204, 401, 404} if is_api else {200, 302, 404}
    assert response.status_code in expected, (response.status_code, response.content[:500])
    if response.streaming:
        b"".join(response.streaming_content)
    if response.status_code == 302:
        return not response["Location"].startswith("/account/login/")
    return bool(response.status_code < 400)


def admitted_actors(
    scene: Any, *asks: Ask, also: Collection[int] = (), among: Collection[str] = ACTORS
) -> set[str]:
    """The actors who get through in one of these ways, each tried on the unchanged scene; ``also``
    are status codes for a refusal by the state of an object that the actor may know.
    """
    found = set()
    for actor, ask in itertools.product(among, asks):
        with transaction.atomic():
            response = ask(scene, scene.world.client(actor), actor)
            if response.status_code in also or is_admitted(response):
                found.add(actor)
            transaction.set_rollback(True)
    return found


def contact_of(community: Community) -> Contact:
    organisation = Organisation.objects.filter(community=community).first() or OrganisationFactory(
        community=community
    )
    return ContactFactory(
        organisation=organisation, name=f"Contact of {community.name}", is_primary=True
    )


def make_world() -> World:
    """In few statements: most tests begin with it."""
    a, b, c, newcomer = communities_in(
        ("Alpha", "US"), ("Beta", "DE"), ("Gamma", "MX"), ("Newcomer", "US")
    )
    publish(a, b, c)
    ProfileFactory(community=newcomer, status=Profile.Status.SUBMITTED, draft=document())
    users = make_users(
        *(
            {"email": f"{name}@example.org"} | ({name: True} if name in STAFF else {})
            for name in SIGNED_IN
        )
    )
    people = dict(zip(SIGNED_IN, users, strict=True))
    homes: dict[str, tuple[Community, dict[str, Any]]] = {
        "unvetted": (newcomer, {"vetted_at": None}),
        "official": (a, {}),
        "other_official": (c, {}),
        "committee_member": (b, {"role": Role.COMMITTEE_MEMBER}),
        "chair": (b, {"role": Role.CHAIR}),
        "volunteer": (a, {"role": Role.VOLUNTEER}),
    }
    CommunityRole.objects.bulk_create(
        CommunityRoleFactory.build(user=people[name], community=community, **values)
        for name, (community, values) in homes.items()
    )
    return World(a=a, b=b, c=c, newcomer=newcomer, pair=PairFactory(a=a, b=b), people=people)


SIDES = {"a": "official", "b": "chair"}  # who acts for which side in `make_world`
SIGNED = dt.date(2026, 2, 1)


def terms(world: World, **values: Any) -> dict[str, Any]:
    """A complete version; ``values`` replace its parts."""
    given: dict[str, Any] = {
        "form": "sister",
        "areas": ["culture"],
        "languages": ["en", "de"],
        "term_years": None,
        "review_on": dt.date(2030, 5, 1),
        "signatories": [
            {"community_id": world.a.pk, "name": "Alex Doe", "office": "Mayor"},
            {"community_id": world.b.pk, "name": "Kim Roe", "office": "Lord Mayor"},
        ],
        "text": "# Agreement\n\n{first} and {second} work together in {areas}.",
    }
    return given | values


def signed_document() -> SimpleUploadedFile:
    return SimpleUploadedFile("signed.pdf", pdf())


def drafted(world: World, introduction: Introduction | None = None, **values: Any) -> Agreement:
    """A complete draft in its second version."""
    introduction = introduction or world.introduced()
    given = terms(world, **values)
    curator = world.user("curator")
    agreement = begin_draft(by=curator, introduction_id=introduction.pk, form=given["form"])
    save_version(by=curator, agreement_id=agreement.pk, based_on=1, **given)
    return agreement


def signing(world: World, introduction: Introduction | None = None, **values: Any) -> Agreement:
    """Before both sides, the signed document sent."""
    agreement = offer_agreement(
        by=world.user("curator"), agreement_id=drafted(world, introduction, **values).pk
    )
    add_document(
        by=world.user("official"),
        agreement_id=agreement.pk,
        community_id=world.a.pk,
        upload=signed_document(),
    )
    return agreement


def confirmed(world: World, agreement: Agreement, side: str, **values: Any) -> Agreement:
    newest = newest_document(agreement)
    given: dict[str, Any] = {
        "document_digest": newest.digest if newest else "",
        "name": "Alex Doe",
        "office": "Mayor",
        "is_highest_official": True,
        "signed_on": SIGNED,
    }
    return confirm_signature(
        by=world.user(SIDES[side]),
        agreement_id=agreement.pk,
        community_id=getattr(world, side).pk,
        **(given | values),
    )


def agreed(
    world: World,
    introduction: Introduction | None = None,
    *,
    highest: bool = True,
    since: dt.date = SIGNED,
    **values: Any,
) -> Partnership:
    """A partnership that has begun: both sides have confirmed. ``highest`` is what side b says of
    its signatory.
    """
    agreement = signing(world, introduction, **values)
    confirmed(world, agreement, "a", signed_on=since)
    confirmed(world, agreement, "b", signed_on=since, is_highest_official=highest)
    return Partnership.objects.get(agreement=agreement)


def without_its_id(response: Any) -> bytes:
    """The body without the id of the request, by which alone two problem documents differ."""
    body: bytes = response.content
    return body.replace(response["X-Request-Id"].encode(), b"")


# How many requests a person has left counts their own alone
LIMITS_LEFT = ("RateLimit-Remaining", "RateLimit-Reset")


def plain(response: Any) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body, without what differs between any two requests."""
    body = b"".join(response) if response.streaming else response.content
    body = body.replace(response["X-Request-Id"].encode(), b"")
    # The names of events are their numbers, encrypted with a key that nobody here has
    body = re.sub(rb'"id":"[0-9a-f]{32}"', b"", body)
    body = re.sub(rb'name="(csrfmiddlewaretoken|opened)" value="[^"]*"|cursor=[\w%-]+', b"", body)
    body = re.sub(rb'"(?:(?!released_|expires_)\w+_)?at":"[^"]*"|datetime="[^"]*"', b"", body)
    varying = ("X-Request-Id", "Content-Length", "Expires", *LIMITS_LEFT)
    headers = sorted((k, v) for k, v in response.items() if k not in varying)
    return response.status_code, headers, body


def refusal_of(act: Callable[..., object], **values: Any) -> str:
    """Does what may be refused; the code of the refusal, "" if it was done."""
    try:
        with transaction.atomic():
            act(**values)
    except DomainError as error:
        return error.code
    return ""


# What one side of a suggestion can do, and the time that passes.


MINUTE = dt.timedelta(seconds=61)
LIVES: dict[str, tuple[str, ...]] = {
    "interested": ("interested", "|"),
    "declined": ("declined", "|"),
    "withdrawn": ("interested", "|", "withdrawn", "|"),
}


class TwoSides:
    """A (U.S.) and B (Germany) with their suggestion, each with a colleague, and one more of each
    side with Delta and Epsilon, so that there is an order.
    """

    def __init__(self) -> None:
        self.world = make_world()
        a, b = self.world.a, self.world.b
        self.released_at = database_now() - dt.timedelta(days=3)
        values: dict[str, Any] = {"released_at": self.released_at, "expected_matches": 0.4}
        self.suggestion = self.world.released(**values)
        values["expected_matches"] = 0.3
        delta = CommunityFactory(name="Delta", country_code="US", published=True)
        epsilon = CommunityFactory(name="Epsilon", country_code="DE", published=True)
        self.of_b = SuggestionFactory(pair__a=b, pair__b=delta, **values)
        self.of_a = SuggestionFactory(pair__a=a, pair__b=epsilon, **values)
        self.colleague_of_a = CommunityRoleFactory(community=a).user
        self.official_of_b = CommunityRoleFactory(community=b).user
        self.clients = {letter: self.world.client(person) for letter, person in SIDES.items()}
        with connection.cursor() as cursor:
            cursor.execute("SELECT sequencename, coalesce(last_value, 1) FROM pg_sequences")
            self.sequences = cursor.fetchall()

    @property
    def curator(self) -> Any:
        return self.world.user("curator")

    def of(self, letter: str) -> dict[str, Any]:
        """Who answers for the side, and on what."""
        return {
            "by": User.objects.get(pk=self.world.user(SIDES[letter]).pk),
            "suggestion_id": self.suggestion.pk,
            "community_id": getattr(self.world, letter).pk,
        }

    def profile_of(self, letter: str) -> dict[str, Any]:
        by = {"a": self.world.user("official"), "b": self.official_of_b}[letter]
        return {"by": by, "community_id": getattr(self.world, letter).pk}

    def act(self, letter: str, *acts: str) -> None:
        for act in acts:
            if act == "|":
                let_time_pass()
            elif act == "undo":
                undo_answer(**self.of(letter))
            else:
                reason = "country" if act == "declined" else ""
                answer_suggestion(**self.of(letter), choice=act, reason=reason)

    def live(self, life: str, letter: str = "a") -> None:
        if life != "pending":
            cast_vote(**self.of(letter), choice="yes", comment="Secret")
            services.shortlist(**self.of(letter), listed=True)
            self.act(letter, *LIVES[life])
        drain()

    def renumber(self, further: int = 0) -> None:
        with connection.cursor() as cursor:
            numbers = [(name, last + further) for name, last in self.sequences]
            cursor.executemany("SELECT setval(%s::regclass, %s)", numbers)


def let_time_pass() -> None:
    """The minute in which an answer can be undone is over."""
    Suggestion.objects.update(
        a_final_at=F("a_final_at") - MINUTE, b_final_at=F("b_final_at") - MINUTE
    )
    Job.objects.filter(task="settle_answer").update(available_at=F("available_at") - MINUTE)
    drain()


def pass_time(**time: int) -> None:
    ago = dt.timedelta(**time)
    columns = ("released_at", "expires_at", "closed_at", "reminded_at", "a_final_at", "b_final_at")
    Suggestion.objects.update(**{column: F(column) - ago for column in columns})
    Pair.objects.update(closed_until=F("closed_until") - ago)
    Job.objects.update(available_at=F("available_at") - ago)


def outcomes_of(*acts: Callable[[], Any]) -> list[Any]:
    """Runs the acts together, each on a database connection of its own; what each returned, or the
    ``DomainError`` that it was refused with.
    """
    start, outcomes = threading.Barrier(len(acts)), [None] * len(acts)
    unforeseen: list[BaseException] = []

    def run(index: int) -> None:
        try:
            connection.ensure_connection()
            start.wait(timeout=10)
            outcomes[index] = acts[index]()
        except DomainError as error:
            outcomes[index] = error  # type: ignore[call-overload]
        except BaseException as error:
            unforeseen.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert unforeseen == []
    return outcomes


def at_once(*acts: Callable[[], Any]) -> list[DomainError | None]:
    """Runs the acts together; what each was refused with, None for those that went through."""
    return [outcome if isinstance(outcome, DomainError) else None for outcome in outcomes_of(*acts)]
