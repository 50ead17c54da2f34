"""People of a community: their roles, and the contacts that a partner may read. Somebody who may
answer for the community always stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import RESPONSIBLE, Actor, Resource, Role, Verb
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Contact, Organisation
from backend.cities.permissions import Reader, require_in
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields, NotVisible, WrongState
from backend.common.typed_text import is_line
from backend.outbox.services import record
from backend.outbox.topics import Topic


def people_of_community(reader: Reader) -> QuerySet[CommunityRole]:
    """The community's active roles with their people, the oldest first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.PEOPLE)
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
    if role not in Role.values:
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
                    "This is the last official or chair of the community. Invite another "
                    "one first, or let staff know."
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
    require_in(by, community_id, Verb.UPDATE, Resource.PEOPLE)
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
                str(
                    _(
                        "Somebody else changed this in the meantime. Load the page again to see "
                        "how it is."
                    )
                )
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
        require_in(by, community_id, Verb.DELETE, Resource.PEOPLE)
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


# The people to write to in a community. Its own officials keep them; the other side of an
# introduction reads them under both consents.


MOST_CONTACTS = 10
_SHORTEST_REASON, LONGEST_REASON = 10, 500
_LONGEST = {name: longest(Contact, name) for name in ("name", "office", "email", "phone")}


class ContactEntry(TypedDict):
    name: str
    office: str
    email: str
    phone: str


@transaction.atomic
def read_contacts(*, by: User, community_id: int) -> list[Contact]:
    """A community's own contacts, before anybody has consented. Staff who read them leave a trace
    in the trail.

    Raises:
        NotVisible: neither an official of the community nor a curator.
    """
    actor = require_in(by, community_id, Verb.READ, Resource.CONTACTS_BEFORE_CONSENT)
    community = _community(community_id)
    if actor == Actor.CURATOR:
        record(Topic.CONTACTS_READ, subject=community, by=by, community_id=community_id)
    return _contacts_of(community)


@transaction.atomic
def break_glass(*, by: User, community_id: int, reason: str) -> list[Contact]:
    """A community's contacts for an administrator, in an emergency. The reason is in the trail,
    which the community reads too, and its people get a notice.

    Raises:
        NotVisible: not an administrator, or no such community. InvalidFields: the reason says
            nothing.
    """
    require_in(by, community_id, Verb.ACT, Resource.CONTACTS_BEFORE_CONSENT)
    community = _community(community_id)
    reason = " ".join(reason.split())
    if not _SHORTEST_REASON <= len(reason) <= LONGEST_REASON or "\x00" in reason:
        problem = (
            f"Say in {_SHORTEST_REASON} to {LONGEST_REASON} characters why you must read "
            "these contacts now."
        )
        raise InvalidFields({"reason": [problem]})
    record(
        Topic.CONTACTS_READ,
        subject=community,
        by=by,
        community_id=community_id,
        broken_glass=True,
        reason=reason,
    )
    return _contacts_of(community)


def _community(community_id: int) -> Community:
    community = Community.objects.filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community


def _contacts_of(community: Community) -> list[Contact]:
    return list(
        Contact.objects.filter(organisation__community=community).order_by("-is_primary", "id")
    )


def _check(contacts: Sequence[ContactEntry]) -> None:
    errors: dict[str, list[str]] = {}
    if len(contacts) > MOST_CONTACTS:
        errors["contacts"] = [f"At most {MOST_CONTACTS} contacts; keep those who answer."]
    for index, contact in enumerate(contacts):
        for name, most in _LONGEST.items():
            value = str(contact[name])  # type: ignore[literal-required]
            if len(value) > most or not is_line(value):
                errors[f"contacts.{index}.{name}"] = [
                    f"Write at most {most} characters of plain text."
                ]
        if not contact["name"].strip():
            errors[f"contacts.{index}.name"] = ["Each contact needs a name."]
        try:
            validate_email(contact["email"].strip())
        except ValidationError:
            errors[f"contacts.{index}.email"] = [
                "Write an e-mail address, for example name@city.example."
            ]
    if errors:
        raise InvalidFields(errors)


@transaction.atomic
def replace_contacts(
    *, by: User, community_id: int, contacts: Sequence[ContactEntry]
) -> list[Contact]:
    """The community's contacts from now on; the first is the one to write to.

    Raises:
        NotVisible: not an official of the community. InvalidFields: by
            ``contacts.<index>.<field>``.
    """
    require_in(by, community_id, Verb.UPDATE, Resource.CONTACTS_BEFORE_CONSENT)
    _check(contacts)
    # The organisation's row is the lock: two editors at once leave the contacts of one of them.
    organisation = (
        Organisation.objects.select_for_update().filter(community_id=community_id).first()
    )
    if organisation is None:
        community = Community.objects.get(pk=community_id)
        organisation = Organisation.objects.create(
            community=community, name=f"{community.name} partner cities office"
        )
    organisation.contacts.all().delete()
    made = Contact.objects.bulk_create(
        Contact(
            organisation=organisation,
            name=entry["name"].strip(),
            office=entry["office"].strip(),
            email=entry["email"].strip(),
            phone=entry["phone"].strip(),
            is_primary=index == 0,
        )
        for index, entry in enumerate(contacts)
    )
    record(
        Topic.PROFILE_DRAFT_SAVED,
        subject=organisation,
        by=by,
        community_id=community_id,
        groups=["contacts"],
    )
    return made
