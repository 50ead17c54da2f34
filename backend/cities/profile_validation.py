"""Checks a profile document against the schema, answer by answer."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.formats import number_format
from django.utils.timezone import now
from django.utils.translation import gettext as _

from backend.cities.drafts import EMPTY, PROVENANCE, SOURCES
from backend.cities.models import Community, Country
from backend.cities.models.places import country_called
from backend.cities.names import bare_name, community_key, searched_name
from backend.cities.partner_places import NO_PLACE
from backend.cities.profile_schema import (
    FIRST_YEAR,
    FORMS,
    GROUP_BY_CODE,
    GROUPS,
    PARTNERSHIP_STATUS,
    Field,
)
from backend.cities.vocabularies import Term, vocabulary
from backend.common.bounds import valid_ids
from backend.common.errors import InvalidFields
from backend.common.typed_text import is_line, typed


class _Wrong(Exception):
    """One answer cannot be accepted; the message says why and what would do."""


def _written(number: float | None) -> str:
    """As the active language writes it; a year's digits stay together."""
    return (
        "…"
        if number is None
        else number_format(number, use_l10n=True, force_grouping=number >= 10_000)
    )


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _Wrong(_("Write text here."))
    text = typed(value).strip()
    if field.kind != "long_text" and not is_line(text):
        text = " ".join(re.split(r"[\n\t]+", text))
    if "\x00" in text:
        raise _Wrong(
            _("This holds a character that cannot be stored (NUL). Type the text again without it.")
        )
    if len(text) > field.max_length:
        raise _Wrong(
            _("This has %(count)s characters; at most %(most)s fit.")
            % {"count": _written(len(text)), "most": _written(field.max_length)}
        )
    return text


def _url(field: Field, value: Any) -> str:
    text = _text(field, value)
    try:
        parts = urlsplit(text)
        good = (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and "." in str(parts.hostname)
            and " " not in text
        )
    except ValueError:
        good = False
    if not good:
        raise _Wrong(
            _(
                "Write a web address that begins with https://, for example "
                "https://www.city.example."
            )
        )
    return text


def _email(field: Field, value: Any) -> str:
    text = _text(field, value)
    try:
        validate_email(text)
    except ValidationError:
        raise _Wrong(_("Write an e-mail address, for example partners@city.example.")) from None
    return text


def _number(field: Field, value: Any) -> int | float:
    whole = field.kind == "integer"
    endless = isinstance(value, float) and not math.isfinite(value)
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or endless
        or (whole and value != int(value))
    ):
        example = _written(12_500 if whole else 1234.5)
        raise _Wrong(
            _("Write a whole number, for example %(example)s.") % {"example": example}
            if whole
            else _("Write a number, for example %(example)s.") % {"example": example}
        )
    low, high = field.minimum, field.maximum
    if (low is not None and value < low) or (high is not None and value > high):
        raise _Wrong(
            _("Write a number from %(low)s to %(high)s.")
            % {"low": _written(low), "high": _written(high)}
        )
    return int(value) if whole else float(value)


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(_("Answer yes or no."))
    return value


def allowed_codes(field: Field) -> Mapping[str, Any]:
    """The codes a field takes, whichever list they come from."""
    return field.choices if field.choices is not None else vocabulary(field.vocabulary)


def _code(allowed: Mapping[str, Any], value: Any) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise _Wrong(_("“%(value)s” is not one of the choices.") % {"value": str(value)[:60]})
    return value


def _choice(field: Field, value: Any) -> str:
    return _code(allowed_codes(field), value)


def _codes(field: Field, value: Any) -> list[str]:
    codes = _unique_codes(allowed_codes(field), value)
    over = len(codes) - int(field.maximum) if field.maximum is not None else 0
    if over > 0:
        raise _Wrong(
            _(
                "%(count)d are named; at most %(most)d can be. Take %(over)d out and keep those "
                "that matter most."
            )
            % {"count": len(codes), "most": field.maximum, "over": over}
        )
    return codes


def _unique_codes(allowed: Mapping[str, Any], value: Any) -> list[str]:
    if not isinstance(value, list):
        raise _Wrong(_("Give a list of choices."))
    codes = [_code(allowed, code) for code in value]
    twice = next((code for at, code in enumerate(codes) if code in codes[:at]), None)
    if twice is not None:
        entry = allowed[twice]
        name = entry.label() if isinstance(entry, Term) else str(entry or twice)
        raise _Wrong(_("“%(name)s” is there twice; keep it once.") % {"name": name})
    return codes


def _weighted(field: Field, value: Any) -> dict[str, int]:
    lowest = 0 if field.choices is not None else 1
    if not isinstance(value, dict):
        raise _Wrong(_("Give each choice a number."))
    allowed = allowed_codes(field)
    for code, weight in value.items():
        _code(allowed, code)
        if isinstance(weight, bool) or not isinstance(weight, int) or not lowest <= weight <= 3:
            raise _Wrong(
                _("“%(code)s” needs a whole number from %(lowest)d to 3.")
                % {"code": code, "lowest": lowest}
            )
    return dict(value)


