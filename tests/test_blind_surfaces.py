"""Blind mutual opt-in, letter by letter: nothing that one side can see depends on the other side's
answer before both are interested.

The surfaces, each of which is compared byte by byte below while the other side (A) leaves the
suggestion pending, is interested, declines, withdraws, or undoes what it said; B is the side that
looks:

| surface | how it is kept blind | |---|---| | queue, its counts, filters and order; dashboard;
comparison; dossier | ``queries`` and ``reviewing`` ask B's own columns and the clock | | score,
reasons, bars, allocation order, cursors of pages | what was released stays as it was shown
(``deriving``) | | the API's fields, orders, cursors, ``ETag`` and other headers | the same queries;
nothing of A's row is serialised | | what B may do, and every refusal (404, 409, 422) | after A's
decline B's answer, vote, undo and withdrawal are taken all the same | | inbox, mails, their number
and moment | an answer tells nobody; mutual interest does when neither side can undo | | trail of
B's community, export of B's data | events carry the community whose act they are | | new
suggestions in the place of a closed one | a closed suggestion takes up B's room until its time is
over (``allocating``) | | when the pair is suggested again | a pair rests from the end of its time,
not from the decline (``services.answers``) | | B's number of open introductions and its
capacity | only mutual interest counts; interests that find no room wait unseen | | reminders before
the end | sent by B's own state (``expiry.remind_of_expiry``) | | the end itself | B's side expires
by the clock, and reads the same words | | whether it is worth going on, after a meeting
and three months on | both sides are asked at once, whatever either answers; rows, events and
notices are the side's own; compared in tests/backend/introductions/test_follow_ups.py |
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import mail
from django.db import transaction
from django.test import Client

from backend.common.dates import database_now
from backend.notifications.models import Delivery, Notification
from backend.outbox.models import Event
from backend.suggestions.models import Pair, Suggestion
from backend.suggestions.services import (
    answer_suggestion,
    cast_vote,
    expire_suggestions,
    remind_of_expiry,
    shortlist,
    undo_answer,
)
from backend.suggestions.services.partners import answer_partnership
from tasks.inline import drain
from tests.actors import LIMITS_LEFT, World, let_time_pass, make_world, without_its_id
from tests.division import at_length, one_in
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    EventFactory,
    ExistingPartnershipFactory,
    SuggestionFactory,
)

pytestmark = pytest.mark.django_db
JSON = "application/json"
_OF_ONE_REQUEST = {"Content-Length", "X-Request-Id", *LIMITS_LEFT}
NEVER = "Thu, 01 Jan 1970 00:00:00 GMT"
# What A does: acts in their order; "|" lets the minute pass.
LIVES: dict[str, list[str]] = {
    "pending": [],
    "interested": ["interested", "|"],
    "interested a moment ago": ["interested"],
    "declined": ["declined", "|"],
    "declined a moment ago": ["declined"],
    "withdrawn": ["interested", "|", "withdrawn", "|"],
    "undone": ["interested", "undo", "declined", "undo", "|"],
}
SETTLED = ("interested", "declined", "withdrawn")
# B's own standing, under which it looks.
OWN: dict[str, list[str]] = {
    "pending": [],
    "declined": ["declined", "|"],
    "withdrawn": ["interested", "|", "withdrawn", "|"],
}


class Scene:
    """A and B with one suggestion between them, and a second one of B's, so that there is an order
    to see.
    """

    def __init__(self) -> None:
        self.world: World = make_world()
        released = database_now() - dt.timedelta(days=3)
        self.suggestion = self.world.released(
            released_at=released, expires_at=released + dt.timedelta(days=60), expected_matches=0.4
        )
        other = CommunityFactory(name="Delta", published=True)
        self.second = SuggestionFactory(
            pair__a=self.world.b, pair__b=other, expected_matches=0.3, released_at=released
        )
        event = EventFactory(
            topic="suggestions_changed",
            payload={
                "communities": {
                    str(side.pk): [self.suggestion.pk] for side in (self.world.a, self.world.b)
                }
            },
        )
        Event.objects.filter(pk=event.pk).update(routed_at=None)
        self.b = self.world.client("chair")

    def act(self, side: str, acts: list[str]) -> None:
        by = self.world.user({"a": "official", "b": "chair"}[side])
        community_id = getattr(self.world, side).pk
        asked = {"by": by, "suggestion_id": self.suggestion.pk, "community_id": community_id}
        if acts and side == "a":
            cast_vote(**asked, choice="yes", comment="Secret")
            shortlist(**asked, listed=True)
        for act in acts:
            if act == "|":
                let_time_pass()
            elif act == "undo":
                undo_answer(**asked)
            else:
                reason = "country" if act == "declined" else ""
                answer_suggestion(**asked, choice=act, reason=reason, comment="Secret")


def addresses(scene: Scene) -> list[str]:
    b, s = scene.world.b.pk, scene.suggestion.pk
    pair = f"{s},{scene.second.pk}"
    pages = [
        "/dashboard/",
        "/inbox/",
        f"/communities/{b}/suggestions/",
        *(
            f"/communities/{b}/suggestions/?shown={part}"
            for part in ("awaiting_me", "new", "answered", "shortlist")
        ),
        f"/communities/{b}/suggestions/?country=US",
        f"/communities/{b}/suggestions/{s}/",
        f"/communities/{b}/suggestions/{s}/dossier/",
        f"/communities/{b}/suggestions/compare/?s={s}&s={scene.second.pk}",
        f"/communities/{scene.world.a.pk}/",
        "/communities/",
        "/partnerships/",
    ]
    api = [
        f"communities/{b}/suggestions/",
        f"communities/{b}/suggestions/?page_size=1",
        f"communities/{b}/suggestions/?shown=awaiting_me",
        f"communities/{b}/suggestions/counts/",
        f"communities/{b}/suggestions/{s}/",
        f"communities/{b}/suggestions/{s}/review/",
        f"communities/{b}/suggestions/compare/?ids={pair}",
        f"communities/{b}/events/",
        f"communities/{b}/introductions/",
        f"communities/{b}/answer-rule/",
        "notifications/",
        "me/",
        "me/audit-log/",
        "me/data/",
        f"communities/{scene.world.a.pk}/",
    ]
    return [*pages, *(f"/api/v1/{path}" for path in api)]


# Where the suggestion, its answer or its end would be told: these are looked at everywhere, all
# other addresses once by default.
_TELLING = ("/inbox/", "/suggestions/", "counts/", "events/", "notifications/", "me/data/")


def telling_addresses(scene: Scene) -> list[str]:
    one = f"suggestions/{scene.suggestion.pk}/"
    return [path for path in addresses(scene) if path.endswith((*_TELLING, one))]


def further_addresses(scene: Scene) -> list[str]:
    """Other orders and parts of the same lists, and pages that do not name the suggestion."""
    a, b, s, second = scene.world.a.pk, scene.world.b.pk, scene.suggestion.pk, scene.second.pk
    queue, api = f"communities/{b}/suggestions/", f"/api/v1/communities/{b}/"
    asked = ("order=needs", "order=freshness&shown=awaiting_me", "shown=answered&country=US")
    narrowed = (*asked, "theme=youth", "page=2", "order=fit&page_size=1")
    pages = ("partner-requests/", f"partner-requests/?named={a}", "profile/", "profile/preview/")
    progress = ("prospects", "counts")
    profile = ("profile", "profile/progress", "profile/coverage", "profile/preview", "people")
    return [
        *(f"/{queue}?{words}" for words in narrowed),
        *(f"/api/v1/{queue}?{words}" for words in narrowed),
        f"/{queue}compare/?s={second}&s={s}",
        f"/api/v1/{queue}compare/?ids={second},{s}",
        *(f"/communities/{b}/{page}" for page in (*pages, "people/", "answer-rule/")),
        *(f"{api}suggestions/{part}/" for part in progress),
        *(f"{api}{part}/" for part in (*profile, "partner-requests", "agreements")),
        f"/api/v1/staff/suggestions/{s}/",
        f"/staff/suggestions/{s}/",
    ]


def look(client: Client, address: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body, without what differs from request to request for everybody."""
    response = client.get(address)
    body = b"".join(response) if response.streaming else without_its_id(response)
    body = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"', b"", body)
    body = re.sub(rb"in \d+ seconds?\.", b"in some seconds.", body)
    # Encrypted with another key each time
    body = re.sub(rb"cursor=[\w%-]+", b"cursor=", body)
    if any(part in address for part in ("notifications", "events", "me/audit-log", "me/data")):
        if "me/data" not in address:
            # Each world counts its rows further on; names of events follow from their numbers
            body = re.sub(rb'"id":(\d+|"[0-9a-f]{32}")', b"", body)
        # That there is a moment stays; each world has its own
        body = re.sub(rb'("(?:\w+_at|at)":)"[^"]*"', rb"\1", body)
    if address == "/inbox/":
        # Each world is looked at a little later than the one before
        body = re.sub(rb'datetime="[^"]*"|\d{1,2}:\d{2}', b"", body)
    headers = sorted(
        (name, value) for name, value in response.items() if name not in _OF_ONE_REQUEST
    )
    return response.status_code, headers, body


