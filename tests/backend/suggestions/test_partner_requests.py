"""“We would like to meet them”: what staff and who asked see of it, that whatever speaks against it
reads the same, and that the community that is named can see nothing of it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.common.dates import database_now
from backend.common.errors import (
    CapacityReached,
    Conflict,
    InvalidFields,
    NotVisible,
    TooManyRequests,
    WrongState,
)
from backend.notifications.models import Notification
from backend.outbox.models import Event
from backend.privacy.erasure import erase_account
from backend.suggestions.models import Decision, Pair, PartnerRequest, Suggestion
from backend.suggestions.notices import STANDARD_ANSWER
from backend.suggestions.services import answer_suggestion
from backend.suggestions.services.curation import set_exclusion_rule
from backend.suggestions.services.partner_requests import (
    accept_request,
    answer_requests,
    ask_to_meet,
    decline_request,
    staff_requests,
)
from backend.suggestions.services.proposals import propose_pair
from backend.suggestions.sides import ActsForOtherSide
from tasks.inline import drain
from tests.actors import MEMBERS, STAFF, Ask, World, admitted_actors, api, page, without_its_id
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ExistingPartnershipFactory,
    PartnerRequestFactory,
    SuggestionFactory,
    document,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shared_world")]
FORTNIGHT = dt.timedelta(days=14, seconds=1)


def ask(world: World, actor: str = "official", note: str = "They have a port.") -> PartnerRequest:
    """A asks to meet B, and the service does what follows at once."""
    ask_to_meet(by=world.user(actor), community_id=world.a.pk, named_id=world.b.pk, note=note)
    drain()
    return PartnerRequest.objects.get(community=world.a)


def let_its_day_come(request: PartnerRequest) -> None:
    PartnerRequest.objects.filter(pk=request.pk).update(
        asked_at=request.asked_at - FORTNIGHT, answer_at=request.answer_at - FORTNIGHT
    )
    answer_requests()
    drain()


def asked_of(world: World) -> dict[str, Any]:
    address = f"/api/v1/communities/{world.a.pk}/partner-requests/"
    found: dict[str, Any] = world.client("official").get(address).json()
    return found


class TestAsking:
    def test_request_reaches_staff_with_score_and_reasons_of_both_sides(self, world: World) -> None:
        request = ask(world)
        curator = world.user("curator")
        (row,) = staff_requests(curator)
        assert (row.community, row.named, row.note) == (world.a, world.b, "They have a port.")
        assert 0 <= row.assessment["score"] <= 1
        for side in ("home", "abroad"):
            assert {"gain", "contributions", "caveat"} <= row.assessment[side]["reasons"].keys()
        notices = Notification.objects.filter(kind="partner_requested")
        assert {notice.recipient for notice in notices} == {curator}
        shown = world.client("curator").get(f"/staff/partner-requests/{request.pk}/")
        assert "would like to meet" in shown.content.decode()
        assert "They have a port." in shown.content.decode()
        assert (
            world.a.name in world.client("admin").get("/staff/partner-requests/").content.decode()
        )

    def test_asked_again_while_it_waits_it_stays_as_it_is(self, world: World) -> None:
        first = ask(world)
        body = {"named_id": world.b.pk, "note": "Again."}
        address = f"/api/v1/communities/{world.a.pk}/partner-requests/"
        again = world.client("official").post(address, body, content_type="application/json")
        assert again.status_code == 201
        assert again.json()["note"] == first.note
        assert PartnerRequest.objects.count() == 1
        assert asked_of(world)["left"] == 2

    def test_a_community_names_three_in_a_month(self, world: World) -> None:
        official = world.user("official")
        others = [CommunityFactory(country_code="JP", published=True) for _ in range(4)]
        for named in others[:3]:
            ask_to_meet(by=official, community_id=world.a.pk, named_id=named.pk)
        with pytest.raises(TooManyRequests) as refused:
            ask_to_meet(by=official, community_id=world.a.pk, named_id=others[3].pk)
        assert refused.value.retry_after
        PartnerRequest.objects.update(asked_at=database_now() - dt.timedelta(days=32))
        ask_to_meet(by=official, community_id=world.a.pk, named_id=others[3].pk)

    def test_the_same_is_named_again_after_half_a_year(self, world: World) -> None:
        let_its_day_come(ask(world))
        with pytest.raises(Conflict) as refused:
            ask(world)
        assert refused.value.code == "asked_before"
        past = {name: database_now() - dt.timedelta(days=185) for name in ("asked_at", "answer_at")}
        PartnerRequest.objects.update(**past)
        ask_to_meet(by=world.user("official"), community_id=world.a.pk, named_id=world.b.pk)
        second = PartnerRequest.objects.latest("pk")
        accept_request(by=world.user("curator"), request_id=second.pk, because="Two ports.")
        states = [request["state"] for request in asked_of(world)["requests"]]
        assert states == ["suggested", "answered"], "the suggestion came of the second one"

    def test_what_the_community_knows_itself_is_refused_at_once(self, world: World) -> None:
        official = world.user("official")

        def refused(error: type[Exception], named: Community = world.b) -> None:
            with pytest.raises(error), transaction.atomic():
                ask_to_meet(by=official, community_id=world.a.pk, named_id=named.pk)

        refused(InvalidFields, CommunityFactory(published=True))  # at home, too
        refused(InvalidFields, CommunityFactory(country_code="DE"))  # never published
        with transaction.atomic():
            Profile.objects.filter(community=world.a).update(status="paused")
            refused(WrongState)
            transaction.set_rollback(True)
        with transaction.atomic():
            world.released()
            refused(WrongState)
            transaction.set_rollback(True)
        with transaction.atomic():
            ExistingPartnershipFactory(
                community=world.a, place=world.b.place, country=world.b.country, state="confirmed"
            )
            refused(WrongState)
            transaction.set_rollback(True)
        with transaction.atomic():
            for _ in range(3):
                SuggestionFactory(
                    pair__a=world.a, pair__b=CommunityFactory(country_code="MX"), mutual=True
                )
            refused(CapacityReached)
            transaction.set_rollback(True)
        world.in_both()
        refused(WrongState)

    def test_only_confirmed_people_of_the_community_ask(self, world: World) -> None:
        for actor in ("unvetted", "other_official", "chair", "stranger", "curator"):
            with pytest.raises(NotVisible):
                ask(world, actor)


class Asked:
    """A waiting request of A's, and a community at home that others can name."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.asked = PartnerRequestFactory(community=world.a, named=world.c)
        self.at_home = CommunityFactory(published=True)
        world.sign_in_everybody()

    def names(self, actor: str) -> dict[str, Any]:
        own = self.world.home_of(actor) or self.world.a
        named = self.world.c if own == self.world.a else self.at_home
        return {"own": own.pk, "asked": self.asked.pk, "named": named.pk}


