"""The directory of members; for staff memberships, lists of them, partnerships to confirm."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from backend.cities import services
from backend.cities.member_sheets import (
    COLUMNS,
    XLSX_TYPE,
    member_cells,
    too_large,
    write_excel,
)
from backend.cities.memberships import dues_amounts, member, member_import, members
from backend.cities.models import ExistingPartnership, Membership, MembershipRequest
from backend.cities.queries import partnerships_to_confirm
from backend.cities.services.membership_requests import (
    answer_membership_request,
    ask_for_membership,
    membership_request_for_staff,
    membership_requests_of,
    reply_to_staff,
    staff_membership_requests,
    withdraw_membership_request,
)
from backend.common.files import was_too_large
from backend.common.formatting import csv_lines
from backend.introductions.members import listed_members
from backend.suggestions.services.partners import answer_partnership, confirm_partnerships
from backend.web.access import Level, open_to
from backend.web.members import serializers
from backend.web.members.directory import Presenter
from backend.web.members.forms import (
    ChangeForm,
    ClaimForm,
    DaysForm,
    EndForm,
    MemberDirectoryFilters,
    MemberFilters,
    RenewForm,
)
from backend.web.members.request_forms import (
    DuesForm,
    MembershipAnswerForm,
    MembershipReplyForm,
    MembershipRequestFilters,
    MembershipRequestForm,
)
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Body,
    Data,
    current_reader,
    current_user,
    operation,
    read_filters,
    validated,
)


@open_to(GET=Level.PUBLIC)
class MemberDirectoryView(ApiList):
    """Members in good standing by country, state and name, each with all its partnerships."""

    serializer_class = serializers.ListedMemberSerializer
    filter_form = MemberDirectoryFilters

    def get_queryset(self) -> QuerySet[Membership]:
        return listed_members()

    @functools.cached_property
    def presenter(self) -> Presenter:
        return Presenter()

    def present(self, row: Membership) -> dict[str, Any]:
        return self.presenter(row)


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class MembershipRequestsView(ApiList):
    """What the community has asked for, the latest first."""

    serializer_class = serializers.MembershipRequestSerializer

    def get_queryset(self) -> QuerySet[MembershipRequest]:
        return membership_requests_of(current_reader(self.request))

    @operation(
        "Ask to become or to stay a member",
        serializers.MembershipRequestSerializer,
        takes=MembershipRequestForm,
        status=201,
        description="A renewal where the membership runs or has lapsed. 409 `request_open`: one "
        "is not settled yet; `paid_already`: more than a year is paid.",
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return ask_for_membership(by=current_user(request), community_id=community_id, **data)


@open_to(POST=Level.COMMUNITY)
class MembershipReplyView(ApiView):
    @operation(
        "Answer what staff asked",
        serializers.MembershipRequestSerializer,
        takes=MembershipReplyForm,
    )
    def post(self, request: Request, community_id: int, request_id: int, data: Data) -> object:
        return reply_to_staff(
            by=current_user(request), community_id=community_id, request_id=request_id, **data
        )


@open_to(POST=Level.COMMUNITY)
class MembershipWithdrawView(ApiView):
    @operation("Withdraw the request", serializers.MembershipRequestSerializer)
    def post(self, request: Request, community_id: int, request_id: int) -> object:
        return withdraw_membership_request(
            by=current_user(request), community_id=community_id, request_id=request_id
        )


@open_to(GET=Level.STAFF)
class StaffMembershipRequestsView(ApiList):
    """Requests for membership, the longest waiting first."""

    serializer_class = serializers.MembershipRequestSerializer
    filter_form = MembershipRequestFilters

    def get_queryset(self) -> QuerySet[MembershipRequest]:
        return staff_membership_requests(current_user(self.request))


@open_to(POST=Level.CURATOR)
class MembershipAnswerView(ApiView):
    @operation(
        "Accept it, ask for more, decline it, or mark its dues as paid",
        serializers.MembershipRequestSerializer,
        takes=MembershipAnswerForm,
    )
    def post(self, request: Request, request_id: int, data: Data) -> object:
        me = current_user(request)
        answer_membership_request(by=me, request_id=request_id, **data)
        return membership_request_for_staff(me, request_id)


def _dues() -> dict[str, Any]:
    amounts = dues_amounts()
    kinds = (("us", True), ("global", False))
    return {
        "amounts": [
            {"dues_class": code, "kind": kind, "dollars": amounts.get((code, is_home))}
            for kind, is_home in kinds
            for code in Membership.DuesClass.values
        ]
    }


@open_to(GET=Level.PUBLIC)
class DuesView(ApiView):
    @operation("What members pay for a year, by class", serializers.DuesSerializer)
    def get(self, request: Request) -> object:
        return _dues()


@open_to(PUT=Level.CURATOR)
class StaffDuesView(ApiView):
    @operation(
        "Set what members pay for a year",
        serializers.DuesSerializer,
        takes=DuesForm,
        description="Whole U.S. dollars; what is null or left out is told by staff.",
    )
    def put(self, request: Request, data: Data) -> object:
        amounts = DuesForm.amounts(data)
        services.set_dues(by=current_user(request), amounts=amounts)
        return _dues()


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class MembersView(ApiList):
    """Memberships by the community's name."""

    serializer_class = serializers.MemberSerializer
    filter_form = MemberFilters

    def get_queryset(self) -> QuerySet[Membership]:
        return members(current_user(self.request))

    @operation(
        "Add a member",
        serializers.MemberSerializer,
        takes=serializers.MemberBeginSerializer,
        status=201,
    )
    def post(self, request: Request, data: Data) -> object:
        me = current_user(request)
        row = services.begin_membership(by=me, **data)
        return member(me, row.pk)


