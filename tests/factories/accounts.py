"""People who sign in."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import factory
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.hashers import make_password
from factory.django import DjangoModelFactory

from backend.accounts.models import ApiToken, User
from tests.factories.documents import PASSWORD
from tests.second_factor import SECRET


@cache
def _password_hash() -> str:
    return make_password(PASSWORD)


class UserFactory(DjangoModelFactory):
    """An account with a confirmed address. Staff hold a second factor (``tests.second_factor``)
    unless ``factor=False``.
    """

    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    password = factory.LazyFunction(_password_hash)

    class Params:
        curator = factory.Trait(staff_role=User.StaffRole.CURATOR)
        admin = factory.Trait(staff_role=User.StaffRole.ADMIN)

    @factory.post_generation
    def address(obj: User, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and extracted is not False:
            EmailAddress.objects.create(user=obj, email=obj.email, verified=True, primary=True)

    @factory.post_generation
    def factor(obj: User, create: bool, extracted: bool | None, **kwargs: Any) -> None:
        if create and (extracted or (extracted is None and obj.is_staff_member)):
            TOTP.activate(obj, SECRET)


class ApiTokenFactory(DjangoModelFactory):
    class Meta:
        model = ApiToken

    user = factory.SubFactory(UserFactory)
    name = "Our website"
    expiry = dt.timedelta(days=90)

    @classmethod
    def _create(cls, model_class: type[ApiToken], *args: Any, **kwargs: Any) -> ApiToken:
        token: ApiToken = model_class.objects.create(*args, **kwargs)[0]
        return token
