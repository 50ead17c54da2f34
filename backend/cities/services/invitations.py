"""Ways into a community: invitations from its people, and requests to join."""

from __future__ import annotations

import datetime as dt
import uuid

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import AccountMail, User
from backend.accounts.services import write_mail
from backend.cities.models import Community, CommunityRole, Invitation, JoinRequest
from backend.cities.permissions import Reader, require_in, require_staff, role_in
from backend.cities.services.people import check_role, give_role, lock_community
from backend.cities.states import INVITATION_TRANSITIONS, JOIN_TRANSITIONS
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.transitions import change_state
from backend.outbox.services import record, require_quota
from backend.outbox.topics import Topic

_S = Invitation.Status
_signer = Signer(salt="invitation")


def invitation_path(invitation_id: int) -> str:
    """The address of the page on which the invitation is accepted; only its mail names it."""
    return reverse("web:invitation", kwargs={"token": _signer.sign(str(invitation_id))})


def invitation_by_token(token: str) -> Invitation:
    """The invitation that a link names, whatever has become of it. Raises NotVisible for a link
    that we did not write.
    """
    try:
        invitation_id = int(_signer.unsign(token))
    except (BadSignature, ValueError):
        raise NotVisible from None
    invitation = (
        Invitation.objects.select_related("community__country", "invited_by")
        .filter(pk=invitation_id)
        .first()
    )
    if invitation is None:
        raise NotVisible
    return invitation


def open_invitations(reader: Reader) -> QuerySet[Invitation]:
    """The community's invitations that wait, the oldest first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.PEOPLE)
    waiting = Invitation.objects.filter(
        community_id=community_id, status=_S.PENDING, expires_at__gt=Now()
    )
    return waiting.select_related("invited_by").order_by("id")


def invitations_to(user: User) -> QuerySet[Invitation]:
    """Invitations that wait for this person, by the confirmed addresses of the account."""
    mine = EmailAddress.objects.filter(user=user, verified=True).values("email")
    waiting = Invitation.objects.filter(email__in=mine, status=_S.PENDING, expires_at__gt=Now())
    return waiting.select_related("community__country", "invited_by").order_by("id")


def _require_ground(invitation: Invitation) -> None:
    """Raises WrongState: the sender of the invitation may not invite to the community any more."""
    try:
        require_in(invitation.invited_by, invitation.community_id, Verb.CREATE, Resource.PEOPLE)
    except NotVisible:
        raise WrongState(
            str(
                _(
                    "The person who sent this invitation may not invite to the community any more. "
                    "Ask somebody there for a new one."
                )
            )
        ) from None


def _checked_address(email: str) -> str:
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise InvalidFields(
            {"email": [str(_("Write an e-mail address, for example name@city.example."))]}
        ) from None
    if len(email) > longest(Invitation, "email"):
        raise InvalidFields({"email": [str(_("This address is too long."))]})
    return email


@transaction.atomic
def invite_colleague(*, by: User, community_id: int, email: str, role: str) -> Invitation:
    """Offers a role to the person who reads mail at the address. The mail goes out from the event.

    Raises:
        NotVisible: not theirs to invite to. InvalidFields: no address, no role, or the person is
            there already.
        Conflict: an invitation to this address waits already (code ``already_invited``), or too
            many wait.
    """
    require_in(by, community_id, Verb.CREATE, Resource.PEOPLE)
    email = _checked_address(email)
    check_role(role)
    require_quota(Topic.INVITATION_SENT, by=by, community_id=community_id)
    lock_community(community_id)
    if CommunityRole.objects.filter(
        community_id=community_id, ended_at__isnull=True, user__email=email
    ).exists():
        raise InvalidFields({"email": [str(_("This person belongs to the community already."))]})
    expire_invitations(community_id=community_id)
    if (
        Invitation.objects.filter(community_id=community_id, status=_S.PENDING).count()
        >= settings.INVITATIONS["most_waiting"]
    ):
        raise Conflict(
            str(_("Too many invitations wait for an answer. Take some of them back first.")),
            code="too_many_invitations",
        )
    expires_at = database_now() + dt.timedelta(days=settings.INVITATIONS["days"])
    try:
        with transaction.atomic():
            made = Invitation.objects.create(
                community_id=community_id,
                email=email,
                role=role,
                invited_by=by,
                expires_at=expires_at,
            )
    except IntegrityError:
        raise Conflict(
            str(_("An invitation to this address waits already.")), code="already_invited"
        ) from None
    record(Topic.INVITATION_SENT, subject=made, by=by, community_id=community_id, role=role)
    return made


@transaction.atomic
def revoke_invitation(*, by: User, community_id: int, invitation_id: int) -> Invitation:
    """Takes an invitation back. Raises NotVisible; WrongState when it was accepted, taken back or
    expired before.
    """
    require_in(by, community_id, Verb.DELETE, Resource.PEOPLE)
    invitation = Invitation.objects.filter(pk=invitation_id, community_id=community_id).first()
    if invitation is None:
        raise NotVisible
    change_state(
        invitation, "status", _S.REVOKED, INVITATION_TRANSITIONS, settled_at=database_now()
    )
    record(Topic.INVITATION_REVOKED, subject=invitation, by=by, community_id=community_id)
    return invitation


@transaction.atomic
def accept_invitation(*, by: User, invitation_id: int) -> CommunityRole:
    """The invited person takes the seat: vetted, since a vetted colleague vouches for them.

    Raises:
        NotVisible: it is for another address, or this one is not confirmed. WrongState: it was
            settled before, has expired, or its sender may not invite any more.
        Conflict: the person belongs to the community already (code ``already_member``).
    """
    invitation = Invitation.objects.filter(pk=invitation_id).first()
    if (
        invitation is None
        or not by.is_active
        or not EmailAddress.objects.filter(user=by, email=invitation.email, verified=True).exists()
    ):
        raise NotVisible
    now = database_now()
    if invitation.status == _S.PENDING and invitation.expires_at <= now:
        raise WrongState(str(_("This invitation has expired. Ask for a new one.")))
    lock_community(invitation.community_id)
    if invitation.status == _S.PENDING:
        _require_ground(invitation)
    change_state(
        invitation, "status", _S.ACCEPTED, INVITATION_TRANSITIONS, settled_at=now, accepted_by=by
    )
    record(
        Topic.INVITATION_ACCEPTED, subject=invitation, by=by, community_id=invitation.community_id
    )
    return give_role(user=by, community_id=invitation.community_id, role=invitation.role, by=by)


@transaction.atomic
def expire_invitations(*, community_id: int | None = None) -> int:
    """Marks invitations whose time is over, by the database's clock; returns how many."""
    over = (
        Invitation.objects.select_for_update(skip_locked=True)
        .filter(status=_S.PENDING, expires_at__lte=Now())
        .order_by("id")
    )
    if community_id is not None:
        over = over.filter(community_id=community_id)
    expired = list(over)
    for invitation in expired:
        change_state(
            invitation, "status", _S.EXPIRED, INVITATION_TRANSITIONS, settled_at=database_now()
        )
        record(
            Topic.INVITATION_EXPIRED,
            subject=invitation,
            by=None,
            community_id=invitation.community_id,
        )
    return len(expired)


