"""Filters of the audit trail and of the statistics."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.common.bounds import LARGEST_ID
from backend.introductions.statistics import Scope
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.web.html.forms import (
    COUNTRY_CODE,
    ISO_DAYS,
    Filters,
    OpenChoiceField,
    countries_of_communities,
    date_input,
)

_SUBJECT_TYPE = Event._meta.get_field("subject_type")


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
        required=False, min_value=0, max_value=LARGEST_ID, widget=forms.HiddenInput
    )
    community_id = forms.IntegerField(
        label="Community number", required=False, min_value=1, max_value=LARGEST_ID
    )


class StatisticsForm(Filters):
    documented = {
        "since": "First day, UTC",
        "until": "Last day, UTC",
        "country": "ISO 3166-1 alpha-2, of either side",
        "by": "For funnel and responses; by month if it is left out",
    }

    since = forms.DateField(
        label=_("From"), required=False, widget=date_input(), input_formats=ISO_DAYS
    )
    until = forms.DateField(
        label=_("Until"), required=False, widget=date_input(), input_formats=ISO_DAYS
    )
    country = OpenChoiceField(
        label=_("Country"), pattern=COUNTRY_CODE, choices=countries_of_communities
    )
    by = forms.ChoiceField(
        label=_("Rows by"),
        required=False,
        choices=[("month", _("Month")), ("country", _("Country"))],
    )

    def clean(self) -> dict[str, Any]:
        data: dict[str, Any] = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day lies before the first."))
        return data

    def scope(self) -> tuple[Scope, Any]:
        """The scope and by what rows are made; of a form with errors the parts that are right."""
        chosen = self.chosen()
        by = chosen.pop("by", "month")
        return Scope(**chosen), by
