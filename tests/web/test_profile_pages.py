from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from django.db import connection
from django.http import QueryDict
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile
from backend.cities.profile_schema import GROUP_BY_CODE, GROUPS
from backend.cities.profile_validation import check_document
from backend.cities.services import draft_errors, register_community
from backend.web.html.forms import read_number, written_number
from backend.web.profiles.forms import read_group
from backend.web.profiles.presentation import describe
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ListedPartnershipFactory,
    PlaceFactory,
    VettingLetterFactory,
    document,
)
from tests.web.conftest import SignIn, profile_of
from tests.web.html_forms import form_to, forms_of, one_line

# Every kind of question answered, so that each widget is asked to give back what it was given.
FULL: dict[str, dict[str, Any]] = document(
    identity={"local_name": "北九州市", "website": "https://www.city.example/a?b=c"},
    organisation={
        "structure": "municipal",
        "office": "mayors_office",
        "year_founded": 1956,
        "volunteers": 12500,
    },
    facts={
        "population": 238005,
        "area_km2": 249.5,
        "coastal": True,
        "seaport": False,
        "elevation_m": -2.5,
        "institutions": ["museum"],
    },
    challenges={"challenges": ["flooding"]},
    ties={
        "ties": [
            {"kind": "mayoral", "country": "DE", "strength": 2, "evidence": "Met “in 2019” & since"}
        ]
    },
    languages={"working": ["en", "de"]},
    sought={
        "countries": ["DE", "JP"],
        "regions": ["Eastern Asia"],
        "excluded_countries": ["MX"],
        "forms": ["sister"],
        "not_where_partnered": True,
    },
    readiness={"council_support": "partly"},
    partnerships={
        "existing": [
            {
                "name": "Lyon",
                "country": "DE",
                "year": 1992,
                "form": "sister",
                "status": "active",
                "place_id": 7,
            }
        ]
    },
    capacity={"new_partnerships": 2},
    story={"text": "Two lines,\n<b>not</b> markup.", "language": "en", "english": "x"},
    importances={"facets": {"needs_offers": 3, "distance": 0}},
)


@pytest.fixture
def owner(official: CommunityRole, sign_in: SignIn) -> Client:
    for code in ("DE", "JP", "MX"):
        CountryFactory(code=code)
    Profile.objects.filter(community=official.community).update(draft=FULL)
    return sign_in(official.user)


def url(name: str, role: CommunityRole, *args: str) -> str:
    return reverse(f"web:{name}", args=[role.community_id, *args])


def save(
    client: Client, role: CommunityRole, group: str, revision: int | None = None, **posted: Any
) -> Any:
    number = profile_of(role.community).draft_revision if revision is None else revision
    return client.post(
        url("profile_group", role, group), {"revision": number, "stop": "1", **posted}
    )


def test_full_document_is_valid(owner: Client) -> None:
    assert check_document(FULL, complete=True) == FULL


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("group", [group.code for group in GROUPS])
def test_page_sent_back_untouched_changes_no_answer(
    owner: Client, official: CommunityRole, group: str, language: str
) -> None:
    """Without JavaScript: what the page shows is what was answered, of every kind, with each
    language's separators.
    """
    User.objects.filter(pk=official.user_id).update(language=language)
    address = url("profile_group", official, group)
    form = form_to(owner.get(address).content.decode(), address)
    response = owner.post(address, {**form.values, "stop": "1"})
    assert response.status_code == 302
    profile = profile_of(official.community)
    assert {
        code: answers for code, answers in profile.draft.items() if code != "provenance"
    } == FULL


def test_all_topics_can_be_filled_from_nothing_to_published(
    official: CommunityRole, owner: Client
) -> None:
    Profile.objects.filter(community=official.community).update(draft={})
    for group in GROUPS:
        address = url("profile_group", official, group.code)
        form = form_to(owner.get(address).content.decode(), address)
        typed = {
            "themes": {"importances.trade": "3"},
            "needs_offers": {"needs": ["water_management"], "offers": ["public_transport"]},
            "authority": {
                "registrant_role": "employee",
                "registrant_office": "Office",
                "highest_official_name": "A",
                "highest_official_office": "Mayor",
            },
            "languages": {"working": ["English", "  german "]},
            "story": {"text": "Hello", "language": "en"},
        }.get(group.code, {})
        assert owner.post(address, {**form.values, **typed, "next": "1"}).status_code == 302
    assert owner.post(url("profile_publish", official)).status_code == 302
    version = profile_of(official.community).current_version
    assert version.data["languages"] == {"working": ["en", "de"]}
    assert version.data["themes"] == {"importances": {"trade": 3}}


