"""Answering and voting on a suggestion, narrowing the queue, and the rule of a community's answers."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.vocabularies import vocabulary
from backend.suggestions.models import AnswerRule, Decision, Vote
from backend.suggestions.reviews import QueueCounts, QueueFilters
from backend.web.html.forms import DomainForm

# The form beside a suggestion's "decline".


class DeclineForm(DomainForm):
    """Only shows fields and errors; the service checks."""

    reason = forms.ChoiceField(
        label=_("Reason"), choices=Decision.Reason.choices, required=False, widget=forms.RadioSelect
    )
    comment = forms.CharField(
        label=_("Anything staff should know (optional)"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


# Voting on a suggestion, narrowing the queue, and the rule of a community's answers.


class VoteForm(DomainForm):
    """Only shows fields and errors; the service checks."""

    choice = forms.ChoiceField(
        label=_("Should we say that we are interested?"),
        choices=Vote.Choice.choices,
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=_("Private comment (optional)"),
        help_text=_(
            "For those who answer for your community, and staff. The other side never reads it."
        ),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class RuleForm(DomainForm):
    kind = forms.ChoiceField(
        label=_("How does your community come to an answer?"),
        choices=AnswerRule.Kind.choices,
        widget=forms.RadioSelect,
    )
    votes_needed = forms.IntegerField(
        label=_("How many must have voted"),
        help_text=_(
            "For a majority alone. More than half of all votes must then be “yes” for interest; else the answer is a decline."
        ),
        required=False,
        widget=forms.NumberInput(attrs={"class": "short", "min": 1, "inputmode": "numeric"}),
    )


class QueueForm(forms.Form):
    """The filters of the queue. A value that is not a choice does not filter, and is said to be
    wrong.
    """

    country = forms.ChoiceField(label=_("Country"), required=False)
    theme = forms.ChoiceField(label=_("Theme that they want"), required=False)

    def __init__(self, *args: Any, counts: QueueCounts, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        countries = [(code, f"{name} ({count})") for code, name, count in counts.countries]
        themes = sorted(
            ((term.code, term.label()) for term in vocabulary("themes").values()),
            key=lambda pair: pair[1],
        )
        self.fields["country"].choices = [("", _("Any")), *countries]  # type: ignore[attr-defined]
        self.fields["theme"].choices = [("", _("Any")), *themes]  # type: ignore[attr-defined]

    def filters(self, shown: str) -> QueueFilters:
        self.full_clean()
        return QueueFilters(
            shown, self.cleaned_data.get("country", ""), self.cleaned_data.get("theme", "")
        )
