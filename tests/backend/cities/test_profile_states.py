"""The life of a profile: every status × every act × every actor, against one independent statement
of the rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import Community, Profile, ProfileVersion
from backend.cities.states import PROFILE_TRANSITIONS
from backend.common.errors import DomainError, NotAllowed, NotVisible, WrongState
from backend.outbox.models import Event
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    ProfileVersionFactory,
    UserFactory,
    document,
)

S = Profile.Status
STATUSES = list(S.values)
EVER_PUBLISHED = {S.PUBLISHED, S.STALE, S.PAUSED, S.FULFILLED, S.WITHDRAWN}
ACTORS = (
    "stranger",
    "unvetted",
    "official",
    "committee_member",
    "chair",
    "other_official",
    "curator",
    "admin",
)
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
    "resume": {S.PAUSED, S.FULFILLED},
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
    CommunityFactory(
        published=True
    )  # the first of a country needs two curators: tests/backend/cities/test_vetting.py
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
@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("status", STATUSES)
def test_every_act_of_every_actor(status: str, act: str) -> None:
    community = community_in(status)
    people, before = people_of(community), marks(community)
    for actor in ACTORS:
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
