"""A community's own contacts."""

from __future__ import annotations

from typing import Any

import pytest

from backend.cities.models import Contact
from backend.cities.services import read_contacts, replace_contacts
from backend.common.errors import InvalidFields
from tests.factories import CommunityRoleFactory

KIM: Any = {"name": " Kim ", "office": "Protocol", "email": "kim@city.example", "phone": ""}
LEE: Any = {"name": "Lee", "office": "", "email": "lee@city.example", "phone": "+1 555 0100"}


@pytest.mark.django_db
def test_contacts_are_replaced_and_the_first_is_the_one_to_write_to() -> None:
    role = CommunityRoleFactory()
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[KIM, LEE])
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[LEE, KIM])
    found = read_contacts(by=role.user, community_id=role.community_id)
    assert [(contact.name, contact.is_primary) for contact in found] == [
        ("Lee", True),
        ("Kim", False),
    ]
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[])
    assert not Contact.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("contacts", "field"),
    [
        ([KIM | {"name": " "}], "contacts.0.name"),
        ([KIM, LEE | {"email": "lee"}], "contacts.1.email"),
        ([KIM | {"phone": "1" * 41}], "contacts.0.phone"),
        ([KIM | {"office": "a\x00b"}], "contacts.0.office"),
        ([KIM] * 11, "contacts"),
    ],
)
def test_wrong_contacts_are_named_and_the_old_ones_stay(contacts: list[Any], field: str) -> None:
    role = CommunityRoleFactory()
    replace_contacts(by=role.user, community_id=role.community_id, contacts=[KIM])
    with pytest.raises(InvalidFields) as caught:
        replace_contacts(by=role.user, community_id=role.community_id, contacts=contacts)
    assert list(caught.value.errors) == [field]
    assert Contact.objects.get().name == "Kim"
