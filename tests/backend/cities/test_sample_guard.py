"""Production refuses to start over a database that holds sample accounts."""

from __future__ import annotations

import importlib

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

import backend.wsgi
from backend.cities.models import Community
from backend.cities.sample import holds_sample_accounts, refuse_sample_in_production
from tests.factories import CommunityFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_an_empty_service_holds_no_sample(settings: object) -> None:
    UserFactory()
    assert not holds_sample_accounts()


@pytest.mark.parametrize("what", ["account", "community"])
def test_production_refuses_a_database_with_sample_rows(settings, what: str) -> None:  # type: ignore[no-untyped-def]
    if what == "account":
        UserFactory(is_sample=True)
    else:
        CommunityFactory(is_sample=True)
    settings.PRODUCTION = True

    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        refuse_sample_in_production()


def test_production_starts_over_a_real_database(settings) -> None:  # type: ignore[no-untyped-def]
    CommunityFactory()
    settings.PRODUCTION = True

    refuse_sample_in_production()


def test_other_modes_never_ask(settings, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    UserFactory(is_sample=True)
    settings.PRODUCTION = False

    with django_assert_num_queries(0):
        refuse_sample_in_production()


def test_the_web_does_not_start_in_production_over_sample_accounts(settings) -> None:  # type: ignore[no-untyped-def]
    UserFactory(is_sample=True)
    settings.PRODUCTION = True

    with pytest.raises(ImproperlyConfigured):
        importlib.reload(backend.wsgi)


def test_the_sample_is_not_loaded_in_production(settings) -> None:  # type: ignore[no-untyped-def]
    settings.PRODUCTION = True

    with pytest.raises(CommandError, match="production"):
        call_command("load_sample")


def test_the_sample_is_not_mixed_with_real_communities() -> None:
    CommunityFactory()

    with pytest.raises(CommandError, match="Real communities"):
        call_command("load_sample")
    assert Community.objects.count() == 1


def test_the_sample_wants_the_gazetteer_first() -> None:
    with pytest.raises(CommandError, match="load_reference"):
        call_command("load_sample")


def test_there_is_no_way_to_sign_in_without_a_sample() -> None:
    with pytest.raises(CommandError, match="load_sample"):
        call_command("sample_accounts")
