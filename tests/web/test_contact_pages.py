from __future__ import annotations

import time

import pytest
from django.test import Client
from django.urls import reverse

from backend.accounts.models import User
from backend.cities.models import CommunityRole, Contact
from backend.notifications.models import Delivery, Notification
from backend.notifications.notices import describe
from backend.notifications.services import notify_people
from backend.outbox.models import Event
from backend.privacy.data import create_token
from backend.web.models import IdempotencyKey
from tests.actors import sign_in_again
from tests.factories import (
    PASSWORD,
    CommunityRoleFactory,
    ContactFactory,
    OrganisationFactory,
    UserFactory,
)
from tests.web.conftest import SignIn
from tests.web.html_forms import form_to


def url(role: CommunityRole) -> str:
    return reverse("web:profile_contacts", args=[role.community_id])


def names() -> list[tuple[str, bool]]:
    return list(Contact.objects.order_by("id").values_list("name", "is_primary"))


def test_contacts_are_entered_kept_and_removed(official: CommunityRole, sign_in: SignIn) -> None:
    client = sign_in(official.user)
    two = {
        "name.0": "Ana",
        "email.0": "ana@city.example",
        "name.1": "Bo",
        "office.1": "Protocol",
        "email.1": "bo@city.example",
    }
    assert client.post(url(official), two).status_code == 302
    assert names() == [("Ana", True), ("Bo", False)]
    form = form_to(client.get(url(official)).text, url(official))
    assert client.post(form.action, form.values).status_code == 302
    assert names() == [("Ana", True), ("Bo", False)]
    emptied = {name: [""] if name.endswith(".0") else value for name, value in form.values.items()}
    assert client.post(form.action, emptied).status_code == 302
    assert names() == [("Bo", True)]


def test_wrong_contact_is_explained_and_nothing_saved(
    official: CommunityRole, sign_in: SignIn
) -> None:
    response = sign_in(official.user).post(
        url(official), {"name.0": "Ana", "email.0": "nobody", "phone.3": "1"}
    )
    html = response.text
    assert response.status_code == 422
    assert "Write an e-mail address" in html
    assert "Each contact needs a name." in html
    assert 'value="nobody"' in html
    assert not Contact.objects.exists()


@pytest.mark.parametrize("role", ["committee_member", "chair"])
def test_contacts_are_kept_by_officials_alone(
    official: CommunityRole, sign_in: SignIn, role: str
) -> None:
    other = CommunityRoleFactory(community=official.community, role=role)
    client = sign_in(other.user)
    assert client.get(url(other)).status_code == 404
    assert (
        client.post(url(other), {"name.0": "Ana", "email.0": "ana@city.example"}).status_code == 404
    )


def test_administrator_opens_contacts_by_a_reason_that_the_community_reads(
    official: CommunityRole, admin: User, sign_in: SignIn
) -> None:
    newcomer = CommunityRoleFactory(community=official.community, vetted_at=None)
    ContactFactory(
        organisation=OrganisationFactory(community=official.community), name="Ana Contact"
    )
    address, client = reverse("web:staff_contacts", args=[official.community_id]), sign_in(admin)
    sign_in_again(client, admin)
    asked = client.get(address).text
    assert "Ana Contact" not in asked
    refused = client.post(address, {"reason": "because"})
    assert refused.status_code == 422
    assert "Ana Contact" not in refused.text
    assert not Event.objects.filter(topic="contacts_read").exists()
    form = form_to(asked, address)
    opened = client.post(
        form.action,
        {**form.values, "reason": "Their office burnt down;  the mayor asked us to reach them."},
    )
    assert "Ana Contact" in opened.text
    assert "no-store" in opened["Cache-Control"]
    left = Event.objects.get(topic="contacts_read")
    assert (left.by, left.payload["reason"]) == (
        admin,
        "Their office burnt down; the mayor asked us to reach them.",
    )
    reader = sign_in(official.user)
    (entry,) = reader.get(f"/api/v1/communities/{official.community_id}/events/").json()["results"]
    assert (entry["topic"], entry["by_name"]) == ("contacts_read", str(admin))
    page = reader.get(reverse("web:community_audit_log", args=[official.community_id])).text
    assert "Their office burnt down; the mayor asked us to reach them." in page
    assert str(admin) in page

    notify_people(left.pk)
    notice = Notification.objects.get()
    assert (notice.kind, notice.recipient) == ("contacts_opened", official.user)
    assert notice.recipient != newcomer.user
    assert str(admin) in describe(notice).sentences[0]
    assert Delivery.objects.filter(notification=notice).exists()
    message = reader.get(reverse("web:inbox")).text
    assert reverse("web:community_audit_log", args=[official.community_id]) in message


