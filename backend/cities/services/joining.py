"""Asking to join a community that is registered already: nobody starts a second one around it."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, JoinRequest
from backend.cities.permissions import require_in, require_staff, role_in
from backend.cities.services.people import check_role, give_role, lock_community
from backend.cities.states import JOIN_TRANSITIONS
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible
from backend.common.transitions import change_state
from backend.outbox.services import record
from backend.outbox.topics import Topic

LONGEST_LINE = 300
_S = JoinRequest.Status


def waiting_requests(user: User, community_id: int) -> QuerySet[JoinRequest]:
    """Who asks to join the community, the longest waiting first. Raises NotVisible."""
    require_in(user, community_id, "R", Thing.JOINING)
    if not Community.objects.filter(pk=community_id).exists():
        raise NotVisible
    return (
        JoinRequest.objects.filter(community_id=community_id, status=_S.WAITING)
        .select_related("user")
        .order_by("id")
    )


def all_waiting_requests(user: User) -> QuerySet[JoinRequest]:
    """The same of all communities, for staff. Raises NotVisible."""
    require_staff(user, "R", Thing.JOINING)
    return (
        JoinRequest.objects.filter(status=_S.WAITING)
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
    """Lets somebody in, with the role they asked for, or refuses. Who is let in counts as vetted.

    Raises:
        NotVisible: not theirs to answer. WrongState: answered or withdrawn before. Conflict: the
            person belongs to it already.
    """
    require_in(by, community_id, "X", Thing.JOINING)
    lock_community(community_id)
    asked = (
        JoinRequest.objects.select_related("user")
        .filter(pk=request_id, community_id=community_id)
        .first()
    )
    if asked is None:
        raise NotVisible
    new = _S.ACCEPTED if accept else _S.REFUSED
    change_state(asked, "status", new, JOIN_TRANSITIONS, answered_at=database_now(), answered_by=by)
    record(Topic.JOIN_ANSWERED, subject=asked, by=by, community_id=community_id, answer=str(new))
    if accept:
        give_role(
            user=asked.user, community_id=community_id, role=CommunityRole.Role(asked.role), by=by
        )
    return asked


@transaction.atomic
def withdraw_request(*, by: User, request_id: int) -> JoinRequest:
    """The person takes the request back. Raises NotVisible; WrongState when it was answered before."""
    asked = JoinRequest.objects.filter(pk=request_id, user=by).first()
    if asked is None:
        raise NotVisible
    change_state(asked, "status", _S.WITHDRAWN, JOIN_TRANSITIONS, answered_at=database_now())
    record(Topic.JOIN_WITHDRAWN, subject=asked, by=by, community_id=asked.community_id)
    return asked
