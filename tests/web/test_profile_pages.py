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

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Profile
from backend.cities.profile_schema import GROUP_BY_CODE, GROUPS, Group
from backend.cities.profile_validation import check_document
from backend.cities.services import draft_errors, register_community
from backend.cities.vocabularies import vocabulary
from backend.web.profiles.forms import read_group
from tests.division import one_in
from tests.factories import (
    FULL_DOCUMENT,
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    ListedPartnershipFactory,
    PlaceFactory,
    VettingLetterFactory,
)
from tests.web.conftest import SignIn, profile_of
from tests.web.html_forms import PageForm, form_to, forms_of, one_line

TOPICS = list(vocabulary("topics"))


class Editor:
    """The profile pages of one community, as one signed-in person opens and sends them."""

    def __init__(self, role: CommunityRole, client: Client) -> None:
        self.community, self.client = role.community, client

    def url(self, name: str, *args: str) -> str:
        return reverse(f"web:{name}", args=[self.community.pk, *args])

    def get(self, name: str, *args: str) -> str:
        response = self.client.get(self.url(name, *args))
        assert response.status_code == 200
        return response.text

    def post(self, name: str, *args: str, **posted: Any) -> Any:
        return self.client.post(self.url(name, *args), posted)

    def form(self, group: str) -> PageForm:
        """The group's form as a browser without JavaScript holds it."""
        return form_to(self.get("profile_group", group), self.url("profile_group", group))

    def send(self, form: PageForm, **changed: Any) -> Any:
        return self.client.post(form.action, {**form.values, **changed})

    def save(self, group: str, **posted: Any) -> Any:
        given = {"revision": self.profile.draft_revision, "stop": "1"} | posted
        return self.post("profile_group", group, **given)

    def update(self, **values: Any) -> None:
        Profile.objects.filter(community=self.community).update(**values)

    @property
    def profile(self) -> Profile:
        return profile_of(self.community)

    @property
    def draft(self) -> dict[str, Any]:
        return self.profile.draft


@pytest.fixture
def owner(official: CommunityRole, sign_in: SignIn) -> Editor:
    """The official of a published community; every question of the draft is answered."""
    for code in ("DE", "JP", "MX"):
        CountryFactory(code=code)
    editor = Editor(official, sign_in(official.user))
    editor.update(draft=FULL_DOCUMENT)
    return editor


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.code)
def test_each_question_says_who_sees_its_answer(owner: Editor, group: Group) -> None:
    html = owner.get("profile_group", group.code)
    for question in group.fields:
        said = f'<span class="help small" id="{question.name}-audience">{question.audience_words}'
        assert said in html


@pytest.fixture
def registrant(newcomer: CommunityRole, sign_in: SignIn) -> Editor:
    return Editor(newcomer, sign_in(newcomer.user))


def test_full_document_is_valid(owner: Editor) -> None:
    assert check_document(FULL_DOCUMENT, complete=True) == FULL_DOCUMENT


@pytest.mark.parametrize("language", one_in(2, ["en", "de"]))
@pytest.mark.parametrize("group", [group.code for group in GROUPS])
def test_page_sent_back_untouched_changes_no_answer(
    owner: Editor, group: str, language: str
) -> None:
    """Without JavaScript: what the page shows is what was answered, of every kind, with each
    language's separators.
    """
    User.objects.filter(community_roles__community=owner.community).update(language=language)
    assert owner.send(owner.form(group), stop="1").status_code == 302
    assert {**owner.draft, "provenance": None} == {**FULL_DOCUMENT, "provenance": None}


def test_all_topics_can_be_filled_from_nothing_to_published(owner: Editor) -> None:
    owner.update(draft={})
    for group in GROUPS:
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
        assert owner.send(owner.form(group.code), **typed, next="1").status_code == 302
    assert owner.post("profile_publish").status_code == 302
    version = owner.profile.current_version
    assert version.data["languages"] == {"working": ["en", "de"]}
    assert version.data["themes"] == {"importances": {"trade": 3}}


