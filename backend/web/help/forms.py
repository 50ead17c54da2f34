"""Forms of messages to staff, and what holds machines off without asking a third party."""

from __future__ import annotations

import time
from typing import Any

from django import forms
from django.conf import settings
from django.core import signing
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.cities.models import Community, Ticket
from backend.cities.services.tickets import LONGEST_TEXT
from backend.cities.vocabularies import vocabulary
from backend.common.bounds import LARGEST_ID, longest
from backend.introductions.meeting_times import LONGEST_TIME
from backend.introductions.models import Call
from backend.introductions.models.meetings import LONGEST_MINUTES, SHORTEST_MINUTES, USUAL_MINUTES
from backend.introductions.services.calls import LONGEST_PROCESS
from backend.web.html.base import inside
from backend.web.html.forms import DomainForm, Filters, FlagField, Rows

_SALT = "message"


def opened_token(moment: float | None = None) -> str:
    """Says when a form was opened; a machine that sends it at once, or keeps it, is told apart."""
    return signing.dumps(int(time.time() if moment is None else moment), salt=_SALT)


class GuardedForm(DomainForm):
    """A message that anybody may send. Whatever is wrong, what was typed stays in the form.

    A field that no person sees must stay empty, and the form must have been open for some seconds
    and at most a day.
    """

    homepage = forms.CharField(
        label=_("Leave this empty"),
        required=False,
        widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}),
    )
    opened = forms.CharField(required=False, widget=forms.HiddenInput)
    guards = ("homepage", "opened")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["opened"] = opened_token()
        self.data = dict(self.data.items())  # a copy: sent again, it was opened now

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        if values.get("homepage"):
            self.add_error("homepage", _("Leave this field empty, then send the message again."))
        refusal = _refusal(values.get("opened", ""))
        if refusal is not None:
            self.add_error(None, refusal)
        self.data["opened"] = self.initial["opened"]  # type: ignore[index]
        return values

    def as_arguments(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name not in self.guards}


def _refusal(token: str) -> Any:
    rule = settings.CONTACT
    try:
        age = time.time() - signing.loads(token, salt=_SALT)
    except signing.BadSignature:
        return _("Your message was not sent yet. It is still here: press the button once more.")
    if age < rule["least_seconds"]:
        return _("That was very fast. Your message is still here: press the button once more.")
    if age > rule["longest_hours"] * 3600:
        return _("The page was open for a long time. Your message is still here: send it again.")
    return None


class TextForm(DomainForm):
    text = forms.CharField(
        label=_("Your message"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 8}),
    )


class TicketForm(TextForm):
    """A message to staff, as the API takes it from a signed-in person."""

    documented = {
        "about": "The path of the page that it is about",
        "email": "Where the answer goes; the API takes the account's own where it is left out",
        "community_id": "For which you write; one of yours",
    }
    may_be_blank = frozenset({"email"})

    topic = forms.ChoiceField(label=_("What is it about?"), choices=Ticket.Kind.choices)
    name = forms.CharField(
        label=_("Your name (optional)"), required=False, max_length=longest(Ticket, "name")
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        required=False,
        max_length=longest(Ticket, "email"),
        help_text=_("The answer goes there. Nobody but staff sees it."),
    )
    about = forms.CharField(
        required=False, max_length=longest(Ticket, "about"), widget=forms.HiddenInput
    )
    community_id = forms.IntegerField(
        label=_("For which community do you write?"),
        required=False,
        min_value=1,
        max_value=LARGEST_ID,
    )
    field_order = ("topic", "text", "name", "email", "community_id")


class ContactForm(GuardedForm, TicketForm):
    """The same on the page."""

    field_order = TicketForm.field_order

    def __init__(self, *args: Any, user: User | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        topic: Any = self.fields["topic"]
        topic.choices = [("", _("Choose …")), *Ticket.Kind.choices]
        self.fields["email"].required = True
        own = Community.objects.of_user(user.pk).order_by("name", "pk") if user else ()
        if own:
            self.fields["community_id"].widget = forms.Select(
                choices=[("", _("For none, or for myself")), *((one.pk, one.name) for one in own)]
            )
        else:
            del self.fields["community_id"]

    def clean_about(self) -> str:
        return inside(self.cleaned_data["about"], "")


class VolunteerForm(GuardedForm, TextForm):
    """A message to a community's organisation."""

    name = forms.CharField(label=_("Your name"), required=False, max_length=longest(Ticket, "name"))
    email = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=longest(Ticket, "email"),
        help_text=_("The answer goes there. The organisation does not see it."),
    )
    field_order = ("text", "name", "email")


