"""A person leaves: the account stays as an empty shell that the trail points to, everything about
the person is deleted.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.grants import RESPONSIBLE
from backend.accounts.models import AccountMail, ApiToken, User
from backend.accounts.services import SEND_ACCOUNT_MAIL, end_sessions
from backend.cities.models import (
    Community,
    CommunityRole,
    Contact,
    Invitation,
    JoinRequest,
    MembershipNote,
    MembershipRequest,
    SavedSearch,
    VettingNote,
)
from backend.cities.services.invitations import revoke_all_to, withdraw_request
from backend.cities.services.people import close_role
from backend.cities.services.tickets import erase_tickets_of
from backend.cities.services.vetting import erase_letters_of
from backend.common.dates import database_now
from backend.common.errors import Conflict, InvalidFields
from backend.introductions.rationale import rationales_naming, without_person
from backend.notifications.models import Delivery, Notification
from backend.notifications.services import DELIVER
from backend.outbox.models import Job
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, PartnerRequest, SetAsideVote, Vote

_GONE = "erased.invalid"  # reserved by RFC 2606: no mail ever leaves for it


def hindrances(user: User) -> list[Community]:
    """Published communities, by name, that would have no responsible person if this one left."""
    mine = CommunityRole.objects.filter(
        user=user, ended_at__isnull=True, role__in=RESPONSIBLE
    ).values("community_id")
    others = CommunityRole.objects.filter(
        ended_at__isnull=True, vetted_at__isnull=False, role__in=RESPONSIBLE
    ).exclude(user=user)
    alone = (
        Community.objects.public().filter(pk__in=mine).exclude(pk__in=others.values("community_id"))
    )
    return list(alone.order_by("name", "pk"))


@transaction.atomic
def erase_account(*, by: User, email: str) -> None:
    """Erases the person who asks. There is no way back.

    What the person did stays in the trail, done by somebody who has left. Votes and answers stay,
    their comments go, also in the rationales of partnerships; so do contacts, letters, messages,
    tokens, factors and sessions.

    Args:
        email: the account's address, typed once more.

    Raises:
        InvalidFields: another address. Conflict: the last official or chair of a published
            community (code ``last_responsible``), or the last administrator (``last_admin``).
    """
    # All communities of the person, in one order: of two who leave at once, the second finds that
    # nobody else is there.
    list(
        Community.objects.select_for_update(of=("self",))
        .filter(roles__user=by, roles__ended_at__isnull=True)
        .order_by("pk")
    )
    admins = list(
        User.objects.select_for_update()
        .filter(staff_role=User.StaffRole.ADMIN, is_active=True)
        .order_by("pk")
    )
    user = User.objects.select_for_update().get(pk=by.pk)
    if email.strip().lower() != user.email:
        raise InvalidFields({"email": [str(_("This is not the address of your account."))]})
    _refuse_while_needed(user, admins)
    address = user.email
    record(Topic.ACCOUNT_ERASED, subject=user, by=user)
    for role in CommunityRole.objects.filter(user=user, ended_at__isnull=True):
        close_role(role, by=user)
    _erase_words_about(user, address)
    _erase_ways_in(user)
    _empty(user)
    by.refresh_from_db()


def _refuse_while_needed(user: User, admins: list[User]) -> None:
    alone = hindrances(user)
    if alone:
        names = ", ".join(community.name for community in alone)
        raise Conflict(
            str(
                _(
                    "You are the last official or chair of %(names)s. Invite somebody who takes "
                    "over, or withdraw the profile; "
                    "then you can leave."
                )
            )
            % {"names": names},
            code="last_responsible",
        )
    if user in admins and len(admins) == 1:
        raise Conflict(
            str(_("You are the last administrator. Make somebody else administrator first.")),
            code="last_admin",
        )


def _erase_words_about(user: User, address: str) -> None:
    """What the person wrote about themselves or said in private, and what was written to them."""
    Contact.objects.filter(email__iexact=address).delete()
    Vote.objects.filter(by=user).update(comment="")
    Decision.objects.filter(by=user).update(comment="")
    PartnerRequest.objects.filter(by=user).update(note="")
    SetAsideVote.objects.filter(Q(by=user) | Q(voter=user)).update(because="")
    for partnership in rationales_naming(user).select_for_update():
        partnership.why = without_person(partnership.why, user)
        partnership.save(update_fields=["why"])
    erase_letters_of(user)
    VettingNote.objects.filter(answered_by=user).update(answer="")
    for request in JoinRequest.objects.filter(user=user, status=JoinRequest.Status.WAITING):
        withdraw_request(by=user, request_id=request.pk)
    JoinRequest.objects.filter(user=user).update(line="")
    erase_tickets_of(user)
    MembershipRequest.objects.filter(billing_email__iexact=address).update(
        billing_name="", billing_email=""
    )
    MembershipNote.objects.filter(by=user).update(text="")
    revoke_all_to(address, by=user)
    Invitation.objects.filter(email__iexact=address).update(email=_address_of(user))
    messages = Notification.objects.filter(recipient=user)
    deliveries = Delivery.objects.filter(notification__in=messages).values_list("pk", flat=True)
    _scrub_errors(DELIVER, deliveries)
    messages.delete()
    mails = AccountMail.objects.filter(to__iexact=address)
    _scrub_errors(SEND_ACCOUNT_MAIL, mails.values_list("pk", flat=True))
    mails.delete()


def _scrub_errors(task: str, keys: QuerySet[Any, int]) -> None:
    """A mail server's reply may contain the address."""
    Job.objects.filter(task=task, key__in=[str(key) for key in keys]).update(last_error="")


def _erase_ways_in(user: User) -> None:
    end_sessions(user)
    Authenticator.objects.filter(user=user).delete()
    ApiToken.objects.filter(user=user).delete()
    SavedSearch.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    # The API keeps answers for a day, to repeat them; the app lies above this one.
    apps.get_model("web", "IdempotencyKey")._default_manager.filter(user=user).delete()


def _address_of(user: User) -> str:
    return f"{user.pk}@{_GONE}"


def _empty(user: User) -> None:
    user.set_unusable_password()
    user.name, user.email, user.language, user.staff_role = (
        "",
        _address_of(user),
        "en",
        User.StaffRole.NONE,
    )
    user.is_active, user.last_login, user.erased_at = False, None, database_now()
    user.save()
