"""Who may do what with agreements, partnerships and figures: every row and every actor, through the
page and through the API alike.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from backend.common.dates import database_now
from backend.introductions.models import Agreement, Partnership
from backend.introductions.services.activities import log_activity
from backend.introductions.services.drafts import offer_agreement
from tests.actors import ACTORS, World, agreed, drafted, make_world, signed_document, terms
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    IntroductionFactory,
    PairFactory,
    SuggestionFactory,
)

JSON = "application/json"
API = "/api/v1/"
READERS = {"official", "committee_member", "chair"}
DECIDERS = {"official", "chair"}
STAFF = {"curator", "admin"}


class Scene:
    """One draft, one agreement before both sides, one partnership; the sides are the official's and
    the committee's.
    """

    def __init__(self) -> None:
        self.world: World = make_world()
        self.partnership = agreed(self.world, since=dt.date(2020, 1, 1))
        self.activity = log_activity(
            by=self.world.user("official"),
            partnership_id=self.partnership.pk,
            community_id=self.world.a.pk,
            kind="visit",
            happened_on=database_now().date(),
            text="A visit.",
        )
        self.card = self.second_introduction()
        self.draft = drafted(self.paired, self.card)
        self.third = self.second_introduction()
        self.signing = offer_agreement(
            by=self.world.user("curator"), agreement_id=drafted(self.paired, self.third).pk
        )
        self.free = self.second_introduction()

    def second_introduction(self) -> Any:
        """An introduction between two more communities of the same people."""
        a, b = CommunityFactory(published=True), CommunityFactory(published=True, country_code="DE")
        for community, actors in ((a, ("official",)), (b, ("committee_member", "chair"))):
            for actor in actors:
                CommunityRoleFactory(user=self.world.user(actor), community=community, role=actor)
        pair = PairFactory(a=a, b=b)
        self.paired = World(
            a=a,
            b=b,
            c=self.world.c,
            newcomer=self.world.newcomer,
            pair=pair,
            people=self.world.people,
        )
        return IntroductionFactory(
            suggestion=SuggestionFactory(pair=pair, mutual=True), stage="introduced"
        )

    def send(self) -> None:
        for actor, side in (("official", self.paired_of(self.signing)[0]),):
            self.world.client(actor).post(
                f"{API}communities/{side}/agreements/{self.signing.pk}/documents/",
                {"document": signed_document()},
            )

    def paired_of(self, agreement: Agreement) -> tuple[int, int]:
        pair = agreement.introduction.pair
        return pair.a_id, pair.b_id

    def side(self, actor: str, agreement: Agreement | None = None) -> int:
        """The community for which the actor stands in that agreement or the partnership; A for
        people who stand for none.
        """
        sides = self.paired_of(agreement) if agreement else (self.world.a.pk, self.world.b.pk)
        return sides[1] if actor in {"committee_member", "chair"} else sides[0]


Ask = Callable[[Scene, Client, str], Any]
SIGNED = {"name": "Alex", "office": "Mayor", "is_highest_official": True, "signed_on": "2026-02-01"}
TODAY = "2026-02-02"


def page(
    name: str, *args: Callable[[Scene], Any], body: Callable[[Scene], dict[str, Any]] | None = None
) -> Ask:
    def ask(scene: Scene, client: Client, actor: str) -> Any:
        address = reverse(f"web:{name}", args=[arg(scene) for arg in args])
        return client.get(address) if body is None else client.post(address, body(scene))

    return ask


def api(
    path: Callable[[Scene, str], str],
    body: Callable[[Scene], dict[str, Any]] | None = None,
    method: str = "",
) -> Ask:
    def ask(scene: Scene, client: Client, actor: str) -> Any:
        address = API + path(scene, actor)
        if method == "file":
            return client.post(address, {"document": signed_document()})
        if method == "delete":
            return client.delete(address)
        return (
            client.get(address)
            if body is None
            else client.post(address, body(scene), content_type=JSON)
        )

    return ask


def signing_id(scene: Scene) -> int:
    return scene.signing.pk


def partnership_id(scene: Scene) -> int:
    return scene.partnership.pk


def of_agreement(tail: str = "") -> Callable[[Scene, str], str]:
    return lambda s, x: f"communities/{s.side(x, s.signing)}/agreements/{s.signing.pk}/{tail}"


def of_partnership(tail: str = "") -> Callable[[Scene, str], str]:
    return lambda s, x: f"communities/{s.side(x)}/partnerships/{s.partnership.pk}/{tail}"


def staff(path: Callable[[Scene], str]) -> Callable[[Scene, str], str]:
    return lambda s, x: f"staff/{path(s)}"


def version_body(scene: Scene) -> dict[str, Any]:
    pair = scene.draft.introduction.pair
    given = terms(World(a=pair.a, b=pair.b, c=pair.a, newcomer=pair.a, pair=pair, people={}))
    return given | {"based_on": 2, "review_on": "2030-05-01"}


def version_form(scene: Scene) -> dict[str, Any]:
    body = version_body(scene)
    people = {
        f"{part}_{index}": entry[part]
        for index, entry in enumerate(body.pop("signatories"))
        for part in ("name", "office")
    }
    return {name: value for name, value in (body | people).items() if value is not None}


def activity_form(scene: Scene) -> dict[str, Any]:
    return {"activity-kind": "visit", "activity-happened_on": TODAY, "activity-text": "A visit."}


DECISION = {"act": "suspend", "decided_on": TODAY, "reference": "Minutes 4"}
# what: (through the page, through the API for a side, through the API for staff, who may)
TABLE: dict[str, tuple[Ask, Ask | None, Ask | None, set[str]]] = {
    "template: read": (
        page("staff_template", lambda s: "sister"),
        None,
        api(staff(lambda s: "agreement-templates/sister/")),
        STAFF,
    ),
    "template: write": (
        page(
            "staff_template",
            lambda s: "sister",
            body=lambda s: {"text": "# {first}", "based_on": 0},
        ),
        None,
        api(
            staff(lambda s: "agreement-templates/sister/"),
            lambda s: {"text": "# {first}", "based_on": 0},
        ),
        {"curator"},
    ),
    "draft: begin": (
        page("staff_agreement", lambda s: s.free.pk, body=lambda s: {"form": "sister"}),
        None,
        api(staff(lambda s: f"introductions/{s.free.pk}/agreement/"), lambda s: {"form": "sister"}),
        {"curator"},
    ),
    "drafts: list": (page("staff_agreements"), None, api(staff(lambda s: "agreements/")), STAFF),
    "draft: read": (
        page("staff_draft", lambda s: s.draft.pk),
        None,
        api(staff(lambda s: f"agreements/{s.draft.pk}/")),
        STAFF,
    ),
    "draft: read before it is offered": (
        page("agreement", lambda s: s.draft.pk),
        api(lambda s, x: f"communities/{s.side(x, s.draft)}/agreements/{s.draft.pk}/"),
        api(staff(lambda s: f"agreements/{s.draft.pk}/")),
        STAFF,
    ),
    "draft: write": (
        page("staff_draft", lambda s: s.draft.pk, body=version_form),
        None,
        api(staff(lambda s: f"agreements/{s.draft.pk}/versions/"), version_body),
        {"curator"},
    ),
    "draft: offer": (
        page("staff_draft_act", lambda s: s.draft.pk, body=lambda s: {"act": "offer"}),
        None,
        api(staff(lambda s: f"agreements/{s.draft.pk}/offer/"), lambda s: {}),
        {"curator"},
    ),
    "agreement: take back": (
        page("staff_draft_act", signing_id, body=lambda s: {"act": "reopen"}),
        None,
        api(staff(lambda s: f"agreements/{s.signing.pk}/reopen/"), lambda s: {}),
        {"curator"},
    ),
    "agreement: give up": (
        page("staff_draft_act", signing_id, body=lambda s: {"act": "give_up"}),
        None,
        api(staff(lambda s: f"agreements/{s.signing.pk}/give-up/"), lambda s: {}),
        {"curator"},
    ),
    "agreement: read": (
        page("agreement", signing_id),
        api(of_agreement()),
        api(staff(lambda s: f"agreements/{s.signing.pk}/")),
        READERS | STAFF,
    ),
    "agreement: versions": (
        page("agreement_version", signing_id, lambda s: 2),
        api(of_agreement("versions/")),
        api(staff(lambda s: f"agreements/{s.signing.pk}/versions/")),
        READERS | STAFF,
    ),
    "agreement: changes": (
        page("agreement_changes", signing_id),
        api(of_agreement("changes/?old=1&new=2")),
        api(staff(lambda s: f"agreements/{s.signing.pk}/changes/?old=1&new=2")),
        READERS | STAFF,
    ),
    "agreement: send the document": (
        page("agreement_document", signing_id, body=lambda s: {"document": signed_document()}),
        api(of_agreement("documents/"), method="file"),
        api(staff(lambda s: f"agreements/{s.signing.pk}/documents/"), method="file"),
        DECIDERS | {"curator"},
    ),
    "agreement: confirm": (
        page("agreement_confirm", signing_id, body=lambda s: SIGNED),
        api(of_agreement("confirmation/"), lambda s: SIGNED),
        None,
        DECIDERS,
    ),
    "partnerships: list of a community": (
        page("partnerships", lambda s: s.world.b.pk),
        api(lambda s, x: f"communities/{s.world.b.pk}/partnerships/"),
        None,
        {"committee_member", "chair"},
    ),
    "partnerships: list for staff": (
        page("staff_partnerships"),
        None,
        api(staff(lambda s: "partnerships/")),
        STAFF,
    ),
    "partnership: read": (
        page("partnership", partnership_id),
        api(of_partnership()),
        api(staff(lambda s: f"partnerships/{s.partnership.pk}/")),
        READERS | STAFF,
    ),
    "partnership: why": (
        page("partnership_why", partnership_id),
        api(of_partnership("why/")),
        api(staff(lambda s: f"partnerships/{s.partnership.pk}/why/")),
        READERS | STAFF,
    ),
    "partnership: log": (
        page("partnership_write", partnership_id, lambda s: "activity", body=activity_form),
        api(
            of_partnership("activities/"),
            lambda s: {"kind": "visit", "happened_on": TODAY, "text": "A visit."},
        ),
        None,
        READERS,
    ),
    "partnership: take A's entry back": (
        page("partnership_retract", partnership_id, lambda s: s.activity.pk, body=lambda s: {}),
        api(lambda s, x: f"communities/{s.side(x)}/activities/{s.activity.pk}/", method="delete"),
        None,
        {"official"},
    ),
    "partnership: report": (
        page(
            "partnership_write",
            partnership_id,
            lambda s: "report",
            body=lambda s: {"report-year": 2025, "report-achieved": "Much."},
        ),
        api(of_partnership("reports/"), lambda s: {"year": 2025, "achieved": "Much."}),
        None,
        DECIDERS,
    ),
    "partnership: decide": (
        page(
            "partnership_write",
            partnership_id,
            lambda s: "suspend",
            body=lambda s: {"suspend-decided_on": TODAY, "suspend-reference": "Minutes 4"},
        ),
        api(of_partnership("decision/"), lambda s: DECISION),
        None,
        DECIDERS,
    ),
    "partnership: renew": (
        page(
            "partnership_write",
            partnership_id,
            lambda s: "renewal",
            body=lambda s: {"renewal-next_review_on": "2031-01-01", "renewal-decided_on": TODAY},
        ),
        api(
            of_partnership("renewal/"),
            lambda s: {"next_review_on": "2031-01-01", "decided_on": TODAY},
        ),
        None,
        DECIDERS,
    ),
    "partnership: honour as staff": (
        page("partnership_honour", partnership_id, body=lambda s: {"reason": "Nobody answers."}),
        None,
        api(
            staff(lambda s: f"partnerships/{s.partnership.pk}/emeritus/"),
            lambda s: {"decided_on": TODAY},
        ),
        {"curator"},
    ),
    "figures: read": (page("staff_figures"), None, api(staff(lambda s: "figures/funnel/")), STAFF),
    "figures: CSV": (
        page("staff_figures_csv", lambda s: "stuck"),
        None,
        api(staff(lambda s: "figures/stuck/")),
        STAFF,
    ),
}
STARTS: dict[str, Callable[[Scene], object]] = {
    "agreement: confirm": lambda scene: scene.send(),
    "partnership: renew": lambda scene: Partnership.objects.filter(pk=scene.partnership.pk).update(
        status="review_due", review_on=database_now().date()
    ),
    "partnership: honour as staff": lambda scene: Partnership.objects.filter(
        pk=scene.partnership.pk
    ).update(status="dormant"),
}


def admitted(response: Any) -> bool:
    """Whether the actor got through. Who does not is told to sign in, or sees nothing there: never
    a 403 that confesses it.
    """
    if response.status_code == 302:
        return not response["Location"].startswith("/account/login/")
    assert response.status_code in {200, 201, 401, 404}, (
        response.status_code,
        response.content[:500],
    )
    return bool(response.status_code < 400)


@pytest.mark.django_db
@pytest.mark.parametrize("what", TABLE)
def test_table_holds_for_every_actor_through_page_and_api(what: str) -> None:
    through_page, for_side, for_staff, allowed = TABLE[what]
    scene = Scene()
    STARTS.get(what, lambda _scene: None)(scene)
    found: dict[str, set[str]] = {"page": set(), "api": set()}
    for actor in ACTORS:
        for way, asks in (
            ("page", [through_page]),
            ("api", [ask for ask in (for_side, for_staff) if ask]),
        ):
            for ask in asks:
                with transaction.atomic():
                    if admitted(ask(scene, scene.world.client(actor), actor)):
                        found[way].add(actor)
                    transaction.set_rollback(True)
    assert found == {"page": allowed, "api": allowed}


def unmarked(page: bytes, number: int) -> bytes:
    """A page without the address that was asked for, to which the choice of language leads back,
    and without its form's token.
    """
    return re.sub(rb'name="csrfmiddlewaretoken" value="\w+"', b"", page).replace(
        f"/{number}/".encode(), b"/#/"
    )


@pytest.mark.django_db
def test_what_is_not_open_reads_like_what_is_not_there() -> None:
    scene = Scene()
    things = {
        "agreement": scene.signing.pk,
        "partnership": scene.partnership.pk,
        "partnership_why": scene.partnership.pk,
    }
    for actor in ("stranger", "other_official", "unvetted"):
        client = scene.world.client(actor)
        for name, there in things.items():
            one, none = (
                client.get(reverse(f"web:{name}", args=[there])),
                client.get(reverse(f"web:{name}", args=[999_999])),
            )
            assert one.status_code == none.status_code == 404
            assert unmarked(one.content, there) == unmarked(none.content, 999_999)


@pytest.mark.django_db
def test_confirming_in_the_page_begins_the_partnership() -> None:
    scene = Scene()
    scene.send()
    a, _b = scene.paired_of(scene.signing)
    assert (
        scene.world.client("official")
        .post(reverse("web:agreement_confirm", args=[scene.signing.pk]), SIGNED)
        .status_code
        == 302
    )
    done = scene.world.client("chair").post(
        reverse("web:agreement_confirm", args=[scene.signing.pk]), SIGNED
    )
    begun = Partnership.objects.get(pair__a_id=a)
    assert done["Location"] == reverse("web:partnership", args=[begun.pk])


@pytest.mark.django_db
def test_act_under_one_key_happens_once() -> None:
    scene = Scene()
    body = {"kind": "visit", "happened_on": TODAY, "text": "A visit."}
    address = f"{API}communities/{scene.world.a.pk}/partnerships/{scene.partnership.pk}/activities/"
    client = scene.world.client("official")
    answers = [
        client.post(address, body, content_type=JSON, headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert scene.partnership.activities.count() == 2  # the scene's own, and this one
