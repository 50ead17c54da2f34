"""What staff ask of a registrant."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import VettingNote
from backend.web.forms.domain_errors import DomainForm


class ChangesForm(DomainForm):
    """Only shows fields and errors; the service checks."""

    reason = forms.ChoiceField(label=_("Reason"), choices=VettingNote.Reason.choices, required=False, widget=forms.RadioSelect)
    text = forms.CharField(
        label=_("What is needed"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("The registrant reads these words."),
    )
