"""The draft, its conflicts and its life, through the API."""

from __future__ import annotations

import datetime as dt
import html
import re
import shlex
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import caches
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from backend.accounts.models import ApiToken
from backend.cities.models import Community, Profile, VettingLetter
from backend.cities.vocabularies import vocabulary
from backend.suggestions.services.partners import answer_partnership
from backend.web.rest.limits import PersonLimit
from tests.actors import World
from tests.factories import PlaceFactory, VettingLetterFactory
from tests.letters import pdf
from tests.web.html_forms import form_to, url

pytestmark = pytest.mark.usefixtures("shared_world")

JSON = "application/json"
PDF = pdf()


def address(community: Community, more: str = "") -> str:
    return f"/api/v1/communities/{community.pk}/profile/{more}"


def save(client: Client, community: Community, changes: dict[str, Any], revision: int) -> Any:
    return client.patch(
        address(community), {"changes": changes, "revision": revision}, content_type=JSON
    )


def test_wrong_answers_are_kept_and_named(world: World) -> None:
    response = save(
        world.client("official"),
        world.a,
        {"facts": {"population": "many"}, "story": {"english": "Hello"}},
        0,
    )
    assert response.status_code == 200
    body = response.json()
    assert body["errors"] == {"facts.population": ["Write a whole number, for example 12,500."]}
    assert body["draft"]["facts"]["population"] == "many"
    assert body["draft"]["story"]["english"] == "Hello"
    assert body["draft"]["story"]["text"], "what was there before is still there"
    assert body["revision"] == 1


def test_more_than_ten_needs_are_kept_in_order_and_not_published(world: World) -> None:
    client = world.client("official")
    many = {"needs": list(vocabulary("topics"))[11::-1]}
    body = save(client, world.a, {"needs_offers": many}, 0).json()
    assert body["draft"]["needs_offers"]["needs"] == many["needs"]
    (error,) = body["errors"]["needs_offers.needs"]
    assert error.startswith("12 are named; at most 10 can be. Take 2 out")
    refused = client.post(address(world.a, "publish/"))
    assert (refused.status_code, refused.json()["errors"]) == (422, body["errors"])
    few = {"needs": many["needs"][:10]}
    assert save(client, world.a, {"needs_offers": few}, 1).json()["errors"] == {}
    assert client.post(address(world.a, "publish/")).status_code == 201
    public = client.get(f"/api/v1/communities/{world.a.pk}/").json()
    assert public["profile"]["needs_offers"]["needs"] == few["needs"]


@pytest.mark.parametrize("value", [10**400, -(10**30), True, [], {}, 1.5])
def test_numbers_out_of_this_world_are_errors_of_the_field(world: World, value: Any) -> None:
    response = save(world.client("official"), world.a, {"facts": {"population": value}}, 0)
    assert response.status_code == 200
    assert set(response.json()["errors"]) == (
        {"facts.population"} if value not in ([], {}) else set()
    )


@pytest.mark.parametrize(
    "number", [10**400, 2**63, -1, 0, 999_999, True, 1.0, "Graz", [], {"id": 1}, "unpublished"]
)
def test_tie_to_no_community_that_anybody_may_see_is_an_error_of_the_field(
    world: World, number: Any
) -> None:
    number = world.newcomer.pk if number == "unpublished" else number
    client = world.client("official")
    response = save(
        client,
        world.a,
        {"ties": {"ties": [{"kind": "trade", "community_id": number, "strength": 1}]}},
        0,
    )
    assert (response.status_code, list(response.json()["errors"])) == (200, ["ties.ties"])
    assert client.get(address(world.a, "preview/")).json()["left_out"] == ["ties.ties"]