def test_old_session_or_token_opens_no_contacts(
    official: CommunityRole, admin: User, sign_in: SignIn
) -> None:
    contact = ContactFactory(organisation=OrganisationFactory(community=official.community))
    reason, client = {"reason": "The mail of the community bounces."}, sign_in(admin)
    sign_in_again(client, admin, at=time.time() - 330)
    asked = client.post(reverse("web:staff_contacts", args=[official.community_id]), reason)
    assert "reauthenticate" in asked.url
    assert not Event.objects.filter(topic="contacts_read").exists()
    path = f"/api/v1/communities/{official.community_id}/contacts/break-glass/"
    answer = client.post(path, reason, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "reauthentication_required")
    _token, words = create_token(by=admin, name="x", days=1, scope="staff_act")
    headers = {"Authorization": f"Token {words}"}
    answer = Client().post(path, reason, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "session_needed")
    assert not Event.objects.filter(topic="contacts_read").exists()
    # Signed in again, the administrator need not write the reason a second time
    opened = client.post(asked.url, {"password": PASSWORD}, follow=True)
    assert contact.email in opened.text
    assert Event.objects.get(topic="contacts_read").payload["reason"] == reason["reason"]


def test_administrator_without_a_password_confirms_by_the_second_factor(
    official: CommunityRole, admin: User, sign_in: SignIn
) -> None:
    admin.set_unusable_password()
    admin.save()
    client = sign_in(admin)
    sign_in_again(client, admin, by="code")
    page = reverse("web:staff_contacts", args=[official.community_id])
    asked = client.post(page, {"reason": "The mail of the community bounces."})
    assert asked.url.startswith(reverse("mfa_reauthenticate"))
    assert not Event.objects.filter(topic="contacts_read").exists()


@pytest.mark.parametrize(("ago", "status"), [(None, 403), (330, 403), (10, 200)])
def test_administrator_with_nothing_to_confirm_with_opens_contacts_just_after_signing_in(
    official: CommunityRole, sign_in: SignIn, ago: int | None, status: int
) -> None:
    """As those of the sample world may be: they need no second factor."""
    contact = ContactFactory(organisation=OrganisationFactory(community=official.community))
    admin = UserFactory(admin=True, factor=False, is_sample=True, password="!")
    reason, client = {"reason": "The mail of the community bounces."}, sign_in(admin)
    if ago is not None:
        sign_in_again(client, admin, at=time.time() - ago, by="code")
    page = client.post(reverse("web:staff_contacts", args=[official.community_id]), reason)
    path = f"/api/v1/communities/{official.community_id}/contacts/break-glass/"
    api = client.post(path, reason, content_type="application/json")
    assert (page.status_code, api.status_code) == (status, status)
    for answer in (page, api):
        assert (contact.email in answer.text) == (status == 200)


def test_curator_breaks_no_glass(official: CommunityRole, curator: User, sign_in: SignIn) -> None:
    address = reverse("web:staff_contacts", args=[official.community_id])
    assert (
        sign_in(curator).post(address, {"reason": "a reason that is long enough"}).status_code
        == 404
    )
    assert not Event.objects.filter(topic="contacts_read").exists()


def test_each_reading_of_contacts_is_in_the_trail_and_none_is_kept(
    official: CommunityRole, sign_in: SignIn
) -> None:
    organisation = OrganisationFactory(community=official.community)
    ContactFactory(organisation=organisation, email="ana@city.example")
    admin = UserFactory(admin=True)
    client = sign_in(admin)
    sign_in_again(client, admin)
    for _ in range(2):
        answer = client.post(
            f"/api/v1/communities/{official.community_id}/contacts/break-glass/",
            {"reason": "The mail of the community bounces."},
            content_type="application/json",
            headers={"Idempotency-Key": "once"},
        )
        assert answer.status_code == 200
        assert answer.json()["contacts"][0]["email"] == "ana@city.example"
    assert Event.objects.filter(topic="contacts_read", payload__broken_glass=True).count() == 2
    assert not IdempotencyKey.objects.exists()
