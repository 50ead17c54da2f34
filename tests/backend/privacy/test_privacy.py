"""One person's tokens, data and leaving."""

from __future__ import annotations

import datetime as dt
import json
import uuid
import zipfile
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore
from django.db import models
from django.utils import timezone

from backend.accounts.models import AccountMail, ApiToken, User
from backend.accounts.services import change_staff_role, write_mail
from backend.cities.models import Contact, Invitation, JoinRequest, VettingLetter
from backend.common.errors import Conflict, InvalidFields, NotAllowed, NotVisible
from backend.notifications.models import Notification
from backend.outbox.models import Event, Job
from backend.privacy.data import (
    ACT_ALONE,
    LEFT_OUT,
    all_tokens,
    create_token,
    export_archive,
    export_data,
    references_to_people,
    revoke_token,
    tokens_of,
)
from backend.privacy.erasure import erase_account, hindrances
from backend.suggestions.models import Vote
from tests import factories as make
from tests.actors import SIGNED_IN, World, at_once
from tests.factories import ApiTokenFactory, CommunityRoleFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("actor", sorted({*SIGNED_IN} - {"stranger", "volunteer"}))
def test_people_of_a_community_and_staff_make_list_and_end_tokens(world: World, actor: str) -> None:
    user = world.user(actor)
    token, words = create_token(by=user, name="  Our   website ", days=30)
    assert token.name == "Our website"
    assert words.startswith("csc_")
    assert words not in str(ApiToken.objects.values())
    assert (token.expiry - timezone.now()).days in (29, 30)
    assert list(tokens_of(user)) == [token]
    revoke_token(by=user, public_id=token.public_id)
    assert list(tokens_of(user)) == []
    assert list(Event.objects.filter(by=user).order_by("id").values_list("topic", flat=True)) == [
        "token_created",
        "token_revoked",
    ]


@pytest.mark.parametrize("actor", ["stranger", "curator", "admin"])
def test_others_make_none(world: World, settings: Any, actor: str) -> None:
    settings.API_TOKENS = settings.API_TOKENS | {"for_staff": False}
    with pytest.raises(NotVisible):
        create_token(by=world.user(actor), name="x", days=30)
    assert not ApiToken.objects.exists()


@pytest.mark.parametrize(
    ("actor", "scope", "other"),
    [("official", "read", "staff_read"), ("curator", "staff_read", "act")],
)
def test_token_only_reads_unless_another_scope_of_ones_own_is_chosen(
    world: World, actor: str, scope: str, other: str
) -> None:
    assert create_token(by=world.user(actor), name="x", days=30)[0].scope == scope
    with pytest.raises(InvalidFields) as caught:
        create_token(by=world.user(actor), name="x", days=30, scope=other)
    assert set(caught.value.errors) == {"scope"}


def test_tokens_of_staff_are_short(world: World) -> None:
    with pytest.raises(InvalidFields):
        create_token(by=world.user("curator"), name="x", days=91)
    create_token(by=world.user("official"), name="x", days=365)


def test_change_of_the_staff_role_ends_tokens(world: World) -> None:
    ApiTokenFactory(user=world.user("curator"), scope="staff_act")
    change_staff_role(by=world.user("admin"), email="curator@example.org", role="")
    assert not ApiToken.objects.exists()
    assert Event.objects.filter(topic="token_revoked").count() == 1


def test_staff_who_are_officials_too_need_their_second_factor() -> None:
    user = UserFactory(curator=True, factor=False)
    CommunityRoleFactory(user=user)
    with pytest.raises(NotAllowed) as caught:
        create_token(by=user, name="x", days=30)
    assert caught.value.code == "second_factor_required"
    assert not ApiToken.objects.exists()


def test_token_whose_owner_lost_the_role_can_still_be_ended(world: World) -> None:
    token = ApiTokenFactory(user=world.user("stranger"))
    assert list(tokens_of(token.user)) == [token]
    revoke_token(by=token.user, public_id=token.public_id)
    with pytest.raises(NotVisible):
        tokens_of(token.user)


