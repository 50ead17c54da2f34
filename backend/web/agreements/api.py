"""A side's agreements: read versions, send the signed document, confirm; and staff's templates,
drafts and versions.
"""

from __future__ import annotations

from collections.abc import Callable

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request

from backend.cities.documents import too_large
from backend.common.errors import InvalidFields
from backend.common.files import opened, private_download, was_too_large
from backend.introductions.models import Agreement, AgreementVersion
from backend.introductions.queries.agreements import (
    agreement_for,
    agreements_for_staff,
    agreements_of,
    comparison,
    document_for,
    template_versions,
    versions_for,
)
from backend.introductions.services.agreements import (
    add_document,
    confirm_signature,
    withdraw_confirmation,
)
from backend.introductions.services.drafts import (
    begin_draft,
    give_up_agreement,
    offer_agreement,
    reopen_agreement,
    save_template,
    save_version,
)
from backend.web.access import Level, open_to
from backend.web.agreements import serializers
from backend.web.agreements.forms import (
    AgreementFilters,
    BeginAgreementForm,
    ChangesFilters,
    ConfirmForm,
    TemplateForm,
)
from backend.web.agreements.serializers import AgreementDetailSerializer, AgreementSerializer
from backend.web.rest.base import (
    ApiList,
    ApiView,
    Data,
    current_reader,
    current_user,
    operation,
    read_filters,
    validated,
)


def sent_document(request: Request) -> UploadedFile:
    """Raises InvalidFields: too large. ValidationError: none there."""
    data = (
        {}
        if was_too_large(request._request, "document")
        else validated(serializers.DocumentUploadSerializer, request.data)
    )
    if not data:
        raise InvalidFields({"document": too_large().errors["letter"]})
    upload: UploadedFile = data["document"]
    return upload


def detail(request: Request, agreement_id: int) -> Agreement:
    return agreement_for(current_reader(request), agreement_id)[0]


@open_to(GET=Level.COMMUNITY)
class AgreementsView(ApiList):
    """Agreements that were put before both sides, the newest first."""

    serializer_class = AgreementSerializer

    def get_queryset(self) -> QuerySet[Agreement]:
        return agreements_of(current_reader(self.request))


class AgreementView(ApiView):
    @operation("One agreement", AgreementDetailSerializer)
    def get(
        self, request: Request, agreement_id: int, community_id: int | None = None
    ) -> Agreement:
        return detail(request, agreement_id)


class VersionsView(ApiView):
    @operation("The versions up to the one that is before you", serializers.VersionsSerializer)
    def get(self, request: Request, agreement_id: int, community_id: int | None = None) -> object:
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return {"versions": versions_for(agreement, reader.community_id)}


class ChangesView(ApiView):
    filter_form = ChangesFilters

    @operation("What changed between two versions", serializers.ChangesSerializer)
    def get(self, request: Request, agreement_id: int, community_id: int | None = None) -> object:
        data = read_filters(ChangesFilters, request.query_params, paged=False).chosen()
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return {"changes": comparison(agreement, reader.community_id, **data)}


class DocumentsView(ApiView):
    parser_classes = [MultiPartParser]

    @operation(
        "Send the signed document",
        AgreementDetailSerializer,
        status=201,
        request=serializers.DocumentUploadSerializer,
    )
    def post(
        self, request: Request, agreement_id: int, community_id: int | None = None
    ) -> Agreement:
        add_document(
            by=current_user(request),
            agreement_id=agreement_id,
            community_id=community_id,
            upload=sent_document(request),
        )
        return detail(request, agreement_id)


class DocumentView(ApiView):
    @extend_schema(
        summary="The signed document as it was sent",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(
        self, request: Request, document_id: int, agreement_id: int, community_id: int | None = None
    ) -> FileResponse:
        document = document_for(current_reader(request), agreement_id, document_id)
        return private_download(
            opened(document.file),
            name=document.original_name,
            content_type=document.content_type,
        )


@open_to(POST=Level.COMMUNITY, DELETE=Level.COMMUNITY)
class ConfirmationView(ApiView):
    @operation("Confirm who signed for your side", AgreementDetailSerializer, takes=ConfirmForm)
    def post(self, request: Request, community_id: int, agreement_id: int, data: Data) -> Agreement:
        confirm_signature(
            by=current_user(request), agreement_id=agreement_id, community_id=community_id, **data
        )
        return detail(request, agreement_id)

    @operation("Take your confirmation back", AgreementDetailSerializer)
    def delete(self, request: Request, community_id: int, agreement_id: int) -> Agreement:
        withdraw_confirmation(
            by=current_user(request), agreement_id=agreement_id, community_id=community_id
        )
        return detail(request, agreement_id)


@open_to(POST=Level.CURATOR)
class BeginDraftView(ApiView):
    @operation(
        "Begin the draft of an agreement",
        AgreementDetailSerializer,
        takes=BeginAgreementForm,
        status=201,
    )
    def post(self, request: Request, introduction_id: int, data: Data) -> Agreement:
        made = begin_draft(by=current_user(request), introduction_id=introduction_id, **data)
        return detail(request, made.pk)


@open_to(GET=Level.STAFF)
class StaffAgreementsView(ApiList):
    """Agreements, the newest first."""

    serializer_class = AgreementSerializer
    filter_form = AgreementFilters

    def get_queryset(self) -> QuerySet[Agreement]:
        return agreements_for_staff(current_user(self.request))


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class StaffVersionsView(VersionsView):
    @operation(
        "Write a further version",
        serializers.VersionSerializer,
        takes=serializers.SaveVersionSerializer,
        status=201,
    )
    def post(self, request: Request, agreement_id: int, data: Data) -> AgreementVersion:
        return save_version(by=current_user(request), agreement_id=agreement_id, **data)


def _act(service: Callable[..., Agreement], summary: str) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class AgreementActView(ApiView):
        @operation(summary, AgreementDetailSerializer)
        def post(self, request: Request, agreement_id: int) -> Agreement:
            service(by=current_user(request), agreement_id=agreement_id)
            return detail(request, agreement_id)

    return AgreementActView


OfferView = _act(offer_agreement, "Put the latest version before both sides")
ReopenView = _act(reopen_agreement, "Reopen draft")
GiveUpView = _act(give_up_agreement, "Give it up before it came into force")


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class TemplatesView(ApiView):
    @operation("The versions of a form's template", serializers.TemplatesSerializer)
    def get(self, request: Request, form: str) -> object:
        return {"versions": template_versions(current_user(request), form)}

    @operation(
        "Write a further version of it",
        serializers.TemplateSerializer,
        takes=TemplateForm,
        status=201,
    )
    def post(self, request: Request, form: str, data: Data) -> object:
        return save_template(by=current_user(request), form=form, **data)
