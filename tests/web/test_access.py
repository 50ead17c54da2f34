from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from backend.accounts.models import User
from backend.cities.models import CommunityRole
from backend.suggestions.models import Suggestion
from backend.web.access import Level, access_of, reader_admitted
from backend.web.html.access import ALLAUTH
from backend.web.public.views import home
from backend.web.urls import page_urls
from tests.factories import CommunityFactory, CommunityRoleFactory, UserFactory
from tests.web.conftest import SignIn
from tests.web.html_forms import url


def view_names(resolver: URLResolver, prefix: str = "") -> Iterator[str]:
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from view_names(
                entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix
            )
        elif isinstance(entry, URLPattern):
            yield prefix + (entry.name or str(entry.pattern))


LEVELS: dict[str, Level] = {
    f"web:{entry.name}": access.level
    for entry in page_urls
    if (access := access_of(entry.callback)) and access.level
}


def test_every_page_says_who_may_open_it() -> None:
    own = {name for name in view_names(get_resolver()) if name.startswith("web:")}
    assert own == set(LEVELS)


def test_every_page_of_allauth_has_an_entry_and_every_entry_a_page() -> None:
    foreign = ("account_", "mfa_", "usersessions_")
    assert {name for name in view_names(get_resolver()) if name.startswith(foreign)} == set(ALLAUTH)


def test_page_that_does_not_say_it_is_refused(
    db: None, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(home, "access")
    assert client.get("/").status_code == 404


def address(name: str, community_id: int) -> str:
    """The page's address with something of the right kind for each of its parameters."""
    kwargs: dict[str, object] = {}
    for entry in page_urls:
        if f"web:{entry.name}" == name:
            for key, converter in entry.pattern.converters.items():
                by_kind = {
                    "IntConverter": 1,
                    "UUIDConverter": uuid.UUID(int=1),
                    "SlugConverter": "story",
                }
                kwargs[key] = (
                    community_id
                    if key == "community_id"
                    else by_kind.get(type(converter).__name__, "x.eml")
                )
    return reverse(name, kwargs=kwargs)


CLOSED = sorted(name for name, level in LEVELS.items() if level is not Level.PUBLIC)
STAFF = sorted(
    name for name, level in LEVELS.items() if level in (Level.STAFF, Level.CURATOR, Level.ADMIN)
)
OF_COMMUNITY = sorted(name for name, level in LEVELS.items() if level is Level.COMMUNITY)


@pytest.mark.parametrize("name", CLOSED)
def test_visitor_is_sent_to_sign_in(db: None, client: Client, name: str) -> None:
    response = client.get(address(name, 1))
    assert response.status_code == 302
    assert response.url.startswith(reverse("account_login"))


@dataclass(frozen=True)
class Reader:
    """Somebody who is signed in, and what the page that does not exist looks like to them."""

    client: Client
    missing: bytes

    def finds_nothing_at(self, path: str) -> bool:
        answers = (self.client.get(path), self.client.post(path))
        return all(a.status_code == 404 and a.content == self.missing for a in answers)


@pytest.fixture(scope="module")
def readers(module_db: None) -> tuple[int, dict[str, Reader]]:
    """A community, and an official of it, one of elsewhere, and somebody of no community; made once
    for all pages.
    """
    home, abroad = CommunityFactory(published=True), CommunityFactory(published=True)
    people = {
        "official": CommunityRoleFactory(community=home).user,
        "other official": CommunityRoleFactory(community=abroad).user,
        "stranger": UserFactory(),
    }
    found = {}
    for name, person in people.items():
        client = Client()
        client.force_login(person)
        found[name] = Reader(client, client.get("/no/such/page/").content)
    return home.pk, found


@pytest.mark.django_db
@pytest.mark.parametrize("name", STAFF)
def test_staff_page_does_not_exist_for_others(
    readers: tuple[int, dict[str, Reader]], name: str
) -> None:
    community_id, by_name = readers
    assert by_name["official"].finds_nothing_at(address(name, community_id))


@pytest.mark.django_db
@pytest.mark.parametrize("name", OF_COMMUNITY)
def test_page_of_a_community_does_not_exist_for_strangers_and_other_officials(
    readers: tuple[int, dict[str, Reader]], name: str
) -> None:
    community_id, by_name = readers
    for reader in (by_name["stranger"], by_name["other official"]):
        assert reader.finds_nothing_at(address(name, community_id))


def test_former_role_opens_nothing(official: CommunityRole, sign_in: SignIn) -> None:
    client = sign_in(official.user)
    path = url("profile", official.community_id)
    assert client.get(path).status_code == 200
    CommunityRole.objects.filter(pk=official.pk).update(ended_at=official.started_at)
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        "staff_publish",
        "staff_changes",
        "staff_suggestion_act",
        "staff_introduction_move",
        "staff_letter",
    ],
)
def test_administrator_does_not_do_what_curators_do(
    admin: User, suggestion: Suggestion, sign_in: SignIn, name: str
) -> None:
    assert sign_in(admin).post(address(f"web:{name}", suggestion.pair.a_id)).status_code == 404


def test_state_changes_want_the_token(official: CommunityRole) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(official.user)
    assert (
        client.post(url("profile_status", official.community_id), {"act": "pause"}).status_code
        == 403
    )


@pytest.mark.parametrize(
    "name",
    ["profile_submit", "profile_publish", "profile_status", "profile_letter", "profile_autosave"],
)
def test_reading_changes_nothing(official: CommunityRole, sign_in: SignIn, name: str) -> None:
    assert (
        sign_in(official.user).get(address(f"web:{name}", official.community_id)).status_code == 405
    )


def test_visitor_passes_no_closed_level() -> None:
    assert not any(reader_admitted(level, AnonymousUser(), 1) for level in Level)
