"""Who must hold a second factor, and who does. Staff without one get no further than the page that
sets it up.
"""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.conf import settings

from backend.accounts.models import User

# Recovery codes alone are none: they are made beside one of these.
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def has_second_factor(user: User) -> bool:
    """Whether the person has set up an authenticator app, a passkey or a security key. Signing in
    asks for it from then on.
    """
    return Authenticator.objects.filter(user=user, type__in=_FACTORS).exists()


def must_set_up_second_factor(user: User) -> bool:
    """Whether nothing of staff opens to this person before they have set one up.

    A staff member who holds a factor has used it in this session, or made it there: granting a
    staff role and adding the first factor both end the person's other sessions.
    """
    rule = settings.STAFF_SECOND_FACTOR
    if (
        not rule["required"]
        or not user.is_staff_member
        or (user.is_sample and rule["spares_samples"])
    ):
        return False
    return not has_second_factor(user)
