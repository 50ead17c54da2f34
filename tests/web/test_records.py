"""Django's admin: behind the same access as every page, read-only, without what belongs to the
sides alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import ModelAdmin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from backend.cities.models import Community, Country
from backend.outbox.models import Event
from backend.web.html.admin import admin_site
from tests import factories as make
from tests.web.browser import Browser, Visitor
from tests.web.conftest import SignIn
from tests.web.html_forms import url

TABLES = list(admin_site._registry.items())
NAMES = [model.__name__ for model, _records in TABLES]


def listed(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def shown(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


@pytest.fixture
def rows(db: None) -> dict[str, Model]:
    """One row of every table that has one."""
    make.JobFactory(event=make.EventFactory())
    make.MembershipFactory()
    make.ScoringRunFactory()
    make.ListedPartnershipFactory()
    return {
        model.__name__: row
        for model, _records in TABLES
        if (row := model._default_manager.first()) is not None
    }


@pytest.fixture
def administrator(db: None, sign_in: SignIn) -> Client:
    return sign_in(make.UserFactory(admin=True))


@pytest.mark.parametrize(("model", "records"), TABLES, ids=NAMES)
def test_administrator_reads_each_table(
    administrator: Client, rows: dict[str, Model], model: type[Model], records: ModelAdmin
) -> None:
    search = {"q": "1"} if records.search_fields else {}
    assert administrator.get(listed(model), search).status_code == 200
    if row := rows.get(model.__name__):
        page = administrator.get(shown(row))
        assert page.status_code == 200
        assert 'type="submit"' not in page.text.split("</header>")[1], (
            "nothing to save, add or delete"
        )


def test_first_page_lists_the_tables_in_english(administrator: Client) -> None:
    page = administrator.get(reverse("admin:index"), headers={"accept-language": "ar"}).text
    assert all(listed(model) in page for model, _records in TABLES)
    assert "To be read only" in page and 'lang="en"' in page
    assert administrator.get(reverse("admin:app_list", args=["cities"])).status_code == 200


def test_who_looks_is_asked_once_and_not_for_each_table(
    administrator: Client, django_assert_max_num_queries: Any
) -> None:
    for address in (reverse("admin:index"), listed(Country)):
        with django_assert_max_num_queries(10):
            administrator.get(address)


def test_nothing_can_be_written(administrator: Client, rows: dict[str, Model]) -> None:
    country = Country.objects.create(code="XX", name="As it was")
    for address in (shown(country), listed(Country)):
        response = administrator.post(
            address, {"code": "XX", "name": "Changed", "_save": "Save", "action": "delete_selected"}
        )
        assert response.status_code in {200, 302, 403}
    country.refresh_from_db()
    assert country.name == "As it was"
    for act in ("add/", "XX/delete/", "XX/history/"):
        assert administrator.get(f"{listed(Country)}{act}").status_code == 404
    assert not LogEntry.objects.exists()
    assert not Event.objects.filter(subject_type="country").exists()


@pytest.mark.parametrize("who", ["visitor", "official", "curator"])
def test_others_do_not_learn_that_it_is_there(
    rows: dict[str, Model], sign_in: SignIn, client: Client, who: str
) -> None:
    if who != "visitor":
        client = sign_in(
            make.UserFactory(curator=True) if who == "curator" else make.CommunityRoleFactory().user
        )
    for address in (
        reverse("admin:index"),
        listed(Community),
        shown(rows["Community"]),
        reverse("admin:jsi18n"),
    ):
        response = client.get(address)
        assert response.status_code == (302 if who == "visitor" else 404)
        if who == "visitor":
            assert response["Location"].startswith(reverse("account_login"))


def test_administrator_without_a_second_factor_sets_it_up_first(db: None, sign_in: SignIn) -> None:
    response = sign_in(make.UserFactory(admin=True, factor=False)).get(reverse("admin:index"))
    assert (response.status_code, response["Location"]) == (302, url("second_factor"))


def test_the_site_itself_admits_administrators_alone(rf: Any, db: None) -> None:
    """Were an address ever mounted past the table of pages, the site would still ask."""
    request = rf.get("/")
    for user, admitted in (
        (make.UserFactory(admin=True), True),
        (make.UserFactory(admin=True, factor=False), False),
        (make.UserFactory(admin=True, is_active=False), False),
        (make.UserFactory(curator=True), False),
        (make.UserFactory(), False),
    ):
        request.user = user
        assert admin_site.has_permission(request) is admitted


def test_what_belongs_to_people_and_sides_is_not_there() -> None:
    private = {
        "Contact",
        "VettingLetter",
        "User",
        "ApiToken",
        "AccountMail",
        "Authenticator",
        "Vote",
        "ShortlistEntry",
        "Suggestion",
        "Decision",
        "Consent",
        "IntroductionNote",
        "Notification",
        "Delivery",
        "Invitation",
        "JoinRequest",
        "Session",
        "UserSession",
        "IdempotencyKey",
        "Profile",
        "ProfileVersion",
        "SignedDocument",
    }
    assert private <= {model.__name__ for model in apps.get_models()}, (
        "a name that no model has guards nothing"
    )
    assert private & set(NAMES) == set()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_its_pages_in_a_browser(live_server: Any, browser: Browser) -> None:
    """Under the service's own content policy: a script or style that it forbids would be a
    complaint.
    """
    make.CommunityFactory(published=True)
    event = make.EventFactory()
    visitor = Visitor.at(browser, live_server.url)
    visitor.sign_in(make.UserFactory(email="staff.admin@example.org", admin=True).email)
    found = {}
    for address in (reverse("admin:index"), listed(Community), shown(event)):
        visitor.open(address)
        if wrong := visitor.violations():
            found[address] = wrong
    assert found == {}
    assert visitor.complaints == []