def test_staff_see_all_and_administrators_end_any(world: World) -> None:
    token = ApiTokenFactory(user=world.user("official"))
    for actor in ("curator", "admin"):
        assert list(all_tokens(world.user(actor))) == [token]
    for actor in ("official", "stranger"):
        with pytest.raises(NotVisible):
            all_tokens(world.user(actor))
    for actor in ("curator", "chair"):
        with pytest.raises(NotVisible):
            revoke_token(by=world.user(actor), public_id=token.public_id)
    revoke_token(by=world.user("admin"), public_id=token.public_id)
    assert not ApiToken.objects.exists()
    with pytest.raises(NotVisible):
        revoke_token(by=world.user("admin"), public_id=uuid.uuid4())


def test_expired_token_is_not_listed(world: World) -> None:
    user = world.user("official")
    ApiTokenFactory(user=user, expiry=dt.timedelta(seconds=-1))
    assert list(tokens_of(user)) == []
    assert list(all_tokens(world.user("admin"))) == []


@pytest.mark.parametrize(
    ("name", "days"), [("", 30), ("x" * 81, 30), ("x", 0), ("x", 366), ("a\x00", 30)]
)
def test_nonsense_is_refused(world: World, name: str, days: int) -> None:
    with pytest.raises(InvalidFields):
        create_token(by=world.user("official"), name=name, days=days)


@pytest.mark.django_db(transaction=True)
def test_no_more_than_so_many_tokens_also_at_once(world: World, settings) -> None:
    settings.API_TOKENS = {"longest_days": 365, "most": 2}
    user: User = world.user("official")
    create_token(by=user, name="first", days=1)
    refused = at_once(*[lambda: create_token(by=user, name="more", days=1)] * 3)
    assert [type(error) for error in refused if error] == [Conflict, Conflict]
    assert ApiToken.objects.count() == 2


# Taking one's data along, and leaving.


def fill(world: World, user: User) -> None:
    """Something of each kind that a person leaves behind."""
    suggestion = world.released()
    Vote.objects.create(
        suggestion=suggestion,
        community=world.b,
        by=user,
        choice="yes",
        comment="I know their mayor well.",
    )
    make.NotificationFactory(recipient=user, community=world.b)
    make.EventFactory(by=user, community_id=world.b.pk)
    make.JoinRequestFactory(user=user, community=world.c, line="Call me under 555-0100.")
    make.InvitationFactory(community=world.c, email=user.email)
    make.ContactFactory(
        organisation=make.OrganisationFactory(community=world.b),
        email=user.email,
        name="That person",
    )
    make.ApiTokenFactory(user=user)
    make.UserFactory._meta.model.objects.filter(pk=user.pk).update(language="de")
    Authenticator.objects.create(user=user, type="totp", data={"secret": "TOPSECRET"})
    write_mail(to=user.email, subject="Code", text="123456", user=user)
    Job.objects.filter(task="send_account_mail").update(last_error=f"550 {user.email} is not here")
    session = SessionStore()
    session.create()
    UserSession.objects.create(
        user=user, session_key=session.session_key, ip="192.0.2.7", user_agent="Firefox"
    )
    user.refresh_from_db()


def everything_stored() -> str:
    """Every row of every table as text, except those that hold what anybody else is."""
    rows: list[Any] = []
    for model in apps.get_models():
        rows += list(model._default_manager.values())
    return str(rows)


def test_export_holds_what_the_person_did_said_and_got(world: World) -> None:
    member = world.user("committee_member")
    fill(world, member)
    data = export_data(by=member)
    assert data["account"]["email"] == member.email
    assert data["addresses"] == [{"email": member.email, "confirmed": True}]
    assert data["sessions"][0]["ip"] == "192.0.2.7"
    assert data["second_factors"][0]["kind"] == "totp"
    records = data["records"]
    assert records["suggestions.vote.by"][0]["comment"] == "I know their mayor well."
    assert records["cities.communityrole.user"][0]["role"] == "committee_member"
    assert records["cities.joinrequest.user"][0]["line"] == "Call me under 555-0100."
    assert len(records["notifications.notification.recipient"]) == 1
    assert {"data_exported"} <= {act["topic"] for act in records["outbox.event.by"]}
    json.dumps(data)