@pytest.mark.parametrize(
    ("group", "posted", "stored", "words"),
    [
        ("facts", {"population": "about 5000"}, None, "Write a whole number, for example 12,500."),
        ("facts", {"population": -4}, None, "Write a number from 1 to 50,000,000."),
        ("identity", {"website": "city.example"}, None, "Write a web address"),
        ("needs_offers", {"needs": ["nonsense"]}, None, "is not one of the choices"),
        ("needs_offers", {"needs": TOPICS[:12]}, None, "12 are named; at most 10 can be. Take 2"),
        ("needs_offers", {"needs": TOPICS[:1] * 2}, None, "“Water management” is there twice"),
        ("sought", {"countries": ["Atlantis"]}, None, "“Atlantis” is not one of the choices"),
        ("sought", {"population_min": 9, "population_max": 5}, None, "turn them around"),
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
        ("story", {"text": "x" * 4001}, None, "at most 4000 fit"),
    ],
)
def test_wrong_value_is_kept_and_its_error_shown_beside_the_field(
    owner: Editor,
    official: CommunityRole,
    group: str,
    posted: dict[str, Any],
    stored: dict[str, Any] | None,
    words: str,
) -> None:
    """``stored`` None: what was typed is what the draft keeps."""
    response = owner.save(group, **posted)
    html = response.text
    assert response.status_code == 422
    assert words in html
    name = next(iter(posted)).split(".")[0]
    if group == "sought":
        name = html.split('href="#', 2)[2].split('"')[0]
    assert f'href="#{name}"' in html
    assert f'id="{name}"' in html
    assert owner.draft[group] == (stored or posted)
    again = owner.get("profile_group", group)
    assert words in again, "the error is there again when the page is opened later"


def test_needs_are_put_in_order_by_buttons(owner: Editor) -> None:
    """Without a mouse or JavaScript; the first three say that they count double."""
    assert owner.get("profile_group", "needs_offers").count("counts double\n") == 3
    given = ["biodiversity", "", "irrigation", "libraries"]
    for move in ("3.up", "0.down", "2.down", "9.up"):
        moved = owner.save("needs_offers", needs=given, move=f"needs.{move}")
        assert (moved.status_code, moved.url.partition("#")[2]) == (302, "needs")
        given = owner.draft["needs_offers"]["needs"]
    assert given == ["libraries", "biodiversity", "irrigation"]
    shown = one_line(owner.get("profile_preview"))
    assert '<li class="tag">Libraries</li><li class="tag">Biodiversity</li>' in shown
    moves = re.findall(r'value="needs\.(\d\.\w+)"', owner.get("profile_group", "needs_offers"))
    assert moves == ["0.down", "1.up", "1.down", "2.up"]


def test_character_that_cannot_be_stored_is_refused(owner: Editor) -> None:
    before = owner.draft
    assert owner.save("story", text="a\x00b").status_code == 400
    assert owner.draft == before


THEIRS = {"text": "Theirs", "language": "en", "english": "x"}


def choice(response: Any, owner: Editor) -> PageForm:
    """The form in which the editor chooses between both answers, after a conflict."""
    assert response.status_code == 409
    return form_to(response.text, owner.url("profile_settle", "story"))


def test_two_editors_of_one_answer_see_both_and_choose(owner: Editor, sign_in: SignIn) -> None:
    role = CommunityRoleFactory(community=owner.community)
    other = Editor(role, sign_in(role.user))
    mine, theirs = owner.form("story"), other.form("story")
    assert other.send(theirs, text="Theirs", stop="1").status_code == 302
    response = owner.send(mine, text="Mine", english="Only I", stop="1")
    assert "Theirs" in response.text
    assert "Mine" in response.text
    assert owner.draft["story"]["text"] == "Theirs"
    form = choice(response, owner)
    assert form.values["asked"] == ["text"], "only what both changed is asked about"
    undecided = owner.send(form)
    assert "Choose one of the two" in undecided.text
    again = choice(undecided, owner)
    assert owner.send(again, **{"keep.text": "mine"}).status_code == 302
    story = owner.draft["story"]
    assert (story["text"], story["english"]) == ("Mine", "Only I")


