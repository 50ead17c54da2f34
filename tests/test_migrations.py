"""Migrations can run while the previous release still serves: none after the initial ones locks a
table for long or takes away what running code uses.
"""

from __future__ import annotations

import pytest
from django.apps import apps
from django_migration_linter import MigrationLinter
from django_migration_linter.sql_analyser import analyse_sql_statements, get_sql_analyser_class

OURS = [app.label for app in apps.get_app_configs() if app.name.startswith("backend.")]


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