def test_export_holds_no_secret_and_nobody_else(world: World) -> None:
    member = world.user("committee_member")
    fill(world, member)
    said = json.dumps(export_data(by=member))
    token = ApiToken.objects.get()
    for secret in (member.password, "TOPSECRET", token.digest, token.token_key, "123456"):
        assert secret not in said
    for other in world.people.values():
        assert other == member or other.email not in said


def test_export_names_every_table_that_names_a_person_or_says_why_not() -> None:
    known = {(model._meta.label_lower, field.name) for model, field in references_to_people()}
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if (
                model.__module__.startswith("backend.")
                and isinstance(field, models.ForeignKey)
                and field.related_model is User
            ):
                key = (model._meta.label_lower, field.name)
                assert (key in known) != (key in LEFT_OUT), key
    for label, name in LEFT_OUT:
        assert apps.get_model(label)._meta.get_field(name)


@pytest.mark.parametrize("actor", ["curator", "admin"])
def test_staff_who_requested_a_run_export_no_snapshot(world: World, actor: str) -> None:
    user = world.user(actor)
    make.ScoringRunFactory(requested_by=user, snapshot=b"everybody's profiles")
    make.DecisionFactory(undone_by=user, undone_at=make.MOMENT, comment="Another's words.")
    client = world.client(actor)
    answer = client.get("/api/v1/me/data/")
    assert answer.status_code == 200
    assert "suggestions.scoringrun.requested_by" not in answer.json()["records"]
    assert "profiles" not in answer.content.decode()
    assert "Another's words." not in answer.content.decode()
    assert b"Another" not in export_archive(by=user).read()


def test_export_counts_nothing_that_others_did(world: World) -> None:
    """What happens between two acts of a person changes no number in the export of the second."""
    member = world.user("committee_member")
    fill(world, member)
    make.EventFactory(
        by=member,
        subject_type="vote",
        subject_id=771177,
        payload={"note": 881188, "kind": "kept"},
    )
    records = export_data(by=member)["records"]
    for name, rows in records.items():
        for row in rows:
            assert not {"id", "event_id", "by_id", "user_id", "meeting_id"} & set(row), name
    said = json.dumps(records)
    assert "771177" not in said
    assert "881188" not in said
    assert {"kind": "kept"} in [row["payload"] for row in records["outbox.event.by"]]
    assert {row["suggestion_id"] for row in records["suggestions.vote.by"]}


def test_trail_of_a_community_counts_nothing_that_others_did(world: World) -> None:
    """The numbers of its requests would count how many others have asked in between, and that of
    the run tells when one has begun.
    """
    payload = {"run": 771177, "activity": 771177, "claimed": [771177, 771178], "voter": 1}
    for kind, number in (("partnerrequest", 771177), ("suggestion", 881188)):
        make.EventFactory(
            subject_type=kind, subject_id=number, community_id=world.a.pk, payload=payload
        )
    trail = world.client("official").get(f"/api/v1/communities/{world.a.pk}/events/").json()
    assert [event["subject_id"] for event in trail["results"]] == [881188, None]
    assert [event["payload"] for event in trail["results"]] == [{"claimed": 2, "voter": 1}] * 2


def test_columns_of_acts_alone_exist() -> None:
    for (label, name), columns in ACT_ALONE.items():
        known = {field.attname for field in apps.get_model(label)._meta.concrete_fields}
        assert {f"{name}_id", *columns} <= known, label


def test_archive_holds_the_letters_that_the_person_sent(world: World) -> None:
    official = world.user("official")
    make.VettingLetterFactory(profile=world.a.profile)
    make.VettingLetterFactory(profile=world.a.profile, by=official)
    with zipfile.ZipFile(export_archive(by=official)) as archive:
        names = archive.namelist()
        assert json.loads(archive.read("data.json"))["account"]["email"] == official.email
    assert [name for name in names if name.startswith("letters/")] == ["letters/1.pdf"]