def without_moments(body: bytes) -> bytes:
    return re.sub(
        rb'"[a-z_]+_(?:at|until)":"[^"]*"|name="csrfmiddlewaretoken" value="[^"]*"', b"", body
    )


def acts_of_b(scene: Scene) -> dict[str, Callable[[Client], Any]]:
    """Everything that B can do to the suggestion, by the page and by the API."""
    page = f"/communities/{scene.world.b.pk}/suggestions/{scene.suggestion.pk}/"
    api = f"/api/v1/communities/{scene.world.b.pk}/suggestions/{scene.suggestion.pk}/"

    def post(path: str, body: dict[str, Any]) -> Callable[[Client], Any]:
        return lambda client: client.post(api + path, body, content_type=JSON)

    def under_one_key(*bodies: dict[str, Any]) -> Callable[[Client], Any]:
        """The same act again, or another one, under the key of the first; what the last answers."""
        key = {"idempotency-key": "one"}

        def send(client: Client) -> Any:
            sent = [client.post(f"{api}answer/", b, content_type=JSON, headers=key) for b in bodies]
            return sent[-1]

        return send

    def by_majority(client: Client) -> Any:
        rule = {"kind": "majority", "votes_needed": 1}
        client.post(f"{own}answer-rule/", rule, content_type=JSON)
        client.post(f"{api}vote/", {"choice": "yes"}, content_type=JSON)
        return client.get(f"{api}review/")

    own = f"/api/v1/communities/{scene.world.b.pk}/"
    interested, stale = {"answer": "interested"}, {"if-none-match": "*", "if-modified-since": NEVER}
    asked = {"named_id": scene.world.a.pk}
    return {
        "the same twice": under_one_key(interested, interested),
        "another under the key": under_one_key(interested, {"answer": "withdrawn"}),
        "a majority": by_majority,
        "asks to meet A": lambda client: client.post(
            f"{own}partner-requests/", asked, content_type=JSON
        ),
        "all read": lambda client: client.post("/api/v1/notifications/read/", content_type=JSON),
        "vote removed": post("vote/remove/", {}),
        "head of the page": lambda client: client.head(page),
        "head": lambda client: client.head(api),
        "options": lambda client: client.options(api),
        "put": lambda client: client.put(api, {}, content_type=JSON),
        "unless it is as before": lambda client: client.get(api, headers=stale),
        "page unless it is as before": lambda client: client.get(page, headers=stale),
        "interested": post("answer/", {"answer": "interested"}),
        "declined": post("answer/", {"answer": "declined", "reason": "no_fit"}),
        "declined without a reason": post("answer/", {"answer": "declined"}),
        "withdrawn": post("answer/", {"answer": "withdrawn"}),
        "undo": post("undo/", {}),
        "vote": post("vote/", {"choice": "maybe"}),
        "shortlist": post("shortlist/", {"listed": True}),
        "interested on the page": lambda client: client.post(
            f"{page}answer/", {"answer": "interested"}
        ),
        "undone on the page": lambda client: client.post(f"{page}undo/"),
    }


