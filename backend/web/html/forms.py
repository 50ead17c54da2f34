"""What forms share: errors of services beside their fields, filters, days, and names and numbers as
people type them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from django import forms
from django.db.models import Q, QuerySet
from django.forms.renderers import DjangoTemplates
from django.forms.utils import flatatt
from django.http import HttpRequest
from django.utils.formats import get_format
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community, Country
from backend.cities.models.places import country_called, in_order
from backend.cities.names import fold
from backend.cities.permissions import Reader
from backend.cities.vocabularies import vocabulary
from backend.common.errors import DomainError, InvalidFields

Rows = QuerySet[Any]


class FormRenderer(DjangoTemplates):
    """Draws a choice of many options in one go: Django's templates include two others for each
    option, which took half the time of a page with a choice of countries.
    """

    def render(
        self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None
    ) -> SafeString:
        if template_name == forms.Select.template_name:
            return _drawn_select(context["widget"])
        return mark_safe(super().render(template_name, context, request))  # noqa: S308 - a template's


def _drawn_select(widget: Mapping[str, Any]) -> SafeString:
    groups = []
    for label, options, _index in widget["optgroups"]:
        drawn = "".join(
            f'<option value="{escape(option["value"])}"'
            f"{flatatt(option['attrs']) if option['attrs'] else ''}>"
            f"{escape(option['label'])}</option>\n"
            for option in options
        )
        groups.append(f'<optgroup label="{escape(label)}">{drawn}</optgroup>' if label else drawn)
    attributes = flatatt(widget["attrs"])
    return mark_safe(  # noqa: S308 - each part is escaped above
        f'<select name="{escape(widget["name"])}"{attributes}>\n{"".join(groups)}</select>'
    )


class DomainForm(forms.Form):
    """What a person gives to an act, on its page and as the body of its request to the API
    (``rest.base.body_of``). The service checks it: ``add_service_errors`` puts its InvalidFields
    where the form shows its own errors.

    Attributes:
        documented: name of a field → what the API's document says of it.
        needed: fields that the API wants given where the page leaves that to the service.
        may_be_blank: those of them that may be an empty text.
    """

    documented: Mapping[str, str] = {}
    needed: frozenset[str] = frozenset()
    may_be_blank: frozenset[str] = frozenset()
    result: Any = None  # of the service, once ``is_done``

    def as_arguments(self) -> dict[str, Any]:
        """The values as the service takes them."""
        return self.cleaned_data

    def is_done(
        self,
        service: Callable[..., Any],
        *,
        refusals: tuple[type[DomainError], ...] = (),
        **known: Any,
    ) -> bool:
        """True if the values are valid and the service took them; else the errors are beside their
        fields, and those of ``refusals`` above the form.
        """
        if not self.is_valid():
            return False
        try:
            self.result = service(**known, **self.as_arguments())
        except InvalidFields as invalid:
            self.add_service_errors(invalid)
        except refusals as refusal:
            self.add_error(None, refusal.message)
        return not self.errors

    def add_service_errors(self, invalid: InvalidFields) -> None:
        for path, lines in invalid.errors.items():
            for line in lines:
                self.add_error(path if path in self.fields else None, line)


COUNTRY_CODE = "[A-Z]{2}"


class OpenChoiceField(forms.ChoiceField):
    """A choice of which the page offers those that lead to something; the API takes every value of
    the pattern, for example the code of a country where nobody is registered yet.
    """

    def __init__(self, *, pattern: str, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.pattern = pattern
        self.is_open = False

    def to_python(self, value: Any) -> str:
        """A country is also found by its name."""
        given = super().to_python(value)
        is_code = re.fullmatch(self.pattern, given) is not None
        if self.pattern != COUNTRY_CODE or is_code:
            return given
        return country_called(given) or given

    def valid_value(self, value: Any) -> bool:
        if self.is_open:
            return re.fullmatch(self.pattern, str(value)) is not None
        return super().valid_value(value)


class PatternField(forms.CharField):
    """Text that the whole ``pattern`` matches."""

    def __init__(self, pattern: str, **options: Any) -> None:
        super().__init__(**options)
        self.pattern = pattern

    def validate(self, value: str) -> None:
        super().validate(value)
        if value and re.fullmatch(self.pattern, value) is None:
            raise forms.ValidationError("This value does not match the required pattern.")


class CheckboxInput(forms.CheckboxInput):
    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return data.get(name, "")


class FlagField(forms.BooleanField):
    """A box to tick: "on" from a page, "true" or "false" from the API; anything else is wrong."""

    widget = CheckboxInput
    _VALUES = {"": False, "on": True, "true": True, "1": True, "false": False, "0": False}

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)

    def to_python(self, value: Any) -> bool:
        typed = str(value).lower()
        if typed not in self._VALUES:
            raise forms.ValidationError("Must be true or false.")
        return self._VALUES[typed] if typed else bool(self.initial)


class Filters(forms.Form):
    """One description of a list's filters, for its page and its address of the API.

    A filter asks for rows whose column of its name has the value, unless a method
    ``filter_NAME(rows, value)`` states another condition. The page shows the form and passes over a
    wrong value. The API refuses it, and names that are no filter (``rest.base.read_filters``); it
    documents ``documented``, the name of a filter → what to say of it.
    """

    documented: Mapping[str, str] = {}
    reader: Reader | None = None

    def __init__(self, *args: Any, is_api: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            if isinstance(field, OpenChoiceField):
                field.is_open = is_api
                if not is_api:  # looked up once, not at each use
                    choices: Any = field.choices
                    field.choices = list(choices)

    def chosen(self) -> dict[str, Any]:
        """The valid, non-empty filters."""
        self.full_clean()
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if value not in (None, "") and value is not False
        }

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        """The rows that all chosen filters let through; ``reader`` is for filters that depend on
        who asks.
        """
        self.reader = reader
        for name, value in self.chosen().items():
            condition = getattr(self, f"filter_{name}", None)
            rows = condition(rows, value) if condition else rows.filter(**{name: value})
        return rows


class SearchFilters(Filters):
    """Filters of a list whose rows have names."""

    documented = {"search": "Words of either name"}
    search = forms.CharField(label=_("Name"), required=False, max_length=100, strip=True)


class PairFilters(SearchFilters):
    """Filters of staff's lists whose rows have a pair of communities."""

    documented = {**SearchFilters.documented, "country": "Of either side"}

    country = OpenChoiceField(
        label="Country", pattern="[A-Z]{2}", choices=lambda: countries_of_communities("Any")
    )

    def filter_country(self, rows: Rows, value: str) -> Rows:
        return rows.filter(Q(pair__a_country=value) | Q(pair__b_country=value))

    def filter_search(self, rows: Rows, value: str) -> Rows:
        for word in value.split():
            rows = rows.filter(Q(pair__a__name__icontains=word) | Q(pair__b__name__icontains=word))
        return rows


