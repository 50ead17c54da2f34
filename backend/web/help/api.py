"""Messages to staff: one's own, and staff's queue; and what a community opens to everybody."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request

from backend.accounts.models import User
from backend.cities.models import Ticket, TicketMessage
from backend.cities.services.tickets import (
    answer_ticket,
    close_ticket,
    letters_to,
    reply_to_ticket,
    staff_tickets,
    take_ticket,
    tickets_of,
    token_of,
    write_ticket,
)
from backend.common.errors import NotVisible
from backend.introductions.models import Call
from backend.introductions.services.calls import (
    draft_call,
    drafted_calls,
    open_calls,
    process_of,
    publish_call,
    publish_draft,
    withdraw_call,
    write_process,
)
from backend.web.access import Level, open_to
from backend.web.help.forms import (
    CallForm,
    ProcessForm,
    TextForm,
    TicketAnswerForm,
    TicketFilters,
    TicketForm,
)
from backend.web.help.volunteers import public_community
from backend.web.rest.base import ApiList, ApiView, Data, current_reader, current_user, operation


class TicketMessageSerializer(serializers.Serializer):
    side = serializers.ChoiceField(choices=TicketMessage.Side.choices)
    text = serializers.CharField()
    at = serializers.DateTimeField()


class TicketSerializer(serializers.Serializer):
    number = serializers.CharField(help_text="As it stands in the mails; the address names it")
    topic = serializers.ChoiceField(choices=Ticket.Kind.choices)
    about = serializers.CharField(help_text="The path of the page it was written on")
    status = serializers.ChoiceField(choices=Ticket.Status.choices)
    community_id = serializers.IntegerField(allow_null=True)
    written_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()
    messages = TicketMessageSerializer(many=True, source="messages.all")


class StaffTicketSerializer(TicketSerializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    email = serializers.CharField()
    language = serializers.CharField()
    owner = serializers.CharField(
        allow_null=True, help_text="The address of the member of staff who has taken it"
    )


@open_to(GET=Level.SIGNED_IN, POST=Level.SIGNED_IN)
class TicketsView(ApiList):
    """Your messages to staff, the latest first."""

    serializer_class = TicketSerializer

    def get_queryset(self) -> QuerySet[Ticket]:
        return tickets_of(current_user(self.request))

    @operation("Write to staff", TicketSerializer, takes=TicketForm, status=201)
    def post(self, request: Request, data: Data) -> object:
        me = current_user(request)
        return write_ticket(by=me, **{**data, "email": data["email"] or me.email})


def _own(user: User, number: str) -> Ticket:
    found = tickets_of(user).filter(number=number).first()
    if found is None:
        raise NotVisible
    return found


@open_to(GET=Level.SIGNED_IN)
class TicketView(ApiView):
    @operation("One of your messages to staff, with its answers", TicketSerializer)
    def get(self, request: Request, ticket_number: str) -> object:
        return _own(current_user(request), ticket_number)


@open_to(POST=Level.SIGNED_IN)
class TicketReplyView(ApiView):
    @operation("Add to one of your messages", TicketSerializer, takes=TextForm)
    def post(self, request: Request, ticket_number: str, data: Data) -> object:
        me = current_user(request)
        reply_to_ticket(by=me, token=token_of(_own(me, ticket_number)), **data)
        return _own(me, ticket_number)


class VolunteerLetterSerializer(TicketSerializer):
    name = serializers.CharField(help_text="As the writer gave it; may be empty")


@open_to(GET=Level.COMMUNITY)
class VolunteerLettersView(ApiList):
    """What people have written to your organisation, the latest change first."""

    serializer_class = VolunteerLetterSerializer

    def get_queryset(self) -> QuerySet[Ticket]:
        return letters_to(current_reader(self.request))


class CallSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    title = serializers.CharField()
    text = serializers.CharField()
    starts_at = serializers.DateTimeField(allow_null=True, help_text="Empty: a call without a date")
    timezone = serializers.CharField(source="community.timezone")
    minutes = serializers.IntegerField()
    place = serializers.CharField()
    wanted = serializers.CharField(help_text="Who is wanted, and for what")


@open_to(GET=Level.PUBLIC, POST=Level.COMMUNITY)
class CallsView(ApiList):
    """Open meetings and calls for help of a community, by date."""

    serializer_class = CallSerializer

    def get_queryset(self) -> QuerySet[Call]:
        return open_calls(public_community(self.kwargs["community_id"]).pk)

    @operation("Publish an open meeting or a call", CallSerializer, takes=CallForm, status=201)
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return publish_call(by=current_user(request), community_id=community_id, **data)


@open_to(DELETE=Level.COMMUNITY)
class CallView(ApiView):
    @operation("Withdraw an open meeting or a call, or take a draft back", CallSerializer)
    def delete(self, request: Request, community_id: int, call_id: int) -> object:
        return withdraw_call(by=current_user(request), community_id=community_id, call_id=call_id)


class CallDraftSerializer(CallSerializer):
    by = serializers.CharField(help_text="Who wrote it")


@open_to(GET=Level.COMMUNITY, POST=Level.COMMUNITY)
class CallDraftsView(ApiList):
    """Open meetings and calls that wait to be published, by date."""

    serializer_class = CallDraftSerializer

    def get_queryset(self) -> QuerySet[Call]:
        return drafted_calls(current_reader(self.request))

    @operation(
        "Draft an open meeting or a call",
        CallDraftSerializer,
        takes=CallForm,
        status=201,
    )
    def post(self, request: Request, community_id: int, data: Data) -> object:
        return draft_call(by=current_user(request), community_id=community_id, **data)


@open_to(POST=Level.COMMUNITY)
class CallPublishView(ApiView):
    @operation("Publish a draft", CallSerializer)
    def post(self, request: Request, community_id: int, call_id: int) -> object:
        return publish_draft(by=current_user(request), community_id=community_id, call_id=call_id)


class ProcessSerializer(serializers.Serializer):
    """How a partnership comes about in a community, in its own words."""

    text = serializers.CharField(help_text="Empty: the community has said nothing")
    language = serializers.CharField(help_text="Of the text; empty without one")
    changed_at = serializers.DateTimeField(allow_null=True)


_NOTHING_SAID = {"text": "", "language": "", "changed_at": None}


@open_to(GET=Level.PUBLIC, PUT=Level.COMMUNITY)
class ProcessView(ApiView):
    @operation("How a partnership comes about in a community", ProcessSerializer)
    def get(self, request: Request, community_id: int) -> object:
        return process_of(public_community(community_id).pk) or _NOTHING_SAID

    @operation("Say how a partnership comes about", ProcessSerializer, takes=ProcessForm)
    def put(self, request: Request, community_id: int, data: Data) -> object:
        by = current_user(request)
        return write_process(by=by, community_id=community_id, **data) or _NOTHING_SAID


@open_to(GET=Level.STAFF)
class StaffTicketsView(ApiList):
    """Messages to staff, the latest change first."""

    serializer_class = StaffTicketSerializer
    filter_form = TicketFilters

    def get_queryset(self) -> QuerySet[Ticket]:
        return staff_tickets(current_user(self.request)).prefetch_related("messages")


def _for_staff(user: User, ticket_id: int) -> Ticket:
    found = staff_tickets(user).prefetch_related("messages").filter(pk=ticket_id).first()
    if found is None:
        raise NotVisible
    return found


@open_to(GET=Level.STAFF)
class StaffTicketView(ApiView):
    @operation("One message to staff, with its answers", StaffTicketSerializer)
    def get(self, request: Request, ticket_id: int) -> object:
        return _for_staff(current_user(request), ticket_id)


@open_to(POST=Level.STAFF)
class TicketAnswerView(ApiView):
    @operation("Answer by mail", StaffTicketSerializer, takes=TicketAnswerForm)
    def post(self, request: Request, ticket_id: int, data: Data) -> object:
        answer_ticket(by=current_user(request), ticket_id=ticket_id, **data)
        return _for_staff(current_user(request), ticket_id)


def _act(service: Callable[..., object], summary: str) -> type[ApiView]:
    @open_to(POST=Level.STAFF)
    class TicketActView(ApiView):
        @operation(summary, StaffTicketSerializer)
        def post(self, request: Request, ticket_id: int) -> object:
            service(by=current_user(request), ticket_id=ticket_id)
            return _for_staff(current_user(request), ticket_id)

    return TicketActView


TakeView = _act(take_ticket, "Take it, to answer it")
CloseView = _act(close_ticket, "Close it without an answer")
