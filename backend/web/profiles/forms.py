"""The profile's questions as form fields, and the form of registration.

The schema drives both ways. What cannot be read as the kind of answer that it should be is kept as
it was typed, so that the draft shows it again with its error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, repeat
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.http import QueryDict
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.cities.facets import Words
from backend.cities.models import Community, Country, Place
from backend.cities.models.places import in_order, un_region_label
from backend.cities.partner_places import place_options
from backend.cities.profile_schema import FIRST_NEEDS, FORMS, PARTNERSHIP_STATUS, Field, Group
from backend.cities.profile_validation import allowed_codes
from backend.cities.services.people import LONGEST_REASON
from backend.cities.vocabularies import Term, vocabulary
from backend.common.bounds import longest
from backend.web.html.forms import (
    DomainForm,
    Names,
    community_number,
    community_shown,
    country_names,
    read_number,
    written_number,
)

SPARE_ROWS = 2
# What the vocabularies' terms are sorted under; UN regions keep their own names.
GROUP_WORDS: Mapping[str, Words] = {
    "business": gettext_lazy("Business"),
    "city": gettext_lazy("City"),
    "community": gettext_lazy("Community"),
    "culture": gettext_lazy("Culture"),
    "economy": gettext_lazy("Economy"),
    "education": gettext_lazy("Education"),
    "environment": gettext_lazy("Environment"),
    "governance": gettext_lazy("Governance"),
    "health": gettext_lazy("Health"),
    "main": gettext_lazy("Main themes"),
    "mobility": gettext_lazy("Mobility"),
    "municipal": gettext_lazy("Municipal"),
    "nature": gettext_lazy("Nature"),
    "people": gettext_lazy("People"),
    "rural": gettext_lazy("Rural areas"),
    "safety": gettext_lazy("Safety"),
    "sport": gettext_lazy("Sport"),
    "trade": gettext_lazy("Trade"),
    "transport": gettext_lazy("Transport"),
}
# Longer lists are typed with suggestions instead of ticked.
_TICKABLE = 70


def labels_of(question: Field) -> dict[str, str]:
    """Words by code for a question with choices."""
    return {
        code: entry.label() if isinstance(entry, Term) else str(entry)
        for code, entry in allowed_codes(question).items()
    }


def widget_of(question: Field) -> str:
    """How the page asks: a branch of the template ``profiles/field.html``."""
    if question.kind == "codes" and len(allowed_codes(question)) > _TICKABLE:
        return "typed"
    if question.kind == "choice":
        return "select" if len(allowed_codes(question)) > 8 else "radios"
    return {
        **dict.fromkeys(("text", "url", "email", "integer", "number"), "text"),
        "long_text": "long_text",
        "boolean": "radios",
        "codes": "ticks",
        "ranked": "ranked",
        "weighted": "scale",
        "countries": "typed",
        "regions": "ticks",
        "ties": "ties",
        "partnerships": "partnerships",
    }[question.kind]


def _line(post: QueryDict, name: str) -> str:
    return post.get(name, "").replace("\r\n", "\n").strip()


def _read_weighted(question: Field, post: QueryDict) -> dict[str, Any]:
    given = {code: _line(post, f"{question.name}.{code}") for code in allowed_codes(question)}
    return {code: int(text) if text.isdecimal() else text for code, text in given.items() if text}


def _rows(post: QueryDict, name: str, parts: tuple[str, ...]) -> list[dict[str, str]]:
    """Posted rows ``name.0.part``, ``name.1.part`` … without the empty ones."""
    rows = []
    for index in range(250):
        if not any(f"{name}.{index}.{part}" in post for part in parts):
            break
        row = {part: _line(post, f"{name}.{index}.{part}") for part in parts}
        if any(row.values()):
            rows.append({part: text for part, text in row.items() if text})
    return rows


def _read_ties(question: Field, post: QueryDict) -> list[dict[str, Any]]:
    countries = country_names()
    ties: list[dict[str, Any]] = []
    for row in _rows(post, question.name, ("kind", "country", "community", "strength", "evidence")):
        tie: dict[str, Any] = {part: row[part] for part in ("kind", "evidence") if part in row}
        if "country" in row:
            tie["country"] = countries.code(row["country"])
        if "community" in row:
            tie["community_id"] = community_number(row["community"])
        if "strength" in row:
            tie["strength"] = read_number(row["strength"], whole=True)
        ties.append(tie)
    return ties


def _read_partnerships(question: Field, post: QueryDict) -> list[dict[str, Any]]:
    countries = country_names()
    partnerships: list[dict[str, Any]] = []
    for row in _rows(
        post, question.name, ("name", "country", "year", "form", "status", "place_id")
    ):
        entry: dict[str, Any] = dict(row)
        if "country" in row:
            entry["country"] = countries.code(row["country"])
        for part in ("year", "place_id"):
            if part in row:
                entry[part] = read_number(row[part], whole=True)
        if set(entry) - {"status"}:  # a status alone is what an untouched row posts
            partnerships.append(entry)
    return partnerships


def _read_typed(question: Field, post: QueryDict) -> list[str]:
    names = country_names() if question.kind == "countries" else Names(labels_of(question))
    return [names.code(text.strip()) for text in post.getlist(question.name) if text.strip()]


def _read_ranked(question: Field, post: QueryDict) -> list[str]:
    """The chosen codes in their order, after the move that a button of the question asks for."""
    given = post.getlist(question.name)
    name, _dot, move = post.get("move", "").partition(".")
    rows = [at for at, code in enumerate(given) if code]
    ranked = [given[at] for at in rows]
    at, _dot, step = move.partition(".")
    if name == question.name and at.isdecimal() and int(at) in rows:
        here = rows.index(int(at))
        there = here + {"up": -1, "down": 1}.get(step, 0)
        if 0 <= there < len(ranked):
            ranked[here], ranked[there] = ranked[there], ranked[here]
    return ranked


_READERS: Mapping[str, Callable[[Field, QueryDict], Any]] = {
    "text": lambda q, post: (
        read_number(_line(post, q.name), whole=q.kind == "integer")
        if q.kind in ("integer", "number")
        else _line(post, q.name)
    ),
    "long_text": lambda q, post: _line(post, q.name),
    "radios": lambda q, post: (
        {"yes": True, "no": False, "": None}.get(_line(post, q.name), _line(post, q.name))
        if q.kind == "boolean"
        else _line(post, q.name)
    ),
    "select": lambda q, post: _line(post, q.name),
    "ticks": lambda q, post: post.getlist(q.name),
    "typed": _read_typed,
    "ranked": _read_ranked,
    "scale": _read_weighted,
    "ties": _read_ties,
    "partnerships": _read_partnerships,
}


def read_group(group: Group, post: QueryDict) -> dict[str, Any]:
    """The answers of one page, by field; an empty one removes the answer."""
    return {
        question.name: _READERS[widget_of(question)](question, post) for question in group.fields
    }


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class ScaleRow:
    code: str
    label: str
    steps: list[Option]


@dataclass(frozen=True, slots=True)
class Rank:
    """One place of an ordered answer, and where its code may go; ``label`` is empty for none."""

    label: str
    counts_double: bool
    option_groups: list[tuple[str, list[Option]]]
    moves: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class RowPart:
    """One control of a row: a menu where it has options, else a line of text. ``control``: text,
    menu, number, country, evidence (as wide as the row) or hidden.
    """

    name: str
    label: str
    value: Any = ""
    control: str = "text"
    options: Sequence[Option] = ()


@dataclass(frozen=True, slots=True)
class AskedField:
    """A question with its present answer and errors, ready for its template."""

    question: Field
    widget: str
    value: Any
    errors: list[str]
    source: str = ""
    option_groups: list[tuple[str, list[Option]]] = field(default_factory=list)
    scale_steps: list[str] = field(default_factory=list)
    scale_rows: list[ScaleRow] = field(default_factory=list)
    ranks: Sequence[Rank] = ()
    rows: Sequence[Any] = ()
    row_label: str = ""
    names: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.question.name

    @property
    def is_group(self) -> bool:
        """True if the answer takes several controls: a fieldset with a legend holds them."""
        return self.widget not in ("text", "long_text", "select")

    @property
    def is_number(self) -> bool:
        return self.question.kind in ("integer", "number")

    @property
    def described_by(self) -> str:
        """The ids of help, audience, source and error, for aria-describedby."""
        ids = [f"{self.name}-help"] if self.question.help else []
        ids.append(f"{self.name}-audience")
        ids += [f"{self.name}-source"] if self.source else []
        return " ".join([*ids, *([f"{self.name}-error"] if self.errors else [])])

    @property
    def aria(self) -> SafeString:
        """The attributes that tie a single control to its help, source and errors."""
        attributes = {}
        if self.described_by:
            attributes["aria-describedby"] = self.described_by
        if self.errors:
            attributes["aria-invalid"] = "true"
        return flatatt(attributes)


def _grouped(question: Field, chosen: Any) -> list[tuple[str, list[Option]]]:
    if question.kind == "regions":
        regions = set(Country.objects.exclude(subregion="").values_list("region", "subregion"))
        named = [(code, un_region_label(code), un_region_label(of)) for of, code in regions]
        entries = sorted(named, key=lambda entry: entry[:0:-1])
    else:
        entries = [
            (
                code,
                entry.label() if isinstance(entry, Term) else str(entry),
                entry.group if isinstance(entry, Term) else "",
            )
            for code, entry in allowed_codes(question).items()
        ]
    picked = chosen if isinstance(chosen, list) else [chosen]
    groups: dict[str, list[Option]] = {}
    for code, words, group in entries:
        groups.setdefault(str(GROUP_WORDS.get(group, group)), []).append(
            Option(code, words, code in picked)
        )
    return list(groups.items())


def _radio_options(question: Field, value: Any) -> list[Option]:
    if question.kind == "boolean":
        return [Option("yes", _("Yes"), value is True), Option("no", _("No"), value is False)]
    return [Option(code, words, code == value) for code, words in labels_of(question).items()]


def _scale_rows(question: Field, value: Any) -> tuple[list[str], list[ScaleRow]]:
    given = value if isinstance(value, dict) else {}
    steps = ["0", "1", "2", "3"] if question.choices is not None else ["1", "2", "3"]
    rows = [
        ScaleRow(
            code,
            words,
            [Option(step, step, str(given.get(code, "")) == step) for step in ["", *steps]],
        )
        for code, words in labels_of(question).items()
    ]
    return ["–", *steps], rows


def _ranks(question: Field, value: Any) -> list[Rank]:
    """A place for each code that may be named, and for each that is named beyond that."""
    given = [str(code) for code in value] if isinstance(value, list) else []
    labels, ranks = labels_of(question), []
    for at, code in enumerate([*given, *([""] * (int(question.maximum or 0) - len(given)))]):
        groups = _grouped(question, code)
        if code and code not in labels:  # a draft shows what cannot be published, too
            groups.append(("", [Option(code, code, chosen=True)]))
        moves = [("up", _("Move up"))] if 0 < at < len(given) else []
        moves += [("down", _("Move down"))] if at + 1 < len(given) else []
        ranks.append(Rank(labels.get(code, code), at < FIRST_NEEDS, groups, moves))
    return ranks


def _menu(name: str, label: str, codes: Mapping[Any, Words], row: Mapping[str, Any]) -> RowPart:
    options = [Option(str(code), str(text), code == row.get(name)) for code, text in codes.items()]
    return RowPart(name, label, control="menu", options=options)


def _rows_of(value: Any) -> list[dict[str, Any]]:
    """The rows of an answer and some empty ones."""
    given = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return [*given, *({} for _ in range(SPARE_ROWS))]


def _country_part(row: Mapping[str, Any]) -> RowPart:
    shown = country_names().name(row["country"]) if "country" in row else ""
    return RowPart("country", _("Country"), shown, "country")


def _tie_rows(value: Any) -> list[list[RowPart]]:
    kinds = {code: entry.label() for code, entry in vocabulary("tie_kinds").items()}
    strengths = {1: _("1 weak"), 2: _("2 clear"), 3: _("3 strong")}
    rows = _rows_of(value)
    names = Community.objects.public_names(row.get("community_id") for row in rows)
    shown = partial(community_shown, names=names)

    return [
        [
            _menu("kind", _("Kind"), kinds, row),
            _country_part(row),
            RowPart("community", _("or community"), shown(row.get("community_id", ""))),
            _menu("strength", _("Strength"), strengths, row),
            RowPart("evidence", _("A line of evidence"), row.get("evidence", ""), "evidence"),
        ]
        for row in rows
    ]


def _place_part(row: Mapping[str, Any], places: Sequence[Place]) -> RowPart:
    if not places:
        return RowPart("place_id", "", row.get("place_id", ""), "hidden")
    return _menu("place_id", _("Which place it is"), place_options(places), row)


def _partnership_rows(value: Any, places: Sequence[Sequence[Place]]) -> list[list[RowPart]]:
    return [
        [
            _place_part(row, found),
            RowPart("name", _("Partner"), row.get("name", "")),
            _country_part(row),
            RowPart("year", _("Year"), row.get("year", ""), "number"),
            _menu("form", _("Form"), FORMS, row),
            _menu("status", _("Status"), PARTNERSHIP_STATUS, row),
        ]
        for row, found in zip(_rows_of(value), chain(places, repeat(())), strict=False)
    ]


def ask(
    question: Field,
    value: Any,
    errors: list[str],
    source: str = "",
    places: Sequence[Sequence[Place]] = (),
) -> AskedField:
    """A question with its present answer, whatever was typed. ``places``: that partners may be."""
    widget = widget_of(question)
    extra: dict[str, Any] = {}
    if widget == "typed":
        names = country_names() if question.kind == "countries" else Names(labels_of(question))
        given = [names.name(code) for code in value] if isinstance(value, list) else []
        extra = {
            "rows": [{"value": name} for name in [*given, *([""] * (SPARE_ROWS + 1))]],
            "names": [name for _code, name in in_order(names.labels.items())],
        }
    elif widget in ("ticks", "select"):
        extra = {"option_groups": _grouped(question, value)}
    elif widget == "ranked":
        extra = {"ranks": _ranks(question, value)}
    elif widget == "radios":
        extra = {"option_groups": [("", _radio_options(question, value))]}
    elif widget == "scale":
        steps, rows = _scale_rows(question, value)
        extra = {"scale_steps": steps, "scale_rows": rows}
    elif widget in ("ties", "partnerships"):
        is_tie = widget == "ties"
        extra = {
            "rows": _tie_rows(value) if is_tie else _partnership_rows(value, places),
            "row_label": _("Tie") if is_tie else _("Partnership"),
            "names": list(country_names().labels.values()),
        }
    if question.kind in ("integer", "number") and isinstance(value, int | float):
        value = written_number(value)
    shown = "" if value is None else value
    return AskedField(
        question=question, widget=widget, value=shown, errors=errors, source=source, **extra
    )


def country_choices(empty: Any) -> list[tuple[str, Any]]:
    return [("", empty), *country_names().labels.items()]


class BreakGlassForm(DomainForm):
    documented = {"reason": "Why these contacts must be read now; in the trail for good"}

    reason = forms.CharField(
        label="Why must you read them now?",
        max_length=LONGEST_REASON,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RegistrationForm(DomainForm):
    place_id = forms.IntegerField(required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind of community"),
        choices=Community.Kind.choices,
        initial="city",
        required=False,
    )
    name = forms.CharField(
        label=gettext_lazy("Name in English"),
        required=False,
        max_length=longest(Community, "name"),
    )
    country = forms.ChoiceField(label=gettext_lazy("Country"), required=False)
    admin1 = forms.CharField(
        label=gettext_lazy("State, province or region it lies in"),
        required=False,
        max_length=longest(Community, "admin1"),
        widget=forms.TextInput(attrs={"list": "regions", "autocomplete": "off"}),
    )
    seat = forms.CharField(
        label=gettext_lazy("Town that its administration sits in"),
        required=False,
        max_length=longest(Community, "name"),
        help_text=gettext_lazy("Gives the coordinates and the time zone."),
    )
    website = forms.URLField(
        label=gettext_lazy("Official website"), required=False, assume_scheme="https"
    )
    is_another = forms.BooleanField(
        label=gettext_lazy("None of these: mine is another community"), required=False
    )

    nearly: Sequence[Community] = ()
    """Registered communities with nearly the name that was typed: the person says whether one of
    them is theirs.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = country_choices(gettext_lazy("Choose a country"))  # type: ignore[attr-defined]
        self.fields["kind"].choices = [  # type: ignore[attr-defined]
            choice for choice in Community.Kind.choices if choice[0] != "city"
        ]
        if self.data.get("kind") == "city":
            self.fields["kind"].choices = Community.Kind.choices  # type: ignore[attr-defined]

    def as_arguments(self) -> dict[str, Any]:
        return {**self.cleaned_data, "kind": self.cleaned_data["kind"] or "city"}
