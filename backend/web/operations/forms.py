"""Filters of the audit trail and of the figures."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.db.models import BigIntegerField
from django.utils.translation import gettext_lazy as _

from backend.introductions.statistics import Scope
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.web.html.forms import Filters, countries_of_communities, date_input

_SUBJECT_TYPE = Event._meta.get_field("subject_type")
_LARGEST_ID = BigIntegerField.MAX_BIGINT


class EventFilters(Filters):
    documented = {
        "subject_type": "What the event is about",
        "subject_id": "Number of what the event is about",
    }

    topic = forms.ChoiceField(label="Topic", required=False, choices=[("", "Any"), *Topic.choices])
    subject_type = forms.CharField(
        required=False, max_length=_SUBJECT_TYPE.max_length, widget=forms.HiddenInput
    )
    subject_id = forms.IntegerField(
        required=False, min_value=0, max_value=_LARGEST_ID, widget=forms.HiddenInput
    )
    community_id = forms.IntegerField(
        label="Community number", required=False, min_value=1, max_value=_LARGEST_ID
    )


class FiguresForm(forms.Form):
    since = forms.DateField(label=_("From"), required=False, widget=date_input())
    until = forms.DateField(label=_("Until"), required=False, widget=date_input())
    country = forms.ChoiceField(label=_("Country"), required=False)
    by = forms.ChoiceField(
        label=_("Rows by"),
        required=False,
        choices=[("month", _("Month")), ("country", _("Country"))],
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["country"].choices = countries_of_communities()  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day lies before the first."))
        return data

    def scope(self) -> tuple[Scope, Any]:
        """The scope and by what rows are made; of a form with errors the parts that are right."""
        self.full_clean()
        data = getattr(self, "cleaned_data", {})
        since: dt.date | None = data.get("since")
        return Scope(
            since=since, until=data.get("until"), country=data.get("country") or ""
        ), data.get("by") or "month"
