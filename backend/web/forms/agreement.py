"""Recording what both sides signed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.cities.vocabularies import vocabulary
from backend.common.errors import InvalidFields
from backend.introductions.models import Form
from backend.web.forms.domain_errors import DomainForm

_DATE = {"type": "date"}


def _terms(name: str) -> list[tuple[str, str]]:
    return [(code, entry.label()) for code, entry in vocabulary(name).items()]


class AgreementForm(DomainForm):
    form = forms.ChoiceField(label=_("Form of partnership"), choices=Form.choices, widget=forms.RadioSelect)
    areas = forms.MultipleChoiceField(label=_("Areas of cooperation"), required=False, widget=forms.CheckboxSelectMultiple)
    languages = forms.MultipleChoiceField(
        label=_("Languages of equal text"),
        required=False,
        widget=forms.SelectMultiple(attrs={"size": 8}),
        help_text=_("Hold Ctrl to choose several."),
    )
    term_years = forms.IntegerField(label=_("Term in years"), required=False, help_text=_("Empty: open-ended."))
    review_on = forms.DateField(label=_("Review on"), required=False, widget=forms.DateInput(attrs=_DATE))

    def __init__(self, *args: Any, communities: tuple[Community, Community], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._communities = communities
        self.fields["areas"].choices = _terms("themes")  # type: ignore[attr-defined]
        self.fields["languages"].choices = _terms("languages")  # type: ignore[attr-defined]
        for index, community in enumerate(communities):
            words = {"community": community.name}
            self.fields[f"name_{index}"] = forms.CharField(label=_("Who signed for %(community)s") % words, max_length=120)
            self.fields[f"office_{index}"] = forms.CharField(label=_("Office"), max_length=120)
            self.fields[f"is_highest_{index}"] = forms.BooleanField(
                label=_("This is the highest elected or appointed official of %(community)s") % words, required=False
            )
            self.fields[f"signed_on_{index}"] = forms.DateField(label=_("Signed on"), widget=forms.DateInput(attrs=_DATE))

    def as_arguments(self) -> dict[str, Any]:
        data = self.cleaned_data
        plain = {name: data[name] for name in ("form", "areas", "languages", "term_years", "review_on")}
        signatories = [
            {
                "community_id": community.pk,
                "name": data[f"name_{index}"],
                "office": data[f"office_{index}"],
                "is_highest_official": data[f"is_highest_{index}"],
                "signed_on": data[f"signed_on_{index}"],
            }
            for index, community in enumerate(self._communities)
        ]
        return {**plain, "signatories": signatories}

    def take(self, invalid: InvalidFields) -> None:
        """Errors about "signed_on" belong to both dates, those about signatories to the whole."""
        errors = dict(invalid.errors)
        for line in errors.pop("signed_on", []):
            for index in range(len(self._communities)):
                self.add_error(f"signed_on_{index}", line)
        super().take(InvalidFields(errors))