@open_to(GET=Level.STAFF, PUT=Level.CURATOR)
class MemberView(ApiView):
    @operation("One membership", serializers.MemberSerializer)
    def get(self, request: Request, membership_id: int) -> object:
        return member(current_user(request), membership_id)

    @operation("Correct what is recorded", serializers.MemberSerializer, takes=ChangeForm)
    def put(self, request: Request, membership_id: int, data: Data) -> object:
        me = current_user(request)
        services.change_membership(by=me, membership_id=membership_id, **data)
        return member(me, membership_id)


def _act(service: Callable[..., object], summary: str, takes: Body) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class MemberActView(ApiView):
        @operation(summary, serializers.MemberSerializer, takes=takes)
        def post(self, request: Request, membership_id: int, data: Data) -> Membership:
            service(by=current_user(request), membership_id=membership_id, **data)
            return member(current_user(request), membership_id)

    return MemberActView


MemberRenewView = _act(services.renew_membership, "Dues came", RenewForm)
MemberEndView = _act(services.end_membership, "The community leaves the network", EndForm)


@open_to(POST=Level.CURATOR)
class MemberImportsView(ApiView):
    parser_classes = [MultiPartParser]

    @operation(
        "Check a list of members",
        serializers.MemberImportSerializer,
        status=201,
        request=serializers.MemberListUploadSerializer,
        description="Says what each row would do; changes nothing. Apply it by its id.",
    )
    def post(self, request: Request) -> object:
        data = request.data  # reads the files: only then it is known which was thrown away
        if was_too_large(request._request, "file"):
            raise too_large()
        sent = validated(serializers.MemberListUploadSerializer, data)["file"]
        return services.check_members(
            by=current_user(request), file_name=sent.name or "", content=sent.read()
        )


@open_to(GET=Level.CURATOR, PUT=Level.CURATOR)
class MemberImportView(ApiView):
    @operation("A checked list, row by row", serializers.MemberImportSerializer)
    def get(self, request: Request, import_id: int) -> object:
        return member_import(current_user(request), import_id)

    @operation(
        "Say which comes first in its days, the day or the month",
        serializers.MemberImportSerializer,
        takes=DaysForm,
        description="For lists with rows whose action is `asked`; their days can be read in two "
        "ways.",
    )
    def put(self, request: Request, import_id: int, data: Data) -> object:
        return services.read_days(by=current_user(request), import_id=import_id, **data)


@open_to(POST=Level.CURATOR)
class MemberImportApplyView(ApiView):
    @operation(
        "Apply a checked list, whole or not at all",
        serializers.MemberImportSerializer,
        description="409 `changed_since`: memberships changed after it was checked; check it "
        "again.",
    )
    def post(self, request: Request, import_id: int) -> object:
        return services.apply_members(by=current_user(request), import_id=import_id)


@open_to(GET=Level.STAFF)
class MembersExportView(ApiView):
    filter_form = MemberFilters

    @extend_schema(
        summary="Memberships as a file that can be read in again",
        responses={(200, "text/csv"): OpenApiTypes.BINARY, (200, XLSX_TYPE): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, kind: str) -> HttpResponse:
        form = read_filters(MemberFilters, request.query_params)
        found = form.narrow(members(current_user(request)))
        rows = (member_cells(row) for row in found.iterator(chunk_size=500))
        if kind == "xlsx":
            response = HttpResponse(
                write_excel(COLUMNS, rows, title="Members"), content_type=XLSX_TYPE
            )
        else:
            response = HttpResponse(
                "".join(csv_lines(COLUMNS, rows)), content_type="text/csv; charset=utf-8"
            )
        response["Content-Disposition"] = f'attachment; filename="members.{kind}"'
        return response


@open_to(GET=Level.STAFF)
class ClaimsView(ApiList):
    """Partnerships from before that wait for staff, the longest waiting first."""

    serializer_class = serializers.ClaimSerializer

    def get_queryset(self) -> QuerySet[ExistingPartnership]:
        return partnerships_to_confirm(current_user(self.request))


@open_to(POST=Level.CURATOR)
class ClaimsConfirmView(ApiView):
    @operation(
        "Confirm several as they are",
        serializers.ConfirmedClaimsSerializer,
        takes=serializers.ClaimsSerializer,
    )
    def post(self, request: Request, data: Data) -> object:
        claims = {one["id"]: one["claimed_at"] for one in data["claims"]}
        confirmed, wrong = confirm_partnerships(by=current_user(request), claims=claims)
        return {
            "confirmed": [row.pk for row in confirmed],
            "not_confirmed": [{"id": pk, "reasons": lines} for pk, lines in wrong.items()],
        }


@open_to(POST=Level.CURATOR)
class ClaimAnswerView(ApiView):
    @operation("Confirm or refuse it", serializers.ClaimSerializer, takes=ClaimForm)
    def post(self, request: Request, claim_id: int, data: Data) -> object:
        return answer_partnership(by=current_user(request), partnership_id=claim_id, **data)
