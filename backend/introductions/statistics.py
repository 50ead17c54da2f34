"""Statistics for staff: the funnel of suggestions, response times, exposure by size of community,
and introductions and agreements that do not move.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.contrib.auth.models import AnonymousUser
from django.db.models import (
    Aggregate,
    BooleanField,
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, TruncMonth

from backend.accounts.grants import Resource, Verb
from backend.accounts.models import User
from backend.cities.models import Community
from backend.cities.models.communities import HOME_COUNTRY
from backend.cities.permissions import require_staff
from backend.common.dates import database_now
from backend.common.errors import NotVisible
from backend.introductions.models import Agreement, Introduction
from backend.introductions.queries.introductions import has_met
from backend.outbox.models import Event
from backend.outbox.topics import Topic
from backend.suggestions.models import Decision, Suggestion

By = Literal["month", "country"]


@dataclass(frozen=True, slots=True)
class Scope:
    """``since`` and ``until`` are days (both counted, UTC); ``country`` is ISO alpha-2 of either
    side.
    """

    since: dt.date | None = None
    until: dt.date | None = None
    country: str = ""

    def within(self, moment: str) -> Q:
        """The condition that ``moment``, a column of time, lies in the scope's time."""
        condition = Q()
        if self.since:
            condition &= Q(**{f"{moment}__gte": dt.datetime.combine(self.since, dt.time(), dt.UTC)})
        if self.until:
            # The day's last microsecond: the last day of the calendar has no next one
            last = dt.datetime.combine(self.until, dt.time.max, dt.UTC)
            condition &= Q(**{f"{moment}__lte": last})
        return condition

    def of_pair(self, pair: str = "pair") -> Q:
        """The condition that one side of the pair lies in the scope's country."""
        if not self.country:
            return Q()
        return Q(**{f"{pair}__a_country": self.country}) | Q(**{f"{pair}__b_country": self.country})


def country_abroad(pair: str = "pair") -> Combinable:
    """The country of the side that is not at home."""
    return Case(
        When(**{f"{pair}__a_country": HOME_COUNTRY}, then=F(f"{pair}__b_country")),
        default=F(f"{pair}__a_country"),
    )


# The funnel: of the suggestions made in a month, how many came how far. Each step counts all
# that reached it, also those closed since. "Met" are those who have held a meeting: an agreement
# may be signed without one.


STEPS = ("suggested", "released", "answered", "mutual", "introduced", "met", "agreed")
_A = Suggestion.SideState
_I = Introduction.Stage
_MUTUAL = (Suggestion.Status.MUTUAL, Suggestion.Status.INTRODUCED)
_ANSWERS = (_A.INTERESTED, _A.DECLINED, _A.WITHDRAWN)
_INTRODUCED = {*_I} - {_I.TO_INTRODUCE, _I.CLOSED}


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """``label``: the month as "2026-11", or the country abroad as ISO alpha-2. ``counts`` by
    STEPS.
    """

    label: str
    counts: tuple[int, ...]


def funnel(user: User | AnonymousUser, scope: Scope, *, by: By = "month") -> list[FunnelRow]:
    """The funnel of suggestions made within the scope, by month or country abroad. Raises
    NotVisible for others than staff.
    """
    require_staff(user, Verb.READ, Resource.STATISTICS)
    counted: defaultdict[str, list[int]] = defaultdict(lambda: [0] * len(STEPS))
    made = Suggestion.objects.filter(scope.within("created_at"), scope.of_pair())
    key = TruncMonth("created_at", tzinfo=dt.UTC) if by == "month" else country_abroad()
    early = (
        made.annotate(key=key)
        .values_list("key")
        .annotate(
            suggested=Count("pk"),
            released=Count("pk", filter=Q(released_at__isnull=False)),
            answered=Count("pk", filter=_answered(database_now())),
            mutual=Count("pk", filter=Q(status__in=_MUTUAL)),
        )
    )
    for label, *counts in early:
        counted[_label(label)][:4] = counts
    for label, status, reached, met in _late_steps(made, by):
        row = counted[_label(label)]
        # The board shows that it was, also where the interest has gone since
        row[3] += status not in _MUTUAL
        row[4] += bool(reached & _INTRODUCED)
        row[5] += met
        row[6] += _I.AGREEMENT in reached
    return [FunnelRow(label, tuple(counts)) for label, counts in sorted(counted.items())]