def test_taking_theirs_keeps_what_only_i_changed(owner: Editor) -> None:
    mine = owner.form("story")
    assert owner.save("story", **THEIRS).status_code == 302
    form = choice(owner.send(mine, text="Mine", english="Only I"), owner)
    assert owner.send(form, **{"keep.text": "theirs"}).status_code == 302
    story = owner.draft["story"]
    assert (story["text"], story["english"]) == ("Theirs", "Only I")


def test_third_save_while_choosing_asks_again(owner: Editor) -> None:
    mine = owner.form("story")
    owner.save("story", **THEIRS)
    form = choice(owner.send(mine, text="Mine"), owner)
    owner.save("story", **THEIRS | {"text": "A third"})
    late = owner.send(form, **{"keep.text": "mine"})
    assert late.status_code == 409
    assert "A third" in late.text
    assert owner.draft["story"]["text"] == "A third"


def test_two_editors_of_different_answers_do_not_collide(owner: Editor) -> None:
    mine = owner.form("facts")
    assert owner.save("story", **THEIRS).status_code == 302
    theirs = owner.form("facts")
    assert owner.send(theirs, area_km2="300", stop="1").status_code == 302
    assert owner.send(mine, median_age="41", stop="1").status_code == 302
    facts = owner.draft["facts"]
    assert (facts["area_km2"], facts["median_age"]) == (300, 41), (
        "an answer that I did not touch stays as the other left it"
    )


@pytest.mark.parametrize("mine", ["", "[]", '{"colour": "red"}', "{"])
def test_choice_without_whole_answers_is_refused(owner: Editor, mine: str) -> None:
    before = owner.draft
    assert owner.post("profile_settle", "story", mine=mine, revision=0).status_code == 400
    assert owner.draft == before


@pytest.mark.parametrize("revision", ["", "x", "-1", "99999999999999999999", "²"])
def test_tampered_revision_is_a_conflict(owner: Editor, revision: str) -> None:
    response = owner.post("profile_group", "story", revision=revision, text="Mine")
    assert response.status_code == 409


def test_autosave_saves_and_hands_back_the_new_revision(owner: Editor) -> None:
    posted = {"revision": 0, "text": "While I write", "language": "en"}
    assert 'value="1"' in owner.post("profile_autosave", "story", **posted).text
    assert owner.draft["story"]["text"] == "While I write"
    late = {**posted, "text": "Another page", "seen": "{}"}
    assert "somebody else" in owner.post("profile_autosave", "story", **late).text
    assert owner.draft["story"]["text"] == "While I write"


def test_check_page_names_what_is_missing_and_links_there(registrant: Editor) -> None:
    registrant.update(draft={})
    html = registrant.get("profile_check")
    assert registrant.url("profile_group", "story") + "#text" in html
    assert registrant.url("profile_submit") not in html
    response = registrant.post("profile_submit")
    assert response.status_code == 422
    assert registrant.profile.status == Profile.Status.DRAFT


def test_newcomer_submits_and_cannot_publish(registrant: Editor) -> None:
    assert registrant.post("profile_publish").status_code == 403
    assert registrant.post("profile_submit").status_code == 302
    assert registrant.profile.status == Profile.Status.SUBMITTED
    assert registrant.post("profile_submit").status_code == 409


@pytest.mark.parametrize(
    ("acts", "status"),
    [
        (["pause"], "paused"),
        (["pause", "resume"], "published"),
        (["confirm"], "published"),
    ],
)
def test_life_of_a_profile(owner: Editor, acts: list[str], status: str) -> None:
    for act in acts:
        assert owner.post("profile_status", act=act).status_code == 302
    assert owner.profile.status == status


def test_unknown_status_change_is_refused(owner: Editor) -> None:
    assert owner.post("profile_status", act="explode").status_code == 400


def test_committee_members_do_not_see_the_draft(owner: Editor) -> None:
    CommunityRole.objects.filter(community=owner.community).update(role="committee_member")
    for name in ("profile", "profile_check"):
        assert owner.client.get(owner.url(name)).status_code == 404


