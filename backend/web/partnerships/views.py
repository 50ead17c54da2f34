"""A partnership as those who live in it see it: health, log, reports, decisions, certificate, and
why this pair.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from backend.accounts.grants import Actor, Resource, Verb
from backend.cities.models import Community
from backend.cities.permissions import Reader
from backend.cities.profile_schema import STATED_STATUS
from backend.cities.services.statements import (
    STATEMENTS,
    NamedPartner,
    partners_named,
    state_partnerships,
)
from backend.common.dates import database_now
from backend.common.errors import InvalidFields, NotVisible
from backend.common.formatting import comma_list
from backend.common.local_times import latest_day
from backend.introductions.models import Introduction, Partnership
from backend.introductions.queries.partnerships import (
    OVER,
    certificate_for,
    health_of,
    living_partnerships,
    partnership_for,
    partnerships_for_staff,
    partnerships_of,
)
from backend.introductions.rationale import rationale_for
from backend.introductions.services.activities import log_activity, retract_activity, save_report
from backend.introductions.services.partnerships import (
    DECISIONS,
    decide_partnership,
    renew_partnership,
)
from backend.introductions.states import PARTNERSHIP_TRANSITIONS
from backend.suggestions.sides import FIT_WORDS
from backend.web.access import Level, open_to
from backend.web.html.base import current_reader, current_user
from backend.web.html.forms import DomainForm, read_number
from backend.web.partnerships.forms import (
    ActivityForm,
    DecisionForm,
    PartnershipFilters,
    RenewalForm,
    ReportForm,
)

PAGE = 25
DECISION_LABELS = {
    "revitalise": gettext_lazy("Bring it back to life"),
    "resume": gettext_lazy("Lift the suspension"),
    "suspend": gettext_lazy("Suspend the partnership"),
    "emeritus": gettext_lazy("Honorary, without further activity"),
    "end": gettext_lazy("End the partnership"),
}


@open_to(Level.COMMUNITY)
@require_safe
def of_community(request: HttpRequest, community_id: int) -> HttpResponse:
    today = database_now().date()
    page = Paginator(partnerships_of(current_reader(request), today=today), PAGE).get_page(
        request.GET.get("page")
    )
    community = Community.objects.select_related("country").get(pk=community_id)
    rows = [
        (row, row.pair.b if row.pair.a_id == community_id else row.pair.a, health_of(row, today))
        for row in page
    ]
    context = {
        "community": community,
        "page": page,
        "rows": rows,
        "shows_sample": community.is_sample,
    }
    return render(request, "partnerships/partnerships.html", context)


@open_to(Level.STAFF)
@require_safe
def for_staff(request: HttpRequest) -> HttpResponse:
    today = database_now().date()
    form = PartnershipFilters(request.GET)
    found = form.narrow(partnerships_for_staff(current_user(request), today=today))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    sample = any(row.pair.a.is_sample or row.pair.b.is_sample for row in page)
    context = {
        "form": form,
        "page": page,
        "rows": [(row, health_of(row, today)) for row in page],
        "shows_sample": sample,
    }
    return render(request, "partnerships/staff_partnerships.html", context)


def _read(request: HttpRequest, partnership_id: int) -> tuple[Reader, Partnership]:
    partnership, reader = partnership_for(current_reader(request), partnership_id)
    return reader, partnership


def _side(request: HttpRequest, partnership_id: int) -> tuple[Reader, Partnership, int]:
    """Raises NotVisible for staff too: they are nobody's side."""
    reader, partnership = _read(request, partnership_id)
    if reader.community_id is None:
        raise NotVisible
    return reader, partnership, reader.community_id


def _forms(partnership: Any, side: int, data: Any = None, only: str = "") -> dict[str, DomainForm]:
    """The page's forms by name; ``only`` is the one that was sent."""
    pair = partnership.pair
    own, other = (pair.a, pair.b) if pair.a_id == side else (pair.b, pair.a)
    today = latest_day(own.timezone)

    def sent(name: str) -> Any:
        return data if name == only else None

    made: dict[str, DomainForm] = {
        "activity": ActivityForm(
            sent("activity"),
            own=own,
            other=other,
            initial={"happened_on": today},
            prefix="activity",
        ),
        "report": ReportForm(
            sent("report"),
            years=range(partnership.since.year, today.year + 1),
            initial={"year": today.year - 1},
            prefix="report",
        ),
        "renewal": RenewalForm(sent("renewal"), initial={"decided_on": today}, prefix="renewal"),
    }
    for act in DECISIONS:
        made[act] = DecisionForm(
            sent(act),
            by_council=DECISIONS[act].by_council,
            initial={"decided_on": today},
            prefix=act,
        )
    return made