@pytest.mark.parametrize("place", [10**400, 2**63, -1, True, 1.5, "Graz", {"id": 1}])
def test_partner_at_no_place_of_the_gazetteer_is_an_error_of_the_field(
    world: World, place: Any
) -> None:
    client = world.client("official")
    response = save(
        client,
        world.a,
        {"partnerships": {"existing": [{"name": "Graz", "country": "DE", "place_id": place}]}},
        0,
    )
    assert (response.status_code, list(response.json()["errors"])) == (
        200,
        ["partnerships.existing"],
    )
    assert client.get(address(world.a, "preview/")).status_code == 200


def test_missing_answers_are_distinguished_from_wrong_ones(world: World) -> None:
    body = save(world.client("official"), world.a, {"languages": {"working": None}}, 0).json()
    assert body["errors"] == {}
    assert list(body["missing"]) == ["languages.working"]


def test_older_revision_is_a_conflict_and_changes_nothing(world: World) -> None:
    client = world.client("official")
    assert save(client, world.a, {"story": {"text": "One"}}, 0).status_code == 200
    late = save(client, world.a, {"story": {"text": "Two"}}, 0)
    assert (late.status_code, late.json()["code"]) == (409, "newer_draft")
    assert late.json()["conflicts"] == {"story.text": {"yours": "Two", "theirs": "One"}}
    assert late.json()["revision"] == 1
    assert save(client, world.a, {"story": {"english": "Three"}}, 0).status_code == 200, (
        "another answer does not collide"
    )
    assert client.get(address(world.a)).json()["draft"]["story"]["text"] == "One"


def test_from_registration_to_a_published_profile(world: World) -> None:
    stranger, curator = world.client("stranger"), world.client("curator")
    registered = stranger.post(
        "/api/v1/communities/", {"place_id": PlaceFactory(name="Delta").pk}, content_type=JSON
    )
    assert registered.status_code == 201
    community = Community.objects.get(pk=registered.json()["id"])
    too_early = stranger.post(address(community, "submit/"))
    assert too_early.status_code == 422
    assert "story.text" in too_early.json()["errors"]
    revision = registered.json()["revision"]
    assert save(stranger, community, world.a.profile.draft, revision).status_code == 200
    assert stranger.post(address(community, "submit/")).json()["status"] == "submitted"
    assert stranger.post(address(community, "publish/")).json()["code"] == "not_allowed"
    staff = f"/api/v1/staff/vetting/{community.pk}/"
    waiting = curator.get("/api/v1/staff/vetting/").json()["results"]
    assert {row["community"]["id"] for row in waiting} == {world.newcomer.pk, community.pk}
    sent_back = curator.post(
        f"{staff}request-changes/",
        {"reason": "letter_missing", "text": "Please send it."},
        content_type=JSON,
    )
    assert sent_back.status_code == 201
    assert stranger.get(address(community)).json()["notes"][0]["reason"] == "letter_missing"
    assert stranger.post(address(community, "submit/")).status_code == 200
    read = curator.get(staff).json()
    assert read["registrants"][0]["email"] == "stranger@example.org"
    stale = curator.post(f"{staff}publish/", {"revision": read["revision"] - 1}, content_type=JSON)
    assert (stale.status_code, stale.json()["code"]) == (409, "newer_draft")
    assert (
        curator.post(f"{staff}publish/", {"revision": read["revision"]}, content_type=JSON).json()[
            "version"
        ]
        == 1
    )
    shown = Client().get(f"/api/v1/communities/{community.pk}/").json()
    assert shown["profile"]["story"]["text"] == world.a.profile.draft["story"]["text"]
    assert "authority" not in shown["profile"]
    assert stranger.post(address(community, "publish/")).json()["number"] == 2


@pytest.mark.parametrize(
    ("act", "then"),
    [
        ("pause", "paused"),
        ("fulfil", "fulfilled"),
        ("confirm", "published"),
        ("withdraw", "withdrawn"),
    ],
)
def test_owner_changes_the_status(world: World, act: str, then: str) -> None:
    client = world.client("official")
    assert client.post(address(world.a, f"{act}/"), content_type=JSON).json()["status"] == then
    assert client.post(address(world.a, "resume/")).status_code == (
        409 if then == "published" else 200
    )


