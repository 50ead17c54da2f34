"""Drafts of profiles, and every status × every act × every actor."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from backend.accounts.models import User
from backend.cities import services
from backend.cities.drafts import DraftConflict, changed_answers, with_answers
from backend.cities.models import Community, Profile, ProfileVersion
from backend.cities.profile_schema import GROUPS
from backend.cities.profile_validation import check_document, valid_part
from backend.cities.queries import WALK, progress_of
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.errors import DomainError, InvalidFields, NotAllowed, NotVisible, WrongState
from backend.outbox.models import Event
from tests.actors import SIGNED_IN, at_once
from tests.division import one_in
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    CountryFactory,
    PlaceFactory,
    ProfileFactory,
    ProfileVersionFactory,
    UserFactory,
    document,
)

# Saving drafts: two editors, open data with their state, and what a save writes.


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
def test_of_two_simultaneous_saves_one_gets_the_conflict() -> None:
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


def state(profile: Profile) -> dict[str, str]:
    return {path: kept["state"] for path, kept in profile.draft["provenance"].items()}


@pytest.mark.django_db
def test_registration_fills_in_what_open_data_know_and_says_so() -> None:
    community, _user = registered(elevation_m=12.5, port_kind="")
    draft = community.profile.draft
    assert draft["facts"] == {"population": 100_000, "elevation_m": 12.5, "income_band": 4}
    assert draft["languages"] == {"working": ["de"]}, "official languages that the vocabulary knows"
    assert draft["provenance"]["facts.elevation_m"] == {
        "source": "GeoNames",
        "date": "2023-03",
        "value": 12.5,
        "state": "prefilled",
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
    assert state(saved) == {
        "facts.population": "confirmed",
        "facts.elevation_m": "corrected",
        "facts.income_band": "prefilled",
        "languages.working": "confirmed",
    }
    assert saved.draft["provenance"]["facts.elevation_m"]["value"] == 12.5
    again = save(user, community.profile, {"facts": {"elevation_m": 12.5}}, saved.draft_revision)
    assert state(again)["facts.elevation_m"] == "confirmed"


@pytest.mark.django_db
def test_published_document_keeps_where_its_answers_come_from() -> None:
    community, user = registered()
    saved = save(user, community.profile, document(facts={"population": 5}), 0)
    data = check_document(saved.draft, complete=True)
    assert data["provenance"]["facts.population"]["state"] == "corrected"
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
        facts={"population": "many", "median_age": 40},
        sought={"population_min": 9, "population_max": 5, "countries": ["DE"]},
        challenges={"challenges": ["nonsense"]},
        nonsense={"a": 1},
    )
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
def test_community_is_not_its_own_partner() -> None:
    region = "Nordrhein-Westfalen"
    own = CommunityFactory(name="Köln", local_name="Kölle", country_code="DE", admin1=region)
    namesake = PlaceFactory(country=own.country)

    def wrong(row: dict[str, Any]) -> list[str]:
        answers = {"partnerships": {"existing": [{"country": "DE", **row}]}}
        return list(valid_part(answers, own)[1])

    for itself in (
        {"name": "KOLN"},
        {"name": "Kölle"},
        {"name": f"Köln, {region}"},
        {"name": "Cologne", "place_id": own.place_id},
    ):
        assert wrong(itself) == ["partnerships.existing"], itself
    assert wrong({"name": "Köln", "place_id": namesake.pk}) == []
    assert wrong({"name": "Köln (Thüringen)"}) == []
    own = CommunityFactory(name="Alba County", kind="county", place=None, country_code="DE")
    assert wrong({"name": "County of Alba"}) == ["partnerships.existing"]
    published = CommunityFactory(published=True)
    tie = {"kind": "trade", "community_id": published.pk, "strength": 1}
    answers = {"ties": {"ties": [tie]}}
    assert valid_part(answers)[1] == {}
    assert list(valid_part(answers, published)[1]) == ["ties.ties"]


@pytest.mark.django_db
def test_partnership_named_twice_is_pointed_out() -> None:
    CountryFactory(code="DE")
    rows = [{"name": "Köln", "country": "DE"}, {"name": "KOLN ", "country": "DE"}]
    assert valid_part(document(partnerships={"existing": rows}))[1] == {
        "partnerships.existing": [
            "“KOLN” is there twice; keep one row. If there are two places of that name, choose for "
            "each which one it is."
        ]
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
    community, _user = registered(
        elevation_m=12.5, coastal=True, port_kind="none", air_destinations=3
    )
    progress = progress_of(community.profile)
    assert progress.minutes_needed <= 8
    assert progress.minutes_left <= 15
    assert (
        progress_of(ProfileFactory(community=CommunityFactory(), draft=document())).needed_left
        == ()
    )


# The life of a profile: every status × every act × every actor, against one independent
# statement of the rules.


S = Profile.Status
STATUSES = list(S.values)
EVER_PUBLISHED = {S.PUBLISHED, S.STALE, S.PAUSED, S.FULFILLED, S.WITHDRAWN}
Act = Callable[[User, Community], Any]


def _owner(service: Callable[..., Any]) -> Act:
    return lambda by, community: service(by=by, community_id=community.pk)


ACTS: dict[str, Act] = {
    "submit": _owner(services.submit_profile),
    "republish": _owner(services.republish_profile),
    "confirm": _owner(services.confirm_profile),
    "pause": _owner(services.pause_profile),
    "resume": _owner(services.resume_profile),
    "fulfil": _owner(services.mark_fulfilled),
    "withdraw": _owner(services.withdraw_profile),
    "publish": lambda by, community: services.approve_profile(
        by=by, community_id=community.pk, revision=community.profile.draft_revision
    ),
    "request_changes": lambda by, community: services.request_changes(
        by=by, community_id=community.pk, reason="letter_missing", text="Please."
    ),
}
# The rules once more, in other words than the code's: from where an act leads, and whereto.
FROM: dict[str, set[str]] = {
    "submit": {S.DRAFT, S.CHANGES_REQUESTED, S.WITHDRAWN},
    "publish": {S.SUBMITTED},
    "request_changes": {S.SUBMITTED},
    "republish": {S.PUBLISHED, S.STALE, S.PAUSED, S.FULFILLED},
    "confirm": {S.PUBLISHED, S.STALE},
    "pause": {S.PUBLISHED, S.STALE},
    "resume": {S.PAUSED, S.FULFILLED, S.WITHDRAWN},
    "fulfil": {S.PUBLISHED, S.STALE, S.PAUSED},
    "withdraw": set(STATUSES) - {S.WITHDRAWN},
}
TO: dict[str, str] = {
    "submit": S.SUBMITTED,
    "publish": S.PUBLISHED,
    "request_changes": S.CHANGES_REQUESTED,
    "republish": S.PUBLISHED,
    "confirm": S.PUBLISHED,
    "pause": S.PAUSED,
    "resume": S.PUBLISHED,
    "fulfil": S.FULFILLED,
    "withdraw": S.WITHDRAWN,
}
OF_STAFF = {"publish", "request_changes"}


def may(actor: str, act: str) -> bool:
    return (
        actor == "curator"
        if act in OF_STAFF
        else actor in ({"official"} if act == "republish" else {"official", "unvetted"})
    )


def community_in(status: str) -> Community:
    # The first of a country needs two curators: tests/backend/cities/test_vetting.py
    CommunityFactory(published=True)
    community = CommunityFactory()
    profile = Profile.objects.create(community=community, draft=document())
    if status in EVER_PUBLISHED:
        profile.current_version = ProfileVersionFactory(profile=profile, number=1)
        profile.confirmed_at = MOMENT
    profile.status = status
    profile.save()
    return community


def people_of(community: Community) -> dict[str, User]:
    people: dict[str, User] = {
        "stranger": UserFactory(),
        "curator": UserFactory(curator=True),
        "admin": UserFactory(admin=True),
    }
    for actor, values in {
        "unvetted": {"vetted_at": None},
        "official": {},
        "committee_member": {"role": "committee_member"},
        "chair": {"role": "chair"},
        "volunteer": {"role": "volunteer"},
    }.items():
        people[actor] = CommunityRoleFactory(community=community, **values).user
    people["other_official"] = CommunityRoleFactory().user
    return people


def marks(community: Community) -> tuple[Any, ...]:
    """Everything that an act may change."""
    profile = Profile.objects.filter(community=community).values().get()
    return (
        profile,
        ProfileVersion.objects.filter(profile__community=community).count(),
        Event.objects.count(),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "act"),
    one_in(
        5, itertools.product(STATUSES, ACTS), always=lambda status, act: status == min(FROM[act])
    ),
)
def test_every_act_of_every_actor(status: str, act: str) -> None:
    community = community_in(status)
    people, before = people_of(community), marks(community)
    for actor in SIGNED_IN:
        with transaction.atomic():
            try:
                with transaction.atomic():
                    ACTS[act](people[actor], Community.objects.get(pk=community.pk))
            except DomainError as error:
                assert marks(community) == before, f"{actor}: refused, and yet something changed"
                refused: DomainError | None = error
            else:
                refused = None
            if may(actor, act) and status in FROM[act]:
                assert refused is None, (actor, refused)
                after = Profile.objects.get(community=community)
                assert after.status == TO[act]
                assert TO[act] in PROFILE_TRANSITIONS[S(status)], (
                    "a transition that the table does not know"
                )
                assert Event.objects.count() == before[2] + 1, "one act, one event"
                event = Event.objects.latest("id")
                assert (event.by_id, event.community_id, event.subject_id) == (
                    people[actor].pk,
                    community.pk,
                    after.pk,
                )
            elif may(actor, act):
                assert isinstance(refused, WrongState), (actor, refused)
            else:
                # Who may not do it learns nothing of the status either.
                assert isinstance(refused, NotVisible | NotAllowed), (actor, refused)
                if actor in ("stranger", "other_official"):
                    assert isinstance(refused, NotVisible), refused
            transaction.set_rollback(True)


def test_every_transition_of_the_table_has_its_act() -> None:
    acts = {(old, TO[act]) for act, olds in FROM.items() for old in olds}
    by_the_clock = {(S.PUBLISHED, S.STALE)}
    assert acts | by_the_clock == {
        (old, new) for old, news in PROFILE_TRANSITIONS.items() for new in news
    }


@pytest.mark.django_db
def test_withdrawn_profile_comes_back_without_a_new_vetting_unless_one_was_asked_for() -> None:
    community = community_in(S.PUBLISHED)
    official = CommunityRoleFactory(community=community).user
    owner = {"by": official, "community_id": community.pk}
    version = community.profile.current_version
    services.withdraw_profile(**owner)
    services.save_draft(**owner, changes={"story": {"text": "Changed"}}, revision=0)
    with pytest.raises(WrongState, match="Resume the profile first"):
        services.republish_profile(**owner)
    profile = services.resume_profile(**owner)
    assert (profile.status, profile.current_version) == (S.PUBLISHED, version)
    services.republish_profile(**owner)

    services.withdraw_profile(**owner)
    services.submit_profile(**owner)
    # The database's clock does not go on within the one transaction of a test
    Profile.objects.update(submitted_at=dt.datetime.now(dt.UTC))
    with pytest.raises(WrongState, match="Staff are reading"):
        services.republish_profile(**owner)
    services.withdraw_profile(**owner)
    with pytest.raises(WrongState, match="have not approved"):
        services.resume_profile(**owner)


def test_table_is_total() -> None:
    assert set(PROFILE_TRANSITIONS) == set(STATUSES)


@pytest.mark.django_db
def test_unvetted_registrant_cannot_put_a_profile_before_the_public() -> None:
    """Nobody is public before a curator has published: whatever an unvetted registrant does, in any
    order.
    """
    community = community_in(S.DRAFT)
    registrant = CommunityRoleFactory(community=community, vetted_at=None).user
    for act in (
        "submit",
        "republish",
        "confirm",
        "resume",
        "pause",
        "fulfil",
        "withdraw",
        "submit",
        "republish",
        "resume",
        "confirm",
    ):
        try:
            with transaction.atomic():
                ACTS[act](registrant, community)
        except DomainError:
            pass
        assert not Community.objects.public().filter(pk=community.pk).exists(), act
        assert not ProfileVersion.objects.filter(profile__community=community).exists(), act
