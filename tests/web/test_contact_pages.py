from __future__ import annotations

import pytest
from django.urls import reverse

from backend.cities.models import CommunityRole, Contact
from tests.factories import CommunityRoleFactory
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to


def url(role: CommunityRole) -> str:
    return reverse("web:profile_contacts", args=[role.community_id])


def names() -> list[tuple[str, bool]]:
    return list(Contact.objects.order_by("id").values_list("name", "is_primary"))


def test_contacts_are_entered_kept_and_removed(official: CommunityRole, sign_in: SignIn) -> None:
    client = sign_in(official.user)
    two = {"name.0": "Ana", "email.0": "ana@city.example", "name.1": "Bo", "office.1": "Protocol", "email.1": "bo@city.example"}
    assert client.post(url(official), two).status_code == 302
    assert names() == [("Ana", True), ("Bo", False)]
    form = form_to(client.get(url(official)).content.decode(), url(official))
    assert client.post(form.action, form.values).status_code == 302
    assert names() == [("Ana", True), ("Bo", False)]
    emptied = {name: [""] if name.endswith(".0") else value for name, value in form.values.items()}
    assert client.post(form.action, emptied).status_code == 302
    assert names() == [("Bo", True)]


def test_wrong_contact_is_explained_and_nothing_saved(official: CommunityRole, sign_in: SignIn) -> None:
    response = sign_in(official.user).post(url(official), {"name.0": "Ana", "email.0": "nobody", "phone.3": "1"})
    html = response.content.decode()
    assert response.status_code == 422
    assert "Write an e-mail address" in html
    assert "Each contact needs a name." in html
    assert 'value="nobody"' in html
    assert not Contact.objects.exists()


@pytest.mark.parametrize("role", ["committee_member", "chair"])
def test_contacts_are_kept_by_officials_alone(official: CommunityRole, sign_in: SignIn, role: str) -> None:
    other = CommunityRoleFactory(community=official.community, role=role)
    client = sign_in(other.user)
    assert client.get(url(other)).status_code == 404
    assert client.post(url(other), {"name.0": "Ana", "email.0": "ana@city.example"}).status_code == 404
