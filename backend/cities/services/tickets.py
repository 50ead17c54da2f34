"""Writing to staff, or to a community's organisation, with or without an account; and answering.

A mail to an address that somebody has typed holds no word that they typed: nobody sends mails to
others through this service. What was written is read on the page of its thread, which only the link
in the mail names.
"""

from __future__ import annotations

import datetime as dt
from contextlib import AbstractContextManager
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature, Signer
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Count, QuerySet
from django.db.models.functions import Lower, Now
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext, ngettext

from backend.accounts.grants import RESPONSIBLE, Resource, Verb
from backend.accounts.models import User
from backend.accounts.services import write_mail
from backend.cities.models import Community, CommunityRole, Contact, Ticket, TicketMessage
from backend.cities.permissions import Reader, require_staff, role_in
from backend.cities.states import TICKET_TRANSITIONS
from backend.common.bounds import longest
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, NotVisible, TooManyRequests
from backend.common.transitions import change_state
from backend.common.typed_text import is_line
from backend.outbox.services import record
from backend.outbox.topics import Topic

LONGEST_TEXT = longest(TicketMessage, "text")
_S = Ticket.Status
_SIDE = TicketMessage.Side
_DAY = dt.timedelta(days=1)
_signer = Signer(salt="ticket")
_organisation_signer = Signer(salt="letter to an organisation")


def ticket_path(ticket: Ticket) -> str:
    """The page of the thread for who asked; only mails to them name it."""
    return reverse("web:ticket", kwargs={"thread": _signer.sign(ticket.number)})


def answer_path(ticket: Ticket) -> str:
    """The page of the thread for the organisation's contact, who needs no account; only mails to
    the contact name it.
    """
    return reverse("web:letter", kwargs={"letter": _organisation_signer.sign(ticket.number)})


def letter_by_token(token: str) -> Ticket:
    """The letter that an organisation's link names. Raises NotVisible."""
    ticket = _by_token(token, _organisation_signer)
    if ticket.addressee is None:
        raise NotVisible
    return ticket


def letters_to(reader: Reader) -> QuerySet[Ticket]:
    """What people have written to the community's organisation, the latest change first. Raises
    NotVisible.
    """
    community_id = reader.require(Verb.READ, Resource.VOLUNTEERS)
    found = Ticket.objects.filter(addressee_id=community_id).prefetch_related("messages")
    return found.order_by("-changed_at", "-id")


def ticket_by_token(token: str) -> Ticket:
    """The ticket that a link names. Raises NotVisible for a link that we did not write."""
    return _by_token(token, _signer)


def _by_token(token: str, signer: Signer) -> Ticket:
    try:
        number = signer.unsign(token)
    except BadSignature:
        raise NotVisible from None
    found = Ticket.objects.select_related("community", "addressee__country", "owner")
    ticket = found.filter(number=number).first()
    if ticket is None:
        raise NotVisible
    return ticket


def tickets_of(user: User) -> QuerySet[Ticket]:
    """The person's own tickets, the latest first."""
    return Ticket.objects.filter(user=user).prefetch_related("messages").order_by("-id")


def staff_tickets(user: User | AnonymousUser) -> QuerySet[Ticket]:
    """All tickets for staff, the latest change first. Raises NotVisible."""
    require_staff(user, Verb.READ, Resource.TICKET)
    return (
        Ticket.objects.filter(addressee=None)
        .select_related("owner", "community__country", "user")
        .order_by("-changed_at", "-id")
    )


def tickets_waiting() -> int:
    """How many wait for an answer of staff."""
    return Ticket.objects.filter(addressee=None, status=_S.OPEN).count()


def check_message(text: str) -> list[str]:
    """What is wrong with the text of a message; empty if nothing is."""
    if not text.strip() or "\x00" in text:
        return [gettext("Write your message.")]
    if len(text) > LONGEST_TEXT:
        return [
            gettext("Write at most %(most)d characters; these are %(count)d.")
            % {"most": LONGEST_TEXT, "count": len(text)}
        ]
    return []


def _errors(topic: str, text: str, email: str, name: str, about: str) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if topic not in Ticket.Kind.values:
        errors["topic"] = [gettext("Choose what it is about.")]
    if lines := check_message(text):
        errors["text"] = lines
    try:
        validate_email(email)
    except ValidationError as invalid:
        errors["email"] = list(invalid.messages)
    for field, value in (("email", email), ("name", name), ("about", about)):
        if len(value) > longest(Ticket, field) or not is_line(value):
            errors.setdefault(field, [gettext("This is too long.")])
    return errors