def _context(
    reader: Reader, partnership: Any, sent: dict[str, DomainForm] | None = None
) -> dict[str, Any]:
    side = reader.community_id
    pair, today = partnership.pair, database_now().date()
    own, other = (pair.b, pair.a) if side == pair.b_id else (pair.a, pair.b)
    possible = PARTNERSHIP_TRANSITIONS[partnership.status]
    decides = side is not None and reader.may(Verb.ACT, Resource.PARTNERSHIP_DECISION)
    shown = sent or (_forms(partnership, side) if side is not None else {})
    open_decisions = [act for act in DECISION_LABELS if decides and DECISIONS[act].new in possible]
    return {
        "partnership": partnership,
        "pair": pair,
        "side": side,
        "own": own,
        "other": other,
        "health": health_of(partnership, today),
        "over": partnership.status in OVER,
        "writes": side is not None
        and partnership.status not in OVER
        and reader.may(Verb.CREATE, Resource.ACTIVITY),
        "decides": decides,
        "reports": decides and partnership.status not in OVER,
        "may_take_back": reader.may(Verb.DELETE, Resource.ACTIVITY) if side is not None else False,
        "renews": decides
        and partnership.status == Partnership.Status.REVIEW_DUE
        and side not in _renewed_by(partnership),
        "renewed_by": [
            given.community for given in partnership.given if given.review == partnership.review_on
        ],
        "decisions": [(act, DECISION_LABELS[act], shown[act]) for act in open_decisions],
        "forms": shown,
        "wrong": next((form for form in shown.values() if form.errors), None),
        "honours": side is None
        and reader.actor is Actor.CURATOR
        and Partnership.Status.EMERITUS in possible,
        "shows_sample": pair.a.is_sample or pair.b.is_sample,
    }


def _renewed_by(partnership: Any) -> set[int]:
    return {
        given.community_id for given in partnership.given if given.review == partnership.review_on
    }


@open_to(Level.SIGNED_IN)
@require_safe
def partnership(request: HttpRequest, partnership_id: int) -> HttpResponse:
    return render(
        request, "partnerships/partnership.html", _context(*_read(request, partnership_id))
    )


def _again(
    request: HttpRequest, reader: Reader, partnership: Partnership, sent: dict[str, DomainForm]
) -> HttpResponse:
    context = _context(reader, partnership, sent)
    return render(request, "partnerships/partnership.html", context, status=422)


@open_to(Level.SIGNED_IN)
@require_POST
def write(request: HttpRequest, partnership_id: int, what: str) -> HttpResponse:
    """One of the page's forms: an activity, a report, a renewal or a decision."""
    reader, found, side = _side(request, partnership_id)
    sent = _forms(found, side, request.POST, only=what)
    if what not in sent:
        raise NotVisible
    form = sent[what]
    service, known, said = _writing(what)
    asked: dict[str, Any] = {"partnership_id": found.pk, "community_id": side}
    if not form.is_done(service, by=current_user(request), **asked, **known):
        return _again(request, reader, found, sent)
    if what == "renewal" and form.result.status == Partnership.Status.RENEWED:
        said = _("The partnership is renewed.")
    messages.success(request, said)
    return redirect("web:partnership", partnership_id)


def _writing(what: str) -> tuple[Callable[..., Any], dict[str, Any], str]:
    """The service of one of the forms, what it takes beside the form, and what to say after it."""
    if what == "activity":
        return log_activity, {}, _("Written down. Both sides see it.")
    if what == "report":
        return save_report, {}, _("The report is saved. Both sides and staff can read it.")
    if what == "renewal":
        return renew_partnership, {}, _("Noted. It is renewed when the other side says so too.")
    said = _("Your side's decision is recorded, and the other side is notified.")
    return decide_partnership, {"act": what}, said


@open_to(Level.SIGNED_IN)
@require_POST
def retract(request: HttpRequest, partnership_id: int, activity_id: int) -> HttpResponse:
    _reader, _found, side = _side(request, partnership_id)
    retract_activity(by=current_user(request), activity_id=activity_id, community_id=side)
    messages.success(request, _("The entry is taken back."))
    return redirect("web:partnership", partnership_id)


@open_to(Level.CURATOR)
@require_POST
def honour(request: HttpRequest, partnership_id: int) -> HttpResponse:
    """The one thing that staff may do with a partnership: keep a dormant one in honour where nobody
    answers any more.
    """
    user = current_user(request)
    today = database_now().date()
    decide_partnership(
        by=user,
        partnership_id=partnership_id,
        community_id=None,
        act="emeritus",
        decided_on=today,
        reason=request.POST.get("reason", ""),
    )
    messages.success(request, "It is kept in honour.")
    return redirect("web:partnership", partnership_id)