def countries_of_communities(anything: str = "") -> list[tuple[str, Any]]:
    """The countries of registered communities, as choices of a filter."""
    found = Country.objects.filter(communities__isnull=False).distinct()
    return [("", anything or _("Any")), *in_order((each.code, each.label) for each in found)]


def terms(name: str) -> list[tuple[str, Any]]:
    """The terms of a vocabulary by their labels, as choices of a filter."""
    return [("", _("Any")), *_terms(name, get_language() or "en")]


@cache
def _terms(name: str, _language: str) -> list[tuple[str, str]]:
    """Terms are files of ours: they change with the program alone."""
    return in_order((code, term.label()) for code, term in vocabulary(name).items())


DATE = {"type": "date"}
ISO_DAYS = ["%Y-%m-%d"]


def date_input() -> forms.DateInput:
    return forms.DateInput(attrs=DATE, format=ISO_DAYS[0])


_LONGEST_NUMBER = 18  # digits that the database's own numbers always hold


class Names:
    """Codes by what people type: the name in any spelling, or the code itself."""

    def __init__(self, labels: Mapping[str, str]) -> None:
        self.labels = labels
        self._codes = {fold(name): code for code, name in labels.items()} | {
            fold(code): code for code in labels
        }

    def code(self, typed: str) -> str:
        """The code; what was typed where there is none."""
        return self._codes.get(fold(typed), typed)

    def name(self, code: Any) -> str:
        return self.labels.get(code, str(code))


class CountryNames(Names):
    """Countries in the reader's language; also by any other name that people use for them."""

    def code(self, typed: str) -> str:
        found = super().code(typed)
        called = found if found in self.labels else country_called(typed)
        return called if called in self.labels else typed


def country_names() -> Names:
    return CountryNames(dict(in_order((each.code, each.label) for each in Country.objects.all())))