@transaction.atomic
def write_ticket(
    *,
    by: User | None,
    topic: str,
    text: str,
    email: str,
    name: str = "",
    about: str = "",
    community_id: int | None = None,
    to_id: int | None = None,
) -> Ticket:
    """A message to staff, with a receipt to the address in the language that is active.

    Args:
        by: None for somebody without an account. about: the path of the page it was written on.
        community_id: for which they write; one where they have a role. to_id: the community whose
            organisation it is for. Where that has nobody to write to, staff get it.

    Raises:
        InvalidFields: see ``_errors``, or a community that is not theirs. TooManyRequests: as many
            as one address may write in a day (code ``too_many_tickets``).
    """
    email, name = email.strip(), " ".join(name.split())
    errors = _errors(topic, text, email, name, about)
    if community_id is not None and role_in(by or AnonymousUser(), community_id) is None:
        errors["community_id"] = [gettext("Choose one of your communities.")]
    if errors:
        raise InvalidFields(errors)
    _require_few(email)
    addressee = _addressee(to_id)
    ticket = Ticket.objects.create(
        topic=topic,
        addressee=addressee,
        about=about,
        name=name,
        email=email,
        language=translation.get_language() or settings.LANGUAGE_CODE,
        user=by,
        community_id=community_id,
    )
    _add_message(ticket, text, by=by)
    _mail_receipt(ticket)
    return ticket


def _addressee(community_id: int | None) -> Community | None:
    """The community, if its organisation can be reached. Raises NotVisible for one that nobody may
    see.
    """
    if community_id is None:
        return None
    community = Community.objects.public().filter(pk=community_id).first()
    if community is None:
        raise NotVisible
    return community if _mailboxes(community) else None


def _mailboxes(community: Community) -> list[tuple[str, User | None]]:
    """Where letters to the organisation go: to its primary contact or, where it names none, to
    those who answer for the community.
    """
    primary = Contact.objects.filter(organisation__community=community, is_primary=True).first()
    if primary is not None:
        user = User.objects.filter(email__iexact=primary.email, is_active=True).first()
        return [(primary.email, user)]
    roles = CommunityRole.objects.filter(
        community=community,
        role__in=RESPONSIBLE,
        ended_at__isnull=True,
        vetted_at__isnull=False,
        user__is_active=True,
    ).select_related("user")
    return [(role.user.email, role.user) for role in roles.order_by("pk")]


def _in_language(code: str) -> AbstractContextManager[Any]:
    known = code if code in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
    return translation.override(known)


def _mail_letter(ticket: Ticket, text: str) -> None:
    """What a volunteer writes, to the organisation, without the volunteer's address."""
    community = ticket.addressee
    if community is None:
        return
    for address, user in _mailboxes(community):
        with _in_language(user.language if user else ticket.language):
            words = {
                "community": community.name,
                "name": ticket.name or gettext("Somebody who gave no name"),
                "url": settings.PUBLIC_URL + answer_path(ticket),
            }
            before = gettext("%(name)s writes to the organisation of %(community)s:") % words
            after = gettext(
                "To answer, open this page; no account is needed, and neither side sees the "
                "other's address:\n%(url)s"
            )
            write_mail(
                to=address,
                subject=gettext("A message to your organisation: %(number)s")
                % {"number": ticket.number},
                text=f"{before}\n\n{text}\n\n--\n{after % words}\n",
                user=user,
            )


def _require_few(email: str) -> None:
    most = settings.CONTACT["a_day"]
    written = Ticket.objects.filter(email__iexact=email, written_at__gt=Now() - _DAY)
    if written.count() >= most:
        words = ngettext(
            "From one address we take %(most)d message a day. Write the next one tomorrow.",
            "From one address we take %(most)d messages a day. Write the next one tomorrow.",
            most,
        )
        raise TooManyRequests(
            words % {"most": most}, code="too_many_tickets", retry_after=int(_DAY.total_seconds())
        )


def _add_message(ticket: Ticket, text: str, *, by: User | None) -> None:
    """What who asked writes."""
    TicketMessage.objects.create(
        ticket=ticket, side=_SIDE.WRITER, by=by, text=text.strip(), at=database_now()
    )
    record(
        Topic.TICKET_WRITTEN,
        subject=ticket,
        by=by,
        community_id=ticket.addressee_id,
        ticket_topic=ticket.topic,
    )
    _mail_letter(ticket, text.strip())


def _mail_receipt(ticket: Ticket) -> None:
    words = {"number": ticket.number, "url": settings.PUBLIC_URL + ticket_path(ticket)}
    text = gettext(
        "We have your message. Its number is %(number)s. We answer by mail, to this address.\n\n"
        "Here you read what you wrote and what was answered, and can add something:\n%(url)s\n\n"
        "Whoever has this link can read the messages. If you did not write to us, you need not do "
        "anything."
    )
    subject = gettext("We have your message: %(number)s") % words
    write_mail(to=ticket.email, subject=subject, text=text % words + "\n", user=ticket.user)


@transaction.atomic
def reply_to_ticket(*, by: User | None, token: str, text: str) -> Ticket:
    """Who asked adds a message, by the link of the mail or by the API; the ticket waits again.

    Raises NotVisible (a link that we did not write), InvalidFields, and TooManyRequests (as many as
    a ticket takes in a day).
    """
    number = ticket_by_token(token).number
    ticket = Ticket.objects.select_for_update().get(number=number)
    if lines := check_message(text):
        raise InvalidFields({"text": lines})
    most = settings.CONTACT["replies_a_day"]
    written = ticket.messages.filter(side=_SIDE.WRITER, at__gt=Now() - _DAY)
    if written.count() >= most:
        raise TooManyRequests(
            gettext("There are many messages of today already. Write the next one tomorrow."),
            code="too_many_tickets",
            retry_after=int(_DAY.total_seconds()),
        )
    change_state(ticket, "status", _S.OPEN, TICKET_TRANSITIONS, changed_at=database_now())
    _add_message(ticket, text, by=by)
    return ticket