@pytest.mark.parametrize(
    ("group", "posted", "stored", "words"),
    [
        (
            "facts",
            {"population": "about 5000"},
            {"population": "about 5000"},
            "Write a whole number, for example 12,500.",
        ),
        ("facts", {"population": "-4"}, {"population": -4}, "Write a number from 1 to 50,000,000."),
        (
            "identity",
            {"website": "city.example"},
            {"website": "city.example"},
            "Write a web address",
        ),
        (
            "needs_offers",
            {"needs": ["nonsense"]},
            {"needs": ["nonsense"]},
            "is not one of the choices",
        ),
        (
            "sought",
            {"countries": ["Atlantis"]},
            {"countries": ["Atlantis"]},
            "“Atlantis” is not one of the choices",
        ),
        (
            "sought",
            {"population_min": "9", "population_max": "5"},
            {"population_min": 9, "population_max": 5},
            "turn them around",
        ),
        (
            "themes",
            {"importances.trade": "9"},
            {"importances": {"trade": 9}},
            "needs a whole number from 1 to 3",
        ),
        (
            "ties",
            {"ties.0.kind": "mayoral", "ties.0.strength": "2"},
            {"ties": [{"kind": "mayoral", "strength": 2}]},
            "exactly one of them",
        ),
        (
            "partnerships",
            {"existing.0.year": "1990"},
            {"existing": [{"year": 1990}]},
            "needs the partner&#x27;s name",
        ),
        ("story", {"text": "x" * 4001}, {"text": "x" * 4001}, "at most 4000 fit"),
    ],
)
def test_wrong_value_is_kept_and_its_error_shown_beside_the_field(
    owner: Client,
    official: CommunityRole,
    group: str,
    posted: dict[str, Any],
    stored: dict[str, Any],
    words: str,
) -> None:
    response = save(owner, official, group, **posted)
    html = response.content.decode()
    assert response.status_code == 422
    assert words in html
    name = (
        next(iter(posted)).split(".")[0]
        if group != "sought"
        else words and html.split('href="#', 2)[2].split('"')[0]
    )
    assert f'href="#{name}"' in html
    assert f'id="{name}"' in html
    assert profile_of(official.community).draft[group] == stored
    again = owner.get(url("profile_group", official, group)).content.decode()
    assert words in again, "the error is there again when the page is opened later"


def test_character_that_cannot_be_stored_is_refused(owner: Client, official: CommunityRole) -> None:
    before = profile_of(official.community).draft
    assert save(owner, official, "story", text="a\x00b").status_code == 400
    assert profile_of(official.community).draft == before


def opened(client: Client, role: CommunityRole, group: str) -> dict[str, list[str]]:
    """The topic's form as a browser without JavaScript holds it."""
    address = url("profile_group", role, group)
    return form_to(client.get(address).content.decode(), address).values


def test_two_editors_of_one_answer_see_both_and_choose(
    owner: Client, official: CommunityRole
) -> None:
    colleague = CommunityRoleFactory(community=official.community).user
    other = Client()
    other.force_login(colleague)
    mine, theirs = opened(owner, official, "story"), opened(other, official, "story")
    address = url("profile_group", official, "story")
    assert other.post(address, {**theirs, "text": "Theirs", "stop": "1"}).status_code == 302
    response = owner.post(address, {**mine, "text": "Mine", "english": "Only I", "stop": "1"})
    html = response.content.decode()
    assert response.status_code == 409
    assert "Theirs" in html
    assert "Mine" in html
    assert profile_of(official.community).draft["story"]["text"] == "Theirs"
    form = form_to(html, url("profile_settle", official, "story"))
    assert form.values["asked"] == ["text"], "only what both changed is asked about"
    undecided = owner.post(form.action, form.values)
    assert undecided.status_code == 409
    assert "Choose one of the two" in undecided.content.decode()
    again = form_to(undecided.content.decode(), form.action)
    assert owner.post(again.action, {**again.values, "keep.text": "mine"}).status_code == 302
    story = profile_of(official.community).draft["story"]
    assert (story["text"], story["english"]) == ("Mine", "Only I")