@transaction.atomic
def revoke_all_to(email: str, *, by: User) -> None:
    """Takes back what waits at an address whose person leaves. Inside the caller's transaction."""
    for invitation in Invitation.objects.filter(email__iexact=email, status=_S.PENDING):
        change_state(
            invitation, "status", _S.REVOKED, INVITATION_TRANSITIONS, settled_at=database_now()
        )
        record(
            Topic.INVITATION_REVOKED,
            subject=invitation,
            by=by,
            community_id=invitation.community_id,
        )


def _mail_id_of(invitation_id: int) -> uuid.UUID:
    """The Message-ID of an invitation's mail: the task may run twice, the mail is written once."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"{settings.PUBLIC_URL}/invitations/{invitation_id}")


@transaction.atomic
def write_invitation(invitation_id: int) -> AccountMail | None:
    """The mail of an invitation, in the language of the invited person's account, or else of the
    person who invites. None if the invitation is no longer open, or its
    sender may not invite any more.
    """
    invitation = (
        Invitation.objects.select_related("community__country", "invited_by")
        .filter(pk=invitation_id)
        .first()
    )
    if (
        invitation is None
        or invitation.status != Invitation.Status.PENDING
        or invitation.expires_at <= database_now()
    ):
        return None
    try:
        _require_ground(invitation)
    except WrongState:
        return None
    user = User.objects.filter(email=invitation.email, is_active=True).first()
    language = (user or invitation.invited_by).language
    with translation.override(
        language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    ):
        words = {
            "community": f"{invitation.community.name} ({invitation.community.whereabouts})",
            "role": invitation.get_role_display(),
            "url": settings.PUBLIC_URL + invitation_path(invitation.pk),
            "days": settings.INVITATIONS["days"],
        }
        text = gettext(
            "You are invited to work for %(community)s in Cities Seeking Cities, as: %(role)s.\n\n"
            "Open this page to read the invitation and to accept it:\n%(url)s\n\n"
            "It is for this address alone and for %(days)d days."
            " If you do not know what this is about, you need not do anything."
        )
        return write_mail(
            to=invitation.email,
            subject=gettext("You are invited to a community"),
            text=text % words + "\n",
            user=user,
            once=_mail_id_of(invitation_id),
        )


# Asking to join a community that is registered already: there is never a second one.


LONGEST_LINE = 300
_J = JoinRequest.Status


def waiting_requests(reader: Reader) -> QuerySet[JoinRequest]:
    """Who asks to join the community, the longest waiting first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.JOINING)
    if not Community.objects.filter(pk=community_id).exists():
        raise NotVisible
    return (
        JoinRequest.objects.filter(community_id=community_id, status=_J.WAITING)
        .select_related("user")
        .order_by("id")
    )


