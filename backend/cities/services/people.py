"""Who belongs to a community, and as what. Somebody who may answer for it always stays."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Thing
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole
from backend.cities.permissions import require_in
from backend.common.clock import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic

# Either may answer, publish or invite: one of them is always left.
RESPONSIBLE = (CommunityRole.Role.OFFICIAL, CommunityRole.Role.CHAIR)


def people_of_community(user: User, community_id: int) -> QuerySet[CommunityRole]:
    """The community's active roles with their people, the oldest first. Raises NotVisible."""
    require_in(user, community_id, "R", Thing.PEOPLE)
    if not Community.objects.filter(pk=community_id).exists():
        raise NotVisible
    return (
        CommunityRole.objects.filter(community_id=community_id, ended_at__isnull=True)
        .select_related("user")
        .order_by("id")
    )


def lock_community(community_id: int) -> Community:
    """The community's row, locked until the transaction ends, so that its people change one at a
    time. Raises NotVisible.
    """
    community = Community.objects.select_for_update(of=("self",)).filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community


def check_role(role: str) -> None:
    """Raises InvalidFields for a role that there is not."""
    if role not in CommunityRole.Role.values:
        raise InvalidFields({"role": [str(_("Choose one of the roles."))]})


@transaction.atomic
def give_role(*, user: User, community_id: int, role: str, by: User) -> CommunityRole:
    """A vetted role for somebody whom the community's people or staff have let in. The community's
    row is locked by the caller.

    Raises:
        Conflict: the person belongs to the community already (code ``already_member``).
    """
    try:
        with transaction.atomic():
            given = CommunityRole.objects.create(
                user=user, community_id=community_id, role=role, vetted_at=database_now()
            )
    except IntegrityError:
        raise Conflict(
            str(_("This person belongs to the community already.")), code="already_member"
        ) from None
    record(
        Topic.COMMUNITY_ROLE_CHANGED,
        subject=given,
        by=by,
        community_id=community_id,
        old="",
        new=role,
        user=user.pk,
    )
    return given


def _active_role(role_id: int, community_id: int) -> CommunityRole:
    role = (
        CommunityRole.objects.select_related("user")
        .filter(pk=role_id, community_id=community_id, ended_at__isnull=True)
        .first()
    )
    if role is None:
        raise NotVisible
    return role


def _check_somebody_stays(role: CommunityRole) -> None:
    """Raises Conflict when the role is the only one left that may answer for the community (code
    ``last_responsible``).
    """
    if role.role not in RESPONSIBLE:
        return
    others = CommunityRole.objects.filter(
        community_id=role.community_id, ended_at__isnull=True, role__in=RESPONSIBLE
    ).exclude(pk=role.pk)
    if role.vetted_at is not None:
        others = others.filter(vetted_at__isnull=False)
    if not others.exists():
        raise Conflict(
            str(
                _(
                    "This is the last official or chair of the community. Invite another one first, or let staff know."
                )
            ),
            code="last_responsible",
        )


@transaction.atomic
def change_role(*, by: User, community_id: int, role_id: int, role: str) -> CommunityRole:
    """Changes what a person of the community is.

    Raises:
        NotVisible: not theirs to change, or no such person there. InvalidFields: no such role.
        Conflict: the last official or chair (code ``last_responsible``).
    """
    require_in(by, community_id, "U", Thing.PEOPLE)
    check_role(role)
    lock_community(community_id)
    found = _active_role(role_id, community_id)
    if role not in RESPONSIBLE:
        _check_somebody_stays(found)
    if found.role != role:
        old = found.role
        if (
            CommunityRole.objects.filter(pk=found.pk, role=old, ended_at__isnull=True).update(
                role=role
            )
            != 1
        ):
            raise WrongState(
                str(_("Somebody else changed this in the meantime; reload to see where it stands."))
            )
        found.role = role
        record(
            Topic.COMMUNITY_ROLE_CHANGED,
            subject=found,
            by=by,
            community_id=community_id,
            old=old,
            new=role,
            user=found.user_id,
        )
    return found


@transaction.atomic
def end_role(*, by: User, community_id: int, role_id: int) -> CommunityRole:
    """Ends a person's role in the community. Everybody may end their own.

    Raises:
        NotVisible: not theirs to end, or no such person there. Conflict: the last official or chair
            (code ``last_responsible``).
    """
    lock_community(community_id)
    found = _active_role(role_id, community_id)
    if found.user_id != by.pk or not by.is_active:
        require_in(by, community_id, "D", Thing.PEOPLE)
    _check_somebody_stays(found)
    return close_role(found, by=by)


@transaction.atomic
def close_role(role: CommunityRole, *, by: User) -> CommunityRole:
    """Ends an active role and records it; whether it may end was asked before."""
    now = database_now()
    if CommunityRole.objects.filter(pk=role.pk, ended_at__isnull=True).update(ended_at=now) != 1:
        raise WrongState(str(_("This role has ended already.")))
    role.ended_at = now
    record(
        Topic.COMMUNITY_ROLE_CHANGED,
        subject=role,
        by=by,
        community_id=role.community_id,
        old=role.role,
        new="",
        user=role.user_id,
    )
    return role