def _country_codes() -> dict[str, Any]:
    return dict.fromkeys(Country.objects.values_list("code", flat=True))


def _country(countries: Mapping[str, Any], value: Any) -> str:
    """A country's code, also where it is given by a name (``country_called``)."""
    called = value if value in countries else country_called(value)
    return _code(countries, called if called in countries else value)


def _countries(field: Field, value: Any) -> list[str]:
    countries = _country_codes()
    if isinstance(value, list):
        value = [_country(countries, each) for each in value]
    return _unique_codes(countries, value)


def _regions(field: Field, value: Any) -> list[str]:
    return _unique_codes(
        dict.fromkeys(Country.objects.exclude(subregion="").values_list("subregion", flat=True)),
        value,
    )


def _only_keys(row: Any, allowed: set[str]) -> dict[str, Any]:
    if not isinstance(row, dict) or set(row) - allowed:
        raise _Wrong(
            _("A row has parts that are not known; it may hold: %(parts)s.")
            % {"parts": ", ".join(sorted(allowed))}
        )
    return {key: value for key, value in row.items() if value not in EMPTY}


def _ties(field: Field, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > 40:
        raise _Wrong(_("Give a list of at most 40 ties."))
    rows, countries = [], _country_codes()
    listed = Community.objects.public_names(
        row.get("community_id") for row in value if isinstance(row, dict)
    )
    for row in value:
        tie = _only_keys(row, {"kind", "country", "community_id", "strength", "evidence"})
        _code(vocabulary("tie_kinds"), tie.get("kind"))
        if ("country" in tie) == ("community_id" in tie):
            raise _Wrong(
                _(
                    "Each tie leads to a country or to one named community: give exactly "
                    "one of them."
                )
            )
        if "country" in tie:
            tie["country"] = _country(countries, tie["country"])
        elif type(tie["community_id"]) is not int or tie["community_id"] not in listed:
            raise _Wrong(
                _(
                    "“%(name)s” is not the name of exactly one community here. Look it up "
                    "in the list of communities and write its number."
                )
                % {"name": tie["community_id"]}
            )
        if isinstance(tie.get("strength"), bool) or tie.get("strength") not in (1, 2, 3):
            raise _Wrong(_("Each tie needs a strength from 1 to 3."))
        if "evidence" in tie:
            tie["evidence"] = _text(Field("evidence", "", "text", max_length=500), tie["evidence"])
        rows.append(tie)
    return rows


def first_year(value: Any) -> int:
    """The year in which a partnership began, up to the one that it is anywhere in the world."""
    latest = (now() + dt.timedelta(days=1)).year
    return int(_number(Field("year", "", "integer", minimum=FIRST_YEAR, maximum=latest), value))


def year_errors(value: Any) -> list[str]:
    """What is wrong with the first year of a partnership; nothing where it is not known."""
    try:
        if value is not None:
            first_year(value)
    except _Wrong as wrong:
        return [str(wrong)]
    return []


def _partnerships(field: Field, value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > 200:
        raise _Wrong(_("Give a list of at most 200 partnerships."))
    rows, countries = [], _country_codes()
    for row in value:
        entry = _only_keys(row, {"name", "country", "year", "form", "status", "place_id"})
        entry["name"] = _text(field, entry.get("name", ""))
        if not entry["name"]:
            raise _Wrong(_("Each partnership needs the partner's name."))
        entry["country"] = _country(countries, entry.get("country"))
        if "year" in entry:
            entry["year"] = first_year(entry["year"])
        if "form" in entry:
            _code(FORMS, entry["form"])
        place = entry.get("place_id")
        is_none_of_them = type(place) is int and place == NO_PLACE
        if place is not None and not is_none_of_them and not valid_ids([place]):
            raise _Wrong(
                _("No place of the gazetteer has the number %(number)s; leave it out.")
                % {"number": entry["place_id"]}
            )
        _code(PARTNERSHIP_STATUS, entry.get("status", "unknown"))
        rows.append(entry)
    _check_once(rows)
    return rows


def _check_once(rows: list[dict[str, Any]]) -> None:
    """Two rows are one partner where they have one place or, without places, one name."""
    met: dict[Any, str] = {}
    for row in rows:
        key = row.get("place_id") or (row["country"], searched_name(row["name"]))
        names = {"name": row["name"], "other": met.get(key, "")}
        if key in met and searched_name(met[key]) == searched_name(row["name"]):
            raise _Wrong(
                _(
                    "“%(name)s” is there twice; keep one row. If there are two places of that "
                    "name, choose for each which one it is."
                )
                % names
            )
        if key in met:
            raise _Wrong(_("“%(other)s” and “%(name)s” are one place; keep one row.") % names)
        met[key] = row["name"]


CHECKS: Mapping[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "long_text": _text,
    "url": _url,
    "email": _email,
    "integer": _number,
    "number": _number,
    "boolean": _boolean,
    "choice": _choice,
    "codes": _codes,
    "ranked": _codes,
    "weighted": _weighted,
    "countries": _countries,
    "regions": _regions,
    "ties": _ties,
    "partnerships": _partnerships,
}


def check_document(
    document: Any, *, complete: bool, own: Community | None = None
) -> dict[str, dict[str, Any]]:
    """The cleaned document: empty answers left out, every given answer valid.

    Args:
        document: ``{group: {field: value}}`` as a page or the API brought it.
        complete: also ask for the answers without which nobody can submit.
        own: whose profile it is; a community is not its own partner.

    Raises:
        InvalidFields: messages by ``group.field`` path, all of them at once.
    """
    clean, errors = valid_part(document, own)
    if complete:
        errors |= missing_answers(document)
    if errors:
        raise InvalidFields(errors)
    return clean


def missing_answers(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """The answers that are needed to submit and are left empty, by path."""
    needed = [(group, field) for group in GROUPS for field in group.fields if field.needed]
    return {
        f"{group.code}.{field.name}": [
            _("This answer is required before the profile can be submitted.")
        ]
        for group, field in needed
        if not isinstance(document.get(group.code), dict)
        or document[group.code].get(field.name) in EMPTY
    }


def valid_part(
    document: Any, own: Community | None = None
) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """What of a draft could be published as it is, and what is wrong with the rest by
    ``group.field`` path. ``own`` as for ``check_document``.
    """
    errors: dict[str, list[str]] = {}
    if not isinstance(document, dict):
        raise InvalidFields({"": [_("A profile is an object of groups of answers.")]})
    for name in document.keys() - GROUP_BY_CODE.keys() - {PROVENANCE}:
        errors[str(name)] = [_("There is no such group of answers.")]
    clean: dict[str, dict[str, Any]] = {}
    for group in GROUPS:
        answers = document.get(group.code) or {}
        if not isinstance(answers, dict):
            errors[group.code] = [_("This group is an object of answers.")]
            continue
        known = {field.name for field in group.fields}
        for name in answers.keys() - known:
            errors[f"{group.code}.{name}"] = [_("There is no such question.")]
        for field in group.fields:
            if answers.get(field.name) in EMPTY:
                continue
            try:
                clean.setdefault(group.code, {})[field.name] = CHECKS[field.kind](
                    field, answers[field.name]
                )
            except _Wrong as wrong:
                errors[f"{group.code}.{field.name}"] = [str(wrong)]
    across = _wrong_across(clean) | (_with_itself(clean, own) if own is not None else {})
    for path in across:
        group_code, name = path.split(".")
        clean[group_code].pop(name)
    provenance = _provenance(document, clean)
    clean = {code: answers for code, answers in clean.items() if answers}
    return ({**clean, PROVENANCE: provenance} if provenance else clean), errors | across


def _provenance(
    document: Mapping[str, Any], clean: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Where answers come from, of those that are there. The service alone writes it, so it needs no
    messages.
    """
    kept = document.get(PROVENANCE) or {}
    return {
        path: kept[path]
        for path in SOURCES
        if path in kept and path.split(".")[1] in clean.get(path.split(".")[0], {})
    }


def _with_itself(clean: Mapping[str, Mapping[str, Any]], own: Community) -> dict[str, list[str]]:
    """Partnerships and ties that a community has with itself."""
    errors: dict[str, list[str]] = {}
    names = {
        community_key(f"{bare_name(name)} {region}", own.kind)
        for name in (own.name, own.local_name)
        for region in ("", own.admin1)
        if name
    }
    for row in clean.get("partnerships", {}).get("existing", ()):
        place = row.get("place_id")
        is_named_so = (
            row["country"] == own.country_id
            and community_key(bare_name(row["name"]), own.kind) in names
        )
        is_itself = place == own.place_id if place else is_named_so
        if is_itself:
            errors["partnerships.existing"] = [
                _(
                    "“%(name)s” is your own community, which cannot be its own partner. Take it "
                    "out; if you mean another place of that name, write its region too."
                )
                % {"name": row["name"]}
            ]
    if any(row.get("community_id") == own.pk for row in clean.get("ties", {}).get("ties", ())):
        errors["ties.ties"] = [
            _("“%(name)s” is your own community; name another one.") % {"name": own.name}
        ]
    return errors


def _wrong_across(clean: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Answers that are right by themselves and contradict another."""
    errors: dict[str, list[str]] = {}
    sought = clean.get("sought", {})
    low, high = sought.get("population_min"), sought.get("population_max")
    if low is not None and high is not None and low > high:
        errors["sought.population_max"] = [
            _("This is below the lower bound of %(low)s; turn them around.")
            % {"low": _written(low)}
        ]
    both = sorted(set(sought.get("countries", ())) & set(sought.get("excluded_countries", ())))
    if both:
        errors["sought.excluded_countries"] = [
            _("%(codes)s is in both lists; keep it in one.") % {"codes": ", ".join(both)}
        ]
    return errors