def name_one(scene: Asked, client: Client, actor: str) -> Any:
    body = {"named_id": scene.names(actor)["named"]}
    return api("communities/{own}/partner-requests/", body)(scene, client, actor)


NAMING = {*MEMBERS, "other_official"}
PERMISSIONS: dict[str, tuple[Ask, set[str]]] = {
    "name a community": (name_one, NAMING),
    "read the own ones": (api("communities/{own}/partner-requests/"), NAMING),
    "their page": (page("communities/{own}/partner-requests/"), NAMING),
    "read those of all": (api("staff/partner-requests/"), STAFF),
    "read one": (api("staff/partner-requests/{asked}/"), STAFF),
    "its page": (page("staff/partner-requests/{asked}/"), STAFF),
    "decline": (
        api("staff/partner-requests/{asked}/decline/", {"because": "A misfit."}),
        {"curator"},
    ),
    "accept": (
        api("staff/partner-requests/{asked}/accept/", {"because": "A fit."}),
        {"curator"},
    ),
}


def test_table_holds_for_every_actor(world: World) -> None:
    scene = Asked(world)
    for what, (ask_for, allowed) in PERMISSIONS.items():
        assert admitted_actors(scene, ask_for) == allowed, what


class TestDeciding:
    def test_who_asked_for_one_side_does_not_answer_for_the_other(self, world: World) -> None:
        accept_request(by=world.user("curator"), request_id=ask(world).pk, because="Yes.")
        given = {"suggestion_id": Suggestion.objects.get().pk, "choice": "interested"}
        with pytest.raises(ActsForOtherSide):
            answer_suggestion(by=world.in_both(), community_id=world.b.pk, **given)

    def test_accepted_it_is_a_suggestion_like_any_other(self, world: World) -> None:
        request = ask(world)
        client, own = world.client("curator"), f"/staff/partner-requests/{request.pk}/"
        assert 'name="act" value="accept"' in client.get(own).content.decode()
        assert client.post(own, {"because": "Two ports."}).status_code == 400
        decided = client.post(own, {"because": "Two ports.", "act": "accept"})
        assert decided.status_code == 302
        drain()
        suggestion = Suggestion.objects.get()
        assert suggestion.status == "released"
        (shown,) = asked_of(world)["requests"]
        assert (shown["state"], shown["suggestion_id"]) == ("suggested", suggestion.pk)
        let_its_day_come(request)
        assert not Notification.objects.filter(kind="request_answered").exists()
        with pytest.raises(WrongState):
            decline_request(by=world.user("curator"), request_id=request.pk, because="No.")

    def test_accepted_releases_what_staff_have_not_released(self, world: World) -> None:
        request = ask(world)
        proposed = SuggestionFactory(pair=world.pair, proposed=True)
        accept_request(by=world.user("curator"), request_id=request.pk, because="Yes.")
        proposed.refresh_from_db()
        assert proposed.status == "released"

    def test_what_speaks_against_it_keeps_it_from_being_accepted(self, world: World) -> None:
        request = ask(world)
        world.pair.closed_until = database_now() + dt.timedelta(days=30)
        world.pair.save()
        with pytest.raises(WrongState):
            accept_request(by=world.user("curator"), request_id=request.pk, because="Yes.")

    def test_staff_decide_until_the_day_of_the_answer(self, world: World) -> None:
        request = ask(world)
        let_its_day_come(request)
        for decide in (accept_request, decline_request):
            with pytest.raises(WrongState):
                decide(by=world.user("curator"), request_id=request.pk, because="Late.")
        assert answer_requests() == 0

    def test_note_goes_with_its_author(self, world: World) -> None:
        ask(world)
        CommunityRoleFactory(community=world.a)
        erase_account(by=world.user("official"), email=world.user("official").email)
        assert PartnerRequest.objects.get().note == ""