def everything(
    scene: Scene, *, acts: bool, further: bool = False, telling_alone: bool = False
) -> dict[str, Any]:
    """What B reads, is sent, and gets for its acts. By default B looks again after none of them."""
    opened = telling_addresses(scene) if telling_alone else addresses(scene)
    opened += further_addresses(scene) if further else []
    seen: dict[str, Any] = {address: look(scene.b, address) for address in opened}
    seen["mails"] = [
        (message.to, message.subject, message.body)
        for message in mail.outbox
        if message.to == ["chair@example.org"]
    ]
    mine = {"recipient": scene.world.user("chair")}
    seen["notifications"] = list(
        Notification.objects.filter(**mine).order_by("pk").values_list("kind", "payload")
    )
    seen["deliveries"] = list(
        Delivery.objects.filter(notification__recipient=mine["recipient"]).values_list("status")
    )
    if acts:
        for name, act in acts_of_b(scene).items():
            with transaction.atomic():
                response = act(scene.b)
                headers = {n: v for n, v in response.items() if n not in _OF_ONE_REQUEST}
                body = without_moments(without_its_id(response))
                seen[f"act: {name}"] = (response.status_code, headers, body)
                if response.status_code < 400 and at_length(False, True):
                    after = (
                        f"/api/v1/communities/{scene.world.b.pk}/suggestions/{scene.suggestion.pk}/"
                    )
                    seen[f"act: {name}, then look"] = without_moments(look(scene.b, after)[2])
                transaction.set_rollback(True)
    return seen


