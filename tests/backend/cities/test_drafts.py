"""Saving drafts: two editors, open data with their standing, and what a save writes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.cities import services
from backend.cities.drafts import DraftConflict, changed_answers, with_answers
from backend.cities.models import Community, Profile
from backend.cities.profile_schema import GROUPS
from backend.cities.profile_validation import check_document, valid_part
from backend.cities.queries import WALK, progress_of
from backend.common.errors import InvalidFields
from backend.outbox.models import Event
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    PlaceFactory,
    ProfileFactory,
    UserFactory,
    document,
)
from tests.simultaneous import at_once


@pytest.fixture
def profile(db: None) -> Profile:
    return ProfileFactory(draft=document())


@pytest.fixture
def official(profile: Profile) -> User:
    return CommunityRoleFactory(community=profile.community).user


def save(
    by: User, profile: Profile, changes: dict[str, Any], revision: int, **more: Any
) -> Profile:
    return services.save_draft(
        by=by, community_id=profile.community_id, changes=changes, revision=revision, **more
    )


def test_save_that_changes_nothing_writes_nothing(profile: Profile, official: User) -> None:
    saved = save(official, profile, {"story": document()["story"], "identity": {"website": ""}}, 0)
    assert saved.draft_revision == 0
    assert not Event.objects.exists()


def test_editors_of_different_answers_both_win(profile: Profile, official: User) -> None:
    save(official, profile, {"story": {"text": "Mine"}}, 0)
    late = save(official, profile, {"story": {"english": "Yours"}, "facts": {"median_age": 41}}, 0)
    assert late.draft["story"] == {"text": "Mine", "language": "en", "english": "Yours"}
    assert late.draft_revision == 2


def test_editors_of_one_answer_collide_with_both_values_and_nothing_is_stored(
    profile: Profile, official: User
) -> None:
    save(official, profile, {"story": {"text": "First"}}, 0)
    with pytest.raises(DraftConflict) as caught:
        save(official, profile, {"story": {"text": "Second", "english": "More"}}, 0)
    assert caught.value.collisions == {"story.text": ("Second", "First")}
    assert caught.value.revision == 1
    assert "english" not in Profile.objects.get(pk=profile.pk).draft["story"]


def test_editors_who_write_the_same_do_not_collide(profile: Profile, official: User) -> None:
    save(official, profile, {"story": {"text": "Same"}}, 0)
    assert save(official, profile, {"story": {"text": "Same"}}, 0).draft_revision == 1


@pytest.mark.parametrize("revision", [-1, 99])
def test_revision_that_never_was_collides_with_every_change(
    profile: Profile, official: User, revision: int
) -> None:
    with pytest.raises(DraftConflict):
        save(official, profile, {"story": {"text": "New"}}, revision)


@pytest.mark.django_db(transaction=True)
def test_two_saves_at_one_moment_one_is_told() -> None:
    profile = ProfileFactory(draft=document())
    first, second = (CommunityRoleFactory(community=profile.community).user for _ in range(2))
    outcomes = at_once(
        lambda: save(first, profile, {"story": {"text": "First"}}, 0),
        lambda: save(second, profile, {"story": {"text": "Second"}}, 0),
    )
    assert sorted(type(error).__name__ for error in outcomes) == ["DraftConflict", "NoneType"]
    stored = Profile.objects.get(pk=profile.pk)
    assert stored.draft["story"]["text"] == ("First" if outcomes[0] is None else "Second")
    assert stored.draft_revision == 1


def registered(**place: Any) -> tuple[Community, User]:
    user = UserFactory()
    country = CountryFactory(code="DE", languages=["de", "xx"])
    return services.register_community(
        by=user, place_id=PlaceFactory(country=country, **place).pk
    ), user


def standing(profile: Profile) -> dict[str, str]:
    return {path: kept["standing"] for path, kept in profile.draft["provenance"].items()}


@pytest.mark.django_db
def test_registration_fills_in_what_open_data_know_and_says_so() -> None:
    community, _user = registered(elevation_m=12.5, seaport=None)
    draft = community.profile.draft
    assert draft["facts"] == {"population": 100_000, "elevation_m": 12.5, "income_band": 4}
    assert draft["languages"] == {"working": ["de"]}, "official languages that the vocabulary knows"
    assert draft["provenance"]["facts.elevation_m"] == {
        "source": "GeoNames",
        "date": "2023-03",
        "value": 12.5,
        "standing": "prefilled",
    }
    states = {topic.group.code: topic.state for topic in progress_of(community.profile).topics}
    assert states["facts"] == states["languages"] == "to_confirm"


@pytest.mark.django_db
def test_answers_are_confirmed_corrected_or_emptied() -> None:
    community, user = registered(elevation_m=12.5, coastal=True)
    confirm = ["facts.population", "facts.elevation_m"]
    saved = save(
        user,
        community.profile,
        {"facts": {"elevation_m": 30, "coastal": None}, "languages": {"working": ["de"]}},
        0,
        confirm=confirm,
    )
    assert standing(saved) == {
        "facts.population": "confirmed", "facts.elevation_m": "corrected", "facts.income_band": "prefilled",
        "languages.working": "confirmed",
    }  # fmt: skip
    assert saved.draft["provenance"]["facts.elevation_m"]["value"] == 12.5
    again = save(user, community.profile, {"facts": {"elevation_m": 12.5}}, saved.draft_revision)
    assert standing(again)["facts.elevation_m"] == "confirmed"


@pytest.mark.django_db
def test_published_document_keeps_where_its_answers_come_from() -> None:
    community, user = registered()
    saved = save(user, community.profile, document(facts={"population": 5}), 0)
    data = check_document(saved.draft, complete=True)
    assert data["provenance"]["facts.population"]["standing"] == "corrected"
    assert check_document(data, complete=True) == data


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["story.text", "facts.median_age", "nonsense", ""])
def test_only_open_data_can_be_confirmed(profile: Profile, official: User, path: str) -> None:
    with pytest.raises(InvalidFields):
        save(official, profile, {}, 0, confirm=[path])


@pytest.mark.django_db
def test_valid_part_leaves_out_what_is_wrong_and_keeps_the_rest() -> None:
    CountryFactory(code="DE")
    draft = document(
        facts={"population": "many", "median_age": 40}, sought={"population_min": 9, "population_max": 5, "countries": ["DE"]},
        challenges={"challenges": ["nonsense"]}, nonsense={"a": 1},
    )  # fmt: skip
    clean, errors = valid_part(draft)
    assert set(errors) == {
        "facts.population",
        "sought.population_max",
        "challenges.challenges",
        "nonsense",
    }
    assert clean["facts"] == {"median_age": 40}
    assert clean["sought"] == {"population_min": 9, "countries": ["DE"]}
    assert "challenges" not in clean


@pytest.mark.django_db
def test_partnership_named_twice_is_pointed_out() -> None:
    CountryFactory(code="DE")
    rows = [{"name": "Köln", "country": "DE"}, {"name": "KOLN ", "country": "DE"}]
    assert valid_part(document(partnerships={"existing": rows}))[1] == {
        "partnerships.existing": ["“KOLN” stands there twice; keep one row."]
    }


_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
)
_answers = st.dictionaries(
    st.sampled_from(["story", "facts"]),
    st.dictionaries(st.sampled_from(["a", "b"]), _values, max_size=2),
    max_size=2,
)


@given(_answers, _answers)
def test_changes_lead_to_what_was_sent_and_are_none_the_second_time(
    draft: dict[str, Any], changes: dict[str, Any]
) -> None:
    merged = with_answers(draft, changed_answers(draft, changes))
    assert changed_answers(merged, changes) == {}
    untouched = {(g, f) for g, answers in draft.items() for f in answers} - {
        (g, f) for g, answers in changes.items() for f in answers
    }
    assert all(merged[g][f] == draft[g][f] for g, f in untouched)


def test_walk_holds_every_topic_once_the_needed_ones_first() -> None:
    assert sorted(group.code for group in WALK) == sorted(group.code for group in GROUPS)
    needed = [group.is_needed for group in WALK]
    assert needed == sorted(needed, reverse=True)


@pytest.mark.django_db
def test_whole_profile_takes_at_most_fifteen_minutes() -> None:
    community, _user = registered(elevation_m=12.5, coastal=True, seaport=False, air_destinations=3)
    progress = progress_of(community.profile)
    assert progress.minutes_needed <= 8
    assert progress.minutes_left <= 15
    assert (
        progress_of(ProfileFactory(community=CommunityFactory(), draft=document())).needed_left
        == ()
    )
