"""The form beside a suggestion's "decline"."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.suggestions.models import Decision
from backend.web.forms.domain_errors import DomainForm


class DeclineForm(DomainForm):
    """Only shows fields and errors; the service checks."""

    reason = forms.ChoiceField(label=_("Reason"), choices=Decision.Reason.choices, required=False, widget=forms.RadioSelect)
    comment = forms.CharField(label=_("Anything staff should know (optional)"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
