"""What staff ask of a registrant, and what the registrant answers. The services check; these only
show fields and errors.
"""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import VettingNote
from backend.web.html.forms import DomainForm


class ChangesForm(DomainForm):
    reason = forms.ChoiceField(
        label="Reason", choices=VettingNote.Reason.choices, required=False, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label="What is needed",
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="The registrant reads these words.",
    )


class AnswerChangesForm(DomainForm):
    answer = forms.CharField(
        label=_("Your answer"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Say what you changed, or why it should stay as it is. Only staff read this."),
    )