def _answered(now: dt.datetime) -> Q:
    """Suggestions that a side has answered; an answer that can still be undone is not given yet."""
    condition = Q(Exists(Decision.objects.in_effect().filter(suggestion=OuterRef("pk"))))
    for side in "ab":
        is_final = Q(**{f"{side}_final_at__isnull": True}) | Q(**{f"{side}_final_at__lte": now})
        condition |= Q(**{f"{side}_state__in": _ANSWERS}) & is_final
    return condition


def _label(key: dt.datetime | str) -> str:
    return f"{key:%Y-%m}" if isinstance(key, dt.datetime) else key


def _late_steps(
    made: QuerySet[Suggestion], by: By
) -> list[tuple[dt.datetime | str, str, set[str], bool]]:
    """For each suggestion that has been introduced: its row, its state now, every column of the
    board that an introduction of it has been in, and whether the two have met.
    """
    key = TruncMonth("suggestion__created_at", tzinfo=dt.UTC) if by == "month" else country_abroad()
    met = ExpressionWrapper(has_met(), output_field=BooleanField())
    found = Introduction.objects.filter(suggestion__in=made).annotate(key=key, met=met)
    introductions = list(
        found.values_list("pk", "key", "stage", "suggestion_id", "suggestion__status", "met")
    )
    reached: defaultdict[int, set[str]] = defaultdict(set)
    moves = Event.objects.filter(
        topic=Topic.INTRODUCTION_MOVED,
        subject_type="introduction",
        subject_id__in=[introduction[0] for introduction in introductions],
    )
    for introduction, stage in moves.values_list("subject_id", "payload__new"):
        if stage:
            reached[introduction].add(stage)
    by_suggestion: dict[int, tuple[dt.datetime | str, str, set[str], bool]] = {}
    for introduction, label, stage, suggestion, status, met_once in introductions:
        earlier = by_suggestion.get(suggestion, (label, status, set(), False))
        stages = earlier[2] | reached[introduction] | {stage}
        by_suggestion[suggestion] = (label, status, stages, earlier[3] or met_once)
    return list(by_suggestion.values())


def introduced_by_hand(user: User | AnonymousUser, scope: Scope) -> int:
    """Introductions that staff opened without a suggestion: they are in no funnel. Raises
    NotVisible for others than staff.
    """
    require_staff(user, Verb.READ, Resource.STATISTICS)
    return Introduction.objects.filter(
        scope.within("opened_at"), scope.of_pair(), suggestion__isnull=True
    ).count()


# How long communities take to answer a suggestion, from its release to their first answer.


_DAY = dt.timedelta(days=1)
_FIRST = (Decision.Answer.INTERESTED, Decision.Answer.DECLINED)


