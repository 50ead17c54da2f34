"""Partnerships as their two sides, staff and the public see them, and their health."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    Count,
    Exists,
    F,
    IntegerField,
    Max,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Greatest, JSONObject
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from backend.accounts.grants import Resource, Verb, roles_that_may
from backend.accounts.models import User
from backend.cities.models import Community, CommunityRole, ExistingPartnership, Membership
from backend.cities.permissions import Reader, require_staff
from backend.cities.vocabularies import label
from backend.common.dates import database_now, months_before, whole_months
from backend.common.errors import NotVisible, WrongState
from backend.common.local_times import latest_day
from backend.common.pdf import render_pdf
from backend.introductions.models import (
    Activity,
    Agreement,
    Partnership,
    Renewal,
    Signatory,
    StatusChange,
    YearlyReport,
)


def recognised() -> Q:
    """The condition, for any queryset of partnerships, under which one is officially recognised;
    the rule is that of ``services.agreements.is_recognised``.
    """
    highest = Signatory.objects.filter(agreement=OuterRef("agreement"), is_highest_official=True)
    both = highest.order_by().values("agreement").annotate(signed=Count("pk")).filter(signed=2)
    member = Membership.objects.filter(
        Q(community=OuterRef("pair__a")) | Q(community=OuterRef("pair__b")),
        standing=Membership.Standing.GOOD,
        ended_on__isnull=True,
    )
    return Q(Exists(both)) & Q(Exists(member))


def living_partnerships(community_id: int | None = None) -> QuerySet[Partnership]:
    """Recorded partnerships that have not ended, of one community or all, oldest first. Public:
    this is the directory.

    Each row has ``recognised``, the value of ``services.agreements.is_recognised`` for its
    agreement, from the same statement.
    """
    found = Partnership.objects.exclude(
        status__in=(Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    )
    if community_id is not None:
        found = found.filter(Q(pair__a_id=community_id) | Q(pair__b_id=community_id))
    return (
        found.select_related("pair__a__country", "pair__b__country", "agreement")
        .prefetch_related("agreement__signatories__community")
        .annotate(recognised=recognised())
        .order_by("since", "id")
    )


# How a partnership is doing, derived from what is recorded and explained in words. Nothing of
# it is stored.


DORMANT_MONTHS = 18
QUIET_MONTHS = 12
_P = Partnership.Status


def _in_a_sentence(words: str) -> str:
    """English writes a state in lower case within a sentence; translations stay as they are."""
    return words.lower() if (translation.get_language() or "en").startswith("en") else words


def with_health(partnerships: QuerySet[Partnership], today: dt.date) -> QuerySet[Any]:
    """Adds what ``health_of`` reads: ``last_activity_on``, ``awake_on``, ``reports_written``,
    ``people_of_a``, ``people_of_b``.
    """
    kept = (
        Activity.objects.filter(partnership=OuterRef("pk"), retracted_at__isnull=True)
        .order_by()
        .values("partnership")
    )
    last = Subquery(kept.annotate(last=Max("happened_on")).values("last"))
    written = (
        YearlyReport.objects.filter(partnership=OuterRef("pk"), year=today.year - 1)
        .order_by()
        .values("partnership")
    )
    reports = Subquery(
        written.annotate(count=Count("pk")).values("count"), output_field=IntegerField()
    )
    return partnerships.annotate(
        last_activity_on=last,
        # GREATEST ignores NULL in PostgreSQL.
        awake_on=Greatest(F("since"), F("awake_since"), last),
        reports_written=Coalesce(reports, Value(0)),
        people_of_a=_people("pair__a"),
        people_of_b=_people("pair__b"),
    )


def _people(side: str) -> Coalesce:
    """How many confirmed people act for that side."""
    active = Q(
        community=OuterRef(side),
        role__in=roles_that_may(Verb.READ, Resource.PARTNERSHIP),
        ended_at__isnull=True,
        vetted_at__isnull=False,
        user__is_active=True,
    )
    counted = (
        CommunityRole.objects.filter(active)
        .order_by()
        .values("community")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))


@dataclass(frozen=True, slots=True)
class Health:
    """``level``: good | watch | silent | over. ``sentences`` say why, the gravest first."""

    level: str
    label: str
    sentences: tuple[str, ...]


def health_of(partnership: Any, today: dt.date) -> Health:
    """The signal for a partnership out of ``with_health``, in the active language."""
    if partnership.status in (_P.ENDED, _P.EMERITUS):
        return Health(
            "over",
            _("Ended"),
            (
                _("This partnership is %(state)s.")
                % {"state": _in_a_sentence(partnership.get_status_display())},
            ),
        )
    silent = (
        [_activity_sentence(partnership, today)]
        if partnership.awake_on < months_before(today, DORMANT_MONTHS)
        else []
    )
    if partnership.status in (_P.DORMANT, _P.SUSPENDED):
        silent.append(
            _("It is %(state)s.") % {"state": _in_a_sentence(partnership.get_status_display())}
        )
    watch = _warnings(partnership, today)
    if silent:
        return Health("silent", _("Silent"), (*silent, *watch))
    if watch:
        return Health("watch", _("Needs attention"), (*watch, *_comforts(partnership, today)))
    return Health("good", _("In good health"), tuple(_comforts(partnership, today)))


def _warnings(partnership: Any, today: dt.date) -> list[str]:
    found = []
    if (
        months_before(today, DORMANT_MONTHS)
        <= partnership.awake_on
        < months_before(today, QUIET_MONTHS)
    ):
        found.append(_activity_sentence(partnership, today))
    if partnership.review_on and partnership.review_on <= today:
        found.append(
            _("The review of %(day)s is due.") % {"day": date_format(partnership.review_on)}
        )
    missing = 2 - partnership.reports_written
    if missing and partnership.since.year < today.year:
        found.append(
            ngettext(
                "The report of %(year)d is missing from one side.",
                "The reports of %(year)d are missing.",
                missing,
            )
            % {"year": today.year - 1}
        )
    for side, people in (
        (partnership.pair.a, partnership.people_of_a),
        (partnership.pair.b, partnership.people_of_b),
    ):
        if not people:
            found.append(_("Nobody acts for %(community)s any more.") % {"community": side.name})
    return found


def _comforts(partnership: Any, today: dt.date) -> list[str]:
    found = []
    if partnership.awake_on >= months_before(today, QUIET_MONTHS):
        found.append(_activity_sentence(partnership, today))
    if partnership.review_on and partnership.review_on > today:
        found.append(
            _("The next review is on %(day)s.") % {"day": date_format(partnership.review_on)}
        )
    if partnership.people_of_a > 1 and partnership.people_of_b > 1:
        found.append(_("Two people or more act for each side."))
    return found


def _activity_sentence(partnership: Any, today: dt.date) -> str:
    if partnership.last_activity_on is None:
        return _("No activity is recorded yet.")
    months = whole_months(partnership.last_activity_on, today)
    if months < 1 and partnership.last_activity_on.month != today.month:
        months = 1  # a month of the calendar, if not yet a whole one
    if months < 1:
        return _("The last activity was this month.")
    return ngettext(
        "The last activity was a month ago.", "The last activity was %(months)d months ago.", months
    ) % {"months": months}


# Reads of partnerships by those who live in them: the two sides and staff. The public directory
# is ``living_partnerships``.


OVER = (Partnership.Status.ENDED, Partnership.Status.EMERITUS)


def _with_all(partnerships: QuerySet[Partnership], today: dt.date) -> QuerySet[Partnership]:
    return (
        with_health(partnerships, today)
        .select_related("pair__a__country", "pair__b__country", "agreement")
        .prefetch_related("agreement__signatories__community")
        .annotate(recognised=recognised())
    )


def partnerships_of(reader: Reader, *, today: dt.date | None = None) -> QuerySet[Partnership]:
    """A community's partnerships, also those at rest, the latest first, with what ``health_of``
    reads. Raises NotVisible.
    """
    community_id = reader.require(Verb.READ, Resource.PARTNERSHIP)
    sides = Q(pair__a_id=community_id) | Q(pair__b_id=community_id)
    return _with_all(Partnership.objects.filter(sides), today or database_now().date()).order_by(
        "-since", "-id"
    )


def partnerships_for_staff(
    user: User | AnonymousUser, *, today: dt.date | None = None
) -> QuerySet[Partnership]:
    """All partnerships, those silent for longest first, with what ``health_of`` reads. Raises
    NotVisible for others than staff.
    """
    require_staff(user, Verb.READ, Resource.PARTNERSHIP)
    found = _with_all(Partnership.objects.all(), today or database_now().date())
    return found.order_by("since", "id")


def partnership_for(
    reader: Reader, partnership_id: int, *, today: dt.date | None = None
) -> tuple[Partnership, Reader]:
    """One partnership with all that is recorded of it, and its reader on their own side
    (``community_id`` None for staff). Raises NotVisible.
    """
    kept = (
        Activity.objects.filter(retracted_at__isnull=True)
        .select_related("community", "by")
        .order_by("-happened_on", "-id")
    )
    found = _with_all(
        Partnership.objects.filter(pk=partnership_id), today or database_now().date()
    ).prefetch_related(
        Prefetch("activities", kept, to_attr="log"),
        Prefetch(
            "reports",
            YearlyReport.objects.select_related("community", "by").order_by(
                "-year", "community_id"
            ),
            to_attr="yearly",
        ),
        Prefetch(
            "changes",
            StatusChange.objects.select_related("community", "by").order_by("id"),
            to_attr="steps",
        ),
        Prefetch(
            "renewals", Renewal.objects.select_related("community").order_by("id"), to_attr="given"
        ),
        Prefetch(
            "agreements",
            Agreement.objects.filter(status=Agreement.Status.IN_FORCE)
            .prefetch_related("signatories__community")
            .order_by("in_force_on", "id"),
            to_attr="in_order",
        ),
    )
    partnership = found.first()
    if partnership is None:
        raise NotVisible
    sides = (partnership.pair.a_id, partnership.pair.b_id)
    return partnership, reader.on_side(sides, Verb.READ, Resource.PARTNERSHIP)


# The certificate: a PDF of one page, from what both sides confirmed.


def certificate_for(reader: Reader, partnership_id: int) -> bytes:
    """The certificate in the reader's language, for both sides and staff.

    Raises:
        NotVisible: no such partnership, or not theirs. WrongState: it has ended; a certificate
            would say what is not so. TooManyRequests, Unavailable: see ``render_pdf``.
    """
    partnership, _reader = partnership_for(reader, partnership_id)
    if partnership.status in OVER:
        raise WrongState(_("This partnership is at rest; a certificate is made for a living one."))
    return render_pdf(lambda: _certificate(partnership), person=reader.user.pk or 0)


def _certificate(partnership: Partnership) -> str:
    language = translation.get_language() or "en"
    pair = partnership.pair
    signatories = sorted(
        partnership.agreement.signatories.all(), key=lambda signatory: signatory.community_id
    )
    context = {
        "language": language,
        "bidi": translation.get_language_bidi(),
        "title": _("Certificate of Partnership"),
        "form": partnership.get_form_display(),
        "recognised": partnership.recognised,  # type: ignore[attr-defined]  # annotated by partnership_for
        "first": pair.a,
        "second": pair.b,
        "since": partnership.since,
        "areas": [label("themes", code, language) for code in partnership.agreement.areas],
        "signatories": signatories,
        "number": partnership.pk,
        "today": date_format(latest_day(pair.a.timezone, pair.b.timezone)),
        "sample": pair.a.is_sample or pair.b.is_sample,
    }
    return render_to_string("introductions/certificate.html", context)


# Conditions that the directory asks of pairs, each for a subquery.


def latest_statement() -> QuerySet[ExistingPartnership, Any]:
    """What one of the two has said last of the listed pair and staff have not answered: an object
    of ``by`` (a community's number), ``status``, ``year`` and ``form``.
    """
    # Each end is one of the pair: no community is its own partner
    ends = (OuterRef("place_a"), OuterRef("place_b"))
    open_ones = ExistingPartnership.objects.filter(
        any_of(Q(place=end) for end in ends),
        any_of(Q(community__place=end) for end in ends),
        state=ExistingPartnership.State.CLAIMED,
        community__in=Community.objects.public(),
    )
    said = JSONObject(by="community_id", status="status", year="year", form="form")
    return open_ones.order_by("-claimed_at", "-pk").values(said=said)[:1]


def recorded_between(one: str, other: str, of: str = "__place") -> QuerySet[Partnership]:
    """Living partnerships of the two that the outer query names, by their places or, with an empty
    ``of``, by their communities.
    """
    living = Partnership.objects.exclude(
        status__in=(Partnership.Status.ENDED, Partnership.Status.EMERITUS)
    )
    ways = ((one, other), (other, one))
    return living.filter(
        any_of(Q(**{f"pair__a{of}": OuterRef(a), f"pair__b{of}": OuterRef(b)}) for a, b in ways)
    )


def any_of(conditions: Any) -> Q:
    joined = Q()
    for condition in conditions:
        joined |= condition
    return joined