@pytest.fixture
def blind_settings(settings: Any) -> None:
    settings.SUGGESTIONS = {**settings.SUGGESTIONS, "undo_seconds": 60}
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def nearly_over(scene: Scene) -> None:
    Suggestion.objects.filter(pk=scene.suggestion.pk).update(
        expires_at=database_now() + dt.timedelta(days=13)
    )
    remind_of_expiry()
    remind_of_expiry()


def over(scene: Scene) -> None:
    Suggestion.objects.filter(pk=scene.suggestion.pk).update(
        expires_at=database_now() - dt.timedelta(hours=1)
    )
    expire_suggestions()


def partners(scene: Scene) -> None:
    a, b = scene.world.a, scene.world.b
    row = ExistingPartnershipFactory(community=a, name=b.name, place=b.place, country=b.country)
    answer_partnership(by=scene.world.user("curator"), partnership_id=row.pk, answer="confirmed")


Later = tuple[Callable[[Scene], None], ...]
LATER: Later = (nearly_over, over, partners)


@contextmanager
def nothing_stays() -> Iterator[None]:
    """What happens inside has not happened afterwards."""
    kept = list(mail.outbox)
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
    mail.outbox[:] = kept


def seen_while(
    scene: Scene,
    a: list[str],
    *,
    acts: bool = True,
    further: bool = True,
    later: Later = (),
    telling_alone: bool = False,
) -> dict[str, dict[str, Any]]:
    """What B sees while A has done this, now and at each later moment; afterwards A has done
    nothing.
    """
    with nothing_stays():
        scene.act("a", a)
        drain()
        seen = {"now": everything(scene, acts=acts, further=further, telling_alone=telling_alone)}
        for comes in later:
            with nothing_stays():
                comes(scene)
                drain()
                seen[comes.__name__] = everything(
                    scene, acts=False, telling_alone=at_length(True, False)
                )
    return seen


@pytest.fixture
def scene(blind_settings: None, db: None) -> Scene:
    return Scene()


def with_b(scene: Scene, acts: list[str]) -> Scene:
    """B has done this, and everything that follows from it."""
    scene.act("b", acts)
    drain()
    return scene


def assert_same(
    seen: dict[str, dict[str, Any]], plain: dict[str, dict[str, Any]], life: str
) -> None:
    for moment, surfaces in seen.items():
        for surface, value in plain[moment].items():
            assert surfaces[surface] == value, (life, moment, surface)
        assert surfaces.keys() == plain[moment].keys()