class Percentile(Aggregate):
    """PostgreSQL's percentile_cont: ``fraction`` in [0, 1]."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: Any, fraction: float) -> None:
        super().__init__(expression, fraction=repr(float(fraction)), output_field=DurationField())


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """``label``: the month of release as "2026-11", or the answering community's country. Times in
    days.
    """

    label: str
    answers: int
    median_days: float
    p90_days: float


def response_times(
    user: User | AnonymousUser, scope: Scope, *, by: By = "month"
) -> list[ResponseRow]:
    """Response times of suggestions released within the scope; the scope's country is that of who
    answered.

    Raises:
        NotVisible: for others than staff.
    """
    require_staff(user, Verb.READ, Resource.STATISTICS)
    released = "suggestion__released_at"
    found = Decision.objects.in_effect().filter(
        scope.within(released), answer__in=_FIRST, **{f"{released}__isnull": False}
    )
    if scope.country:
        found = found.filter(community__country_id=scope.country)
    took = ExpressionWrapper(F("at") - F(released), output_field=DurationField())
    key = TruncMonth(released, tzinfo=dt.UTC) if by == "month" else F("community__country_id")
    rows = (
        found.annotate(key=key, took=took)
        .values_list("key")
        .annotate(answers=Count("pk"), median=Percentile("took", 0.5), p90=Percentile("took", 0.9))
        .order_by("key")
    )
    return [
        ResponseRow(
            f"{label:%Y-%m}" if isinstance(label, dt.datetime) else label,
            answers,
            median / _DAY,
            p90 / _DAY,
        )
        for label, answers, median, p90 in rows
    ]


# Who is shown: suggestions released to communities of each size. Small places must not
# disappear behind large ones.


BANDS = ((25_000, "Under 25,000"), (100_000, "25,000 to 99,999"), (500_000, "100,000 to 499,999"))
LARGE, UNKNOWN = "500,000 and more", "Population not known"
ORDER = (*(label for _limit, label in BANDS), LARGE, UNKNOWN)


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """``shown``: suggestions released within the scope to communities of that size; ``without``:
    communities that got none.
    """

    side: str
    size: str
    communities: int
    shown: int
    without: int

    @property
    def each(self) -> float:
        """Suggestions a community."""
        return self.shown / self.communities if self.communities else 0.0


def exposure_by_size(user: User | AnonymousUser, scope: Scope) -> list[ExposureRow]:
    """Communities that seek now, by side and size, and what was released to them. Raises NotVisible
    for others than staff.
    """
    require_staff(user, Verb.READ, Resource.STATISTICS)
    shown: Counter[int] = Counter()
    released = Suggestion.objects.filter(
        scope.within("released_at"), released_at__isnull=False
    ).order_by()
    for side in ("pair__a_id", "pair__b_id"):
        shown.update(dict(released.values_list(side).annotate(count=Count("pk"))))
    seeking = Community.objects.seeking().order_by()
    if scope.country:
        seeking = seeking.filter(country_id=scope.country)
    communities: Counter[tuple[str, str]] = Counter()
    total: Counter[tuple[str, str]] = Counter()
    without: Counter[tuple[str, str]] = Counter()
    for pk, country, population in seeking.values_list("pk", "country_id", "place__population"):
        key = ("U.S." if country == HOME_COUNTRY else "Abroad", band(population))
        communities[key] += 1
        total[key] += shown[pk]
        without[key] += not shown[pk]
    keys = sorted(communities, key=lambda key: (key[0] != "U.S.", ORDER.index(key[1])))
    return [ExposureRow(*key, communities[key], total[key], without[key]) for key in keys]


def band(population: int | None) -> str:
    if population is None:
        return UNKNOWN
    return next((label for limit, label in BANDS if population < limit), LARGE)


# What does not move: introductions that are overdue or that nobody has moved for a month, and
# agreements that wait for a signature.


IDLE_DAYS = 30
_OVER = (Introduction.Stage.AGREEMENT, Introduction.Stage.CLOSED)


@dataclass(frozen=True, slots=True)
class StuckRow:
    """``kind``: introduction | agreement, with its id. Days are whole; ``overdue_days`` is 0 where
    no date has passed.
    """

    kind: str
    id: int
    pair: str
    where: str
    owner: str
    idle_days: int
    overdue_days: int


def stuck(user: User | AnonymousUser, scope: Scope) -> list[StuckRow]:
    """What waits longest first; the scope's time is when it was opened. Raises NotVisible for
    others than staff.
    """
    require_staff(user, Verb.READ, Resource.STATISTICS)
    now = database_now()
    return sorted(
        [*_introductions(scope, now), *_agreements(scope, now)],
        key=lambda row: (-row.idle_days, row.kind, row.id),
    )


def _last_event(kind: str) -> Subquery:
    moved = (
        Event.objects.filter(subject_type=kind, subject_id=OuterRef("pk"))
        .order_by()
        .values("subject_id")
    )
    return Subquery(moved.annotate(last=Max("recorded_at")).values("last"))


def _introductions(scope: Scope, now: dt.datetime) -> list[StuckRow]:
    found = (
        Introduction.objects.filter(scope.within("opened_at"), scope.of_pair())
        .exclude(stage__in=_OVER)
        .annotate(moved_at=Coalesce(_last_event("introduction"), "opened_at"))
        .filter(Q(due_on__lt=now.date()) | Q(moved_at__lt=now - dt.timedelta(days=IDLE_DAYS)))
        .select_related("pair__a", "pair__b", "owner")
    )
    return [
        StuckRow(
            "introduction",
            introduction.pk,
            f"{introduction.pair.a.name} – {introduction.pair.b.name}",
            str(introduction.get_stage_display()),
            str(introduction.owner) if introduction.owner else "",
            max(0, (now - introduction.moved_at).days),
            max(0, (now.date() - introduction.due_on).days) if introduction.due_on else 0,
        )
        for introduction in found
    ]


def _agreements(scope: Scope, now: dt.datetime) -> list[StuckRow]:
    found = (
        Agreement.objects.filter(
            scope.within("recorded_at"),
            scope.of_pair("introduction__pair"),
            status=Agreement.Status.SIGNING,
        )
        .annotate(
            moved_at=Coalesce(_last_event("agreement"), "recorded_at"), signed=Count("signatories")
        )
        .filter(moved_at__lt=now - dt.timedelta(days=IDLE_DAYS))
        .select_related("introduction__pair__a", "introduction__pair__b", "introduction__owner")
    )
    return [
        StuckRow(
            "agreement",
            agreement.pk,
            f"{agreement.introduction.pair.a.name} – {agreement.introduction.pair.b.name}",
            f"Signed by {agreement.signed} of 2",
            str(agreement.introduction.owner) if agreement.introduction.owner else "",
            max(0, (now - agreement.moved_at).days),
            0,
        )
        for agreement in found
    ]


# The four tables of the overview by name: the same columns in page, CSV and API.


Row = Sequence[str | int | float]
_Read = Callable[[User | AnonymousUser, Scope, By], Sequence[Row]]


@dataclass(frozen=True, slots=True)
class Table:
    """One table of statistics. ``columns`` are stable codes; the first names the row."""

    title: str
    columns: tuple[str, ...]
    read: _Read


def _funnel_rows(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    return [(row.label, *row.counts) for row in funnel(user, scope, by=by)]


def _response_rows(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    rows = response_times(user, scope, by=by)
    return [
        (row.label, row.answers, round(row.median_days, 1), round(row.p90_days, 1)) for row in rows
    ]


def _exposure_rows(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    rows = exposure_by_size(user, scope)
    return [
        (f"{row.side}, {row.size}", row.communities, row.shown, round(row.each, 2), row.without)
        for row in rows
    ]


def _stuck_rows(user: User | AnonymousUser, scope: Scope, by: By) -> list[Row]:
    return [
        (row.pair, row.kind, row.id, row.where, row.owner, row.idle_days, row.overdue_days)
        for row in stuck(user, scope)
    ]


TABLES: Mapping[str, Table] = {
    "funnel": Table("From suggestion to agreement", ("label", *STEPS), _funnel_rows),
    "responses": Table(
        "Response times", ("label", "answers", "median_days", "p90_days"), _response_rows
    ),
    "exposure": Table(
        "Exposure by size of community",
        ("label", "communities", "shown", "each", "without"),
        _exposure_rows,
    ),
    "stuck": Table(
        "Stalled",
        ("pair", "kind", "id", "where", "owner", "idle_days", "overdue_days"),
        _stuck_rows,
    ),
}


def statistics_table(
    user: User | AnonymousUser, name: str, scope: Scope, by: By = "month"
) -> tuple[Table, Sequence[Row]]:
    """One table with its rows. Raises NotVisible: no such table, or not staff."""
    table = TABLES.get(name)
    if table is None:
        raise NotVisible
    return table, table.read(user, scope, by)
