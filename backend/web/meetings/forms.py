"""Proposing times and changing a meeting."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import Community
from backend.common.bounds import longest
from backend.introductions.meeting_times import LONGEST_TIME, MOST
from backend.introductions.models import Meeting
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.web.html.forms import DomainForm


class DetailsForm(DomainForm):
    needed = may_be_blank = frozenset({"place"})

    minutes = forms.IntegerField(
        label=_("Length in minutes"),
        min_value=SHORTEST_MINUTES,
        max_value=LONGEST_MINUTES,
        initial=USUAL_MINUTES,
        widget=forms.NumberInput(attrs={"class": "short"}),
    )
    place = forms.CharField(
        label=_("Place, or link of the video call (optional)"),
        required=False,
        max_length=longest(Meeting, "place"),
    )


class TimesForm(DomainForm):
    """Up to five local times; as staff, in the local time of the side that ``zone_of`` names."""

    def __init__(self, *args: Any, sides: tuple[Community, ...] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if sides:
            choices = [(str(side.pk), side.name) for side in sides]
            self.fields["zone_of"] = forms.ChoiceField(
                label=_("Times are on the clocks of"), choices=choices
            )
        for index in range(MOST):
            self.fields[f"times.{index}"] = forms.CharField(
                label=_("Time %(number)d") % {"number": index + 1},
                required=False,
                max_length=LONGEST_TIME,
                widget=forms.TextInput(attrs={"type": "datetime-local"}),
            )

    def as_arguments(self) -> dict[str, Any]:
        """What the service takes: the times that were filled in, and whose clocks they are of."""
        times = [self.cleaned_data[f"times.{index}"] for index in range(MOST)]
        zone_of = self.cleaned_data.get("zone_of")
        return {
            "times": [time for time in times if time],
            "zone_of_id": int(zone_of) if zone_of else None,
        }


class ProposeForm(DetailsForm, TimesForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.order_fields(["zone_of", *(f"times.{index}" for index in range(MOST))])

    def as_arguments(self) -> dict[str, Any]:
        return super().as_arguments() | {
            name: self.cleaned_data[name] for name in ("minutes", "place")
        }