def community_number(typed: str) -> Any:
    """The number of the community that is meant: "Graz", "#12" or "Graz #12". What was typed where
    no public one, or several, fit.
    """
    name, mark, number = typed.rpartition("#")
    if number.strip().isdecimal() and (mark or not name):
        return int(number) if len(number.strip()) <= _LONGEST_NUMBER else typed
    named = Q(name__iexact=typed) | Q(local_name__iexact=typed)
    found = list(Community.objects.public().filter(named).values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else typed


def community_shown(value: Any, names: Mapping[int, str]) -> Any:
    """A tie's community as ``community_number`` reads it again; the value itself where ``names``
    (number → name) has none.
    """
    return f"{names[value]} #{value}" if isinstance(value, int) and value in names else value


# Numbers as people type them, with the separators of the page's language: "249.500" is 249500
# on a German page.
#
# The separators are Django's own for the language (``backend/formats`` and CLDR's, as
# everywhere on the pages). Nothing is guessed: Django's ``sanitize_separators`` takes a lone
# point of a German page for a decimal one when other than three digits follow; here it stays as
# it was typed, and the page asks again.


# Set digits apart in some country's writing, and are no decimal separator anywhere; with the thin
# and the fixed spaces of French and of ISO 80000-1.
_ALWAYS_GROUPING = " \u00a0\u2009\u202f'’\u066c"
_WIDE = str.maketrans("，．", ",.")  # as Japanese and Chinese keyboards write them
# Powers of ten that have a sign or a word of their own in East and South Asia.
_POWERS = {"万": 4, "萬": 4, "만": 4, "億": 8, "亿": 8, "억": 8}
_POWERS |= {"lakh": 5, "lakhs": 5, "crore": 7, "crores": 7}
_IN_POWERS = re.compile(rf"(.+?)\s*({'|'.join(sorted(_POWERS, reverse=True))})\s*", re.IGNORECASE)
_LONGEST_WHOLE = 18
_LONGEST_DECIMAL = 15


def _separators() -> tuple[str, str]:
    """The decimal separators and those of thousands, of the active language, each as the inside of
    a character class.
    """
    decimal, thousand = get_format("DECIMAL_SEPARATOR"), get_format("THOUSAND_SEPARATOR")
    return re.escape(decimal + "\u066b"), re.escape(
        _ALWAYS_GROUPING + (thousand if thousand != decimal else "")
    )


def read_number(text: str, *, whole: bool) -> Any:
    """The number that ``text`` is in the active language, in any script's digits; the text itself
    where it is none.

    A whole number may have its thousands set apart, or in India its hundreds of thousands, each by
    the same separator; one with decimals has at most nine of them. ("12,50,000", "25万", "2 crore")
    """
    decimal, grouping = _separators()
    apart = rf"\d{{1,3}}([{grouping}])\d{{3}}(?:\3\d{{3}})*"
    if "," in grouping:
        apart += r"|\d{1,2}(?:,\d\d)+,\d{3}"
    match = re.fullmatch(rf"(-?)(\d+|{apart})(?:[{decimal}](\d{{1,9}}))?", text.translate(_WIDE))
    if match is None:
        return _in_powers(text)
    sign, digits, _separator, decimals = match.groups()
    digits = re.sub(r"\D", "", digits)
    if decimals is None:
        return int(sign + digits) if len(digits) <= _LONGEST_WHOLE else text
    return (
        float(f"{sign}{int(digits)}.{_western(decimals)}")
        if not whole and len(digits) <= _LONGEST_DECIMAL
        else text
    )


def _in_powers(text: str) -> Any:
    """The whole number that is written with signs for powers of ten, the greater first; else the
    text itself. ("1億2,500万", "3.5 lakh")
    """
    total, least, rest = 0, _LONGEST_WHOLE, text[: 2 * _LONGEST_WHOLE]
    while found := _IN_POWERS.match(rest):
        number, power = read_number(found[1], whole=False), _POWERS[found[2].casefold()]
        value = None if isinstance(number, str) else Decimal(str(number)) * 10**power
        if value is None or value < 0 or power >= least or value != int(value):
            return text
        total, least, rest = total + int(value), power, rest[found.end() :]
    if least == _LONGEST_WHOLE or len(text) > 2 * _LONGEST_WHOLE:
        return text
    last = read_number(rest, whole=True) if rest else 0
    return text if isinstance(last, str) or not 0 <= last < 10**least else total + last


def _western(digits: str) -> str:
    return "".join(str(int(digit)) for digit in digits)


def written_number(value: float) -> str:
    """A number as ``read_number`` reads it in the active language: no thousands set apart, no
    decimals that say nothing.
    """
    if isinstance(value, int) or value.is_integer():
        return str(int(value))
    return f"{value:.9f}".rstrip("0").replace(".", get_format("DECIMAL_SEPARATOR"))
