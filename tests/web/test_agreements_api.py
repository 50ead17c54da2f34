"""From a draft to a partnership that lives and is renewed, by requests alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from backend.common.local_times import latest_day
from backend.introductions.models import Agreement, Introduction, Partnership, SignedDocument
from backend.runtime import pdf_libraries
from tests.actors import World, agreed, drafted, signed_document, signing, terms
from tests.factories import MembershipFactory
from tests.letters import pdf
from tests.web.html_forms import forms_of, url

pytestmark = pytest.mark.usefixtures("shared_world")

JSON = "application/json"
API = "/api/v1/"


class Caller:
    """One actor's requests; each POST carries a key of its own."""

    def __init__(self, world: World, actor: str) -> None:
        self.client: Client = world.client(actor)
        self.sent = 0

    def get(self, path: str) -> Any:
        return self.client.get(API + path)

    def post(self, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        self.sent += 1
        files = any(hasattr(value, "read") for value in (body or {}).values())
        headers = {"Idempotency-Key": key or f"key-{self.sent}"}
        kind = {} if files else {"content_type": JSON}
        return self.client.post(API + path, body or {}, headers=headers, **kind)

    def delete(self, path: str) -> Any:
        return self.client.delete(API + path)


@pytest.fixture
def callers(world: World) -> dict[str, Caller]:
    return {
        actor: Caller(world, actor)
        for actor in ("official", "chair", "committee_member", "curator", "other_official")
    }


def today() -> dt.date:
    return latest_day("America/Los_Angeles")


def version(world: World, **values: Any) -> dict[str, Any]:
    return terms(world, review_on=today() + dt.timedelta(days=1000)) | values


def signature(**values: Any) -> dict[str, Any]:
    return {
        "document_digest": SignedDocument.objects.latest("id").digest,
        "name": "Alex Doe",
        "office": "Mayor",
        "is_highest_official": True,
        "signed_on": today(),
    } | values


def test_from_a_draft_to_a_recognised_partnership(world: World, callers: dict[str, Caller]) -> None:
    MembershipFactory(community=world.a)
    curator, official, chair = callers["curator"], callers["official"], callers["chair"]
    begun = curator.post(
        f"staff/introductions/{world.introduced().pk}/agreement/", {"form": "sister"}
    )
    assert (begun.status_code, begun.json()["status"]) == (201, "draft")
    staff, own = (
        f"staff/agreements/{begun.json()['id']}/",
        f"communities/{world.a.pk}/agreements/{begun.json()['id']}/",
    )
    theirs = own.replace(f"communities/{world.a.pk}/", f"communities/{world.b.pk}/")
    assert curator.post(f"{staff}versions/", version(world) | {"based_on": 1}).json()["number"] == 2
    assert official.get(own).status_code == 404, "a draft is the staff's own"
    offered = curator.post(f"{staff}offer/")
    assert (offered.json()["status"], offered.json()["offered_number"]) == ("signing", 2)
    assert [row["number"] for row in official.get(f"{own}versions/").json()["versions"]] == [
        2,
        1,
    ], "up to the one before them"
    sent = official.post(f"{own}documents/", {"document": signed_document()})
    assert sent.status_code == 201
    (kept,) = sent.json()["documents"]
    assert b"".join(chair.get(f"{theirs}documents/{kept['id']}/").streaming_content) == pdf(), (
        "the other side reads it too"
    )
    first = official.post(f"{own}confirmation/", signature())
    assert (first.json()["status"], first.json()["partnership_id"]) == ("signing", None), (
        "one side alone begins nothing"
    )
    second = chair.post(f"{theirs}confirmation/", signature(name="Kim Roe", office="Lord Mayor"))
    assert second.json()["recognised"] is True
    assert {row["name"] for row in second.json()["signatories"]} == {"Alex Doe", "Kim Roe"}
    (listed,) = Client().get(f"{API}partnerships/").json()["results"]
    assert listed["form"] == "sister"
    assert curator.get(staff).json()["partnership_id"] == Partnership.objects.get().pk


def test_writing_over_a_newer_version_is_a_conflict(
    world: World, callers: dict[str, Caller]
) -> None:
    agreement = drafted(world)
    late = callers["curator"].post(
        f"staff/agreements/{agreement.pk}/versions/", version(world, text="Mine") | {"based_on": 1}
    )
    assert late.status_code == 409
    assert agreement.versions.count() == 2
    changes = callers["curator"].get(f"staff/agreements/{agreement.pk}/changes/?old=1&new=2")
    assert changes.status_code == 200 and changes.json()["changes"]


def test_incomplete_version_is_kept_and_not_offered(
    world: World, callers: dict[str, Caller]
) -> None:
    agreement = drafted(world, areas=[])
    refused = callers["curator"].post(f"staff/agreements/{agreement.pk}/offer/")
    assert (refused.status_code, "areas" in refused.json()["errors"]) == (422, True)
    assert Agreement.objects.get().status == "draft"


def test_confirmation_is_taken_back_until_the_other_side_confirms(
    world: World, callers: dict[str, Caller]
) -> None:
    agreement = signing(world)
    own = f"communities/{world.a.pk}/agreements/{agreement.pk}/confirmation/"
    assert callers["official"].post(own, signature()).status_code == 200
    assert callers["official"].delete(own).json()["signatories"] == []
    assert callers["official"].post(own, signature()).status_code == 200
    theirs = own.replace(f"communities/{world.a.pk}/", f"communities/{world.b.pk}/")
    assert callers["chair"].post(theirs, signature()).status_code == 200
    assert callers["official"].delete(own).status_code == 409, "it is in force"


def test_a_side_confirms_the_document_that_it_read(
    world: World, callers: dict[str, Caller]
) -> None:
    """Another document that came in between is never confirmed unread, on API and page."""
    agreement = signing(world)
    official, chair = callers["official"], callers["chair"]
    own = f"communities/{world.a.pk}/agreements/{agreement.pk}/"
    theirs = own.replace(f"communities/{world.a.pk}/", f"communities/{world.b.pk}/")
    (first,) = chair.get(theirs).json()["documents"]
    chair.post(
        f"{theirs}documents/",
        {"document": SimpleUploadedFile("other.pdf", pdf(b"4 0 obj<</Other true>>endobj"))},
    )
    newest = SignedDocument.objects.latest("id")
    assert newest.digest != first["digest"]
    read = signature(document_digest=first["digest"])

    refused = chair.post(f"{theirs}confirmation/", read)
    assert (refused.status_code, refused.json()["code"]) == (409, "document_replaced")
    assert [refused.json()[name]["id"] for name in ("read", "newest")] == [first["id"], newest.pk]

    page = chair.client.post(f"/agreements/{agreement.pk}/confirm/", read)
    assert page.status_code == 409
    html = page.content.decode()
    for document_id in (first["id"], newest.pk):
        assert f"/agreements/{agreement.pk}/documents/{document_id}/" in html
    assert f'value="{newest.digest}"' in html, "the form names the newest from now on"

    unknown = chair.post(f"{theirs}confirmation/", signature(document_digest="0" * 64))
    assert (unknown.status_code, list(unknown.json()["errors"])) == (422, ["document_digest"])
    assert not agreement.signatories.exists()

    assert official.post(f"{own}confirmation/", signature()).status_code == 200
    done = chair.post(f"{theirs}confirmation/", signature())
    assert {row["document_id"] for row in done.json()["signatories"]} == {newest.pk}


def test_the_same_key_sends_one_document(world: World, callers: dict[str, Caller]) -> None:
    agreement = signing(world)
    before = SignedDocument.objects.count()
    own = f"communities/{world.a.pk}/agreements/{agreement.pk}/documents/"
    answers = [
        callers["official"].post(own, {"document": signed_document()}, key="once") for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert SignedDocument.objects.count() == before + 1
    bad = callers["official"].post(own, {"document": SimpleUploadedFile("page.pdf", b"<html>")})
    assert (bad.status_code, list(bad.json()["errors"])) == (422, ["document"])


def test_reopened_draft_asks_both_sides_again(world: World, callers: dict[str, Caller]) -> None:
    agreement = signing(world)
    callers["official"].post(
        f"communities/{world.a.pk}/agreements/{agreement.pk}/confirmation/", signature()
    )
    again = callers["curator"].post(f"staff/agreements/{agreement.pk}/reopen/")
    assert (again.json()["status"], again.json()["signatories"]) == ("draft", [])
    given_up = callers["curator"].post(f"staff/agreements/{agreement.pk}/give-up/")
    assert given_up.json()["status"] == "withdrawn"


@pytest.fixture
def lived(world: World) -> Partnership:
    return agreed(
        world, since=today() - dt.timedelta(days=900), review_on=today() + dt.timedelta(days=30)
    )


def of_side(world: World, side: str, partnership: Partnership, more: str = "") -> str:
    return f"communities/{getattr(world, side).pk}/partnerships/{partnership.pk}/{more}"


def test_log_and_reports_are_read_by_both_and_changed_by_their_own(
    world: World, callers: dict[str, Caller], lived: Partnership
) -> None:
    official, chair = callers["official"], callers["chair"]
    entry = {
        "kind": "visit",
        "happened_on": today(),
        "text": "The choir came.",
        "own_people": 40,
        "other_people": 3,
    }
    (written,) = official.post(of_side(world, "a", lived, "activities/"), entry).json()[
        "activities"
    ]
    assert (written["people_a"], written["people_b"], written["community_id"]) == (
        40,
        3,
        world.a.pk,
    )
    assert chair.get(of_side(world, "b", lived)).json()["activities"] == [written]
    assert (
        chair.delete(f"communities/{world.b.pk}/activities/{written['id']}/").status_code == 404
    ), "it is the other side's entry"
    assert (
        official.delete(f"communities/{world.a.pk}/activities/{written['id']}/").status_code == 200
    )
    assert chair.get(of_side(world, "b", lived)).json()["activities"] == []
    year = today().year - 1
    for achieved in ("A first try.", "Twelve pupils went."):
        assert (
            chair.post(
                of_side(world, "b", lived, "reports/"), {"year": year, "achieved": achieved}
            ).status_code
            == 201
        )
    (report,) = official.get(of_side(world, "a", lived)).json()["reports"]
    assert (report["year"], report["achieved"], report["community_id"]) == (
        year,
        "Twelve pupils went.",
        world.b.pk,
    )


def test_side_that_suspended_resumes_and_each_step_is_recorded(
    world: World, callers: dict[str, Caller], lived: Partnership
) -> None:
    decide = {"decided_on": today(), "reference": "Council 7/2"}
    suspended = callers["official"].post(
        of_side(world, "a", lived, "decision/"), decide | {"act": "suspend", "reason": "No funds."}
    )
    assert suspended.json()["status"] == "suspended"
    assert (
        callers["chair"]
        .post(of_side(world, "b", lived, "decision/"), decide | {"act": "resume"})
        .status_code
        == 409
    )
    resumed = callers["official"].post(
        of_side(world, "a", lived, "decision/"), decide | {"act": "resume"}
    )
    assert resumed.json()["status"] == "active"
    assert [(step["old"], step["new"]) for step in resumed.json()["changes"]][-2:] == [
        ("active", "suspended"),
        ("suspended", "active"),
    ]
    assert (
        callers["committee_member"]
        .post(of_side(world, "b", lived, "decision/"), decide | {"act": "end"})
        .status_code
        == 404
    )


def test_renewal_needs_both_sides_and_takes_the_earlier_review(
    world: World, callers: dict[str, Caller], lived: Partnership
) -> None:
    Partnership.objects.filter(pk=lived.pk).update(status="review_due", review_on=today())
    sooner, later = today() + dt.timedelta(days=700), today() + dt.timedelta(days=900)
    one = callers["official"].post(
        of_side(world, "a", lived, "renewal/"), {"next_review_on": later, "decided_on": today()}
    )
    assert (one.json()["status"], len(one.json()["renewals"])) == ("review_due", 1)
    twice = callers["official"].post(
        of_side(world, "a", lived, "renewal/"), {"next_review_on": sooner, "decided_on": today()}
    )
    assert twice.status_code == 409
    both = callers["chair"].post(
        of_side(world, "b", lived, "renewal/"), {"next_review_on": sooner, "decided_on": today()}
    )
    assert (both.json()["status"], both.json()["review_on"]) == ("renewed", sooner.isoformat())


def test_why_and_certificate_are_for_the_two_sides(
    world: World, callers: dict[str, Caller], lived: Partnership
) -> None:
    assert callers["official"].get(of_side(world, "a", lived, "why/")).json()["why"]
    assert callers["other_official"].get(of_side(world, "a", lived, "why/")).status_code == 404
    if pdf_libraries.are_there():
        certificate = callers["chair"].get(of_side(world, "b", lived, "certificate/"))
        assert certificate.content.startswith(b"%PDF") and certificate[
            "Content-Disposition"
        ].startswith("attachment")


def test_closed_introduction_has_no_draft(world: World, callers: dict[str, Caller]) -> None:
    closed: Introduction = world.introduced(stage="closed", close_reason="other")
    assert (
        callers["curator"]
        .post(f"staff/introductions/{closed.pk}/agreement/", {"form": "sister"})
        .status_code
        == 409
    )


@pytest.mark.parametrize(("act", "status"), [("reopen", "draft"), ("give_up", "withdrawn")])
def test_page_asks_before_an_agreement_is_taken_back_or_given_up(
    world: World, act: str, status: str
) -> None:
    agreement, client = signing(world), world.client("curator")
    page, address = url("staff_draft", agreement.pk), url("staff_draft_act", agreement.pk)
    html = client.get(page).text
    assert f"{address}?act={act}" in html
    assert f'name="act" value="{act}"' not in html
    asked = client.get(f"{address}?act={act}").text
    assert f"{world.a.name} and {world.b.name}" in asked
    agreement.refresh_from_db()
    assert agreement.status == "signing"
    (form,) = [form for form in forms_of(asked) if form.values.get("act") == [act]]
    assert client.post(address, form.values).status_code == 302
    agreement.refresh_from_db()
    assert agreement.status == status
    for other in ("offer", "give_up" if status == "withdrawn" else "reopen", "", "x"):
        assert client.get(f"{address}?act={other}")["Location"] == page