@pytest.mark.parametrize(
    ("act", "status", "says"),
    [
        ("fulfil", "fulfilled", "The profile stays public"),
        ("withdraw", "withdrawn", "staff need not vet it a second time"),
    ],
)
def test_page_asks_before_the_search_ends_and_it_can_be_resumed(
    world: World, act: str, status: str, says: str
) -> None:
    world.introduced()
    client, asked = world.client("official"), url(f"profile_{act}", world.a.pk)
    profile, dashboard = url("profile", world.a.pk), url("dashboard")

    def status_now() -> str:
        return str(Profile.objects.get(community=world.a).status)

    at_once = client.post(url("profile_status", world.a.pk), {"act": act})
    assert at_once.status_code == 400
    assert f'href="{asked}"' in client.get(profile).text
    html = client.get(asked).text
    assert says in html
    assert "in open introductions: Beta." in html
    assert status_now() == "published", "looking ends nothing"
    assert client.post(asked).status_code == 302
    assert status_now() == status
    assert client.get(asked).status_code == 302, "there is nothing left to ask"
    assert client.post(asked).status_code == 409

    for page in (dashboard, profile):
        html = client.get(page).text
        links = set(re.findall(rf'href="(/[^"#]*/{world.a.pk}/[^"#]*)"', html))
        assert {link: client.get(link).status_code for link in links} == dict.fromkeys(links, 200)
    form = form_to(html, url("profile_status", world.a.pk))
    assert client.post(form.action, form.values | {"act": "resume"}).status_code == 302
    assert status_now() == "published"


def test_letter_is_stored_and_only_ever_downloaded(world: World) -> None:
    client = world.client("unvetted")
    upload = SimpleUploadedFile("../../evil.html", PDF, content_type="text/html")
    sent = client.post(address(world.newcomer, "letters/"), {"letter": upload})
    assert sent.status_code == 201
    assert sent.json()["content_type"] == "application/pdf"
    got = client.get(address(world.newcomer, f"letters/{sent.json()['id']}/"))
    assert b"".join(got.streaming_content) == PDF
    assert got["Content-Disposition"].startswith("attachment")
    assert VettingLetter.objects.get().file.name.endswith(".pdf")
    assert "evil" not in VettingLetter.objects.get().file.name


def test_letter_of_another_kind_is_refused(world: World) -> None:
    page = SimpleUploadedFile("letter.pdf", b"<html>", content_type="application/pdf")
    response = world.client("unvetted").post(address(world.newcomer, "letters/"), {"letter": page})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == ["letter"]


def test_letter_of_one_community_is_not_found_under_another(world: World) -> None:
    letter = VettingLetterFactory(profile=world.newcomer.profile)
    assert (
        world.client("official").get(address(world.a, f"letters/{letter.pk}/")).status_code == 404
    )
    assert (
        world.client("official").get(address(world.newcomer, f"letters/{letter.pk}/")).status_code
        == 404
    )


def test_open_data_are_listed_and_confirmed_as_they_are(world: World) -> None:
    stranger = world.client("stranger")
    place = PlaceFactory(name="Delta", elevation_m=12.5, coastal=False)
    registered = stranger.post(
        "/api/v1/communities/", {"place_id": place.pk}, content_type=JSON
    ).json()
    community = Community.objects.get(pk=registered["id"])
    sources = stranger.get(address(community, "sources/")).json()["answers"]
    assert {
        "path": "facts.elevation_m",
        "value": 12.5,
        "name": "GeoNames",
        "date": "2023-03",
        "licence": "CC BY 4.0",
    } in sources
    body = {
        "changes": {"facts": {"population": 90_000}},
        "revision": 0,
        "confirm": ["facts.elevation_m", "facts.coastal"],
    }
    saved = stranger.patch(address(community), body, content_type=JSON).json()
    state = {path: kept["state"] for path, kept in saved["draft"]["provenance"].items()}
    assert state["facts.population"] == "corrected"
    assert state["facts.elevation_m"] == state["facts.coastal"] == "confirmed"
    assert state["facts.income_band"] == "prefilled"
    assert saved["draft"]["provenance"]["facts.population"]["value"] == 100_000, (
        "the source's value stays beside the correction"
    )
    unknown = stranger.patch(
        address(community), body | {"confirm": ["story.text"]}, content_type=JSON
    )
    assert (unknown.status_code, list(unknown.json()["errors"])) == (422, ["story.text"])
    written = stranger.patch(
        address(community), {"changes": {"provenance": {}}, "revision": 1}, content_type=JSON
    )
    assert written.status_code == 422, "only the service says where answers come from"


