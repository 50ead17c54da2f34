"""The directory of members that anybody may read: pages, a view for printing, and files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from backend.cities.models import Membership
from backend.common.bounds import LARGEST_ID
from backend.common.formatting import comma_list, csv_lines
from backend.introductions.directory import LISTED
from backend.introductions.members import (
    GLOBAL,
    U_S,
    MemberPartner,
    PartnersOfMembers,
    kind_of_member,
    listed_members,
)
from backend.web.access import Level, open_to
from backend.web.members.forms import MemberDirectoryFilters
from backend.web.members.serializers import ListedMemberSerializer
from backend.web.public.views import (
    MEMBER_WORDS,
    DirectoryRow,
    directory_entries,
    member_kinds,
    sources_of,
)
from backend.web.rest.pagination import ordering_of, rows_after, value_of

PAGE, PRINTED = 25, 200

_partners: PartnersOfMembers | None = None


def partners_of_members() -> PartnersOfMembers:
    """The directory by its members, made again when the directory is."""
    global _partners
    entries = directory_entries()
    kept = _partners
    if kept is None or kept.entries is not entries:
        kept = _partners = PartnersOfMembers(entries)
    return kept


@dataclass(frozen=True, slots=True)
class KeysetPage:
    """Some rows of an ordered list. ``before`` and ``after`` are the numbers from which the page
    before and the next one go on; None where there is none.
    """

    rows: Sequence[Membership]
    before: int | None
    after: int | None


def _number(text: str) -> int | None:
    known = text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_ID))
    return int(text) if known and int(text) <= LARGEST_ID else None


def page_beside(found: QuerySet[Membership], *, after: str, before: str, size: int) -> KeysetPage:
    """The rows that follow the membership ``after``, or that lead to ``before``; the first ones
    where neither is a membership. Its cost does not grow with what was leafed through.
    """
    backwards = not after and bool(before)
    number = _number(before if backwards else after)
    anchor = Membership.objects.select_related("community__country")
    at = anchor.filter(pk=number).first() if number is not None else None
    order = ordering_of(found)
    if backwards and at is not None:
        order = [name[1:] if name.startswith("-") else f"-{name}" for name in order]
        found = found.order_by(*order)
    if at is not None:
        values = [value_of(at, name.lstrip("-")) for name in order]
        found = found.filter(rows_after(found, order, values))
    rows = list(found[: size + 1])
    has_more, rows = len(rows) > size, rows[:size]
    if at is None or not backwards:
        return KeysetPage(
            rows,
            rows[0].pk if at is not None and rows else None,
            rows[-1].pk if has_more else None,
        )
    rows.reverse()
    return KeysetPage(rows, rows[0].pk if has_more else None, rows[-1].pk if rows else None)


def _since(year: int | None) -> str:
    return gettext("since %(year)s") % {"year": year} if year else ""


class PartnerLine:
    """A partnership of a member in words."""

    def __init__(self, row: MemberPartner) -> None:
        words = DirectoryRow(row.entry)
        self.entry, self.partner = row.entry, row.partner
        status = gettext("Listed, status unknown") if row.entry.source == LISTED else words.status
        self.facts = comma_list(
            filter(None, (words.form, _since(row.entry.year), str(status), words.source))
        )
        self.member = MEMBER_WORDS.get(row.kind, "")


class MemberRow:
    """A member in words, with its partnerships. It stands under ``heading``: its state or, abroad,
    its country.
    """

    def __init__(self, membership: Membership, partners: Sequence[MemberPartner]) -> None:
        community = membership.community
        self.community = community
        self.is_public: bool = membership.is_public  # type: ignore[attr-defined]
        self.kind = MEMBER_WORDS[kind_of_member(community)]
        self.since = _since(membership.started_on.year)
        self.heading = community.whereabouts if community.is_home else community.country.label
        self.region = (
            community.region if not community.is_home and community.admin1 != community.name else ""
        )
        self.partners = [PartnerLine(row) for row in partners]


def _with_partners(rows: Sequence[Membership]) -> Iterator[tuple[Membership, list[MemberPartner]]]:
    partners, kinds = partners_of_members(), member_kinds()
    for row in rows:
        yield row, partners.of(row, kinds)


HEADINGS: dict[str, Promise] = {
    "": _("Members"),
    U_S: _("U.S. members"),
    GLOBAL: _("Global Members"),
}


def _asked(request: HttpRequest, kind: str) -> MemberDirectoryFilters:
    asked = request.GET.copy()
    if kind:
        asked["kind"] = kind
    return MemberDirectoryFilters(asked)


@open_to(Level.PUBLIC)
@require_safe
def member_directory(request: HttpRequest, kind: str = "") -> HttpResponse:
    """U.S. members, Global Members, or both; ``?print=1`` has more on a page and nothing else."""
    form = _asked(request, kind)
    found = form.narrow(listed_members())
    is_printed = request.GET.get("print") == "1"
    page = page_beside(
        found,
        after=request.GET.get("after", ""),
        before=request.GET.get("before", ""),
        size=PRINTED if is_printed else PAGE,
    )
    context = {
        "form": form,
        "kind": kind,
        "heading": HEADINGS[kind],
        "count": found.count(),
        "page": page,
        "rows": [MemberRow(row, partners) for row, partners in _with_partners(page.rows)],
        "is_printed": is_printed,
        "shows_sample": any(row.community.is_sample for row in page.rows),
    }
    return render(request, "members/members.html", context)


class Presenter:
    """Members with the names that ``ListedMemberSerializer`` takes."""

    def __init__(self) -> None:
        self._partners, self._kinds = partners_of_members(), member_kinds()

    def __call__(self, row: Membership) -> dict[str, Any]:
        return _presented(row, self._partners.of(row, self._kinds))


def _presented(row: Membership, partners: Sequence[MemberPartner]) -> dict[str, Any]:
    community = row.community
    return {
        "id": row.pk,
        "community": community,
        "community_id": community.pk if row.is_public else None,  # type: ignore[attr-defined]
        "place_id": community.place_id,
        "kind": kind_of_member(community),
        "member_since": row.started_on,
        "partnerships": [_partnership(each) for each in partners],
    }


def _partnership(row: MemberPartner) -> dict[str, Any]:
    entry, partner = row.entry, row.partner
    return {
        "partner": partner.name,
        "admin1": partner.region,
        "country": partner.country,
        "place_id": partner.place,
        "community_id": partner.community,
        "partner_kind": row.kind,
        "form": entry.form,
        "status": entry.status,
        "year": entry.year,
        "is_recognised": entry.is_recognised,
        "sources": sources_of(entry),
        "is_sample": entry.is_sample,
    }


COLUMNS = [
    "member",
    "member_state",
    "member_country",
    "member_kind",
    "member_since",
    "partner",
    "partner_state",
    "partner_country",
    "partner_kind",
    "form",
    "status",
    "since",
    "recognised",
    "source",
    "sample",
]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _lines(row: dict[str, Any]) -> Iterator[list[Any]]:
    """A line for each partnership; one for a member that has none."""
    community = row["community"]
    own = [community.name, community.admin1, community.country_id, row["kind"]]
    own.append(row["member_since"].isoformat())
    for each in row["partnerships"]:
        yield [
            *own,
            each["partner"],
            each["admin1"],
            each["country"],
            each["partner_kind"],
            each["form"],
            each["status"],
            each["year"] or "",
            _yes(each["is_recognised"]),
            " ".join(each["sources"]),
            _yes(each["is_sample"] or community.is_sample),
        ]
    if not row["partnerships"]:
        yield [*own, *[""] * (len(COLUMNS) - len(own) - 1), _yes(community.is_sample)]


def _json_pieces(rows: QuerySet[Membership]) -> Iterator[str]:
    separator = '{"members": ['
    present = Presenter()
    for row in rows.iterator(chunk_size=500):
        shown = ListedMemberSerializer(present(row)).data
        yield f"{separator}\n{json.dumps(shown, ensure_ascii=False)}"
        separator = ","
    yield "\n]}\n" if separator == "," else f"{separator}]}}\n"


@open_to(Level.PUBLIC)
@require_safe
def member_export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """The directory under the same filters as one file, "csv" or "json". In English."""
    rows = _asked(request, "").narrow(listed_members())
    if kind == "json":
        response = StreamingHttpResponse(_json_pieces(rows), content_type="application/json")
    else:
        present = Presenter()
        lines = (line for row in rows.iterator(chunk_size=500) for line in _lines(present(row)))
        response = StreamingHttpResponse(
            csv_lines(COLUMNS, lines), content_type="text/csv; charset=utf-8"
        )
    response["Content-Disposition"] = f'attachment; filename="members.{kind}"'
    return response
