"""Invitations of colleagues: one seat, one address, used once, limited in time, under races too."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import AccountMail, User
from backend.cities.models import CommunityRole, Invitation
from backend.cities.permissions import reader_of
from backend.cities.services.invitations import (
    accept_invitation,
    expire_invitations,
    invitation_by_token,
    invitation_path,
    invitations_to,
    invite_colleague,
    open_invitations,
    revoke_invitation,
    write_invitation,
)
from backend.cities.states import INVITATION_TRANSITIONS
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.outbox.models import Event
from tests.actors import ACTORS, World, at_once
from tests.factories import InvitationFactory, UserFactory

pytestmark = pytest.mark.django_db
_S = Invitation.Status
EARLIER = dt.timedelta(days=20)


def invited(world: World, **values: object) -> tuple[Invitation, User]:
    user = UserFactory(email="colleague@example.org")
    return InvitationFactory(
        **(
            {"community": world.a, "email": user.email, "invited_by": world.user("official")}
            | values
        )
    ), user


def expired(world: World) -> tuple[Invitation, User]:
    invitation, user = invited(world)
    Invitation.objects.filter(pk=invitation.pk).update(
        invited_at=timezone.now() - EARLIER, expires_at=timezone.now() - dt.timedelta(1)
    )
    return invitation, user


def test_invited_colleague_is_mailed_and_gets_the_role(
    world: World, drain: Callable[[], int], mailoutbox: list
) -> None:
    made = invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email=" New@Example.org ", role="chair"
    )
    assert (made.email, made.status) == ("new@example.org", _S.PENDING)
    assert (made.expires_at - made.invited_at).days in (13, 14)
    drain()
    (mail,) = [mail for mail in mailoutbox if mail.to == ["new@example.org"]]
    assert invitation_path(made.pk) in mail.body
    assert "Alpha" in mail.body
    user = UserFactory(email="new@example.org")
    role = accept_invitation(by=user, invitation_id=made.pk)
    assert (role.user, role.role, role.vetted_at is not None) == (user, "chair", True)
    topics = list(
        Event.objects.filter(community_id=world.a.pk).order_by("id").values_list("topic", "by_id")
    )
    assert topics == [
        ("invitation_sent", world.user("official").pk),
        ("invitation_accepted", user.pk),
        ("community_role_changed", user.pk),
    ]


def test_mail_of_an_invitation_is_written_once_though_the_task_runs_twice(
    world: World, drain: Callable[[], int]
) -> None:
    made = invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email="new@example.org", role="official"
    )
    assert write_invitation(made.pk) == write_invitation(made.pk)
    drain()
    assert AccountMail.objects.filter(to="new@example.org").count() == 1


def test_sent_mail_keeps_no_link(world: World, drain: Callable[[], int]) -> None:
    invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email="new@example.org", role="official"
    )
    drain()
    mail = AccountMail.objects.get(to="new@example.org")
    assert (mail.status, mail.text) == (AccountMail.Status.SENT, "")


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b", "x" * 250 + "@example.org", "a@example.org\x00"]
)
def test_address_that_is_none_is_refused(world: World, address: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        invite_colleague(
            by=world.user("official"), community_id=world.a.pk, email=address, role="official"
        )
    assert set(caught.value.errors) == {"email"}
    assert not Invitation.objects.exists()


def test_unknown_role_and_present_colleague_are_refused(world: World) -> None:
    for values in (
        {"email": "a@example.org", "role": "emperor"},
        {"email": "OFFICIAL@example.org", "role": "chair"},
    ):
        with pytest.raises(InvalidFields):
            invite_colleague(by=world.user("official"), community_id=world.a.pk, **values)


def test_second_invitation_to_one_address_waits_for_the_first(world: World) -> None:
    invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email="a@example.org", role="official"
    )
    with pytest.raises(Conflict) as caught:
        invite_colleague(
            by=world.user("official"), community_id=world.a.pk, email="A@example.org", role="chair"
        )
    assert caught.value.code == "already_invited"


def test_expired_invitation_makes_room_for_a_new_one(world: World) -> None:
    old, user = expired(world)
    new = invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email=user.email, role="official"
    )
    old.refresh_from_db()
    assert (old.status, new.status) == (_S.EXPIRED, _S.PENDING)


def test_only_so_many_invitations_wait(world: World, settings) -> None:
    settings.INVITATIONS = {"days": 14, "most_waiting": 1}
    invite_colleague(
        by=world.user("official"), community_id=world.a.pk, email="a@example.org", role="official"
    )
    with pytest.raises(Conflict):
        invite_colleague(
            by=world.user("official"),
            community_id=world.a.pk,
            email="b@example.org",
            role="official",
        )


@pytest.mark.parametrize("actor", [actor for actor in ACTORS if actor != "visitor"])
def test_who_invites_and_who_takes_back(world: World, actor: str) -> None:
    may = actor in {"official", "admin"}
    by = world.user(actor)
    if not may:
        with pytest.raises(NotVisible):
            invite_colleague(by=by, community_id=world.a.pk, email="a@example.org", role="official")
        invitation, _user = invited(world)
        with pytest.raises(NotVisible):
            revoke_invitation(by=by, community_id=world.a.pk, invitation_id=invitation.pk)
    else:
        made = invite_colleague(
            by=by, community_id=world.a.pk, email="a@example.org", role="official"
        )
        assert (
            revoke_invitation(by=by, community_id=world.a.pk, invitation_id=made.pk).status
            == _S.REVOKED
        )


def test_committee_member_and_curator_read(world: World) -> None:
    InvitationFactory(community=world.b)
    for actor in ("committee_member", "chair", "curator", "admin"):
        assert open_invitations(reader_of(world.user(actor), world.b.pk)).count() == 1
    for actor in ("unvetted", "official", "stranger"):
        with pytest.raises(NotVisible):
            open_invitations(reader_of(world.user(actor), world.b.pk))


def test_invitation_is_for_its_confirmed_address_alone(world: World) -> None:
    invitation, _user = invited(world)
    unconfirmed = UserFactory(email="other@example.org", address=False)
    mine = InvitationFactory(community=world.c, email=unconfirmed.email)
    for by, found in ((world.user("stranger"), invitation), (unconfirmed, mine)):
        assert not invitations_to(by).exists()
        with pytest.raises(NotVisible):
            accept_invitation(by=by, invitation_id=found.pk)


def test_accepting_twice_is_refused(world: World) -> None:
    invitation, user = invited(world)
    accept_invitation(by=user, invitation_id=invitation.pk)
    with pytest.raises(WrongState):
        accept_invitation(by=user, invitation_id=invitation.pk)
    assert CommunityRole.objects.filter(user=user).count() == 1


def test_expired_invitation_opens_nothing(world: World) -> None:
    invitation, user = expired(world)
    with pytest.raises(WrongState):
        accept_invitation(by=user, invitation_id=invitation.pk)
    assert not invitations_to(user).exists()
    assert expire_invitations() == 1
    assert expire_invitations() == 0
    assert Event.objects.filter(topic="invitation_expired").count() == 1


def test_member_who_accepts_stays_what_they_are(world: World) -> None:
    official = world.user("official")
    invitation = InvitationFactory(community=world.a, email=official.email, invited_by=official)
    with pytest.raises(Conflict):
        accept_invitation(by=official, invitation_id=invitation.pk)
    invitation.refresh_from_db()
    assert invitation.status == _S.PENDING


@pytest.mark.parametrize("status", [s for s in _S if s != _S.PENDING])
def test_settled_invitation_never_moves(world: World, status: str) -> None:
    assert INVITATION_TRANSITIONS[status] == frozenset()
    invitation, user = invited(world)
    Invitation.objects.filter(pk=invitation.pk).update(
        status=status,
        settled_at=timezone.now(),
        accepted_by=user if status == _S.ACCEPTED else None,
    )
    with pytest.raises(WrongState):
        accept_invitation(by=user, invitation_id=invitation.pk)
    with pytest.raises(WrongState):
        revoke_invitation(
            by=world.user("official"), community_id=world.a.pk, invitation_id=invitation.pk
        )


def test_forged_link_opens_nothing(world: World) -> None:
    invitation, _user = invited(world)
    token = invitation_path(invitation.pk).split("/")[2]
    assert invitation_by_token(token) == invitation
    for wrong in (token + "x", token[:-1], f"{invitation.pk}:x", str(invitation.pk), "", "abc:def"):
        with pytest.raises(NotVisible):
            invitation_by_token(wrong)


def test_database_refuses_an_invitation_that_does_not_add_up(world: World) -> None:
    for values in (
        {"status": "accepted"},
        {"status": "revoked"},
        {"role": "king"},
        {"status": "lost", "settled_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            InvitationFactory(community=world.a, **values)


@pytest.mark.django_db(transaction=True)
def test_two_accepts_at_once_give_one_role(world: World) -> None:
    for number in range(5):
        user = UserFactory(email=f"colleague{number}@example.org")
        invitation = InvitationFactory(
            community=world.a, email=user.email, invited_by=world.user("official")
        )
        refused = at_once(
            *[lambda i=invitation, u=user: accept_invitation(by=u, invitation_id=i.pk)] * 2
        )
        assert [type(error) for error in refused if error] == [WrongState]
        assert CommunityRole.objects.filter(user=user, ended_at__isnull=True).count() == 1


@pytest.mark.django_db(transaction=True)
def test_accept_and_revoke_at_once_have_one_winner(world: World) -> None:
    official = world.user("official")
    for number in range(5):
        user = UserFactory(email=f"colleague{number}@example.org")
        invitation = InvitationFactory(
            community=world.a, email=user.email, invited_by=world.user("official")
        )
        refused = at_once(
            lambda i=invitation, u=user: accept_invitation(by=u, invitation_id=i.pk),
            lambda i=invitation: revoke_invitation(
                by=official, community_id=world.a.pk, invitation_id=i.pk
            ),
        )
        assert [type(error) for error in refused if error] == [WrongState]
        invitation.refresh_from_db()
        assert CommunityRole.objects.filter(user=user).exists() == (
            invitation.status == _S.ACCEPTED
        )
        assert (
            Event.objects.filter(
                topic__in=["invitation_accepted", "invitation_revoked"], subject_id=invitation.pk
            ).count()
            == 1
        )


@pytest.mark.parametrize("what", ["ended", "another role", "deactivated"])
def test_invitation_dies_with_the_right_of_its_sender(world: World, what: str) -> None:
    invitation, user = invited(world)
    sender = world.user("official")
    roles = CommunityRole.objects.filter(user=sender)
    if what == "ended":
        roles.update(ended_at=timezone.now())
    elif what == "another role":
        roles.update(role="committee_member")
    else:
        User.objects.filter(pk=sender.pk).update(is_active=False)
    with pytest.raises(WrongState, match="may not invite"):
        accept_invitation(by=user, invitation_id=invitation.pk)
    assert write_invitation(invitation.pk) is None
    assert not CommunityRole.objects.filter(user=user).exists()