def test_taking_theirs_keeps_what_only_i_changed(owner: Client, official: CommunityRole) -> None:
    mine = opened(owner, official, "story")
    assert (
        save(owner, official, "story", text="Theirs", language="en", english="x").status_code == 302
    )
    response = owner.post(
        url("profile_group", official, "story"), {**mine, "text": "Mine", "english": "Only I"}
    )
    form = form_to(response.content.decode(), url("profile_settle", official, "story"))
    assert owner.post(form.action, {**form.values, "keep.text": "theirs"}).status_code == 302
    story = profile_of(official.community).draft["story"]
    assert (story["text"], story["english"]) == ("Theirs", "Only I")


def test_third_save_while_choosing_asks_again(owner: Client, official: CommunityRole) -> None:
    mine = opened(owner, official, "story")
    save(owner, official, "story", text="Theirs", language="en", english="x")
    response = owner.post(url("profile_group", official, "story"), {**mine, "text": "Mine"})
    form = form_to(response.content.decode(), url("profile_settle", official, "story"))
    save(owner, official, "story", text="A third", language="en", english="x")
    late = owner.post(form.action, {**form.values, "keep.text": "mine"})
    assert late.status_code == 409
    assert "A third" in late.content.decode()
    assert profile_of(official.community).draft["story"]["text"] == "A third"


def test_two_editors_of_different_answers_do_not_collide(
    owner: Client, official: CommunityRole
) -> None:
    mine = opened(owner, official, "facts")
    assert (
        save(owner, official, "story", text="Theirs", language="en", english="x").status_code == 302
    )
    theirs = opened(owner, official, "facts")
    assert (
        owner.post(
            url("profile_group", official, "facts"), {**theirs, "area_km2": "300", "stop": "1"}
        ).status_code
        == 302
    )
    assert (
        owner.post(
            url("profile_group", official, "facts"), {**mine, "median_age": "41", "stop": "1"}
        ).status_code
        == 302
    )
    facts = profile_of(official.community).draft["facts"]
    assert (facts["area_km2"], facts["median_age"]) == (300, 41), (
        "an answer that I did not touch stays as the other left it"
    )


@pytest.mark.parametrize("mine", ["", "[]", '{"colour": "red"}', "{"])
def test_choice_without_whole_answers_is_refused(
    owner: Client, official: CommunityRole, mine: str
) -> None:
    before = profile_of(official.community).draft
    assert (
        owner.post(
            url("profile_settle", official, "story"), {"mine": mine, "revision": 0}
        ).status_code
        == 400
    )
    assert profile_of(official.community).draft == before


@pytest.mark.parametrize("revision", ["", "x", "-1", "99999999999999999999", "²"])
def test_tampered_revision_is_a_conflict(
    owner: Client, official: CommunityRole, revision: str
) -> None:
    response = owner.post(
        url("profile_group", official, "story"), {"revision": revision, "text": "Mine"}
    )
    assert response.status_code == 409


def test_autosave_saves_and_hands_back_the_new_revision(
    owner: Client, official: CommunityRole
) -> None:
    posted = {"revision": 0, "text": "While I write", "language": "en"}
    html = owner.post(url("profile_autosave", official, "story"), posted).content.decode()
    assert 'value="1"' in html
    assert profile_of(official.community).draft["story"]["text"] == "While I write"
    late = {**posted, "text": "Another page", "seen": "{}"}
    assert (
        "somebody else"
        in owner.post(url("profile_autosave", official, "story"), late).content.decode()
    )
    assert profile_of(official.community).draft["story"]["text"] == "While I write"


def test_check_page_names_what_is_missing_and_links_there(
    newcomer: CommunityRole, sign_in: SignIn
) -> None:
    Profile.objects.filter(community=newcomer.community).update(draft={})
    client = sign_in(newcomer.user)
    html = client.get(url("profile_check", newcomer)).content.decode()
    assert url("profile_group", newcomer, "story") + "#text" in html
    assert url("profile_submit", newcomer) not in html
    response = client.post(url("profile_submit", newcomer))
    assert response.status_code == 422
    assert profile_of(newcomer.community).status == Profile.Status.DRAFT


def test_newcomer_submits_and_cannot_publish(newcomer: CommunityRole, sign_in: SignIn) -> None:
    client = sign_in(newcomer.user)
    assert client.post(url("profile_publish", newcomer)).status_code == 403
    assert client.post(url("profile_submit", newcomer)).status_code == 302
    assert profile_of(newcomer.community).status == Profile.Status.SUBMITTED
    assert client.post(url("profile_submit", newcomer)).status_code == 409


