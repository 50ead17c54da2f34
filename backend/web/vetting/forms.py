"""What staff ask of a registrant, and what the registrant answers."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import VettingNote
from backend.common.bounds import longest
from backend.web.html.forms import DomainForm


class ChangesForm(DomainForm):
    reason = forms.ChoiceField(
        label="Reason", choices=VettingNote.Reason.choices, widget=forms.RadioSelect
    )
    text = forms.CharField(
        label="What is needed",
        error_messages={"required": "Say in 1 to 4,000 characters what is needed."},
        max_length=longest(VettingNote, "text"),
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="The registrant reads these words.",
    )


class AnswerChangesForm(DomainForm):
    documented = {"answer": "What you changed, or why it should stay as it is"}
    needed = frozenset({"answer"})

    answer = forms.CharField(
        label=_("Your answer"),
        required=False,
        max_length=longest(VettingNote, "answer"),
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("Say what you changed, or why it should stay as it is. Only staff read this."),
    )
