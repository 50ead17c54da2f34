"""The board's filters, moving an introduction and looking after it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.cities.permissions import Reader
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.introductions.models import Introduction, IntroductionNote
from backend.introductions.queries.introductions import OVER, STUCK_AFTER
from backend.suggestions.models import FollowUp
from backend.web.html.forms import DomainForm, FlagField, OpenChoiceField, PairFilters, Rows


class MoveForm(DomainForm):
    """On the page it only shows fields and errors; the service checks."""

    documented = {
        "expected_stage": "Where you saw it: 409 if another curator has moved it since",
        "met_on": "When they first met, if no meeting arranged here was held: with the move from "
        "first_meeting to exploring, which needs one",
    }

    stage = forms.ChoiceField(label=_("Move to"), choices=Introduction.Stage.choices)
    close_reason = forms.ChoiceField(
        label=_("Reason, if closed"),
        required=False,
        choices=[("", "–"), *Introduction.CloseReason.choices],
    )
    met_on = forms.DateField(
        label="They met on (for “Exploring”)",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="No meeting that was arranged here has been held yet.",
    )
    expected_stage = forms.ChoiceField(required=False, choices=Introduction.Stage.choices)

    def __init__(
        self, *args: Any, stages: Sequence[str], asks_when_met: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["expected_stage"]
        if not asks_when_met:
            del self.fields["met_on"]
        columns = [(stage, Introduction.Stage(stage).label) for stage in stages]
        # Where no column comes next, none is chosen beforehand: a hasty click must not move an
        # introduction back to the first one.
        self.fields["stage"].choices = (  # type: ignore[attr-defined]
            columns if self.initial.get("stage") else [("", "–"), *columns]
        )


class AssignForm(DomainForm):
    owner = forms.ChoiceField(label=_("Owner"), required=False)
    due_on = forms.DateField(
        label=_("Due on"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        curators = User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True).order_by(
            "name", "email"
        )
        self.fields["owner"].choices = [  # type: ignore[attr-defined]
            ("", _("Nobody yet")),
            *((str(user.pk), str(user)) for user in curators),
        ]

    def as_arguments(self) -> dict[str, Any]:
        owner = self.cleaned_data["owner"]
        return {
            "owner_id": int(owner) if owner else None,
            "due_on": self.cleaned_data["due_on"],
        }


class FollowUpForm(DomainForm):
    documented = {"answer": "`too_early` teaches nothing: also where it depends on other things"}

    answer = forms.ChoiceField(
        label=_("Is it worth going on?"),
        choices=FollowUp.Verdict.choices,
        widget=forms.RadioSelect,
        help_text=_("Think of how well you fit, as you know each other now, not of time or money."),
    )


class NoteForm(DomainForm):
    needed = frozenset({"text"})

    text = forms.CharField(
        label=_("A note for staff"),
        required=False,
        max_length=longest(IntroductionNote, "text"),
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def _owners() -> list[tuple[str, str]]:
    curators = User.objects.filter(staff_role=User.StaffRole.CURATOR, is_active=True)
    named = ((str(user.pk), str(user)) for user in curators.order_by("name", "email"))
    return [("", "Anybody"), ("me", "Me"), ("nobody", "Nobody yet"), *named]


class BoardFilters(PairFilters):
    documented = {
        **PairFilters.documented,
        "stage": "Without it: all open columns",
        "owner": "me, nobody, or a curator's id",
        "stuck": "In its column for 30 days or longer",
    }

    stage = forms.ChoiceField(
        label="Column", required=False, choices=[("", "All open"), *Introduction.Stage.choices]
    )
    owner = OpenChoiceField(label="Owner", pattern="me|nobody|[1-9][0-9]{0,17}", choices=_owners)
    overdue = FlagField(label="Overdue")
    stuck = FlagField(label="Stuck: 30 days in its column")

    def narrow(self, rows: Rows, reader: Reader | None = None) -> Rows:
        rows = super().narrow(rows, reader)
        return rows if self.cleaned_data.get("stage") else rows.exclude(stage__in=OVER)

    def filter_owner(self, rows: Rows, value: str) -> Rows:
        if value == "nobody":
            return rows.filter(owner__isnull=True)
        return rows.filter(owner=self.reader.user.pk if value == "me" and self.reader else value)

    def filter_overdue(self, rows: Rows, _value: bool) -> Rows:
        return rows.filter(due_on__lt=database_now().date()).exclude(stage__in=OVER)

    def filter_stuck(self, rows: Rows, _value: bool) -> Rows:
        since = database_now() - STUCK_AFTER
        return rows.filter(stage_since__lte=since).exclude(stage__in=OVER)


class OpenByHandForm(DomainForm):
    """Staff bring two together without mutual interest."""

    because = forms.CharField(
        label="Why should these two meet?",
        help_text="Kept with the introduction for good.",
        required=False,  # the service says what it needs
        widget=forms.Textarea(attrs={"rows": 5}),
    )