# What may stand against a request: the same is read of each.


def nothing(world: World, request: PartnerRequest) -> None:
    """Nobody decides."""


def never_scored(world: World, request: PartnerRequest) -> None:
    """There is no row of the pair: neither a run nor staff ever looked at it."""
    Pair.objects.all().delete()


def staff_decline(world: World, request: PartnerRequest) -> None:
    decline_request(by=world.user("curator"), request_id=request.pk, because="A misfit.")


def rule(world: World, request: PartnerRequest) -> None:
    set_exclusion_rule(
        by=world.user("curator"),
        because="Law.",
        source="A letter",
        from_on=database_now().date(),
        country="DE",
    )


def earlier_decline(world: World, request: PartnerRequest) -> None:
    past = database_now() - dt.timedelta(days=90)
    old = SuggestionFactory(
        pair=world.pair, status="declined", b_state="declined", a_state="expired",
        released_at=past, expires_at=past + dt.timedelta(days=60),
    )  # fmt: skip
    Decision.objects.create(
        suggestion=old,
        community=world.b,
        answer="declined",
        reason="country",
        by=world.user("chair"),
    )
    world.pair.closed_until = database_now() + dt.timedelta(days=300)
    world.pair.save()
    Suggestion.objects.filter(pk=old.pk).delete()  # not in the list either: what is compared is B's


def excluded_by_the_other(world: World, request: PartnerRequest) -> None:
    Profile.objects.filter(community=world.b).update(status="paused")


def no_room(world: World, request: PartnerRequest) -> None:
    for _ in range(3):
        SuggestionFactory(pair__a=world.b, pair__b=CommunityFactory(published=True), mutual=True)


def held(world: World, request: PartnerRequest) -> None:
    """Accepted, and taken out of sight again before anybody has looked."""
    suggestion = SuggestionFactory(pair=world.pair, proposed=True)
    Suggestion.objects.filter(pk=suggestion.pk).update(status="held")


AGAINST: tuple[Callable[[World, PartnerRequest], None], ...] = (
    staff_decline,
    rule,
    earlier_decline,
    excluded_by_the_other,
    no_room,
    held,
)


# Where a request might show, and where one of one's own does
ALL = (
    "/dashboard/",
    "/inbox/",
    "/communities/{own}/suggestions/",
    "/communities/{own}/partner-requests/",
    "/communities/{other}/",
    "/api/v1/communities/{own}/partner-requests/",
    "/api/v1/communities/{own}/suggestions/",
    "/api/v1/communities/{own}/suggestions/counts/",
    "/api/v1/communities/{own}/events/",
    "/api/v1/communities/{own}/introductions/",
    "/api/v1/notifications/",
    "/api/v1/me/",
    "/api/v1/me/audit-log/",
    "/api/v1/me/data/",
)
SOME = tuple(
    path
    for path in ALL
    if path.endswith(("partner-requests/", "events/", "notifications/", "data/", "n}/suggestions/"))
)


def seen_by(world: World, actor: str, addresses: tuple[str, ...] = ALL) -> dict[str, Any]:
    """Bodies without what differs from request to request for everybody."""
    own, other = (world.a, world.b) if actor == "official" else (world.b, world.a)
    client, seen = world.client(actor), {}
    with transaction.atomic():
        for address in addresses:
            response = client.get(address.format(own=own.pk, other=other.pk))
            body = b"".join(response) if response.streaming else without_its_id(response)
            body = re.sub(rb'name="csrfmiddlewaretoken" value="[^"]*"|cursor=[\w%-]+', b"", body)
            body = re.sub(rb'"id":(\d+|"[0-9a-f]{32}")|, \d\d:\d\d', b"", body)
            seen[address] = response.status_code, re.sub(rb"\d{4}-\d\d-\d\d[T ][^\"]*", b"", body)
        transaction.set_rollback(True)
    seen["mails"] = [m.body for m in mail.outbox if m.to == [world.user(actor).email]]
    return seen