def test_preview_coverage_and_progress_follow_the_draft(world: World) -> None:
    client = world.client("official")
    before = client.get(address(world.a, "coverage/")).json()
    assert before["gains"] == sorted(before["gains"], key=lambda gain: -gain["adds"])
    best, next_best = before["gains"][:2]
    changes = {"readiness": {"council_support": "yes"}, "facts": {"population": "many"}}
    assert save(client, world.a, changes, 0).status_code == 200
    after = client.get(address(world.a, "coverage/")).json()
    assert best["path"] == "challenges.challenges", "the others offer what answers them"
    assert next_best["path"] == "readiness.council_support", (
        "anybody who chooses may look at it, and nobody has stated it yet"
    )
    assert after["coverage"] == pytest.approx(before["coverage"] + next_best["adds"])
    assert not any(gain["path"].startswith("readiness.") for gain in after["gains"])
    preview = client.get(address(world.a, "preview/")).json()
    assert "readiness" not in preview["profile"], "for suggested partners alone"
    assert preview["left_out"] == ["facts.population"]
    progress = client.get(address(world.a, "progress/")).json()
    assert progress["wrong"] == ["facts.population"]
    assert progress["needed_left"] == []
    assert {"code": "story", "state": "done", "answered": 2} in progress["topics"]


@pytest.mark.parametrize("name", ["coverage", "preview", "progress", "sources", "partnerships"])
def test_outlook_of_another_community_is_not_found(world: World, name: str) -> None:
    assert world.client("other_official").get(address(world.a, f"{name}/")).status_code == 404
    assert world.client("committee_member").get(address(world.b, f"{name}/")).status_code == 404
    assert world.client("curator").get(address(world.a, f"{name}/")).status_code == 200


def test_pause_ends_on_the_day_that_was_asked_for(world: World) -> None:
    client = world.client("official")
    past = client.post(address(world.a, "pause/"), {"until": "2020-01-01"}, content_type=JSON)
    assert (past.status_code, list(past.json()["errors"])) == (422, ["until"])
    day = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).date().isoformat()
    paused = client.post(address(world.a, "pause/"), {"until": day}, content_type=JSON).json()
    assert (paused["status"], paused["paused_until"]) == ("paused", day)
    assert client.post(address(world.a, "resume/")).json()["paused_until"] is None


def test_claimed_partnerships_are_public_once_staff_confirm_them(world: World) -> None:
    client = world.client("official")
    row = {"name": "Lyon", "country": "DE", "year": 1992, "form": "sister", "status": "active"}
    save(
        client,
        world.a,
        {"partnerships": {"existing": [row, {"name": "Turin", "country": "DE"}]}},
        0,
    )
    assert client.post(address(world.a, "publish/")).status_code == 201
    claims = {
        claim["name"]: claim
        for claim in client.get(address(world.a, "partnerships/")).json()["results"]
    }
    assert claims["Lyon"]["state"] == claims["Turin"]["state"] == "claimed"
    public = f"/api/v1/communities/{world.a.pk}/"
    assert "partnerships" not in Client().get(public).json()["profile"]
    answer_partnership(
        by=world.user("curator"), partnership_id=claims["Lyon"]["id"], answer="confirmed"
    )
    answer_partnership(
        by=world.user("curator"),
        partnership_id=claims["Turin"]["id"],
        answer="refused",
        note="No list names it.",
    )
    assert Client().get(public).json()["profile"]["partnerships"] == {"existing": [row]}