def token_of(ticket: Ticket) -> str:
    """What the ticket's link is signed with."""
    return _signer.sign(ticket.number)


def _for_staff(by: User, ticket_id: int) -> Ticket:
    require_staff(by, Verb.ACT, Resource.TICKET)
    rows = Ticket.objects.select_for_update().filter(addressee=None)
    ticket = rows.filter(pk=ticket_id).first()
    if ticket is None:
        raise NotVisible
    return ticket


@transaction.atomic
def answer_ticket(*, by: User, ticket_id: int, text: str, close: bool = False) -> Ticket:
    """Staff answer: the text goes to who asked by mail, in the frame of their language, and stays
    in the thread. Who answers a ticket that nobody has taken has taken it.

    Raises NotVisible (no staff, no such ticket) and InvalidFields (no text).
    """
    ticket = _for_staff(by, ticket_id)
    if lines := check_message(text):
        raise InvalidFields({"text": lines})
    change_state(
        ticket,
        "status",
        _S.CLOSED if close else _S.ANSWERED,
        TICKET_TRANSITIONS,
        changed_at=database_now(),
        owner=ticket.owner or by,
    )
    TicketMessage.objects.create(
        ticket=ticket, side=_SIDE.ADDRESSEE, by=by, text=text.strip(), at=database_now()
    )
    record(Topic.TICKET_ANSWERED, subject=ticket, by=by, closed=close)
    _mail_answer(ticket, text.strip())
    return ticket


@transaction.atomic
def answer_letter(*, by: User | None, token: str, text: str) -> Ticket:
    """The organisation answers: the text goes by mail to who wrote, without anybody's address.

    Raises NotVisible (a link that we did not write) and InvalidFields (no text).
    """
    number = letter_by_token(token).number
    ticket = Ticket.objects.select_for_update().get(number=number)
    if lines := check_message(text):
        raise InvalidFields({"text": lines})
    change_state(ticket, "status", _S.ANSWERED, TICKET_TRANSITIONS, changed_at=database_now())
    TicketMessage.objects.create(
        ticket=ticket, side=_SIDE.ADDRESSEE, by=by, text=text.strip(), at=database_now()
    )
    record(
        Topic.TICKET_ANSWERED,
        subject=ticket,
        by=by,
        community_id=ticket.addressee_id,
        closed=False,
    )
    _mail_answer(ticket, text.strip())
    return ticket


def asked_for_organisation(place_id: int) -> int:
    """How many people have asked for an organisation in the place: a number, no names."""
    asked = Ticket.objects.filter(topic=Ticket.Kind.ORGANISATION, about=organisation_path(place_id))
    return asked.aggregate(people=Count(Lower("email"), distinct=True))["people"]


def organisation_path(place_id: int) -> str:
    """The page on which one begins an organisation for the place."""
    return f"{reverse('web:organisation_start')}?place={place_id}"


def _mail_answer(ticket: Ticket, answer: str) -> None:
    with _in_language(ticket.language):
        words = {"number": ticket.number, "url": settings.PUBLIC_URL + ticket_path(ticket)}
        before = gettext("The answer to your message %(number)s:") % words
        after = (
            gettext("To write back, open this page; a reply to this mail reaches nobody:\n%(url)s")
            % words
        )
        write_mail(
            to=ticket.email,
            subject=gettext("Answer to your message %(number)s") % words,
            text=f"{before}\n\n{answer}\n\n--\n{after}\n",
            user=ticket.user,
        )


@transaction.atomic
def take_ticket(*, by: User, ticket_id: int) -> Ticket:
    """The member of staff answers it, whoever had it before. Raises NotVisible."""
    ticket = _for_staff(by, ticket_id)
    if ticket.owner_id != by.pk:
        ticket.owner = by
        ticket.save(update_fields=["owner"])
        record(Topic.TICKET_CHANGED, subject=ticket, by=by, owner=by.pk)
    return ticket


@transaction.atomic
def close_ticket(*, by: User, ticket_id: int) -> Ticket:
    """Nothing is left to answer; nobody gets a mail. A new message of who asked opens it again.

    Raises NotVisible.
    """
    ticket = _for_staff(by, ticket_id)
    change_state(ticket, "status", _S.CLOSED, TICKET_TRANSITIONS, changed_at=database_now())
    record(Topic.TICKET_CHANGED, subject=ticket, by=by, status=str(_S.CLOSED))
    return ticket


def erase_tickets_of(user: User) -> None:
    """What the person has written goes with them, answers too. Inside the caller's transaction."""
    Ticket.objects.filter(user=user).delete()
    Ticket.objects.filter(email__iexact=user.email).delete()
