"""The addresses of pages; their forms, as a browser without JavaScript sends them; their markup."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

from django.urls import reverse


def url(name: str, *args: object) -> str:
    """The address of a page of ours."""
    return reverse(f"web:{name}", args=args)


def one_line(html: str) -> str:
    """The markup without its layout: single spaces in the text, none beside a tag."""
    return re.sub(r"\s*(<[^>]+>)\s*", r"\1", " ".join(html.split()))


@dataclass
class PageForm:
    action: str
    method: str
    values: dict[str, list[str]] = field(default_factory=dict)

    def add(self, name: str, value: str) -> None:
        self.values.setdefault(name, []).append(value)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[PageForm] = []
        self._select = ""
        self._chosen: list[str] = []
        self._first: str | None = None
        self._area = ""
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(PageForm(given.get("action", ""), given.get("method", "get")))
        elif tag == "option" and self._select:
            self._first = given.get("value", "") if self._first is None else self._first
            self._chosen += [given.get("value", "")] if "selected" in given else []
        elif not self.forms or not given.get("name") or "disabled" in given:
            return
        elif tag == "input":
            if given.get("type") in ("checkbox", "radio") and "checked" not in given:
                return
            self.forms[-1].add(given["name"], given.get("value", ""))
        elif tag == "select":
            self._select, self._chosen, self._first = given["name"], [], None
        elif tag == "textarea":
            self._area, self._text = given["name"], ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "select" and self._select:
            for value in self._chosen or [self._first or ""]:
                self.forms[-1].add(self._select, value)
            self._select = ""
        elif tag == "textarea" and self._area:
            self.forms[-1].add(self._area, self._text.removeprefix("\n"))
            self._area = ""


def forms_of(html: str) -> list[PageForm]:
    reader = _Forms()
    reader.feed(html)
    return reader.forms


def form_to(html: str, action: str) -> PageForm:
    """The one form of the page that goes to that address."""
    (found,) = [form for form in forms_of(html) if form.action == action]
    return found