def test_german_page_shows_and_keeps_a_german_number(owner: Editor) -> None:
    User.objects.filter(community_roles__community=owner.community).update(language="de")
    owner.save("facts", population="249.500", area_km2="12,5")
    facts = owner.draft["facts"]
    assert (facts["population"], facts["area_km2"]) == (249_500, 12.5)
    assert 'value="12,5"' in owner.get("profile_group", "facts")


def test_country_is_known_in_any_spelling_or_by_its_code(db: None) -> None:
    for code in ("DE", "JP"):
        CountryFactory(code=code)
    post = QueryDict("countries=GERMANY&countries=jp&countries=")
    assert read_group(GROUP_BY_CODE["sought"], post)["countries"] == ["DE", "JP"]


@pytest.mark.parametrize("typed", ["#{pk}", "{pk}", "Graz", "graz", "グラーツ", "Graz #{pk}"])
def test_tie_leads_to_a_community_by_its_name_or_number(owner: Editor, typed: str) -> None:
    other = CommunityFactory(name="Graz", local_name="グラーツ", published=True, country_code="DE")
    posted = {
        "ties.0.kind": "trade",
        "ties.0.community": typed.format(pk=other.pk),
        "ties.0.strength": "1",
    }
    assert owner.save("ties", **posted).status_code == 302
    assert owner.draft["ties"] == {
        "ties": [{"kind": "trade", "community_id": other.pk, "strength": 1}]
    }
    assert not draft_errors(owner.profile)
    assert f"Graz #{other.pk}" in owner.get("profile_group", "ties")


@pytest.mark.parametrize(
    "typed",
    ["Nowhere", "Springfield", "Hidden", "#{hidden}", "#999999", "#" + "9" * 19, "#" + "9" * 40],
)
def test_tie_to_no_or_to_several_communities_is_kept_as_typed_with_its_error(
    owner: Editor, typed: str
) -> None:
    for _ in range(2):
        CommunityFactory(name="Springfield", published=True)
    hidden = CommunityFactory(name="Hidden")  # never published: nobody learns that it is registered
    typed = typed.format(hidden=hidden.pk)
    posted = {"ties.0.kind": "trade", "ties.0.community": typed, "ties.0.strength": "1"}
    assert owner.save("ties", **posted).status_code == 422
    html = owner.get("profile_group", "ties")
    as_read = typed.lstrip("#") if len(typed) < 19 else typed
    assert f'value="{as_read}"' in html
    assert f"“{as_read}” is not the name of exactly one community here." in html
    for page in ("profile_check", "profile_preview"):
        assert owner.get(page)


def test_opening_the_confirm_page_changes_nothing_and_its_button_confirms(owner: Editor) -> None:
    owner.update(status="stale")
    before = Profile.objects.values().get(community=owner.community)
    html = owner.get("profile_confirm")
    assert Profile.objects.values().get(community=owner.community) == before
    assert "a city by the water" in html.lower(), "what is to be confirmed is there to read"
    form = form_to(html, owner.url("profile_confirm"))
    assert owner.send(form).status_code == 302
    assert owner.profile.status == Profile.Status.PUBLISHED


@pytest.mark.parametrize(
    "status", ["draft", "submitted", "changes_requested", "paused", "fulfilled", "withdrawn"]
)
def test_what_cannot_be_confirmed_has_no_button(owner: Editor, status: str) -> None:
    owner.update(status=status)
    html = owner.get("profile_confirm")
    assert owner.url("profile_confirm") not in [form.action for form in forms_of(html)]
    assert owner.post("profile_confirm").status_code == 409


def test_preview_is_the_public_page_of_the_draft(owner: Editor) -> None:
    owner.update(draft={**FULL_DOCUMENT, "facts": {"population": "many", "area_km2": 7.25}})
    html = owner.get("profile_preview")
    assert "Two lines," in html
    assert ">many<" not in one_line(html), "what cannot be published is not shown"
    assert "7.2" in html
    assert "without 1 answer that needs correcting" in html
    assert "Alex Doe" not in html.split('id="not-public"')[0], "who speaks for it is for staff"
    assert "Two lines," not in Client().get(owner.url("community")).text


