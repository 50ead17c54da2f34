"""A community asks to become a member, or to stay one; staff answer, and mark its dues as paid."""

from __future__ import annotations

import datetime as dt

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.memberships import dues_class_for, population_of
from backend.cities.models import Community, Membership, MembershipNote, MembershipRequest
from backend.cities.permissions import Reader, require_in, require_staff
from backend.cities.services.memberships import (
    begin_membership,
    change_membership,
    renew_membership,
)
from backend.cities.states import MEMBERSHIP_REQUEST_TRANSITIONS
from backend.common.bounds import longest
from backend.common.dates import database_now, years_after
from backend.common.errors import (
    Conflict,
    InvalidFields,
    NotVisible,
    TooManyRequests,
    WrongState,
)
from backend.common.transitions import change_state, check_transition
from backend.outbox.services import record
from backend.outbox.topics import Topic

_S = MembershipRequest.Status
_K = MembershipRequest.Kind
LONGEST_NOTE = longest(MembershipNote, "text")
# Far more people than live anywhere: a typing error
MOST_PEOPLE = 200_000_000
_DAY = dt.timedelta(days=1)


def _rows() -> QuerySet[MembershipRequest]:
    found = MembershipRequest.objects.select_related("community__country", "community__place")
    return found.defer(
        "community__place__search_text", "community__place__alternate_names"
    ).prefetch_related("notes__by")


def membership_requests_of(reader: Reader) -> QuerySet[MembershipRequest]:
    """What the community has asked for, the latest first. Raises NotVisible."""
    community_id = reader.require(Verb.READ, Resource.MEMBERSHIP_REQUEST)
    return _rows().filter(community=community_id).order_by("-id")


def staff_membership_requests(user: User) -> QuerySet[MembershipRequest]:
    """All requests, the longest waiting first. Raises NotVisible for others than staff."""
    require_staff(user, Verb.READ, Resource.MEMBERSHIP_REQUEST)
    return _rows().order_by("changed_at", "id")


def membership_request_for_staff(user: User, request_id: int) -> MembershipRequest:
    """One request with its thread. Raises NotVisible."""
    found = staff_membership_requests(user).filter(pk=request_id).first()
    if found is None:
        raise NotVisible
    return found


def running_membership(community_id: int) -> Membership | None:
    return Membership.objects.filter(community=community_id, ended_on__isnull=True).first()


def renewal_is_early(membership: Membership, today: dt.date) -> bool:
    """Whether more than a year is paid already: a second term in advance is staff's to enter."""
    paid = membership.paid_through
    return paid is not None and paid > years_after(today, 1)


@transaction.atomic
def ask_for_membership(
    *,
    by: User,
    community_id: int,
    billing_name: str,
    billing_email: str,
    dues_class: str = "",
    population: int | None = None,
    note: str = "",
) -> MembershipRequest:
    """An official or a chair asks for membership or, for a community whose membership runs or has
    lapsed, for another term.

    Args:
        dues_class: empty: by the population that the gazetteer knows, or that is given.

    Raises:
        NotVisible: none who answers for the community. InvalidFields. Conflict: more than a year is
            paid already (code ``paid_already``), or a request is open (``request_open``).
            TooManyRequests: as many as a community may make in a day.
    """
    require_in(by, community_id, Verb.CREATE, Resource.MEMBERSHIP_REQUEST)
    community = Community.objects.select_related("place").get(pk=community_id)
    known = population_of(community)
    people = known if known is not None else population
    billing_name = " ".join(billing_name.split())
    errors = _errors(billing_name, billing_email, dues_class, population, note)
    if not dues_class and people is None:
        errors.setdefault("population", [_("Give the number of inhabitants, or choose the class.")])
    if errors:
        raise InvalidFields(errors)
    _require_few(community_id)
    membership, now = running_membership(community_id), database_now()
    if membership is not None and renewal_is_early(membership, now.date()):
        raise Conflict(
            _("The dues are paid for more than a year already. Ask again later."),
            code="paid_already",
        )
    try:
        with transaction.atomic():
            made = MembershipRequest.objects.create(
                community=community,
                kind=_K.NEW if membership is None else _K.RENEWAL,
                dues_class=dues_class or dues_class_for(people or 0),
                population=None if known is not None else population,
                billing_name=billing_name,
                billing_email=billing_email,
                asked_by=by,
                asked_at=now,
                changed_at=now,
            )
    except IntegrityError:
        raise Conflict(
            _("Your community has asked already, and staff have not settled it yet."),
            code="request_open",
        ) from None
    _add_note(made, note, by=by, by_staff=False)
    _record_asked(made, by)
    return made


def _errors(
    billing_name: str, billing_email: str, dues_class: str, population: int | None, note: str
) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    if not billing_name or len(billing_name) > longest(MembershipRequest, "billing_name"):
        errors["billing_name"] = [_("Give a name, of at most 120 characters.")]
    try:
        validate_email(billing_email)
    except ValidationError as invalid:
        errors["billing_email"] = list(invalid.messages)
    if dues_class and dues_class not in Membership.DuesClass.values:
        errors["dues_class"] = [_("Choose one of the classes.")]
    if population is not None and not 1 <= population <= MOST_PEOPLE:
        errors["population"] = [_("Give the number of people who live there.")]
    if len(note) > LONGEST_NOTE or "\x00" in note + billing_name:
        errors["note"] = [_("This is too long.")]
    return errors


def _require_few(community_id: int) -> None:
    most = settings.MEMBERSHIP["requests_a_day"]
    asked = MembershipRequest.objects.filter(community=community_id, asked_at__gt=Now() - _DAY)
    if asked.count() >= most:
        raise TooManyRequests(
            _("Your community has asked several times today. Ask again tomorrow."),
            code="too_many_requests",
            retry_after=int(_DAY.total_seconds()),
        )


