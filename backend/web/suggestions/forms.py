"""Answering and voting on a suggestion, narrowing the queue, and the rule of a community's
answers.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import Resource, Verb
from backend.cities.permissions import Reader
from backend.common.bounds import LARGEST_ID, longest
from backend.common.dates import database_now
from backend.suggestions.models import AnswerRule, Decision, PartnerRequest, SetAsideVote, Vote
from backend.suggestions.queries import in_order
from backend.suggestions.reviews import MOST_COMPARED, SHOWN, QueueCounts, of_other, shown_in
from backend.web.html.forms import (
    COUNTRY_CODE,
    DomainForm,
    Filters,
    OpenChoiceField,
    PatternField,
    Rows,
    terms,
)


class DeclineForm(DomainForm):
    documented = {
        "reason": "For a decline",
        "comment": "For staff; the other side never reads it",
    }

    reason = forms.ChoiceField(
        label=_("Reason"), choices=Decision.Reason.choices, required=False, widget=forms.RadioSelect
    )
    comment = forms.CharField(
        label=_("Anything staff should know (optional)"),
        required=False,
        max_length=longest(Decision, "comment"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class AnswerForm(DeclineForm):
    """Any answer, as the API takes it: on the page each has its own button."""

    answer = forms.ChoiceField(choices=Decision.Answer.choices)


class VoteForm(DomainForm):
    documented = {"comment": "For your own community and staff"}

    choice = forms.ChoiceField(
        label=_("Should we say that we are interested?"),
        error_messages={"required": _("Choose yes, maybe or no.")},
        choices=Vote.Choice.choices,
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        label=_("Private comment (optional)"),
        help_text=_("Your own community and staff read it. The other side never does."),
        required=False,
        max_length=longest(Vote, "comment"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class SetAsideForm(DomainForm):
    documented = {"because": "The voter and who else reads the vote read it"}

    because = forms.CharField(
        label=_("Why does this vote not count?"),
        help_text=_("Who cast it is notified and reads your name and the reason."),
        error_messages={"required": _("Say why in 1 to 1,000 characters. The voter reads it.")},
        max_length=longest(SetAsideVote, "because"),
        widget=forms.Textarea(attrs={"rows": 2}),
    )


class SetAsideVoterForm(SetAsideForm):
    """The same with the voter, as the API takes it: on the page each vote has its own form."""

    voter_id = forms.IntegerField(min_value=1, max_value=LARGEST_ID)


class RuleForm(DomainForm):
    kind = forms.ChoiceField(
        label=_("How does your community come to an answer?"),
        choices=AnswerRule.Kind.choices,
        widget=forms.RadioSelect,
    )
    votes_needed = forms.IntegerField(
        label=_("How many must have voted"),
        help_text=_(
            "For a majority alone. More than half of all votes must then be “yes” for interest; "
            "else the answer is a decline."
        ),
        required=False,
        widget=forms.NumberInput(attrs={"class": "short", "min": 1, "inputmode": "numeric"}),
    )


class PartnerRequestForm(DomainForm):
    documented = {"note": "Why; for staff alone"}

    named_id = forms.IntegerField(
        min_value=1, max_value=LARGEST_ID, widget=forms.HiddenInput, label=_("Community")
    )
    note = forms.CharField(
        label=_("Why them? (optional)"),
        help_text=_("Only staff and your own community read it."),
        required=False,
        max_length=longest(PartnerRequest, "note"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


class NamedSearchForm(forms.Form):
    """Which community is meant, by a part of its name."""

    search = forms.CharField(label=_("Name"), required=False, max_length=100)


class QueueForm(Filters):
    """The filters of the queue. A value that is not a choice does not filter, and is said to be
    wrong.
    """

    documented = {
        "shown": "Which part of the queue; all of it by default",
        "country": "Of the other side",
        "theme": "A theme that the other side wants exchange in",
        "order": "fit, by default: mutual interest first, then the best place among your own "
        "candidates; needs: most of your needs met first; freshness: the other profile confirmed "
        "last first",
    }

    shown = forms.ChoiceField(
        required=False, choices=[(code, code) for code in SHOWN], widget=forms.HiddenInput
    )
    country = OpenChoiceField(label=_("Country"), pattern=COUNTRY_CODE)
    theme = forms.ChoiceField(
        label=_("Theme that they want"), required=False, choices=lambda: terms("themes")
    )
    order = forms.ChoiceField(
        label=_("Order"),
        required=False,
        choices=[
            ("fit", _("Best fit first")),
            ("needs", _("Most of our needs met first")),
            ("freshness", _("Last confirmed profile first")),
        ],
    )

    def __init__(self, *args: Any, counts: QueueCounts | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if counts is not None:
            countries = [(code, f"{name} ({count})") for code, name, count in counts.countries]
            self.fields["country"].choices = [("", _("Any")), *countries]  # type: ignore[attr-defined]

    def filter_shown(self, rows: Rows, value: str) -> Rows:
        return rows.filter(shown_in(self._side, value, database_now()))

    def filter_country(self, rows: Rows, value: str) -> Rows:
        return rows.filter(of_other(self._side, country_id=value))

    def filter_theme(self, rows: Rows, value: str) -> Rows:
        path = "profile__current_version__data__themes__importances__has_key"
        return rows.filter(of_other(self._side, **{path: value}))

    def filter_order(self, rows: Rows, value: str) -> Rows:
        community_id = self._side.require(Verb.READ, Resource.SUGGESTION)
        return in_order(rows, community_id, value)

    @property
    def _side(self) -> Reader:
        if self.reader is None:
            raise TypeError("The queue is narrowed for a reader.")
        return self.reader


class CompareForm(Filters):
    documented = {"ids": f"Two to {MOST_COMPARED} ids of suggestions, with commas between them"}

    ids = PatternField(rf"\d{{1,18}}(,\d{{1,18}}){{1,{MOST_COMPARED - 1}}}")