@open_to(Level.SIGNED_IN)
@require_safe
def why(request: HttpRequest, partnership_id: int) -> HttpResponse:
    reader, found = _read(request, partnership_id)
    side = reader.community_id
    rationale = rationale_for(found, side)
    language = get_language() or "en"
    named = {entry["id"]: entry["name"] for entry in rationale.get("communities", ())}
    reasons = [
        {
            **part,
            "name": named.get(part["community_id"], ""),
            "words": part["sentences"].get(language) or part["sentences"]["en"],
            "but": part["caveat"].get(language) or part["caveat"]["en"],
            "fit": FIT_WORDS.get(part.get("fit", ""), ""),
        }
        for part in rationale.get("reasons", ())
    ]
    stages = dict(Introduction.Stage.choices)
    context = {
        "partnership": found,
        "pair": found.pair,
        "side": side,
        "why": rationale,
        "reasons": reasons,
        "decisions": [
            {**row, "name": named.get(row["community_id"], "")}
            for row in rationale.get("decisions", ())
        ],
        "votes": [
            {**row, "name": named.get(row["community_id"], "")}
            for row in rationale.get("votes", ())
        ],
        "history": [
            {**row, "label": stages.get(row["stage"], "")} for row in rationale.get("history", ())
        ],
        "shows_sample": found.pair.a.is_sample or found.pair.b.is_sample,
    }
    return render(request, "partnerships/why.html", context)


@open_to(Level.SIGNED_IN)
@require_safe
def certificate(request: HttpRequest, partnership_id: int) -> HttpResponse:
    content = certificate_for(current_reader(request), partnership_id)
    headers = {
        "Content-Disposition": f'attachment; filename="certificate-{partnership_id}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type="application/pdf", headers=headers)


# What a community says of the partnerships that others name.


@dataclass(slots=True)
class StatementRow:
    """A partner on the page, with what was typed. ``seen`` is what the page was made with: a row
    is sent to the service where it differs, so that two people who change other rows do not undo
    each other.
    """

    partner: NamedPartner
    status: str = ""
    year: str = ""
    seen: str = ""
    errors: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own = self.partner.own
        if own is not None and own.state != own.State.REFUSED:
            self.status, self.year = own.status, str(own.year or "")
        self.seen = self.said

    @property
    def said(self) -> str:
        return f"{self.status}|{self.year}"

    @property
    def key(self) -> str:
        return self.partner.key

    @property
    def choices(self) -> list[tuple[str, Any, bool]]:
        return [(code, words, code == self.status) for code, words in STATEMENTS.items()]

    @property
    def they_say(self) -> str:
        theirs = self.partner.theirs
        return _said(theirs.status, theirs.year) if theirs is not None else ""

    def read(self, post: QueryDict) -> dict[str, Any] | None:
        """Takes over what was typed; the statement where it differs from what the page showed."""
        if f"seen-{self.key}" not in post:  # of a partner that has come since
            return None
        self.seen = post.get(f"seen-{self.key}", "")
        # Nothing is chosen where the page offers no such choice, as for "not known"
        self.status = post.get(f"status-{self.key}", self.seen.partition("|")[0]).strip()
        self.year = post.get(f"year-{self.key}", "").strip()
        if self.said == self.seen:
            return None
        year = read_number(self.year, whole=True) if self.year else None
        return {"status": self.status, "year": year}


def _said(status: str, year: int | None) -> str:
    since = _("since %(year)s") % {"year": year} if year else ""
    return comma_list(part for part in (str(STATED_STATUS.get(status, "")), since) if part)


def _add_errors(rows: list[StatementRow], errors: Mapping[str, list[str]]) -> None:
    for row in rows:
        for path, lines in errors.items():
            key, _dot, name = path.partition(".")
            if key == row.key:
                row.errors[name] = lines


def _rows(community: Community, recorded: set[int]) -> list[StatementRow]:
    return [
        StatementRow(partner)
        for partner in partners_named(community)
        if partner.place is None or partner.place.pk not in recorded
    ]


@open_to(Level.COMMUNITY)
@require_http_methods(["GET", "HEAD", "POST"])
def named_partners(request: HttpRequest, community_id: int) -> HttpResponse:
    reader = current_reader(request)
    reader.require(Verb.READ, Resource.STATEMENT)
    community = Community.objects.select_related("country", "place").get(pk=community_id)
    recorded = {
        side.place_id
        for row in living_partnerships(community_id)
        for side in (row.pair.a, row.pair.b)
        if side.place_id is not None
    }
    rows = _rows(community, recorded)
    if request.method == "POST":
        said = {row.key: row.read(request.POST) for row in rows}
        statements = {key: statement for key, statement in said.items() if statement}
        try:
            stated = state_partnerships(
                by=current_user(request), community_id=community_id, statements=statements
            )
        except InvalidFields as invalid:
            _add_errors(rows, invalid.errors)
        else:
            messages.success(request, _words(len(stated)))
            return redirect("web:named_partners", community_id)
    wrong = [row for row in rows if row.errors]
    context = {
        "community": community,
        "rows": rows,
        "wrong": wrong,
        "has_recorded": bool(recorded),
        "is_public": Community.objects.public().filter(pk=community_id).exists(),
        "may_state": reader.may(Verb.ACT, Resource.STATEMENT),
        "shows_sample": community.is_sample,
    }
    return render(request, "partnerships/named.html", context, status=422 if wrong else 200)


def _words(count: int) -> str:
    if not count:
        return _("Nothing has changed.")
    words = ngettext(
        "What you say of %(count)d partnership is saved. Staff will check it.",
        "What you say of %(count)d partnerships is saved. Staff will check it.",
        count,
    )
    return words % {"count": count}
