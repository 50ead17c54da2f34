"""Filters of staff's lists."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.cities.models import Country
from backend.introductions.models import Introduction
from backend.outbox.topics import Topic
from backend.suggestions.models import Suggestion
from backend.web.forms.filters import Filters


class SuggestionFilters(Filters):
    status = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Any")), *Suggestion.Status.choices])
    country = forms.ChoiceField(label=_("Country"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        countries = Country.objects.filter(communities__isnull=False).distinct().values_list("code", "name")
        self.fields["country"].choices = [("", _("Any")), *countries]  # type: ignore[attr-defined]


class BoardFilters(Filters):
    stage = forms.ChoiceField(label=_("Column"), required=False, choices=[("", _("All open")), *Introduction.Stage.choices])
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    country = forms.ChoiceField(label=_("Country"), required=False)
    overdue = forms.BooleanField(label=_("Overdue"), required=False)
    stuck = forms.BooleanField(label=_("Stuck: 30 days in its column"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        curators = User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True).order_by("name", "email")
        named = [("", _("Anybody")), ("me", _("Me")), ("nobody", _("Nobody yet")), *((str(user.pk), str(user)) for user in curators)]
        self.fields["owner"].choices = named  # type: ignore[attr-defined]
        abroad = Country.objects.filter(communities__isnull=False).distinct().values_list("code", "name")
        self.fields["country"].choices = [("", _("Any")), *abroad]  # type: ignore[attr-defined]


class EventFilters(forms.Form):
    topic = forms.ChoiceField(label=_("Topic"), required=False, choices=[("", _("Any")), *Topic.choices])
    community_id = forms.IntegerField(label=_("Community number"), required=False, min_value=1, max_value=2**31 - 1)

    def chosen(self) -> dict[str, Any]:
        self.full_clean()
        return {name: value for name, value in self.cleaned_data.items() if value}
