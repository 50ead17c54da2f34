"""Communities that another would like to meet: asked for, scored, accepted or not, and answered.

The community that is named learns nothing: no event, notice, number or moment of it is open to it.
Who asked learns nothing of the cause either: whatever speaks against the pair, and whatever staff
decide, the state is a function of the clock until the two are suggested to each other, and the
answer is the same words at ``answer_at``. Only what the community knows anyway (its own profile,
room and list, who is whose partner) is refused at once.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community, Profile
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import Reader, require_in, require_staff, role_in
from backend.common.bounds import longest
from backend.common.dates import database_now, months_after
from backend.common.errors import Conflict, InvalidFields, NotVisible, TooManyRequests, WrongState
from backend.outbox.services import record
from backend.outbox.topics import Topic
from backend.suggestions.eligibility import declared_partners, require_room
from backend.suggestions.models import Pair, PartnerRequest, Suggestion
from backend.suggestions.queries import GONE, seen_from, suggestions_of_community
from backend.suggestions.services.curation import check_text, release
from backend.suggestions.services.proposals import Assessment, assess, propose_pair

_R = PartnerRequest.Status
WAITING, SUGGESTED, ANSWERED = "waiting", "suggested", "answered"
# What a community sees of a pair as still going on; by its own answer and the clock alone
_GOES_ON = ("open", "waiting", "mutual", "introduced")
_SEEKING = (Profile.Status.PUBLISHED, Profile.Status.STALE)


@dataclass(frozen=True, slots=True)
class RequestForAsker:
    """One request as the community that asked sees it. ``state``: waiting | suggested (the two are
    suggested to each other: ``suggestion_id``) | answered.
    """

    named: Community
    note: str
    asked_by: str
    asked_at: dt.datetime
    answer_at: dt.datetime
    state: str
    suggestion_id: int | None
    again_at: dt.datetime  # when the same community may be named again


def _again_at(request: PartnerRequest) -> dt.datetime:
    return months_after(request.answer_at, settings.SUGGESTIONS["request_again_months"])


def requests_of(reader: Reader) -> list[RequestForAsker]:
    """The community's requests, the newest first. Raises NotVisible without a role there."""
    community_id = reader.require(Verb.READ, Resource.PARTNER_REQUEST)
    rows = list(
        PartnerRequest.objects.filter(community_id=community_id)
        .select_related("named__country", "by")
        .order_by("-asked_at", "-pk")
    )
    now, shown = database_now(), _suggested(community_id, rows)
    return [_for_asker(row, shown.get(row.pk), now) for row in rows]


def _for_asker(
    request: PartnerRequest, suggestion_id: int | None, now: dt.datetime
) -> RequestForAsker:
    state = ANSWERED if request.answer_at <= now else WAITING
    return RequestForAsker(
        named=request.named,
        note=request.note,
        asked_by=str(request.by),
        asked_at=request.asked_at,
        answer_at=request.answer_at,
        state=SUGGESTED if suggestion_id else state,
        suggestion_id=suggestion_id,
        again_at=_again_at(request),
    )


def _suggested(community_id: int, requests: Iterable[PartnerRequest]) -> dict[int, int]:
    """Request → the suggestion of the two that was shown to both sides since then, however it came
    about and whatever has become of it. Where the same was named twice, it belongs to the last
    request before it.
    """
    in_order = sorted(requests, key=lambda request: (request.asked_at, request.pk))
    shown = (
        Suggestion.objects.of_community(community_id)
        .filter(released_at__isnull=False)
        .order_by("pk")
        .values_list("pk", "pair__a_id", "pair__b_id", "released_at")
    )
    found = {}
    for pk, a, b, released_at in shown:
        named_id = b if a == community_id else a
        for request in reversed(in_order):
            if request.named_id == named_id and released_at and released_at >= request.asked_at:
                found[request.pk] = pk
                break
    return found


def requests_left(community_id: int, now: dt.datetime | None = None) -> int:
    """How many communities it may still name in this calendar month (UTC)."""
    moment = now or database_now()
    begun = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    asked = PartnerRequest.objects.filter(community_id=community_id, asked_at__gte=begun).count()
    return max(0, settings.SUGGESTIONS["requests_per_month"] - asked)


def may_be_named(reader: Reader) -> QuerySet[Community]:
    """Communities on the other side that seek partners. Raises NotVisible without a role."""
    own = _own(reader.require(Verb.CREATE, Resource.PARTNER_REQUEST))
    found = Community.objects.public().select_related("country").exclude(profile__status__in=GONE)
    at_home = Q(country=HOME_COUNTRY)
    return found.filter(~at_home if own.is_home else at_home).order_by("name", "pk")


def _own(community_id: int) -> Community:
    return Community.objects.select_related("profile__current_version").get(pk=community_id)


