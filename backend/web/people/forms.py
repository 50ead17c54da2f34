"""Forms about the people of a community."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from backend.cities.models import CommunityRole, Invitation
from backend.cities.services.invitations import LONGEST_LINE
from backend.common.bounds import longest
from backend.web.html.forms import DomainForm


class InvitationForm(DomainForm):
    email = forms.EmailField(
        label=_("E-mail address of your colleague"),
        max_length=longest(Invitation, "email"),
        help_text=_("Only an account with this address can accept the invitation."),
    )
    role = forms.ChoiceField(
        label=_("What they will be"),
        choices=CommunityRole.Role.choices,
        help_text=_(
            "A volunteer drafts open meetings and calls for help, and sees no suggestions, votes, "
            "answers, letters or contacts."
        ),
    )


class RoleForm(DomainForm):
    role = forms.ChoiceField(label=_("Role"), choices=CommunityRole.Role.choices)


class AskForm(DomainForm):
    documented = {"line": "Who you are there"}

    role = forms.ChoiceField(label=_("Your role"), choices=CommunityRole.Role.choices)
    line = forms.CharField(
        label=_("Tell them who you are"),
        required=False,
        max_length=LONGEST_LINE,
        help_text=_(
            "For example your office, and who can vouch for you. Those who answer read it."
        ),
    )