def all_waiting_requests(user: User) -> QuerySet[JoinRequest]:
    """The same of all communities, for staff. Raises NotVisible."""
    require_staff(user, Verb.READ, Resource.JOINING)
    return (
        JoinRequest.objects.filter(status=_J.WAITING)
        .select_related("user", "community__country")
        .order_by("id")
    )


def requests_of(user: User) -> QuerySet[JoinRequest]:
    """The person's own requests, the latest first."""
    return (
        JoinRequest.objects.filter(user=user)
        .select_related("user", "community__country")
        .order_by("-id")
    )


@transaction.atomic
def ask_to_join(*, by: User, community_id: int, role: str, line: str = "") -> JoinRequest:
    """Asks the community's officials and chairs, and staff, to be let in.

    Args:
        line: who one is there and why, for those who answer; at most LONGEST_LINE characters.

    Raises:
        NotVisible: there is no such community. InvalidFields: no such role, or too long a line.
        Conflict: one belongs to it already (``already_member``), or has asked before
            (``already_asked``).
    """
    check_role(role)
    line = " ".join(line.split())
    if len(line) > LONGEST_LINE or "\x00" in line:
        raise InvalidFields(
            {
                "line": [
                    str(_("Write at most %(count)d characters of plain text."))
                    % {"count": LONGEST_LINE}
                ]
            }
        )
    if not by.is_active or not Community.objects.filter(pk=community_id).exists():
        raise NotVisible
    if role_in(by, community_id) is not None:
        raise Conflict(str(_("You belong to this community already.")), code="already_member")
    require_quota(Topic.JOIN_REQUESTED, by=by)
    try:
        with transaction.atomic():
            asked = JoinRequest.objects.create(
                community_id=community_id, user=by, role=role, line=line
            )
    except IntegrityError:
        raise Conflict(
            str(_("You have asked already. You get a message as soon as somebody answers.")),
            code="already_asked",
        ) from None
    record(Topic.JOIN_REQUESTED, subject=asked, by=by, community_id=community_id, role=role)
    return asked


@transaction.atomic
def answer_request(*, by: User, community_id: int, request_id: int, accept: bool) -> JoinRequest:
    """Lets somebody in, with the role they asked for, or refuses. A person who is let in counts as
    vetted.

    Raises:
        NotVisible: not theirs to answer. WrongState: answered or withdrawn before. Conflict: the
            person belongs to it already.
    """
    require_in(by, community_id, Verb.ACT, Resource.JOINING)
    lock_community(community_id)
    asked = (
        JoinRequest.objects.select_related("user")
        .filter(pk=request_id, community_id=community_id)
        .first()
    )
    if asked is None:
        raise NotVisible
    new = _J.ACCEPTED if accept else _J.REFUSED
    change_state(asked, "status", new, JOIN_TRANSITIONS, answered_at=database_now(), answered_by=by)
    record(Topic.JOIN_ANSWERED, subject=asked, by=by, community_id=community_id, answer=str(new))
    if accept:
        give_role(
            user=asked.user, community_id=community_id, role=CommunityRole.Role(asked.role), by=by
        )
    return asked


@transaction.atomic
def withdraw_request(*, by: User, request_id: int) -> JoinRequest:
    """The person takes the request back. Raises NotVisible, WrongState (answered before)."""
    asked = JoinRequest.objects.filter(pk=request_id, user=by).first()
    if asked is None:
        raise NotVisible
    change_state(asked, "status", _J.WITHDRAWN, JOIN_TRANSITIONS, answered_at=database_now())
    record(Topic.JOIN_WITHDRAWN, subject=asked, by=by, community_id=asked.community_id)
    return asked
