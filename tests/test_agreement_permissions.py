"""Who may do what with agreements, partnerships and figures: every row and every actor, through the
page and through the API alike.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from django.db import transaction

from backend.common.local_times import latest_day
from backend.introductions.models import Agreement, Partnership
from backend.introductions.services.activities import log_activity
from backend.introductions.services.agreements import newest_document
from backend.introductions.services.drafts import offer_agreement
from tests.actors import (
    ACTORS,
    API,
    MEMBERS,
    OF_EACH_KIND,
    SPEAKERS,
    STAFF,
    Ask,
    World,
    admitted_actors,
    agreed,
    api,
    drafted,
    make_world,
    page,
    signed_document,
    terms,
)
from tests.division import at_length, one_in
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ExistingPartnershipFactory,
    IntroductionFactory,
    PairFactory,
    SuggestionFactory,
)
from tests.web.html_forms import url

ASKING = at_length(OF_EACH_KIND, ACTORS)


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
            happened_on=latest_day("America/Los_Angeles"),
            text="A visit.",
        )
        introduction = self.second_introduction()
        self.draft = drafted(self.paired, introduction)
        introduction = self.second_introduction()
        self.signing = offer_agreement(
            by=self.world.user("curator"), agreement_id=drafted(self.paired, introduction).pk
        )
        self.free = self.second_introduction()

    def second_introduction(self) -> Any:
        """An introduction between two more communities of the same people."""
        a, b = CommunityFactory(published=True), CommunityFactory(published=True, country_code="DE")
        for actor, community in (("official", a), ("committee_member", b), ("chair", b)):
            CommunityRoleFactory(user=self.world.user(actor), community=community, role=actor)
        pair = PairFactory(a=a, b=b)
        self.paired = replace(self.world, a=a, b=b, pair=pair)
        return IntroductionFactory(
            suggestion=SuggestionFactory(pair=pair, mutual=True), stage="introduced"
        )

    def send_document(self) -> None:
        self.world.client("official").post(
            f"{API}communities/{self.side('official', self.signing)}"
            f"/agreements/{self.signing.pk}/documents/",
            {"document": signed_document()},
        )

    def side(self, actor: str, agreement: Agreement | None = None) -> int:
        """The community for which the actor speaks in that agreement or the partnership; A for
        people who speak for none.
        """
        pair = agreement.introduction.pair if agreement else self.world.pair
        return pair.b_id if actor in {"committee_member", "chair"} else pair.a_id

    def names(self, actor: str) -> dict[str, Any]:
        """What the addresses in the table call the objects."""
        return {
            "b": self.world.b.pk,
            "free": self.free.pk,
            "draft": self.draft.pk,
            "signing": self.signing.pk,
            "partnership": self.partnership.pk,
            "activity": self.activity.pk,
            "side": f"communities/{self.side(actor)}",
            "drafting_side": f"communities/{self.side(actor, self.draft)}",
            "signing_side": f"communities/{self.side(actor, self.signing)}",
        }


TODAY = "2026-02-02"
VISIT = {"kind": "visit", "happened_on": TODAY, "text": "A visit."}
SUSPENSION = {"decided_on": TODAY, "reference": "Minutes 4"}
RENEWAL = {"next_review_on": "2031-01-01", "decided_on": TODAY}


def signed(scene: Scene) -> dict[str, Any]:
    document = newest_document(scene.signing)
    return {
        "document_digest": document.digest if document else "",
        "name": "Alex",
        "office": "Mayor",
        "is_highest_official": True,
        "signed_on": "2026-02-01",
    }


def statement(scene: Scene) -> dict[str, Any]:
    return {"partner": f"place-{scene.world.c.place_id}", "status": "ended"}


def document(scene: Scene) -> dict[str, Any]:
    return {"document": signed_document()}


def version_body(scene: Scene) -> dict[str, Any]:
    pair = scene.draft.introduction.pair
    given = terms(replace(scene.world, a=pair.a, b=pair.b))
    return given | {"based_on": 2, "review_on": "2030-05-01"}


def version_form(scene: Scene) -> dict[str, Any]:
    body = version_body(scene)
    people = {
        f"{part}_{index}": entry[part]
        for index, entry in enumerate(body.pop("signatories"))
        for part in ("name", "office")
    }
    return {name: value for name, value in (body | people).items() if value is not None}


def prefixed(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}-{name}": value for name, value in values.items()}


# what: (through the page, through the API for a side and for staff, who may)
TABLE: dict[str, tuple[Ask, list[Ask], set[str]]] = {
    "template: read": (
        page("staff/agreement-templates/sister/"),
        [api("staff/agreement-templates/sister/")],
        STAFF,
    ),
    "template: write": (
        page("staff/agreement-templates/sister/", {"text": "# {first}", "based_on": 0}),
        [api("staff/agreement-templates/sister/", {"text": "# {first}", "based_on": 0})],
        {"curator"},
    ),
    "draft: begin": (
        page("staff/introductions/{free}/agreement/", {"form": "sister"}),
        [api("staff/introductions/{free}/agreement/", {"form": "sister"})],
        {"curator"},
    ),
    "drafts: list": (page("staff/agreements/"), [api("staff/agreements/")], STAFF),
    "draft: read": (page("staff/agreements/{draft}/"), [api("staff/agreements/{draft}/")], STAFF),
    "draft: read before it is offered": (
        page("agreements/{draft}/"),
        [api("{drafting_side}/agreements/{draft}/"), api("staff/agreements/{draft}/")],
        STAFF,
    ),
    "draft: write": (
        page("staff/agreements/{draft}/", version_form),
        [api("staff/agreements/{draft}/versions/", version_body)],
        {"curator"},
    ),
    "draft: offer": (
        page("staff/agreements/{draft}/act/", {"act": "offer"}),
        [api("staff/agreements/{draft}/offer/", {})],
        {"curator"},
    ),
    "agreement: take back": (
        page("staff/agreements/{signing}/act/", {"act": "reopen"}),
        [api("staff/agreements/{signing}/reopen/", {})],
        {"curator"},
    ),
    "agreement: give up": (
        page("staff/agreements/{signing}/act/", {"act": "give_up"}),
        [api("staff/agreements/{signing}/give-up/", {})],
        {"curator"},
    ),
    "agreement: read": (
        page("agreements/{signing}/"),
        [api("{signing_side}/agreements/{signing}/"), api("staff/agreements/{signing}/")],
        MEMBERS | STAFF,
    ),
    "agreement: versions": (
        page("agreements/{signing}/versions/2/"),
        [
            api("{signing_side}/agreements/{signing}/versions/"),
            api("staff/agreements/{signing}/versions/"),
        ],
        MEMBERS | STAFF,
    ),
    "agreement: changes": (
        page("agreements/{signing}/changes/"),
        [
            api("{signing_side}/agreements/{signing}/changes/?old=1&new=2"),
            api("staff/agreements/{signing}/changes/?old=1&new=2"),
        ],
        MEMBERS | STAFF,
    ),
    "agreement: send the document": (
        page("agreements/{signing}/documents/", document),
        [
            api("{signing_side}/agreements/{signing}/documents/", document),
            api("staff/agreements/{signing}/documents/", document),
        ],
        SPEAKERS | {"curator"},
    ),
    "agreement: confirm": (
        page("agreements/{signing}/confirm/", signed),
        [api("{signing_side}/agreements/{signing}/confirmation/", signed)],
        SPEAKERS,
    ),
    "partnerships: list of a community": (
        page("communities/{b}/partnerships/"),
        [api("communities/{b}/partnerships/")],
        {"committee_member", "chair"},
    ),
    "named partners: read": (
        page("{side}/partnerships/named/"),
        [api("{side}/partnerships/named/")],
        MEMBERS,
    ),
    "named partners: state": (
        page("{side}/partnerships/named/", {}),
        [api("{side}/partnerships/named/", statement)],
        {"official"},
    ),
    "claims: confirm several": (
        page("staff/claims/confirm/", {"claims": "1"}),
        [api("staff/claims/confirm/", {"claims": [{"id": 1}]})],
        {"curator"},
    ),
    "partnerships: list for staff": (
        page("staff/partnerships/"),
        [api("staff/partnerships/")],
        STAFF,
    ),
    "partnership: read": (
        page("partnerships/{partnership}/"),
        [api("{side}/partnerships/{partnership}/"), api("staff/partnerships/{partnership}/")],
        MEMBERS | STAFF,
    ),
    "partnership: why": (
        page("partnerships/{partnership}/why/"),
        [
            api("{side}/partnerships/{partnership}/why/"),
            api("staff/partnerships/{partnership}/why/"),
        ],
        MEMBERS | STAFF,
    ),
    "partnership: log": (
        page("partnerships/{partnership}/write/activity/", prefixed("activity", VISIT)),
        [api("{side}/partnerships/{partnership}/activities/", VISIT)],
        MEMBERS,
    ),
    "partnership: take A's entry back": (
        page("partnerships/{partnership}/activities/{activity}/retract/", {}),
        [api("{side}/activities/{activity}/", None, "DELETE")],
        {"official"},
    ),
    "partnership: report": (
        page(
            "partnerships/{partnership}/write/report/",
            {"report-year": 2025, "report-achieved": "Much."},
        ),
        [api("{side}/partnerships/{partnership}/reports/", {"year": 2025, "achieved": "Much."})],
        SPEAKERS,
    ),
    "partnership: decide": (
        page("partnerships/{partnership}/write/suspend/", prefixed("suspend", SUSPENSION)),
        [api("{side}/partnerships/{partnership}/decision/", {"act": "suspend"} | SUSPENSION)],
        SPEAKERS,
    ),
    "partnership: renew": (
        page("partnerships/{partnership}/write/renewal/", prefixed("renewal", RENEWAL)),
        [api("{side}/partnerships/{partnership}/renewal/", RENEWAL)],
        SPEAKERS,
    ),
    "partnership: honour as staff": (
        page("partnerships/{partnership}/honour/", {"reason": "Nobody answers."}),
        [api("staff/partnerships/{partnership}/emeritus/", {"decided_on": TODAY})],
        {"curator"},
    ),
    "statistics: read": (page("staff/statistics/"), [api("staff/statistics/funnel/")], STAFF),
    "statistics: CSV": (
        page("staff/statistics/stuck.csv"),
        [api("staff/statistics/stuck/")],
        STAFF,
    ),
}


def prepare(what: str, scene: Scene) -> None:
    """Brings the scene into the state in which the act is possible."""
    rows = Partnership.objects.filter(pk=scene.partnership.pk)
    if what == "agreement: confirm":
        scene.send_document()
    elif what == "named partners: state":
        for side in (scene.world.a, scene.world.b):
            ExistingPartnershipFactory(community=side, place=scene.world.c.place)
    elif what == "partnership: renew":
        rows.update(status="review_due", review_on=latest_day("America/Los_Angeles"))
    elif what == "partnership: honour as staff":
        rows.update(status="dormant")


@pytest.fixture(scope="class")
def scene(class_db: None) -> Scene:
    made = Scene()
    made.world.sign_in_everybody()
    return made


@pytest.mark.django_db
class TestTable:
    @pytest.mark.at_length
    @pytest.mark.parametrize("what", one_in(2, TABLE))
    def test_it_holds_through_page_and_api(self, scene: Scene, what: str) -> None:
        through_page, through_api, allowed = TABLE[what]
        with transaction.atomic():
            prepare(what, scene)
            allowed = allowed & set(ASKING)
            assert admitted_actors(scene, through_page, among=ASKING) == allowed
            assert admitted_actors(scene, *through_api, among=ASKING) == allowed
            transaction.set_rollback(True)


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
                client.get(url(name, there)),
                client.get(url(name, 999_999)),
            )
            assert one.status_code == none.status_code == 404
            assert unmarked(one.content, there) == unmarked(none.content, 999_999)


@pytest.mark.django_db
def test_confirming_in_the_page_begins_the_partnership() -> None:
    scene = Scene()
    scene.send_document()
    confirm = page("agreements/{signing}/confirm/", signed)
    for actor in ("official", "chair"):
        response = confirm(scene, scene.world.client(actor), actor)
        assert response.status_code == 302
    begun = Partnership.objects.get(pair=scene.signing.introduction.pair)
    assert response["Location"] == url("partnership", begun.pk)


@pytest.mark.django_db
def test_act_under_one_key_happens_once() -> None:
    scene = Scene()
    address = f"{API}communities/{scene.world.a.pk}/partnerships/{scene.partnership.pk}/activities/"
    client = scene.world.client("official")
    for _ in range(2):
        response = client.post(
            address, VISIT, content_type="application/json", headers={"Idempotency-Key": "one"}
        )
        assert response.status_code == 201
    assert scene.partnership.activities.count() == 2  # the scene's own, and this one
