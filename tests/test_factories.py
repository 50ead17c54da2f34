"""The factories make rows that the database and the profile's own checks accept."""

from __future__ import annotations

import inspect

import pytest
from factory.django import DjangoModelFactory

from backend.cities.profile_validation import check_document
from tests import factories

FACTORIES = [
    cls
    for _name, cls in inspect.getmembers(factories, inspect.isclass)
    if issubclass(cls, DjangoModelFactory) and cls is not DjangoModelFactory
]


@pytest.mark.django_db
@pytest.mark.parametrize("cls", FACTORIES, ids=lambda cls: cls.__name__)
def test_factory_makes_a_row_the_database_accepts(
    cls: type[DjangoModelFactory], settings, tmp_path
) -> None:
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    }

    row = cls()

    assert type(row)._base_manager.filter(pk=row.pk).exists()


@pytest.mark.django_db
def test_document_is_complete() -> None:
    assert check_document(factories.document(), complete=True) == factories.document()


@pytest.mark.django_db
def test_published_community_seeks_partners() -> None:
    community = factories.CommunityFactory(published=True)

    assert list(type(community).objects.seeking()) == [community]