@pytest.mark.parametrize(
    ("acts", "status"),
    [
        (["pause"], "paused"),
        (["pause", "resume"], "published"),
        (["fulfil"], "fulfilled"),
        (["withdraw"], "withdrawn"),
    ],
)
def test_life_of_a_profile(
    owner: Client, official: CommunityRole, acts: list[str], status: str
) -> None:
    for act in acts:
        assert owner.post(url("profile_status", official), {"act": act}).status_code == 302
    assert profile_of(official.community).status == status


def test_unknown_act_is_refused(owner: Client, official: CommunityRole) -> None:
    assert owner.post(url("profile_status", official), {"act": "explode"}).status_code == 400


def test_committee_members_do_not_see_the_draft(official: CommunityRole, sign_in: SignIn) -> None:
    CommunityRole.objects.filter(pk=official.pk).update(role="committee_member")
    client = sign_in(official.user)
    for name in ("profile", "profile_check"):
        assert client.get(url(name, official)).status_code == 404


@pytest.mark.parametrize(
    ("text", "whole", "value"),
    [
        ("12,500", True, 12500),
        ("12 500", True, 12500),
        ("1,234.5", False, 1234.5),
        ("1,2", True, "1,2"),
        ("1.5", False, 1.5),
        ("1.5", True, "1.5"),
        ("1,234 567", True, "1,234 567"),
        ("1234,567", True, "1234,567"),
        ("-5", True, -5),
        ("nan", False, "nan"),
        ("1e9", False, "1e9"),
        ("٣", True, 3),
        ("１２３", True, 123),
        ("٣٫٥", False, 3.5),
        ("", True, ""),
        ("9" * 30, True, "9" * 30),
    ],
)
def test_number_is_read_or_kept_as_typed(text: str, whole: bool, value: object) -> None:
    assert read_number(text, whole=whole) == value


@pytest.mark.parametrize(
    ("language", "text", "whole", "value"),
    [
        ("de", "249.500", True, 249500),
        ("de", "249.500", False, 249500),
        ("de", "1.234,5", False, 1234.5),
        ("de", "3.5", False, "3.5"),
        ("de", "3,5", True, "3,5"),
        ("es", "249.500", True, "249.500"),
        ("fr", "249\u202f500", True, 249500),
        ("fr", "249 500,25", False, 249500.25),
        ("fr", "249.500", True, "249.500"),
        ("ja", "249,500", True, 249500),
        ("ar", "249,500.5", False, 249500.5),
    ],
)
def test_number_is_read_with_the_separators_of_the_language(
    language: str, text: str, whole: bool, value: object
) -> None:
    with translation.override(language):
        assert read_number(text, whole=whole) == value


@pytest.mark.parametrize("language", ["en", "es", "fr", "de", "ja", "ar"])
@pytest.mark.parametrize("value", [0, -3, 249_500, 2.0, 0.000001, 1234.5, -0.25])
def test_number_that_a_page_shows_is_read_as_the_same(language: str, value: float) -> None:
    with translation.override(language):
        assert read_number(written_number(value), whole=False) == value


def test_german_page_shows_and_keeps_a_german_number(
    owner: Client, official: CommunityRole
) -> None:
    User.objects.filter(pk=official.user_id).update(language="de")
    save(owner, official, "facts", population="249.500", area_km2="12,5")
    facts = profile_of(official.community).draft["facts"]
    assert (facts["population"], facts["area_km2"]) == (249_500, 12.5)
    assert 'value="12,5"' in owner.get(url("profile_group", official, "facts")).content.decode()


def test_country_is_known_in_any_spelling_or_by_its_code(db: None) -> None:
    for code in ("DE", "JP"):
        CountryFactory(code=code)
    post = QueryDict(mutable=True)
    post.setlist("countries", ["GERMANY", "jp", ""])
    assert read_group(GROUP_BY_CODE["sought"], post)["countries"] == ["DE", "JP"]


