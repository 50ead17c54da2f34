"""What django-allauth says of second factors, in words that name the mend."""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from django.utils.translation import gettext_lazy as _


class SecondFactorAdapter(DefaultMFAAdapter):
    # The same words for a code and for a passkey: allauth asks for one message for both.
    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _(
            "This is not accepted. Type the newest code of your app, or a recovery code that was never used; "
            "a passkey has to be listed in your account still."
        )
    }
