"""The catalogues of translated words: what the pages and mails ask for, what each language lacks,
and the compiled form.

Babel reads and writes the gettext files, so that no machine needs the gettext programs. Pages for
staff are shown in English by decision (``backend.web.html.languages``) and are not asked for.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize

KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
# What templatize writes for one translatable place of a template: a call with literal words.
_WORDS = r"u?(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\")"
_CALL = re.compile(rf"\b(n?p?gettext|_)\s*\(\s*({_WORDS}(?:\s*,\s*{_WORDS})*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"%\((\w+)\)[a-z]|\{(\w*)\}")
_COUNTS = {"count", "counter", "n", "number", "months", "days", "years", "minutes", "seconds"}


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why a catalogue is not complete."""

    language: str
    words: str
    reason: str

    def __str__(self) -> str:
        return f"{self.language}: {self.reason}: {self.words!r}"


def languages() -> list[str]:
    """The languages that need a catalogue: all but the one that the source is written in."""
    return [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]


def catalogue_path(language: str) -> Path:
    return Path(settings.LOCALE_PATHS[0]) / language / "LC_MESSAGES" / "django.po"


def extract() -> Catalog:
    """Everything that pages, forms, mails and errors ask to be translated."""
    catalog = Catalog(charset="utf-8", fuzzy=False)
    root = Path(settings.REPOSITORY)
    for path in sorted(_sources(root / "backend")):
        place = [(path.relative_to(root).as_posix(), None)]
        for words, context in _calls(path):
            catalog.add(words, locations=place, context=context)  # type: ignore[arg-type]
    return catalog


def _sources(folder: Path) -> Iterator[Path]:
    for path in (*folder.rglob("*.py"), *folder.rglob("*.html"), *folder.rglob("*.txt")):
        parts = path.relative_to(folder).parts
        for_staff = "staff" in parts or path.name.startswith("staff_")
        if (
            not for_staff
            and "migrations" not in parts
            and (path.suffix == ".py" or "templates" in parts)
        ):
            yield path


def _calls(path: Path) -> Iterator[tuple[str | tuple[str, ...], str | None]]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py" and "gettext" not in text:
        return  # imports none of the functions, and reading its tokens takes long
    if path.suffix != ".py":
        text = "\n".join(
            f"{name}({words})" for name, words in _CALL.findall(templatize(text, origin=str(path)))
        )
    for _, function, found, _ in extract_python(
        io.BytesIO(text.encode()), KEYWORDS, [], {"encoding": "utf-8"}
    ):
        words: list[Any] = list(found) if isinstance(found, tuple | list) else [found]
        context = words.pop(0) if "pgettext" in function else None
        wanted = 2 if "ngettext" in function or "npgettext" in function else 1
        if len(words) >= wanted and all(words[:wanted]):
            yield (words[0] if wanted == 1 else (words[0], words[1])), context


def read(language: str) -> Catalog:
    path = catalogue_path(language)
    if not path.exists():
        return Catalog(locale=language, domain="django", charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain="django", ignore_obsolete=True)


def _say_whose(catalog: Catalog, language: str) -> None:
    """The file's head names the project, and nobody as translator: git tells who changed what."""
    catalog.project, catalog.version = "Cities Seeking Cities", ""
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    catalog.header_comment = f"# Cities Seeking Cities: words of its pages and mails ({language})."


def update(language: str, asked: Catalog) -> Catalog:
    """Writes the catalogue with everything asked for, what is new without words, what is no longer
    asked for gone.
    """
    catalog = read(language)
    catalog.update(
        asked, no_fuzzy_matching=True, update_header_comment=False, keep_user_comments=False
    )
    catalog.obsolete.clear()
    _say_whose(catalog, language)
    path = catalogue_path(language)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(
            file,
            catalog,
            width=120,
            sort_output=True,
            omit_header=False,
            include_lineno=False,
            ignore_obsolete=True,
        )
    return catalog


def compile_catalogues() -> int:
    """Writes the compiled form wherever it is older than the words; returns how many."""
    written = 0
    for language in languages():
        source = catalogue_path(language)
        target = source.with_suffix(".mo")
        if not source.exists() or (
            target.exists() and target.stat().st_mtime >= source.stat().st_mtime
        ):
            continue
        with source.open("rb") as file:
            catalog = read_po(file, locale=language, domain="django")
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            write_mo(file, catalog)
        part.replace(target)
        written += 1
    return written


def faults(language: str, asked: Catalog) -> Iterator[Fault]:
    """What keeps a catalogue from being complete: words that lack, are in doubt, lose a placeholder
    or are asked for no more.
    """
    catalog = read(language)
    for message in asked:
        if not message.id:
            continue
        found = catalog.get(message.id, message.context)
        words = message.id if isinstance(message.id, str) else message.id[0]
        if found is None or not _filled(found):
            yield Fault(language, words, "not translated")
        elif found.fuzzy:
            yield Fault(language, words, "marked as in doubt (fuzzy)")
        else:
            yield from (Fault(language, words, reason) for reason in _distortions(message, found))
            if any(_is_foreign(language, form) for form in _forms(found)):
                yield Fault(language, words, "written in the letters of another language")
    for message in catalog:
        if message.id and asked.get(message.id, message.context) is None:
            yield Fault(
                language,
                message.id if isinstance(message.id, str) else message.id[0],
                "asked for nowhere any more",
            )


def _forms(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def _filled(message: Message) -> bool:
    forms = _forms(message)
    return bool(forms) and all(form.strip() for form in forms)


# Where another language's words have come into a catalogue, here it shows by their letters.
_LETTERS = {"ar": r"[\u0600-\u06ff]", "ja": r"[\u3040-\u30ff\u4e00-\u9fff]"}
_ANOTHERS = re.compile(r"[a-z]{2,}(?:,? [a-záéíóúñüäößàèêç]+){2,}", re.IGNORECASE)


def _is_foreign(language: str, form: str) -> bool:
    """Whether it holds three words in Latin letters and none of the language's own."""
    own = _LETTERS.get(language)
    return (
        own is not None
        and not re.search(own, form)
        and form != "Cities Seeking Cities"
        and bool(_ANOTHERS.search(form))
    )


def _distortions(source: Message, found: Message) -> Iterator[str]:
    originals = [source.id] if isinstance(source.id, str) else list(source.id)
    known = set().union(*map(_placeholders, originals))
    # A language may say "one" in words; each form must contain every other placeholder.
    needed = known - _COUNTS if len(originals) > 1 else known
    for form in _forms(found):
        has = _placeholders(form)
        if has - known:
            yield f"unknown placeholder {', '.join(sorted(has - known))}"
        if needed - has:
            yield f"placeholder missing: {', '.join(sorted(needed - has))}"
        if (
            originals[0][:1].isspace() != form[:1].isspace()
            or originals[0][-1:].isspace() != form[-1:].isspace()
        ):
            yield "space at an end differs"


def _placeholders(text: str) -> set[str]:
    return {named or f"{{{braced}}}" for named, braced in _PLACEHOLDER.findall(text)}