@transaction.atomic
def ask_to_meet(*, by: User, community_id: int, named_id: int, note: str = "") -> RequestForAsker:
    """Asks staff to suggest the named community. Asked again while it waits, it stays as it is.

    Raises:
        NotVisible: no confirmed role there. InvalidFields: nobody whom it may name, too long a
            note. WrongState: its own profile is not published, the person belongs to both, the two
            are partners, introduced, or in its list. CapacityReached: its own. Conflict: it named
            the same not long ago. TooManyRequests: as many as it may name in a month.
    """
    require_in(by, community_id, Verb.CREATE, Resource.PARTNER_REQUEST)
    own = (
        Community.objects.select_for_update(of=("self",))
        .select_related("profile__current_version")
        .get(pk=community_id)
    )
    now = database_now()
    named = _named(own, named_id, note)
    if role_in(by, named.pk) is not None:
        raise WrongState(
            _("You belong to both communities, and nobody acts for both sides: ask a colleague.")
        )
    waiting = _last_request(community_id, named_id)
    if waiting is not None and waiting.answered_at is None and waiting.answer_at > now:
        return _for_asker(waiting, _suggested(community_id, [waiting]).get(waiting.pk), now)
    _require_free(own, named)
    if waiting is not None:
        _require_time_between(waiting, now)
    _require_budget(community_id, now)
    answer_at = now + dt.timedelta(days=settings.SUGGESTIONS["request_answer_days"])
    if waiting is not None and waiting.answered_at is None:
        PartnerRequest.objects.filter(pk=waiting.pk).update(answered_at=now)
    request = PartnerRequest.objects.create(
        community=own, named=named, note=note.strip(), by=by, asked_at=now, answer_at=answer_at
    )
    record(
        Topic.PARTNER_REQUESTED,
        subject=request,
        by=by,
        community_id=community_id,
        named=named.pk,
    )
    return _for_asker(request, None, now)


def _named(own: Community, named_id: int, note: str) -> Community:
    errors = {}
    named = (
        Community.objects.public()
        .select_related("country")
        .exclude(profile__status__in=GONE)
        .filter(pk=named_id)
        .first()
    )
    if named is None:
        errors["named_id"] = [_("Choose a community that seeks partners here.")]
    elif named.is_home == own.is_home:
        errors["named_id"] = [
            _("Choose a community abroad.")
            if own.is_home
            else _("Choose a community of the United States.")
        ]
    if len(note) > longest(PartnerRequest, "note") or "\x00" in note:
        errors["note"] = [_("Write at most 1,000 characters of plain text.")]
    if errors or named is None:
        raise InvalidFields(errors)
    return named


def _last_request(community_id: int, named_id: int) -> PartnerRequest | None:
    return (
        PartnerRequest.objects.filter(community_id=community_id, named_id=named_id)
        .select_related("named__country", "by")
        .order_by("-asked_at", "-pk")
        .first()
    )


def _require_free(own: Community, named: Community) -> None:
    """Refuses what the community knows itself; nothing else may make a difference here."""
    if own.profile.status not in _SEEKING:
        raise WrongState(
            _("Publish your profile first, or end its pause: staff show it to the other side.")
        )
    sides = min(own.pk, named.pk), max(own.pk, named.pk)
    pair = Pair.objects.filter(a_id=sides[0], b_id=sides[1]).first()
    if sides in declared_partners() or (
        pair is not None and pair.block_reason == Pair.BlockReason.PARTNERS
    ):
        raise WrongState(_("You are partners already."), code="partners_already")
    if pair is not None and pair.block_reason == Pair.BlockReason.INTRODUCED:
        raise WrongState(
            _("You have been introduced to each other already."), code="introduced_already"
        )
    # Asked in any case: with one query less it would tell that there is no row of the pair yet
    shown = suggestions_of_community(own.pk).filter(pair__a_id=sides[0], pair__b_id=sides[1])
    if any(seen_from(row, own.pk).status_for_side in _GOES_ON for row in shown):
        raise WrongState(
            _("They are among your suggestions: answer there."), code="suggested_already"
        )
    require_room(own)


def _require_time_between(last: PartnerRequest, now: dt.datetime) -> None:
    again_at = _again_at(last)
    if now < again_at:
        raise Conflict(
            _("You have named this community before. You can name it again from %(day)s on.")
            % {"day": date_format(again_at.date())},
            code="asked_before",
        )


def _require_budget(community_id: int, now: dt.datetime) -> None:
    if requests_left(community_id, now):
        return
    most = settings.SUGGESTIONS["requests_per_month"]
    first = months_after(now.replace(day=1, hour=0, minute=0, second=0, microsecond=0), 1)
    words = ngettext(
        "A community can name %(count)d other in a month. Name the next one from %(day)s on.",
        "A community can name %(count)d others in a month. Name the next one from %(day)s on.",
        most,
    )
    raise TooManyRequests(
        words % {"count": most, "day": date_format(first.date())},
        code="requests_used_up",
        retry_after=max(1, round((first - now).total_seconds())),
    )


def assess_request(request_id: int) -> None:
    """Scores a request for staff, with the reasons of both sides. May run twice."""
    request = _with_sides(PartnerRequest.objects.all()).filter(pk=request_id).first()
    if request is None:
        return
    found = assess_request_now(request)
    home, abroad = found.fits or (None, None)
    assessment: dict[str, Any] = {
        "score": found.score,
        "problems": [dataclasses.asdict(problem) for problem in found.problems],
    }
    for name, fit in (("home", home), ("abroad", abroad)):
        assessment[name] = fit and {
            "preference": fit.preference,
            "coverage": fit.coverage,
            "reasons": fit.reasons,
        }
    PartnerRequest.objects.filter(pk=request_id).update(assessment=assessment)