def assert_same(seen: dict[str, Any], plain: dict[str, Any], *where: object) -> None:
    for surface, value in plain.items():
        if seen[surface] != value:
            one, two = (str(v).split("\\n") for v in (seen[surface], value))
            differing = [(a, b) for a, b in zip(one, two, strict=False) if a != b]
            pytest.fail(f"{where} {surface}: {differing[:3] or (one, two)}")


@pytest.fixture
def with_mails(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.mark.system
@pytest.mark.usefixtures("with_mails")
class TestBlindness:
    def test_who_asked_reads_the_same_at_the_same_time_whatever_the_cause(
        self, world: World
    ) -> None:
        request = ask(world)
        seen: dict[str, list[dict[str, Any]]] = {}
        for against in (nothing, *AGAINST):
            kept = list(mail.outbox)
            with transaction.atomic():
                against(world, request)
                drain()
                before = seen_by(world, "official", SOME)
                let_its_day_come(PartnerRequest.objects.get(pk=request.pk))
                seen[against.__name__] = [before, seen_by(world, "official", SOME)]
                transaction.set_rollback(True)
            mail.outbox[:] = kept
        plain = seen.pop("nothing")
        own_page = "/communities/{own}/partner-requests/"
        assert str(STANDARD_ANSWER).encode() not in plain[0][own_page][1]
        assert str(STANDARD_ANSWER).encode() in plain[1][own_page][1]
        assert any(str(STANDARD_ANSWER) in body for body in plain[1]["mails"])
        for cause, moments in seen.items():
            for at, (now, then) in enumerate(zip(moments, plain, strict=True)):
                assert_same(now, then, cause, at)

    def test_the_same_is_refused_or_taken_whatever_speaks_against_the_pair(
        self, world: World
    ) -> None:
        address = f"/api/v1/communities/{world.a.pk}/partner-requests/"
        answers = {}
        client = world.client("official")
        client.get(address)  # its session is read from the cache from now on
        for against in (nothing, never_scored, *AGAINST[1:]):
            with transaction.atomic():
                against(world, PartnerRequest())
                with CaptureQueriesContext(connection) as queries:
                    response = client.post(
                        address, {"named_id": world.b.pk}, content_type="application/json"
                    )
                body = re.sub(r'"\w+_at":"[^"]*"', "", response.content.decode())
                answers[against.__name__] = response.status_code, body, len(queries)
                transaction.set_rollback(True)
        for cause, answer in answers.items():
            assert answer == (201, *answers["nothing"][1:]), cause

    def test_the_named_community_sees_nothing_of_it(self, world: World) -> None:
        def seen() -> dict[str, Any]:
            return seen_by(world, "chair")

        plain = seen()
        own_request(world)
        with_own = seen()
        with transaction.atomic():
            request = ask(world)
            assert_same(seen(), with_own, "asked")
            with transaction.atomic():
                decline_request(by=world.user("curator"), request_id=request.pk, because="No.")
                drain()
                assert_same(seen(), with_own, "declined")
                let_its_day_come(request)
                assert_same(seen(), with_own, "answered")
                transaction.set_rollback(True)
            transaction.set_rollback(True)
        assert plain != with_own, "its own request is shown: the comparison can see"

    def test_an_accepted_one_reads_as_one_that_staff_chose_themselves(self, world: World) -> None:
        curator: User = world.user("curator")
        seen = []
        for asked in (True, False):
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("ALTER SEQUENCE suggestions_suggestion_id_seq RESTART WITH 7001")
                if asked:
                    accept_request(by=curator, request_id=ask(world).pk, because="Yes.")
                else:
                    propose_pair(
                        by=curator,
                        home_id=world.a.pk,
                        abroad_id=world.b.pk,
                        because="Yes.",
                        release_now=True,
                    )
                drain()
                seen.append(seen_by(world, "chair"))
                transaction.set_rollback(True)
            mail.outbox.clear()
        assert_same(*seen, "accepted")

    def test_staffs_decision_is_in_no_communitys_trail(self, world: World) -> None:
        request = ask(world)
        decline_request(by=world.user("curator"), request_id=request.pk, because="No.")
        assert Event.objects.get(topic="partner_request_decided").community_id is None


def own_request(world: World) -> None:
    """B names a community of its own, so that there is something to see on its pages."""
    other = CommunityFactory(published=True, published__document=document())
    ask_to_meet(by=world.user("chair"), community_id=world.b.pk, named_id=other.pk)
    drain()
