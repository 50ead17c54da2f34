"""Drafts of agreements for staff, and each side's confirmation."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.cities.permissions import Reader
from backend.cities.vocabularies import vocabulary
from backend.common.bounds import LARGEST_NUMBER, longest
from backend.common.errors import InvalidFields
from backend.introductions.documents import LONGEST_TEXT
from backend.introductions.models import AgreementType, AgreementVersion, Signatory, SignedDocument
from backend.introductions.queries.agreements import OPEN
from backend.web.html.forms import DomainForm, Filters, FlagField, Rows, date_input


def _terms(name: str) -> list[tuple[str, str]]:
    return [(code, entry.label()) for code, entry in vocabulary(name).items()]


class BeginAgreementForm(DomainForm):
    form = forms.ChoiceField(
        label=_("Form of partnership"), choices=AgreementType.choices, widget=forms.RadioSelect
    )


class VersionForm(DomainForm):
    based_on = forms.IntegerField(widget=forms.HiddenInput)
    form = forms.ChoiceField(
        label=_("Form of partnership"), choices=AgreementType.choices, widget=forms.RadioSelect
    )
    areas = forms.MultipleChoiceField(
        label=_("Areas of cooperation"), required=False, widget=forms.CheckboxSelectMultiple
    )
    languages = forms.MultipleChoiceField(
        label=_("Languages of equal text"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("English and the languages of the two countries come first."),
    )
    term_years = forms.IntegerField(
        label=_("Term in years"), required=False, help_text=_("Empty: open-ended.")
    )
    review_on = forms.DateField(label=_("Review on"), required=False, widget=date_input())

    def __init__(self, *args: Any, communities: tuple[Community, Community], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._communities = communities
        self.fields["areas"].choices = _terms("themes")  # type: ignore[attr-defined]
        near = {"en", *(code for community in communities for code in community.country.languages)}
        self.fields["languages"].choices = sorted(  # type: ignore[attr-defined]
            _terms("languages"), key=lambda term: term[0] not in near
        )
        for index, community in enumerate(communities):
            words = {"community": community.name}
            self.fields[f"name_{index}"] = forms.CharField(
                label=_("Who signs for %(community)s") % words,
                max_length=longest(Signatory, "name"),
                required=False,
                help_text=_(
                    "The highest elected or appointed official, if the partnership is to be"
                    " recognised."
                ),
            )
            self.fields[f"office_{index}"] = forms.CharField(
                label=_("Office of who signs for %(community)s") % words,
                max_length=longest(Signatory, "office"),
                required=False,
            )
        self.fields["text"] = forms.CharField(
            label=_("Text"),
            max_length=LONGEST_TEXT,
            strip=False,
            widget=forms.Textarea(attrs={"rows": 26, "class": "draft-text"}),
            help_text=_(
                "Paragraphs are divided by empty lines. “# ” begins a heading, “- ” an item of a "
                "list."
            ),
        )

    @staticmethod
    def values_of(version: AgreementVersion) -> dict[str, Any]:
        """What the form shows of a version."""
        terms = version.terms
        values = {
            name: terms[name] for name in ("form", "areas", "languages", "term_years", "review_on")
        }
        for index, entry in enumerate(terms["signatories"]):
            values |= {f"name_{index}": entry["name"], f"office_{index}": entry["office"]}
        return values | {"text": version.text, "based_on": version.number}

    def as_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        plain = {
            name: data[name]
            for name in (
                "based_on",
                "form",
                "areas",
                "languages",
                "term_years",
                "review_on",
                "text",
            )
        }
        signatories = [
            {
                "community_id": community.pk,
                "name": data[f"name_{index}"],
                "office": data[f"office_{index}"],
            }
            for index, community in enumerate(self._communities)
        ]
        return {**plain, "signatories": signatories}

    def add_service_errors(self, invalid: InvalidFields) -> None:
        """Errors about signatories belong to both of their names."""
        errors = dict(invalid.errors)
        for line in errors.pop("signatories", []):
            for index in range(len(self._communities)):
                self.add_error(f"name_{index}", line)
        super().add_service_errors(InvalidFields(errors))


class TemplateForm(DomainForm):
    based_on = forms.IntegerField(min_value=0, max_value=LARGEST_NUMBER, widget=forms.HiddenInput)
    text = forms.CharField(
        label=_("Text"),
        max_length=LONGEST_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 30, "class": "draft-text"}),
    )


class AgreementFilters(Filters):
    documented = {"open_only": "Only drafts and what waits for signatures"}

    open_only = FlagField(initial=True)

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        self.full_clean()
        return rows.filter(status__in=OPEN) if self.cleaned_data.get("open_only", True) else rows


class ChangesFilters(Filters):
    old = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER)
    new = forms.IntegerField(min_value=1, max_value=LARGEST_NUMBER)


class ConfirmForm(DomainForm):
    documented = {
        "document_digest": "SHA-256 of the signed document that you have read, as in `documents`: "
        "409 if a newer one has been sent since"
    }
    needed = frozenset({"is_highest_official"})
    document_digest = forms.CharField(
        max_length=longest(SignedDocument, "digest"), widget=forms.HiddenInput
    )
    name = forms.CharField(
        label=_("Who signed for your community"), max_length=longest(Signatory, "name")
    )
    office = forms.CharField(
        label=_("Office"),
        max_length=longest(Signatory, "office"),
        help_text=_("For example: Mayor"),
    )
    signed_on = forms.DateField(label=_("Signed on"), widget=date_input())
    is_highest_official = forms.BooleanField(
        label=_("This person is the highest elected or appointed official of our community"),
        required=False,
    )