def test_erased_person_is_nowhere_and_their_acts_stay(world: World) -> None:
    member = world.user("committee_member")
    fill(world, member)
    address, name, acts = member.email, member.name, Event.objects.filter(by=member).count()
    erase_account(by=member, email=f" {address.upper()} ")
    stored = everything_stored()
    for trace in (
        address,
        "That person",
        "I know their mayor well.",
        "555-0100",
        "123456",
        "TOPSECRET",
        "192.0.2.7",
    ):
        assert trace not in stored, trace
    member.refresh_from_db()
    assert (member.name, member.is_active, member.has_usable_password()) == ("", False, False)
    assert str(member) == "Somebody who has left"
    assert name != ""
    assert Event.objects.filter(by=member).count() > acts
    assert Event.objects.filter(by=member, topic="account_erased").count() == 1
    assert Vote.objects.get().choice == "yes"
    assert JoinRequest.objects.get().status == "withdrawn"
    assert Invitation.objects.get().status == "revoked"
    assert member.community_roles.filter(ended_at__isnull=True).count() == 0
    gone = (
        Notification.objects.filter(recipient=member),
        AccountMail.objects,
        ApiToken.objects,
        Authenticator.objects.filter(user=member),
    )
    assert not any(
        rows.exists()
        for rows in (*gone, Contact.objects.filter(name="That person"), UserSession.objects)
    )
    assert not EmailAddress.objects.filter(user=member).exists()


def test_address_may_be_used_for_a_new_account_afterwards(world: World) -> None:
    stranger = world.user("stranger")
    address = stranger.email
    erase_account(by=stranger, email=address)
    assert make.UserFactory(email=address).pk != stranger.pk


def test_another_address_erases_nobody(world: World) -> None:
    with pytest.raises(InvalidFields):
        erase_account(by=world.user("stranger"), email="official@example.org")
    assert User.objects.get(pk=world.user("stranger").pk).is_active


def test_last_official_of_a_published_community_learns_what_to_do_first(world: World) -> None:
    official = world.user("official")
    assert hindrances(official) == [world.a]
    with pytest.raises(Conflict) as caught:
        erase_account(by=official, email=official.email)
    assert caught.value.code == "last_responsible"
    assert "Alpha" in str(caught.value.message)
    assert User.objects.get(pk=official.pk).is_active
    assert not Event.objects.filter(topic="account_erased").exists()
    make.CommunityRoleFactory(community=world.a)
    assert hindrances(official) == []
    erase_account(by=official, email=official.email)
    assert not User.objects.get(pk=official.pk).is_active


@pytest.mark.parametrize("actor", ["unvetted", "committee_member", "curator", "stranger"])
def test_others_leave_freely(world: World, actor: str) -> None:
    user = world.user(actor)
    erase_account(by=user, email=user.email)
    assert User.objects.get(pk=user.pk).erased_at is not None


def test_withdrawn_profile_lets_its_last_official_go(world: World) -> None:
    world.a.profile.status = "withdrawn"
    world.a.profile.save()
    official = world.user("official")
    erase_account(by=official, email=official.email)
    assert not official.is_active


def test_last_administrator_does_not_leave(world: World) -> None:
    admin = world.user("admin")
    with pytest.raises(Conflict) as caught:
        erase_account(by=admin, email=admin.email)
    assert caught.value.code == "last_admin"


@pytest.mark.django_db(transaction=True)
def test_two_officials_who_leave_at_once_leave_one() -> None:
    for _round in range(4):
        community = make.CommunityFactory(published=True)
        one, two = (
            make.CommunityRoleFactory(community=community).user,
            make.CommunityRoleFactory(community=community).user,
        )
        refused = at_once(
            lambda o=one: erase_account(by=o, email=o.email),
            lambda t=two: erase_account(by=t, email=t.email),
        )
        assert sum(error is not None for error in refused) == 1
        assert community.roles.filter(ended_at__isnull=True).count() == 1


def test_erasing_takes_the_letters_sent_and_the_answers_to_staff(world: World) -> None:
    official, other = world.user("official"), make.UserFactory()
    make.CommunityRoleFactory(user=other, community=world.a)
    make.VettingLetterFactory(profile=world.a.profile, by=official)
    kept = make.VettingLetterFactory(profile=world.a.profile, by=other)
    note = make.VettingNoteFactory(
        profile=world.a.profile,
        answered_by=official,
        answered_at=make.MOMENT,
        answer="I am the mayor's aide.",
    )

    erase_account(by=official, email=official.email)

    assert list(VettingLetter.objects.filter(profile=world.a.profile)) == [kept]
    note.refresh_from_db()
    assert note.answer == ""