class OrganisationForm(VolunteerForm):
    """Somebody would like to start an organisation; staff read it."""

    text = forms.CharField(
        label=_("Who would take part, and what do you know already?"),
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 6}),
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        max_length=longest(Ticket, "email"),
        help_text=_("The answer goes there. Nobody but staff sees it."),
    )


class CallForm(DomainForm):
    """An open meeting, or a call for help."""

    documented = {
        "starts_at": "Local to the community, such as 2027-03-15T18:00; empty: no date",
        "wanted": "Who is wanted, and for what",
    }

    title = forms.CharField(label=_("What is it?"), max_length=longest(Call, "title"))
    starts_at = forms.CharField(
        label=_("When does it begin? (optional)"),
        required=False,
        max_length=LONGEST_TIME,
        widget=forms.TextInput(attrs={"type": "datetime-local"}),
    )
    minutes = forms.IntegerField(
        label=_("Length in minutes"),
        min_value=SHORTEST_MINUTES,
        max_value=LONGEST_MINUTES,
        initial=USUAL_MINUTES,
        required=False,
        widget=forms.NumberInput(attrs={"class": "short"}),
    )
    place = forms.CharField(
        label=_("Place, or link of the video call (optional)"),
        required=False,
        max_length=longest(Call, "place"),
    )
    wanted = forms.CharField(
        label=_("Who is wanted? (optional)"), required=False, max_length=longest(Call, "wanted")
    )
    text = forms.CharField(
        label=_("More about it (optional)"),
        required=False,
        max_length=longest(Call, "text"),
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def as_arguments(self) -> dict[str, Any]:
        return self.cleaned_data | {"minutes": self.cleaned_data["minutes"] or USUAL_MINUTES}


def _languages() -> list[tuple[str, str]]:
    """The codes of languages by what the reader calls them."""
    return [
        (code, label)
        for label, code in sorted(
            (term.label(), code) for code, term in vocabulary("languages").items()
        )
    ]


class ProcessForm(DomainForm):
    """How a partnership comes about in the community, in its own words."""

    documented = {
        "text": "Empty: nothing is shown",
        "language": "Of the text: a code of the vocabulary `languages`",
    }
    may_be_blank = frozenset({"text"})

    text = forms.CharField(
        label=_("Your process and what you ask of a partner"),
        required=False,
        max_length=LONGEST_PROCESS,
        help_text=_(
            "Who decides and by what steps, what you need from the other side, how long it takes. "
            "At most 4,000 characters, in your own language. Everybody sees it: it stands on your "
            "public page."
        ),
        widget=forms.Textarea(attrs={"rows": 10}),
    )
    language = forms.ChoiceField(label=_("Language of the text"), choices=_languages)


class ReplyForm(GuardedForm, TextForm):
    """Who asked adds a message."""

    field_order = ("text",)


class TicketAnswerForm(TextForm):
    """Staff's answer, which goes out by mail."""

    text = forms.CharField(
        label="Your answer",
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 10}),
        help_text="It goes to the writer by mail, as you write it, and stays in the thread.",
    )
    close = FlagField(label="Nothing is left to do: close it")


class TicketFilters(Filters):
    """Filters of staff's queue."""

    documented = {"shown": "Of one state, or those that you have taken and are not closed"}

    shown = forms.ChoiceField(
        label="Messages",
        required=False,
        choices=[("", "All"), *Ticket.Status.choices, ("mine", "Mine")],
    )
    topic = forms.ChoiceField(
        label="About", required=False, choices=[("", "Anything"), *Ticket.Kind.choices]
    )
    search = forms.CharField(label="Number or address", required=False, max_length=100)

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def filter_shown(self, rows: Rows, value: str) -> Rows:
        if value == "mine":
            asks = self.user or (self.reader.user if self.reader else None)
            return rows.filter(owner=asks).exclude(status="closed")
        return rows.filter(status=value)

    def filter_search(self, rows: Rows, value: str) -> Rows:
        return rows.filter(number__iexact=value.strip()) | rows.filter(
            email__icontains=value.strip()
        )
