"""Filters of the audit trail and of the figures."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.introductions.statistics import Scope
from backend.outbox.topics import Topic
from backend.web.html.forms import countries_of_communities, date_input


class EventFilters(forms.Form):
    topic = forms.ChoiceField(label="Topic", required=False, choices=[("", "Any"), *Topic.choices])
    community_id = forms.IntegerField(
        label="Community number", required=False, min_value=1, max_value=2**31 - 1
    )

    def chosen(self) -> dict[str, Any]:
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}


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
