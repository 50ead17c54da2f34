"""People of each kind, and what they see."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.test import Client

from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, Profile
from backend.suggestions.models import Suggestion
from tests.factories import (
    CommunityFactory,
    CommunityRoleFactory,
    ProfileFactory,
    SuggestionFactory,
    UserFactory,
)
from tests.faults.service import running
from tests.web.browser import Browser, ParkedBrowser, parked_browser
from tests.web.service import WholeService

# People of each kind, and what they see.


SignIn = Callable[[User], Client]


@pytest.fixture
def sign_in() -> SignIn:
    def as_user(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return as_user


@pytest.fixture
def official(db: None) -> CommunityRole:
    """A vetted official of a community whose profile is published."""
    return CommunityRoleFactory(community=CommunityFactory(name="Homeport", published=True))


@pytest.fixture
def newcomer(db: None) -> CommunityRole:
    """A registrant whom staff have not confirmed; the profile is a complete draft."""
    profile = ProfileFactory(community=CommunityFactory(name="Newtown"))
    return CommunityRoleFactory(community=profile.community, vetted_at=None)


@pytest.fixture
def suggestion(official: CommunityRole) -> Suggestion:
    """A released suggestion between the official's community and one abroad."""
    other = CommunityFactory(name="Fernstadt", published=True, country_code="DE")
    return SuggestionFactory(pair__a=official.community, pair__b=other)


@pytest.fixture
def other_official(suggestion: Suggestion) -> CommunityRole:
    return CommunityRoleFactory(community=suggestion.pair.b)


@pytest.fixture
def stranger(db: None) -> User:
    """Signed in, with no community."""
    return UserFactory()


def profile_of(community: Community) -> Profile:
    return Profile.objects.get(community=community)


@pytest.fixture
def service(nothing_due: None, tmp_path: Path) -> Iterator[WholeService]:
    """Web, relay, worker and broker in processes of their own on the test database."""
    with running(WholeService(tmp_path)) as started:
        yield started


@pytest.fixture(scope="session")
def chromium() -> Iterator[ParkedBrowser]:
    """One Chromium for all tests of a process: each start takes more than a second of work."""
    path = os.environ.get("CSC_CHROMIUM")
    if not path:
        pytest.skip("BROWSER TEST SKIPPED: no Chromium (CSC_CHROMIUM names none)")
    with parked_browser(path) as started:
        yield started


@pytest.fixture(scope="module")
def browser(chromium: ParkedBrowser) -> Iterator[Browser]:
    """Chromium; the test is skipped aloud where there is none."""
    # Playwright keeps an event loop in this thread, which is all that Django's guard sees; no query
    # runs inside of it.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with chromium.in_use() as running:
            yield running
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before