@pytest.mark.system
@pytest.mark.at_length
@pytest.mark.parametrize("own", at_length(["pending", "declined"], list(OWN)))
def test_no_surface_reveals_the_other_sides_answer(scene: Scene, own: str) -> None:
    """Neither now nor when B is reminded, when the time is over, or when they are found to be
    partners already. By default every address is compared after a decline of A, and what comes
    later is looked at where it would be told.
    """
    with_b(scene, OWN[own])
    further = own == "pending" or at_length(False, True)
    brief = own != "pending" and at_length(True, False)
    later = LATER if own in at_length(("pending",), ("pending", "declined")) else ()
    plain = seen_while(scene, [], further=further, later=later, telling_alone=brief)
    if own == "pending":
        kinds = [kind for kind, _payload in plain["nearly_over"]["notifications"]]
        assert kinds.count("suggestions_expiring") == 1
    if later:
        assert plain["partners"]["notifications"][-1][0] == "partners_already"
    every = [name for name in LIVES if name != "pending"] if own == "pending" else SETTLED
    for life in at_length(("declined",) if own == "pending" else ("interested",), every):
        comes = later if life in at_length(("declined",), SETTLED) else ()
        seen = seen_while(scene, LIVES[life], further=further, later=comes, telling_alone=brief)
        assert_same(seen, plain, life)


@pytest.mark.system
@pytest.mark.at_length
def test_own_interest_reveals_nothing_of_a_decline(scene: Scene) -> None:
    """B is interested, so A's interest would be mutual, and told; every other life of A looks
    alike.
    """
    with_b(scene, ["interested", "|"])
    moment = "interested a moment ago"
    form = {"further": at_length(False, True), "telling_alone": at_length(True, False)}
    comes = at_length((over,), LATER)
    plain = seen_while(scene, [], later=comes, **form)
    if partners in comes:
        assert plain["partners"]["notifications"][-1][0] == "partners_already"
    every = (moment, "declined", "declined a moment ago", "undone")
    for life in at_length((moment, "declined"), every):
        later = comes if life == "declined" else ()
        assert_same(seen_while(scene, LIVES[life], later=later, **form), plain, life)
    told = seen_while(scene, LIVES["interested"], acts=False, further=False, telling_alone=True)
    assert told["now"]["notifications"] != plain["now"]["notifications"], (
        "mutual interest is told: the comparison can see"
    )


@pytest.mark.parametrize("life", one_in(4, ["declined", "interested", "pending", "withdrawn"]))
def test_pair_rests_until_the_same_day_whatever_was_answered(scene: Scene, life: str) -> None:
    scene.act("a", LIVES[life])
    over(scene)
    pair = Pair.objects.get(pk=scene.suggestion.pair_id)
    ended = Suggestion.objects.get(pk=scene.suggestion.pk).expires_at
    assert pair.closed_until and ended
    months = (
        pair.closed_until
        - (ended if life in ("pending", "interested") else scene.suggestion.expires_at)
    ).days
    assert months == 365


def test_reminder_comes_once_and_not_to_those_who_answered(scene: Scene) -> None:
    colleague = CommunityRoleFactory(community=scene.world.a).user
    scene.act("b", ["declined", "|"])
    nearly_over(scene)
    drain()
    told = Notification.objects.filter(kind="suggestions_expiring")
    assert {note.recipient for note in told} == {scene.world.user("official"), colleague}
    assert remind_of_expiry() == 0


def test_events_have_no_numbers_from_which_others_could_be_counted(scene: Scene) -> None:
    """Neither in their names nor in the cursor that leads to the next page."""
    EventFactory(community_id=scene.world.b.pk, by=scene.world.user("chair"))
    scene.act("b", ["interested"])
    for address in (
        f"/api/v1/communities/{scene.world.b.pk}/events/",
        "/api/v1/me/audit-log/",
    ):
        body = scene.b.get(f"{address}?page_size=1").json()
        (event,) = body["results"]
        assert (
            event["id"]
            == Event.objects.get(topic=event["topic"], by=scene.world.user("chair")).public_id
        )
        assert re.fullmatch("[0-9a-f]{32}", event["id"])
        (cursor,) = parse_qs(urlsplit(body["next"]).query)["cursor"]
        assert base64.urlsafe_b64decode(cursor)[0] == 0x80, "not encrypted (Fernet)"