def assess_request_now(request: PartnerRequest) -> Assessment:
    """How the two of ``staff_requests`` fit at this moment, and what speaks against it."""
    return assess(*_home_first(request), timezone.now())


def _with_sides(rows: QuerySet[PartnerRequest]) -> QuerySet[PartnerRequest]:
    return rows.select_related(
        *(
            f"{side}__{path}"
            for side in ("community", "named")
            for path in ("country", "place", "profile__current_version")
        ),
        "by",
        "decided_by",
    )


def _home_first(request: PartnerRequest) -> tuple[Community, Community]:
    own, named = request.community, request.named
    return (own, named) if own.is_home else (named, own)


def staff_requests(user: User | AnonymousUser) -> QuerySet[PartnerRequest]:
    """All requests, those that staff can still decide first, by the day of the answer. Raises
    NotVisible for others.
    """
    require_staff(user, Verb.READ, Resource.PARTNER_REQUEST)
    return _with_sides(PartnerRequest.objects.all()).order_by("-answer_at", "-pk")


def is_open(request: PartnerRequest, now: dt.datetime) -> bool:
    """Whether staff can still decide."""
    return request.status == _R.WAITING and request.answer_at > now


def _to_decide(by: User, request_id: int) -> PartnerRequest:
    require_staff(by, Verb.ACT, Resource.PARTNER_REQUEST)
    rows = PartnerRequest.objects.select_for_update(of=("self",))
    request = rows.select_related("community", "named").filter(pk=request_id).first()
    if request is None:
        raise NotVisible
    if request.status != _R.WAITING:
        raise WrongState("This request is decided already.")
    if request.answer_at <= database_now():
        raise WrongState(
            "Who asked has read the answer by now. Propose the pair by hand if it fits after all."
        )
    return request


def _decide(
    request: PartnerRequest, by: User, status: str, because: str, suggestion: Suggestion | None
) -> PartnerRequest:
    request.status, request.decided_by, request.decided_at = status, by, database_now()
    request.decided_because, request.suggestion = because.strip(), suggestion
    request.save(
        update_fields=["status", "decided_by", "decided_at", "decided_because", "suggestion"]
    )
    # Without a community: its own trail would tell who asked before the answer does
    record(Topic.PARTNER_REQUEST_DECIDED, subject=request, by=by, status=str(status))
    return request


@transaction.atomic
def accept_request(
    *, by: User, request_id: int, because: str, overridden_because: str = ""
) -> PartnerRequest:
    """Suggests the two to each other, as any suggestion: neither side reads that one has asked.

    Raises: NotVisible, InvalidFields, WrongState and Conflict as ``propose_pair``; WrongState when
    it is decided or answered.
    """
    request = _to_decide(by, request_id)
    home, abroad = _home_first(request)
    sides = min(home.pk, abroad.pk), max(home.pk, abroad.pk)
    waits = Suggestion.objects.filter(
        pair__a_id=sides[0], pair__b_id=sides[1], status__in=("proposed", "held")
    ).first()
    if waits is not None:
        errors = check_text({"because": (because, 2000, "why these two")})
        if errors:
            raise InvalidFields(errors)
        suggestion = release(by=by, suggestion_id=waits.pk)
    else:
        suggestion = propose_pair(
            by=by,
            home_id=home.pk,
            abroad_id=abroad.pk,
            because=because,
            overridden_because=overridden_because,
            release_now=True,
        )
    return _decide(request, by, _R.ACCEPTED, because, suggestion)


@transaction.atomic
def decline_request(*, by: User, request_id: int, because: str) -> PartnerRequest:
    """Staff do not suggest the two. Who asked reads the standard answer on its day.

    Raises NotVisible (no curator), WrongState (decided or answered), InvalidFields (no reason).
    """
    request = _to_decide(by, request_id)
    most = longest(PartnerRequest, "decided_because")
    errors = check_text({"because": (because, most, "why, for staff alone,")})
    if errors:
        raise InvalidFields(errors)
    return _decide(request, by, _R.DECLINED, because, None)


@transaction.atomic
def answer_requests() -> int:
    """Announces the standard answer of every request whose day has come, whatever the cause, unless
    the two are suggested to each other; returns how many. A second call finds nothing to do.
    """
    due = list(
        PartnerRequest.objects.select_for_update(skip_locked=True)
        .filter(answered_at__isnull=True, answer_at__lte=database_now())
        .order_by("pk")
    )
    PartnerRequest.objects.filter(pk__in=[row.pk for row in due]).update(answered_at=database_now())
    answered = [row for row in due if not _suggested(row.community_id, [row])]
    for row in answered:
        record(
            Topic.PARTNER_REQUEST_ANSWERED,
            subject=row,
            by=None,
            community_id=row.community_id,
            named=row.named_id,
        )
    return len(answered)