def test_pause_with_a_day(owner: Editor) -> None:
    refused = owner.post("profile_status", act="pause", until="soon")
    assert "Write the day as year-month-day" in owner.client.get(refused.url).text
    assert owner.profile.status == Profile.Status.PUBLISHED
    day = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=40)
    owner.post("profile_status", act="pause", until=day.isoformat())
    assert owner.profile.paused_until == day
    assert "seeks again by itself" in owner.get("profile")
    assert "seeks again by itself" in owner.client.get(reverse("web:dashboard")).text


def test_open_data_are_shown_beside_their_fields_and_confirmed_by_saving(
    stranger: User, sign_in: SignIn
) -> None:
    client = sign_in(stranger)
    place = PlaceFactory(country=CountryFactory(code="DE"), elevation_m=12.5, coastal=True)
    community = register_community(by=stranger, place_id=place.pk)
    owner = Editor(community.roles.get(), client)
    html = owner.get("profile_group", "facts")
    assert "GeoNames (CC BY 4.0), November 2026: 100,000. Please confirm." in html
    posted = owner.form("facts").values | {"median_age": "40"}
    owner.post("profile_autosave", "facts", **posted)
    states = {kept["state"] for kept in owner.draft["provenance"].values()}
    assert states == {"prefilled"}, "saving while one types confirms nothing"
    owner.send(owner.form("facts"), elevation_m="30", stop="1")
    html = owner.get("profile_group", "facts")
    assert "says: 100,000. You confirmed it." in html
    assert "You corrected this. GeoNames (CC BY 4.0), March 2023, says: 12.5." in html


def test_listed_partner_is_taken_over_with_one_tick(owner: Editor) -> None:
    other = PlaceFactory(name="Köln", country=CountryFactory(code="DE"))
    ListedPartnershipFactory(place_a=owner.community.place, place_b=other)
    form = owner.form("partnerships")
    assert owner.send(form, add_listed=[other.pk], stop="1").status_code == 302
    rows = owner.draft["partnerships"]["existing"]
    assert rows == [
        *FULL_DOCUMENT["partnerships"]["existing"],
        {"name": "Köln", "country": "DE", "place_id": other.pk, "status": "active"},
    ]


@pytest.mark.parametrize("language", ["fr", "ar"])
def test_story_carries_its_language_and_direction(owner: Editor, language: str) -> None:
    owner.update(draft={**FULL_DOCUMENT, "story": {"text": "Words", "language": language}})
    html = owner.get("profile_preview")
    assert f'lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">Words' in html


def test_pages_ask_a_bounded_number_of_queries(owner: Editor) -> None:
    groups = [("profile_group", "facts"), ("profile_group", "sought")]
    for page in (("profile",), *groups, ("profile_check",), ("profile_preview",)):
        owner.get(*page)
        with CaptureQueriesContext(connection) as captured:
            owner.get(*page)
        assert len(captured) <= 28, (page, len(captured))


@pytest.mark.parametrize(
    ("letters", "first", "second"), [(0, "#letter", "check"), (1, "check", None)]
)
def test_overview_leads_from_the_last_needed_answer_to_letter_and_hand_in(
    registrant: Editor, letters: int, first: str, second: str | None
) -> None:
    profile = registrant.profile
    VettingLetterFactory.create_batch(letters, profile=profile)
    html = one_line(registrant.get("profile"))
    steps = re.findall(r'<a class="button( button-second)?" href="([^"]+)"', html)
    address = {"#letter": "#letter", "check": registrant.url("profile_check")}
    assert steps[0] == ("", address[first])
    assert second is None or steps[1] == (" button-second", address[second])
    assert 'id="letter"' in html


def test_overview_offers_no_second_hand_in(registrant: Editor) -> None:
    registrant.update(status="submitted")
    html = registrant.get("profile")
    assert "Check and submit" not in html
    assert "Check your answers" in html
