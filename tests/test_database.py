"""Migrations of a release stay as they were, and can run while the previous release still serves
(none after the initial ones locks a table for long or removes what running code uses); the
factories make valid rows, and statements of the web have limits.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import runpy
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser import analyse_sql_statements, get_sql_analyser_class
from factory.django import DjangoModelFactory

from backend.cities.profile_validation import check_document
from backend.environment import read_environment
from tests import factories

ROOT = Path(__file__).resolve().parent.parent
OURS = [app.label for app in apps.get_app_configs() if app.name.startswith("backend.")]


# BLAKE2b, in 16 bytes, of the files of 0.1.0. A change of a model since then is a migration of its
# own, so that a database of that release can follow.
RELEASED: dict[str, str] = {
    "accounts/0001_initial": "5656c201a4ad7979719ee1bd05c9cf3a",
    "cities/0001_initial": "9d9efe0fc6709bb01d059c77f6157873",
    "cities/0002_triggers": "8d150ac663956e58a14750b81710fad3",
    "introductions/0001_initial": "d416dd89143fd0677f85217e210d8a34",
    "introductions/0002_triggers": "5617bfbdbcd15bead184fb68dac02458",
    "notifications/0001_initial": "d83420e67a13d40e1135349e31a1126a",
    "outbox/0001_initial": "9103650942de30947cf651276faeceb2",
    "outbox/0002_triggers": "e8e8d6540f550ff4dae6d83c835f110c",
    "suggestions/0001_initial": "370b061577d1201eba7521edacfc7ee8",
    "web/0001_initial": "26c4c1ff614b55b7da846adfb5ada256",
}


def digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def test_migrations_of_a_release_stay_as_they_were() -> None:
    present = {
        f"{path.parts[-3]}/{path.stem}": digest(path)
        for path in ROOT.glob("backend/*/migrations/0*.py")
    }
    assert {name: present.get(name) for name in RELEASED} == RELEASED


def test_each_app_has_one_last_migration_after_the_released_ones() -> None:
    """So a database of 0.1.0 reaches today's by the later ones alone."""
    graph = MigrationLoader(None).graph
    for app in {name.partition("/")[0] for name in RELEASED}:
        (last,) = graph.leaf_nodes(app)
        before = {f"{label}/{name}" for label, name in graph.forwards_plan(last) if label == app}
        assert before >= {name for name in RELEASED if name.startswith(f"{app}/")}


@pytest.mark.django_db
def test_no_migration_is_unsafe(capsys: pytest.CaptureFixture[str]) -> None:
    linter = MigrationLinter(
        include_apps=OURS,
        ignore_initial_migrations=True,
        all_warnings_as_errors=True,
        no_cache=True,
    )

    linter.lint_all_migrations()

    assert linter.nb_total > linter.nb_ignored, "the linter found no migration of ours"
    assert not linter.has_errors, capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ('ALTER TABLE "cities_place" DROP COLUMN "name" CASCADE;', "DROP_COLUMN"),
        ('ALTER TABLE "cities_place" RENAME COLUMN "name" TO "title";', "RENAME_COLUMN"),
        ('ALTER TABLE "cities_place" ADD COLUMN "size" integer NOT NULL;', "NOT_NULL"),
        ('CREATE INDEX "place_name" ON "cities_place" ("name");', "CREATE_INDEX"),
    ],
)
def test_the_linter_finds_what_is_unsafe(statement: str, code: str) -> None:
    analyser = get_sql_analyser_class("django.db.backends.postgresql")

    errors, _, warnings = analyse_sql_statements(analyser, [statement], [])

    assert code in {issue.code for issue in (*errors, *warnings)}


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


@pytest.mark.parametrize(
    ("seconds", "limits"), [("20", ("20s", "10s")), ("1", ("1s", "1s")), ("0", ("0", "0"))]
)
def test_statements_and_their_waiting_for_a_lock_have_limits(
    db: None, seconds: str, limits: tuple[str, str]
) -> None:
    database = read_environment({"CSC_STATEMENT_SECONDS": seconds}).database
    parameters: dict[str, Any] = connection.get_connection_params()
    named = {name: parameters[name] for name in ("dbname", "user", "password", "host", "port")}
    with psycopg.connect(**named, options=database["OPTIONS"].get("options", "")) as other:
        names = ("statement_timeout", "lock_timeout")
        shown = [other.execute(f"SHOW {name}").fetchone() for name in names]
    assert shown == [(limit,) for limit in limits]


def test_statements_of_the_web_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSC_STATEMENT_SECONDS", "")  # so that what is set here ends with the test
    monkeypatch.delenv("CSC_STATEMENT_SECONDS")
    monkeypatch.setattr("backend.cities.sample.refuse_sample_in_production", lambda: None)
    monkeypatch.setattr("backend.suggestions.scoring.engine.warm_in_background", lambda: None)
    runpy.run_module("backend.wsgi")
    assert os.environ["CSC_STATEMENT_SECONDS"] == "20"
