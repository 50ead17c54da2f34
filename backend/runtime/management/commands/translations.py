"""``translations extract | check | compile``: the catalogues of translated words."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.web.html import catalogues as html_catalogues


class Command(BaseCommand):
    help = (
        "Collects the words to translate into backend/locale, checks that every language has them "
        "all, or compiles them."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("act", choices=["extract", "check", "compile"])

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        if act == "compile":
            self.stdout.write(f"{html_catalogues.compile_catalogues()} compiled")
            return
        asked = html_catalogues.extract()
        if act == "extract":
            for language in html_catalogues.languages():
                html_catalogues.update(language, asked)
        found = {
            language: list(html_catalogues.faults(language, asked))
            for language in html_catalogues.languages()
        }
        for language, faults in found.items():
            self.stdout.write(f"{language}: {len(asked)} texts, {len(faults)} faults")
        if act == "check":
            for fault in [fault for faults in found.values() for fault in faults]:
                self.stderr.write(str(fault))
            if any(found.values()):
                raise CommandError(
                    "the catalogues are not complete: run `manage.py translations extract`, then "
                    "translate what is empty"
                )