@pytest.mark.parametrize("typed", ["#{pk}", "{pk}", "Graz", "graz", "グラーツ", "Graz #{pk}"])
def test_tie_leads_to_a_community_by_its_name_or_number(
    owner: Client, official: CommunityRole, typed: str
) -> None:
    other = CommunityFactory(name="Graz", local_name="グラーツ", published=True, country_code="DE")
    posted = {
        "ties.0.kind": "trade",
        "ties.0.community": typed.format(pk=other.pk),
        "ties.0.strength": "1",
    }
    assert save(owner, official, "ties", **posted).status_code == 302
    assert profile_of(official.community).draft["ties"] == {
        "ties": [{"kind": "trade", "community_id": other.pk, "strength": 1}]
    }
    assert not draft_errors(profile_of(official.community))
    assert f"Graz #{other.pk}" in owner.get(url("profile_group", official, "ties")).content.decode()


@pytest.mark.parametrize(
    "typed",
    ["Nowhere", "Springfield", "Hidden", "#{hidden}", "#999999", "#" + "9" * 19, "#" + "9" * 40],
)
def test_tie_to_no_or_to_several_communities_is_kept_as_typed_with_its_error(
    owner: Client, official: CommunityRole, typed: str
) -> None:
    for _ in range(2):
        CommunityFactory(name="Springfield", published=True)
    hidden = CommunityFactory(name="Hidden")  # never published: nobody learns that it is registered
    typed = typed.format(hidden=hidden.pk)
    posted = {"ties.0.kind": "trade", "ties.0.community": typed, "ties.0.strength": "1"}
    assert save(owner, official, "ties", **posted).status_code == 422
    html = owner.get(url("profile_group", official, "ties")).content.decode()
    as_read = typed.lstrip("#") if len(typed) < 19 else typed
    assert f'value="{as_read}"' in html
    assert f"“{as_read}” is not the name of exactly one community here." in html
    for page in ("profile_check", "profile_preview"):
        assert owner.get(url(page, official)).status_code == 200


def test_opening_the_confirm_page_changes_nothing_and_its_button_confirms(
    owner: Client, official: CommunityRole
) -> None:
    Profile.objects.filter(community=official.community).update(status="stale")
    before = Profile.objects.values().get(community=official.community)
    html = owner.get(url("profile_confirm", official)).content.decode()
    assert Profile.objects.values().get(community=official.community) == before
    assert "a city by the water" in html.lower(), "what is to be confirmed is there to read"
    form = form_to(html, url("profile_confirm", official))
    assert owner.post(form.action, form.values).status_code == 302
    assert profile_of(official.community).status == Profile.Status.PUBLISHED


@pytest.mark.parametrize(
    "status", ["draft", "submitted", "changes_requested", "paused", "fulfilled", "withdrawn"]
)
def test_what_cannot_be_confirmed_has_no_button(
    owner: Client, official: CommunityRole, status: str
) -> None:
    Profile.objects.filter(community=official.community).update(status=status)
    html = owner.get(url("profile_confirm", official)).content.decode()
    assert url("profile_confirm", official) not in [form.action for form in forms_of(html)]
    assert owner.post(url("profile_confirm", official)).status_code == 409


def test_preview_is_the_public_page_of_the_draft(owner: Client, official: CommunityRole) -> None:
    Profile.objects.filter(community=official.community).update(
        draft={**FULL, "facts": {"population": "many", "area_km2": 7.25}}
    )
    html = owner.get(url("profile_preview", official)).content.decode()
    assert "Two lines," in html
    assert ">many<" not in one_line(html), "what cannot be published is not shown"
    assert "7.2" in html
    assert "without 1 answer that needs mending" in html
    assert "Alex Doe" not in html, "who speaks for it is for staff"
    assert (
        "Two lines,"
        not in Client().get(reverse("web:community", args=[official.community_id])).content.decode()
    )


def test_pause_with_a_day(owner: Client, official: CommunityRole) -> None:
    refused = owner.post(
        url("profile_status", official), {"act": "pause", "until": "soon"}, follow=True
    )
    assert "Write the day as year-month-day" in refused.content.decode()
    assert profile_of(official.community).status == Profile.Status.PUBLISHED
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=40)
    owner.post(url("profile_status", official), {"act": "pause", "until": day.isoformat()})
    assert profile_of(official.community).paused_until == day
    assert "seeks again by itself" in owner.get(url("profile", official)).content.decode()
    assert "seeks again by itself" in owner.get(reverse("web:dashboard")).content.decode()


