"""The people to write to in a community. Its own officials keep them; the other side of an
introduction reads them under both consents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from backend.accounts.grants import Actor, Thing
from backend.accounts.models import User
from backend.cities.models import Community, Contact, Organisation
from backend.cities.permissions import require_in
from backend.common.errors import InvalidFields, NotVisible
from backend.outbox.services import record
from backend.outbox.topics import Topic

MOST_CONTACTS = 10
_SHORTEST_REASON, _LONGEST_REASON = 10, 500
_LONGEST = {"name": 120, "office": 120, "email": 254, "phone": 40}


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
    actor = require_in(by, community_id, "R", Thing.CONTACTS_BEFORE_CONSENT)
    community = _community(community_id)
    if actor == Actor.CURATOR:
        record(Topic.CONTACTS_READ, subject=community, by=by, community_id=community_id)
    return _contacts_of(community)


@transaction.atomic
def break_glass(*, by: User, community_id: int, reason: str) -> list[Contact]:
    """A community's contacts for an administrator, in an emergency. The reason is in the trail,
    which the community reads too.

    Raises:
        NotVisible: not an administrator, or no such community. InvalidFields: the reason says
            nothing.
    """
    require_in(by, community_id, "X", Thing.CONTACTS_BEFORE_CONSENT)
    community = _community(community_id)
    reason = " ".join(reason.split())
    if not _SHORTEST_REASON <= len(reason) <= _LONGEST_REASON or "\x00" in reason:
        problem = f"Say in {_SHORTEST_REASON} to {_LONGEST_REASON} characters why you must read these contacts now."
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
        for name, longest in _LONGEST.items():
            value = str(contact[name])  # type: ignore[literal-required]
            if len(value) > longest or "\x00" in value:
                errors[f"contacts.{index}.{name}"] = [
                    f"Write at most {longest} characters of plain text."
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
    require_in(by, community_id, "U", Thing.CONTACTS_BEFORE_CONSENT)
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