def _add_note(request: MembershipRequest, text: str, *, by: User, by_staff: bool) -> None:
    if text.strip():
        MembershipNote.objects.create(
            request=request, by=by, by_staff=by_staff, text=text.strip(), at=database_now()
        )


def _record_asked(request: MembershipRequest, by: User, *, replied: bool = False) -> None:
    record(
        Topic.MEMBERSHIP_REQUESTED,
        subject=request,
        by=by,
        community_id=request.community_id,
        request_kind=request.kind,
        replied=replied,
    )


def _own(by: User, community_id: int, request_id: int) -> MembershipRequest:
    require_in(by, community_id, Verb.CREATE, Resource.MEMBERSHIP_REQUEST)
    found = MembershipRequest.objects.filter(pk=request_id, community=community_id).first()
    if found is None:
        raise NotVisible
    return found


def _checked(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_NOTE or "\x00" in text:
        raise InvalidFields(
            {"text": [_("Write from 1 to %(most)d characters.") % {"most": LONGEST_NOTE}]}
        )
    return text


@transaction.atomic
def reply_to_staff(*, by: User, community_id: int, request_id: int, text: str) -> MembershipRequest:
    """What staff asked for; the request waits for them again.

    Raises NotVisible, InvalidFields (no text), and WrongState (nothing was asked).
    """
    request = _own(by, community_id, request_id)
    _move(request, _S.WAITING, by, told=False)
    _add_note(request, _checked(text), by=by, by_staff=False)
    _record_asked(request, by, replied=True)
    return request


@transaction.atomic
def withdraw_membership_request(
    *, by: User, community_id: int, request_id: int
) -> MembershipRequest:
    """The community does not want it any more. Raises NotVisible, and WrongState (settled)."""
    request = _own(by, community_id, request_id)
    _move(request, _S.WITHDRAWN, by)
    return request


def _move(request: MembershipRequest, new: str, by: User, *, told: bool = True) -> None:
    now = database_now()
    old = change_state(
        request,
        "status",
        new,
        MEMBERSHIP_REQUEST_TRANSITIONS,
        changed_at=now,
        settled_at=now if new in (_S.DECLINED, _S.WITHDRAWN) else None,
    )
    if told:
        record(
            Topic.MEMBERSHIP_REQUEST_CHANGED,
            subject=request,
            by=by,
            community_id=request.community_id,
            old=old,
            new=str(new),
        )


ANSWERS = {"accept": _S.ACCEPTED, "ask": _S.ASKED, "decline": _S.DECLINED, "paid": _S.PAID}


@transaction.atomic
def answer_membership_request(
    *,
    by: User,
    request_id: int,
    answer: str,
    text: str = "",
    dues_class: str = "",
    started_on: dt.date | None = None,
    paid_through: dt.date | None = None,
) -> MembershipRequest:
    """Staff accept a request, ask for more, decline it, or mark its dues as paid: then the
    membership begins or is renewed.

    Args:
        answer: a key of ANSWERS. text: what the community reads; needed to ask and to decline.
        dues_class: corrects the class; empty: as it was asked for.
        started_on: with "paid", of a new membership; empty: today.
        paid_through: with "paid", the last day that the dues cover; empty: a year after the last
            one that is paid, or after today.

    Raises:
        NotVisible: no curator, or no such request. InvalidFields. WrongState: it is settled.
        Conflict: the community is a member already, so that nothing can begin.
    """
    require_staff(by, Verb.ACT, Resource.MEMBERSHIP_REQUEST)
    request = MembershipRequest.objects.filter(pk=request_id).first()
    if request is None:
        raise NotVisible
    if answer not in ANSWERS:
        raise InvalidFields({"answer": [f"Choose one of: {', '.join(ANSWERS)}."]})
    if dues_class and dues_class not in Membership.DuesClass.values:
        raise InvalidFields({"dues_class": ["Choose one of the classes."]})
    new = ANSWERS[answer]
    check_transition(MEMBERSHIP_REQUEST_TRANSITIONS, request.status, new)
    if answer in ("ask", "decline") or text.strip():
        _checked(text)
    if dues_class and dues_class != request.dues_class:
        MembershipRequest.objects.filter(pk=request.pk).update(dues_class=dues_class)
        request.dues_class = dues_class
    _add_note(request, text, by=by, by_staff=True)
    if new == _S.PAID:
        _enter_dues(request, by, started_on, paid_through)
    else:
        _move(request, new, by)
    return request


def _enter_dues(
    request: MembershipRequest,
    by: User,
    started_on: dt.date | None,
    paid_through: dt.date | None,
) -> None:
    """Begins or renews the membership, which settles the request."""
    today, running = database_now().date(), running_membership(request.community_id)
    if request.kind == _K.NEW:
        first = started_on or today
        begin_membership(
            by=by,
            community_id=request.community_id,
            started_on=first,
            paid_through=paid_through or years_after(max(first, today), 1) - _DAY,
            dues_class=request.dues_class,
        )
    elif running is None:
        raise WrongState("This membership has ended. Decline the renewal; they can ask anew.")
    else:
        if running.dues_class != request.dues_class:
            change_membership(
                by=by,
                membership_id=running.pk,
                started_on=running.started_on,
                paid_through=running.paid_through,
                dues_class=request.dues_class,
            )
        last = max(running.paid_through or today, today)
        day = paid_through or years_after(last, 1)
        renew_membership(by=by, membership_id=running.pk, paid_through=day)
    request.refresh_from_db()
    if request.status != _S.PAID:  # settled by somebody else in between
        raise WrongState("This request was settled in the meantime. Load the page again.")