def test_open_data_stand_beside_their_fields_and_are_confirmed_by_saving(
    stranger: User, sign_in: SignIn
) -> None:
    client = sign_in(stranger)
    place = PlaceFactory(country=CountryFactory(code="DE"), elevation_m=12.5, coastal=True)
    community = register_community(by=stranger, place_id=place.pk)
    address = reverse("web:profile_group", args=[community.pk, "facts"])
    html = client.get(address).content.decode()
    assert "GeoNames (CC BY 4.0), November 2026, says: 100,000. Not confirmed yet." in html
    form = form_to(html, address)
    client.post(
        reverse("web:profile_autosave", args=[community.pk, "facts"]),
        {**form.values, "median_age": "40"},
    )
    standing = profile_of(community).draft["provenance"]
    assert {kept["standing"] for kept in standing.values()} == {"prefilled"}, (
        "saving while one types confirms nothing"
    )
    form = form_to(client.get(address).content.decode(), address)
    client.post(address, {**form.values, "elevation_m": "30", "stop": "1"})
    html = client.get(address).content.decode()
    assert "says: 100,000. You confirmed it." in html
    assert "You corrected this. GeoNames (CC BY 4.0), March 2023, says: 12.5." in html


def test_listed_partner_is_taken_over_with_one_tick(owner: Client, official: CommunityRole) -> None:
    other = PlaceFactory(name="Köln", country=CountryFactory(code="DE"))
    ListedPartnershipFactory(place_a=official.community.place, place_b=other)
    form = opened(owner, official, "partnerships")
    posted = {**form, "add_listed": [other.pk], "stop": "1"}
    assert owner.post(url("profile_group", official, "partnerships"), posted).status_code == 302
    rows = profile_of(official.community).draft["partnerships"]["existing"]
    assert rows == [
        *FULL["partnerships"]["existing"],
        {"name": "Köln", "country": "DE", "place_id": other.pk, "status": "active"},
    ]


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_story_carries_its_language_and_direction(
    owner: Client, official: CommunityRole, language: str
) -> None:
    Profile.objects.filter(community=official.community).update(
        draft={**FULL, "story": {"text": "Words", "language": language}}
    )
    html = owner.get(url("profile_preview", official)).content.decode()
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">Words' in html


def test_pages_ask_a_bounded_number_of_queries(owner: Client, official: CommunityRole) -> None:
    for name, *args in (
        ("profile",),
        ("profile_group", "facts"),
        ("profile_group", "sought"),
        ("profile_check",),
        ("profile_preview",),
    ):
        owner.get(url(name, official, *args))
        with CaptureQueriesContext(connection) as captured:
            assert owner.get(url(name, official, *args)).status_code == 200
        assert len(captured) <= 28, (name, len(captured))


@pytest.mark.parametrize(
    ("language", "people", "area"),
    [
        ("en", "12,500", "1,249.5"),
        ("de", "12.500", "1.249,5"),
        ("fr", "12\u00a0500", "1\u00a0249,5"),
        ("ar", "12,500", "1,249.5"),
    ],
)
def test_numbers_are_written_as_the_reader_writes_them(
    official: CommunityRole, language: str, people: str, area: str
) -> None:
    answers = {
        "organisation": {"volunteers": 12_500},
        "facts": {"area_km2": 1249.54, "elevation_m": 12.0},
    }
    with translation.override(language):
        shown = [
            answer.value
            for group in describe(answers, official.community)
            for answer in group.answers
        ]
    assert shown == [people, area, "12"]


@pytest.mark.parametrize(
    ("letters", "first", "second"), [(0, "#letter", "check"), (1, "check", None)]
)
def test_overview_leads_from_the_last_needed_answer_to_letter_and_hand_in(
    newcomer: CommunityRole, sign_in: SignIn, letters: int, first: str, second: str | None
) -> None:
    profile = profile_of(newcomer.community)
    VettingLetterFactory.create_batch(letters, profile=profile)
    html = one_line(sign_in(newcomer.user).get(url("profile", newcomer)).content.decode())
    steps = re.findall(r'<a class="button( button-second)?" href="([^"]+)"', html)
    address = {"#letter": "#letter", "check": url("profile_check", newcomer)}
    assert steps[0] == ("", address[first])
    assert second is None or steps[1] == (" button-second", address[second])
    assert 'id="letter"' in html


def test_overview_offers_no_second_hand_in(newcomer: CommunityRole, sign_in: SignIn) -> None:
    Profile.objects.filter(community=newcomer.community).update(status="submitted")
    html = sign_in(newcomer.user).get(url("profile", newcomer)).content.decode()
    assert "Check and submit" not in html
    assert "Check your answers" in html