def test_second_registrant_learns_whom_to_join(world: World) -> None:
    place = world.a.place_id
    response = world.client("stranger").post(
        "/api/v1/communities/", {"place_id": place}, content_type=JSON
    )
    assert (response.status_code, response.json()["code"]) == (409, "community_already_registered")
    assert response.json()["community_id"] == world.a.pk


def test_fields_that_are_named_are_all_that_is_sent(world: World) -> None:
    client = world.client("visitor")
    rows = client.get("/api/v1/communities/?fields=id,name").json()["results"]
    assert rows
    assert {tuple(row) for row in rows} == {("id", "name")}
    one = client.get(f"/api/v1/communities/{world.a.pk}/?fields=name").json()
    assert one == {"name": world.a.name}
    wrong = client.get("/api/v1/communities/?fields=id,height")
    assert wrong.status_code == 422
    assert "'height'" in wrong.json()["errors"]["fields"][0]


def test_draft_is_saved_only_at_the_version_that_is_named(world: World) -> None:
    client, path = world.client("official"), address(world.a)
    tag = client.get(path)["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304

    def change(website: str, **headers: str) -> Any:
        body = {"changes": {"identity": {"website": website}}, "revision": 0}
        return client.patch(path, body, content_type=JSON, headers=headers)

    first = change("https://one.example", if_match=tag)
    assert (first.status_code, first["ETag"]) == (200, '"r1"')
    second = change("https://two.example", if_match=tag)
    assert (second.status_code, second.json()["code"]) == (412, "precondition_failed")
    assert client.get(path).json()["draft"]["identity"]["website"] == "https://one.example"
    assert change("https://one.example", if_match="nonsense").status_code == 412
    assert change("https://one.example", if_match="*").status_code == 200


def test_person_reads_how_many_requests_are_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PersonLimit, "rate", "2/min", raising=False)
    caches["requests"].clear()
    client = world.client("official")
    answers = [client.get(address(world.a)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["code"] == "too_many_requests"
    assert 0 < int(answers[2]["Retry-After"]) <= 60
    assert world.client("chair").get("/api/v1/me/").status_code == 200
    assert "RateLimit-Limit" not in world.client("visitor").get("/api/v1/countries/")


def test_lines_of_the_guide_do_what_they_say(world: World) -> None:
    """Each curl line, with a token, an id and a tag of this world in place of its variables."""
    guide = html.unescape(Client().get("/api/v1/docs/").text)
    lines = re.findall(r"<code>(curl .*?)</code>", guide, re.S)
    assert len(lines) == 5
    token = ApiToken.objects.create(
        user=world.user("official"), name="Guide", scope="act", expiry=dt.timedelta(days=1)
    )[1]
    known = {"$TOKEN": token, "$ID": str(world.a.pk), "$ETAG": '"r0"'}
    for line in lines:
        words = shlex.split(line)
        options = [words[n + 1] for n, word in enumerate(words) if word == "-H"]
        headers = dict(option.split(": ", 1) for option in options)
        for name, value in known.items():
            headers = {key: text.replace(name, value) for key, text in headers.items()}
        path = words[-1].removeprefix(settings.PUBLIC_URL).replace("$ID", known["$ID"])
        body = words[words.index("-d") + 1] if "-d" in words else ""
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        kind = headers.pop("Content-Type", JSON)
        response = Client().generic(method, path, body, content_type=kind, headers=headers)
        assert response.status_code == 200, line
    assert Profile.objects.get(community=world.a).draft["identity"]["website"]
