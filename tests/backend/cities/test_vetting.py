"""Vetting: every state × act × actor, two approvals for a country's first profile, races, and what
the owner is told and answers.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from backend.accounts.models import User
from backend.cities import services
from backend.cities.models import (
    Community,
    CommunityRole,
    Profile,
    ProfileVersion,
    VettingApproval,
    VettingNote,
)
from backend.common.errors import Conflict, DomainError, InvalidFields, NotVisible, WrongState
from backend.outbox.models import Event
from tests.actors import SIGNED_IN, outcomes_of
from tests.division import one_in
from tests.factories import (
    MOMENT,
    CommunityFactory,
    CommunityRoleFactory,
    ProfileVersionFactory,
    UserFactory,
    VettingNoteFactory,
    document,
)
from tests.web.html_forms import url

S = Profile.Status
EVER_PUBLISHED = {S.PUBLISHED, S.STALE, S.PAUSED, S.FULFILLED, S.WITHDRAWN}


def in_state(status: str) -> Community:
    """A community whose profile has that status; staff have asked for something once."""
    community = CommunityFactory()
    profile = Profile.objects.create(community=community, draft=document(), draft_revision=3)
    if status in EVER_PUBLISHED:
        profile.current_version, profile.confirmed_at = (
            ProfileVersionFactory(profile=profile, number=1),
            MOMENT,
        )
    profile.status = status
    profile.save()
    VettingNoteFactory(profile=profile)
    return community


def people_of(community: Community) -> dict[str, User]:
    kinds: dict[str, dict[str, Any]] = {
        "unvetted": {"vetted_at": None},
        "official": {},
        "committee_member": {"role": "committee_member"},
        "chair": {"role": "chair"},
        "volunteer": {"role": "volunteer"},
    }
    people = {
        kind: CommunityRoleFactory(community=community, **values).user
        for kind, values in kinds.items()
    }
    others = {
        "stranger": UserFactory(),
        "curator": UserFactory(curator=True),
        "admin": UserFactory(admin=True),
    }
    return people | others | {"other_official": CommunityRoleFactory().user}


def approve(by: User, community: Community, revision: int = 3) -> VettingApproval:
    return services.approve_profile(by=by, community_id=community.pk, revision=revision)


ACTS: dict[str, tuple[Callable[[User, Community], Any], set[str], str]] = {
    # act: (how, who may, from which state)
    "approve": (approve, {"curator"}, S.SUBMITTED),
    "request changes": (
        lambda by, community: services.request_changes(
            by=by, community_id=community.pk, reason="wrong_community", text="Which?"
        ),
        {"curator"},
        S.SUBMITTED,
    ),
    "answer": (
        lambda by, community: services.answer_changes(
            by=by, community_id=community.pk, answer="This one."
        ),
        {"unvetted", "official"},
        S.CHANGES_REQUESTED,
    ),
}


def marks(community: Community) -> tuple[Any, ...]:
    tables = (Profile, ProfileVersion, VettingApproval, VettingNote, CommunityRole)
    return (
        *(list(table.objects.order_by("pk").values()) for table in tables),
        Event.objects.count(),
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("status", "act"),
    one_in(
        4, itertools.product(S.values, ACTS), always=lambda status, act: status == ACTS[act][-1]
    ),
)
def test_every_state_and_every_actor(status: str, act: str) -> None:
    how, allowed, begins = ACTS[act]
    community = in_state(status)
    people, before = people_of(community), marks(community)
    for actor in SIGNED_IN:
        with transaction.atomic():
            try:
                with transaction.atomic():
                    how(people[actor], community)
                refused: DomainError | None = None
            except DomainError as error:
                refused = error
                assert marks(community) == before
            if actor not in allowed:
                assert isinstance(refused, NotVisible), (actor, refused)
            elif status != begins:
                assert isinstance(refused, WrongState), (actor, refused)
            else:
                assert refused is None, (actor, refused)
                assert Event.objects.count() == before[-1] + 1
            transaction.set_rollback(True)


@pytest.fixture
def first(db: None) -> Community:
    """The first profile of its country, submitted."""
    community = in_state(S.SUBMITTED)
    CommunityRoleFactory(community=community, vetted_at=None)
    return community


def status_of(community: Community) -> str:
    return Profile.objects.get(community=community).status


def test_first_profile_of_a_country_needs_a_second_curator(first: Community) -> None:
    one, other = UserFactory(curator=True), UserFactory(curator=True)
    assert approve(one, first).version is None
    assert status_of(first) == S.SUBMITTED
    assert not Community.objects.public().filter(pk=first.pk).exists()
    assert first.roles.get().vetted_at is None
    with pytest.raises(Conflict) as again:
        approve(one, first)
    assert again.value.code == "second_curator_needed"
    second = approve(other, first)
    assert second.version is not None
    assert (status_of(first), second.version.published_by) == (S.PUBLISHED, other)
    assert first.roles.get().vetted_at is not None
    topics = list(
        Event.objects.filter(community_id=first.pk).order_by("id").values_list("topic", "by_id")
    )
    assert topics == [("profile_approved", one.pk), ("profile_published", other.pk)]


def test_second_profile_of_a_country_needs_one(first: Community, curator: User) -> None:
    CommunityFactory(published=True, country_code="DE")
    assert approve(curator, first).version is None, "another country's profile makes no difference"
    CommunityFactory(published=True)
    assert approve(curator, first).version is not None


def test_rule_can_be_switched_off(first: Community, curator: User, settings: Any) -> None:
    settings.VETTING = {"two_approvals_for_first_of_country": False}
    assert approve(curator, first).version is not None


@pytest.mark.parametrize("change", ["draft saved", "sent back and in again"])
def test_new_revision_voids_the_first_approval(first: Community, change: str) -> None:
    one, other = UserFactory(curator=True), UserFactory(curator=True)
    owner = first.roles.get().user
    approve(one, first)
    if change == "draft saved":
        services.save_draft(
            by=owner, community_id=first.pk, changes={"story": {"text": "Another."}}, revision=3
        )
    else:
        services.request_changes(
            by=other, community_id=first.pk, reason="letter_missing", text="Please."
        )
        services.answer_changes(by=owner, community_id=first.pk, answer="It is there now.")
    with pytest.raises(Conflict) as stale:
        approve(other, first)
    assert stale.value.code == "newer_draft"
    revision = first.profile.__class__.objects.get(community=first).draft_revision
    assert approve(other, first, revision).version is None, (
        "what one has read is not what the other has"
    )
    assert approve(one, first, revision).version is not None


def test_incomplete_draft_is_not_approved_even_once(first: Community, curator: User) -> None:
    Profile.objects.filter(community=first).update(draft={})
    with pytest.raises(InvalidFields):
        approve(curator, first)
    assert not VettingApproval.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_curators_at_once_are_the_first_and_the_second() -> None:
    for _round in range(4):
        first = in_state(S.SUBMITTED)
        first.country = CommunityFactory(country_code=f"Q{_round}").country
        first.save()
        one, other = UserFactory(curator=True), UserFactory(curator=True)
        outcomes = outcomes_of(lambda: approve(one, first), lambda: approve(other, first))  # noqa: B023
        assert sorted(outcome.version is not None for outcome in outcomes) == [False, True]
        assert status_of(first) == S.PUBLISHED
        assert ProfileVersion.objects.filter(profile__community=first).count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_curator_twice_at_once_is_one() -> None:
    first, curator = in_state(S.SUBMITTED), UserFactory(curator=True)
    outcomes = outcomes_of(*[lambda: approve(curator, first)] * 3)
    assert sorted(isinstance(outcome, Conflict) for outcome in outcomes) == [False, True, True]
    assert (status_of(first), VettingApproval.objects.count()) == (S.SUBMITTED, 1)


@pytest.mark.django_db(transaction=True)
def test_approval_and_request_at_once_end_in_one_of_both() -> None:
    for _round in range(4):
        community = in_state(S.SUBMITTED)
        CommunityFactory(published=True)
        one, other = UserFactory(curator=True), UserFactory(curator=True)
        outcomes = outcomes_of(
            partial(approve, one, community),
            partial(ACTS["request changes"][0], other, community),
        )
        assert sum(isinstance(outcome, WrongState) for outcome in outcomes) == 1
        assert status_of(community) == (
            S.CHANGES_REQUESTED if isinstance(outcomes[0], WrongState) else S.PUBLISHED
        )


@pytest.mark.parametrize(
    ("reason", "text", "wrong"),
    [
        ("nonsense", "Please.", "reason"),
        ("letter_missing", " ", "text"),
        ("letter_missing", "x" * 4001, "text"),
        ("letter_missing", "\x00", "text"),
    ],
)
def test_request_says_why_and_what(
    first: Community, curator: User, reason: str, text: str, wrong: str
) -> None:
    with pytest.raises(InvalidFields) as refused:
        services.request_changes(by=curator, community_id=first.pk, reason=reason, text=text)
    assert set(refused.value.errors) == {wrong}
    assert status_of(first) == S.SUBMITTED


def sign_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_owner_reads_the_status_and_answers(first: Community, curator: User) -> None:
    owner, staff = sign_in(first.roles.get().user), sign_in(curator)
    overview, answering = (
        url("profile", first.pk),
        url("profile_answer", first.pk),
    )
    html = owner.get(overview).text
    assert "two members of staff read it" in html
    assert "No letter has been sent yet" in html
    assert owner.get(answering).status_code == 302, "nothing is asked"
    approve(curator, first)
    html = owner.get(overview).text
    assert "One member of staff has approved it" in html
    assert str(curator) not in html
    staff.post(
        url("staff_changes", first.pk),
        {"reason": "letter_missing", "text": "Send <the> letter."},
    )
    assert "Send &lt;the&gt; letter." in owner.get(overview).text
    assert "Send &lt;the&gt; letter." in owner.get(answering).text
    empty = owner.post(answering, {"answer": " "})
    assert empty.status_code == 422
    assert "Say in 1 to 4,000 characters" in empty.text
    assert owner.post(answering, {"answer": "Sent <now>."}).status_code == 302
    assert status_of(first) == S.SUBMITTED
    assert "Sent &lt;now&gt;." in owner.get(overview).text
    html = staff.get(url("staff_submission", first.pk)).text
    assert "Sent &lt;now&gt;." in html
    assert "Profile Changes Requested" in html, "the trail"


def test_answer_with_a_wrong_profile_keeps_the_words_and_says_where_to_look(
    first: Community, curator: User
) -> None:
    owner = sign_in(first.roles.get().user)
    Profile.objects.filter(community=first).update(status=S.CHANGES_REQUESTED, draft={})
    answer = owner.post(url("profile_answer", first.pk), {"answer": "Here it is."})
    assert answer.status_code == 422
    html = answer.text
    assert "Here it is." in html
    assert url("profile_check", first.pk) in html
    assert VettingNote.objects.filter(profile__community=first).exclude(answer="").count() == 0


def test_staff_see_who_approved_first(first: Community, admin: User) -> None:
    one, other = UserFactory(curator=True, name="Ada"), UserFactory(curator=True)
    page = url("staff_submission", first.pk)
    assert "two curators must approve it" in sign_in(one).get(page).text
    posted = {"revision": 3}
    assert (
        "another curator must approve it too"
        in sign_in(one).post(url("staff_publish", first.pk), posted, follow=True).text
    )
    assert "<strong>Ada</strong> approved this revision" in sign_in(other).get(page).text
    assert "Approved by one" in sign_in(other).get(url("staff_vetting")).text
    assert f'action="{url("staff_publish", first.pk)}"' not in sign_in(one).get(page).text
    assert f'action="{url("staff_publish", first.pk)}"' not in sign_in(admin).get(page).text
    assert sign_in(one).post(url("staff_publish", first.pk), posted).status_code == 409
    shown = sign_in(other).get(f"/api/v1/staff/vetting/{first.pk}/").json()
    assert (shown["needs_two_approvals"], shown["first_approval"]["by"]) == (True, one.email)
    done = sign_in(other).post(
        f"/api/v1/staff/vetting/{first.pk}/publish/", posted, content_type="application/json"
    )
    assert (done.status_code, done.json()["version"]) == (201, 1)


def test_answer_through_the_api(first: Community, curator: User) -> None:
    owner = sign_in(first.roles.get().user)
    services.request_changes(
        by=curator, community_id=first.pk, reason="letter_missing", text="Please."
    )
    address = f"/api/v1/communities/{first.pk}/profile/"
    assert (
        owner.post(
            f"{address}answer/", {"answer": "Sent."}, content_type="application/json"
        ).json()["status"]
        == "submitted"
    )
    answered = [note["answer"] for note in owner.get(address).json()["notes"]]
    assert sorted(answered) == ["", "Sent."]
