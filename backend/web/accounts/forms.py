"""Forms of sign-up, sign-in and of one's own account."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.forms import (
    LoginForm,
    RequestLoginCodeForm,
    ResetPasswordForm,
    SetPasswordForm,
    SignupForm,
)
from allauth.core import context as allauth_context
from django import forms
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import ApiToken, User
from backend.common.bounds import longest
from backend.privacy.data import LONGEST_TOKEN_NAME
from backend.web.html.adapters import allows_one_more, require_fresh_without_password
from backend.web.html.forms import DomainForm


class SignUpForm(SignupForm):
    name = forms.CharField(
        label=_("Your name"),
        max_length=longest(User, "name"),
        help_text=_("As colleagues and staff shall read it."),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order = ["name", "email", "password1"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")
        self.fields["password1"].label = _("Password (optional)")
        self.fields["password1"].help_text = _(
            "At least 10 characters, not one of the common ones, and not like your name or "
            "address. Leave it empty to sign in "
            "by a code that you get by mail each time."
        )
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        if self.account_already_exists and self.cleaned_data.get("password1"):
            # The work that a new account makes: time must not tell that there is one
            make_password(self.cleaned_data["password1"])
        saved: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return saved


class SignInForm(LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail address")
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields["remember"].label = _("Keep me signed in (private computer only)")
        for field in self.fields.values():
            field.widget.attrs.pop("placeholder", None)


class CodeRequestForm(RequestLoginCodeForm):
    def clean_email(self) -> str:
        """Raises ValidationError after too many codes to one address from one network."""
        email: str = super().clean_email()
        if not allows_one_more(allauth_context.request, "code_by_network", email):
            raise get_adapter().validation_error("too_many_login_attempts")
        return email


class ResetRequestForm(ResetPasswordForm):
    def clean_email(self) -> str:
        """Raises ValidationError after too many resets for one address from one network."""
        email: str = super().clean_email()
        if not allows_one_more(allauth_context.request, "reset_by_network", email):
            raise get_adapter().validation_error("too_many_login_attempts")
        return email


class FirstPasswordForm(SetPasswordForm):
    """A session that was left open must not give the account its first password, by which it could
    then confirm everything else.
    """

    def clean(self) -> dict[str, Any]:
        """Raises NotAllowed: the session did not begin in the last minutes."""
        if allauth_context.request is not None:
            require_fresh_without_password(allauth_context.request)
        values: dict[str, Any] = super().clean()
        return values


class AccountForm(DomainForm):
    name = forms.CharField(
        label=_("Your name"),
        max_length=longest(User, "name"),
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    language = forms.ChoiceField(label=_("Language of pages and mails"), choices=settings.LANGUAGES)


class TokenForm(DomainForm):
    documented = {
        "name": "What it is for",
        "days": "How long it is valid; for staff at most 90",
        "scope": "What it may do: `read` or `act` for people of a community, `staff_read` or "
        "`staff_act` for staff. Without it: the one that only reads",
    }

    name = forms.CharField(
        label=_("What the token is for"),
        max_length=LONGEST_TOKEN_NAME,
        help_text=_("For example: our city's website."),
    )
    days = forms.IntegerField(
        label=_("Valid for"),
        required=False,
        initial=90,
        min_value=1,
        max_value=settings.API_TOKENS["longest_days"],
        widget=forms.Select(choices=[(30, _("30 days")), (90, _("90 days")), (365, _("a year"))]),
    )
    scope = forms.ChoiceField(
        label=_("What it may do"), choices=ApiToken.TokenScope.choices, required=False
    )

    def offer(self, scopes: Collection[ApiToken.TokenScope], longest: int) -> TokenForm:
        """The form with these scopes and no longer times to choose from."""
        self.fields["scope"].widget.choices = [(one.value, one.label) for one in scopes]
        days = self.fields["days"].widget
        days.choices = [choice for choice in days.choices if choice[0] <= longest]
        return self

    def as_arguments(self) -> dict[str, Any]:
        return self.cleaned_data | {"days": self.cleaned_data["days"] or 90}


class EraseForm(DomainForm):
    documented = {"email": "The address of the account, to be sure. There is no way back."}

    email = forms.EmailField(
        label=_("Your e-mail address, to be sure"),
        max_length=longest(User, "email"),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text=_("Type it in full. There is no way back after this."),
    )


class StaffRoleForm(DomainForm):
    documented = {"staff_role": "Empty: not staff any more"}
    needed = may_be_blank = frozenset({"staff_role"})

    email = forms.EmailField(
        label="E-mail address of the account", max_length=longest(User, "email")
    )
    staff_role = forms.ChoiceField(label="Role", choices=User.StaffRole.choices, required=False)

    def as_arguments(self) -> dict[str, Any]:
        return {"email": self.cleaned_data["email"], "role": self.cleaned_data["staff_role"]}
