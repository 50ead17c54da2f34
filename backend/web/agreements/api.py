"""A side's agreements: read versions, send the signed document, confirm; and staff's templates,
drafts and versions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.cities.documents import too_large
from backend.common.errors import InvalidFields
from backend.common.files import private_download, was_too_large
from backend.introductions.models import Agreement
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
from backend.web.agreements.forms import AgreementFilters, ChangesFilters
from backend.web.rest.base import (
    ApiList,
    ApiView,
    current_reader,
    current_user,
    read_filters,
    validated,
)
from backend.web.rest.idempotency import idempotent

# A side's agreements: read versions, send the signed document, confirm.


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


def detail(
    request: Request, agreement_id: int, community_id: int | None, status: int = 200
) -> Response:
    agreement, _reader = agreement_for(current_reader(request), agreement_id)
    return Response(serializers.AgreementDetailSerializer(agreement).data, status=status)


@open_to(GET=Level.COMMUNITY)
class AgreementsView(ApiList):
    """Agreements that were put before both sides, the newest first."""

    serializer_class = serializers.AgreementSerializer

    def get_queryset(self) -> QuerySet[Agreement]:
        return agreements_of(current_reader(self.request))


@open_to(GET=Level.COMMUNITY)
class AgreementView(ApiView):
    @extend_schema(summary="One agreement", responses=serializers.AgreementDetailSerializer)
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        return detail(request, agreement_id, community_id)


@open_to(GET=Level.COMMUNITY)
class AgreementVersionsView(ApiView):
    @extend_schema(
        summary="The versions up to the one that is before you",
        responses=serializers.VersionsSerializer,
    )
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return Response(
            serializers.VersionsSerializer(
                {"versions": versions_for(agreement, reader.community_id)}
            ).data
        )


@open_to(GET=Level.COMMUNITY)
class AgreementChangesView(ApiView):
    filter_form = ChangesFilters

    @extend_schema(
        summary="What changed between two versions",
        responses=serializers.ChangesSerializer,
    )
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        data = read_filters(ChangesFilters, request.query_params, paged=False).chosen()
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return Response(
            serializers.ChangesSerializer(
                {"changes": comparison(agreement, reader.community_id, **data)}
            ).data
        )


@open_to(POST=Level.COMMUNITY)
class AgreementDocumentsView(ApiView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Send the signed document",
        request={"multipart/form-data": serializers.DocumentUploadSerializer},
        responses={201: serializers.AgreementDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int, agreement_id: int) -> Response:
        add_document(
            by=current_user(request),
            agreement_id=agreement_id,
            community_id=community_id,
            upload=sent_document(request),
        )
        return detail(request, agreement_id, community_id, status=201)


class AgreementDocumentView(ApiView):
    @extend_schema(
        summary="The signed document as it was sent",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(
        self, request: Request, document_id: int, agreement_id: int, community_id: int | None = None
    ) -> FileResponse:
        document = document_for(current_reader(request), agreement_id, document_id)
        return private_download(
            document.file.open("rb"),
            name=document.original_name,
            content_type=document.content_type,
        )


@open_to(POST=Level.COMMUNITY, DELETE=Level.COMMUNITY)
class ConfirmationView(ApiView):
    @extend_schema(
        summary="Confirm who signed for your side",
        request=serializers.ConfirmationSerializer,
        responses=serializers.AgreementDetailSerializer,
    )
    @idempotent
    def post(self, request: Request, community_id: int, agreement_id: int) -> Response:
        data: dict[str, Any] = validated(serializers.ConfirmationSerializer, request.data)
        confirm_signature(
            by=current_user(request), agreement_id=agreement_id, community_id=community_id, **data
        )
        return detail(request, agreement_id, community_id)

    @extend_schema(
        summary="Take your confirmation back",
        request=None,
        responses={200: serializers.AgreementDetailSerializer},
    )
    def delete(self, request: Request, community_id: int, agreement_id: int) -> Response:
        withdraw_confirmation(
            by=current_user(request), agreement_id=agreement_id, community_id=community_id
        )
        return detail(request, agreement_id, community_id)


# Staff: templates, drafts and their versions.


@open_to(POST=Level.CURATOR)
class BeginDraftView(ApiView):
    @extend_schema(
        summary="Begin the draft of an agreement",
        request=serializers.BeginDraftSerializer,
        responses={201: serializers.AgreementDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        data = validated(serializers.BeginDraftSerializer, request.data)
        made = begin_draft(by=current_user(request), introduction_id=introduction_id, **data)
        return detail(request, made.pk, None, status=201)


@open_to(GET=Level.STAFF)
class StaffAgreementsView(ApiList):
    """Agreements, the newest first."""

    serializer_class = serializers.AgreementSerializer
    filter_form = AgreementFilters

    def get_queryset(self) -> QuerySet[Agreement]:
        return agreements_for_staff(current_user(self.request))


@open_to(GET=Level.STAFF)
class StaffAgreementView(ApiView):
    @extend_schema(summary="One agreement", responses=serializers.AgreementDetailSerializer)
    def get(self, request: Request, agreement_id: int) -> Response:
        return detail(request, agreement_id, None)


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class StaffVersionsView(ApiView):
    @extend_schema(summary="All versions", responses=serializers.VersionsSerializer)
    def get(self, request: Request, agreement_id: int) -> Response:
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return Response(
            serializers.VersionsSerializer(
                {"versions": versions_for(agreement, reader.community_id)}
            ).data
        )

    @extend_schema(
        summary="Write a further version",
        request=serializers.SaveVersionSerializer,
        responses={201: serializers.VersionSerializer},
    )
    @idempotent
    def post(self, request: Request, agreement_id: int) -> Response:
        data = validated(serializers.SaveVersionSerializer, request.data)
        version = save_version(by=current_user(request), agreement_id=agreement_id, **data)
        return Response(serializers.VersionSerializer(version).data, status=201)


@open_to(GET=Level.STAFF)
class StaffChangesView(ApiView):
    filter_form = ChangesFilters

    @extend_schema(
        summary="What changed between two versions",
        responses=serializers.ChangesSerializer,
    )
    def get(self, request: Request, agreement_id: int) -> Response:
        data = read_filters(ChangesFilters, request.query_params, paged=False).chosen()
        agreement, reader = agreement_for(current_reader(request), agreement_id)
        return Response(
            serializers.ChangesSerializer(
                {"changes": comparison(agreement, reader.community_id, **data)}
            ).data
        )


@open_to(POST=Level.CURATOR)
class StaffDocumentsView(ApiView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Keep the signed document",
        request={"multipart/form-data": serializers.DocumentUploadSerializer},
        responses={201: serializers.AgreementDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, agreement_id: int) -> Response:
        add_document(
            by=current_user(request),
            agreement_id=agreement_id,
            community_id=None,
            upload=sent_document(request),
        )
        return detail(request, agreement_id, None, status=201)


def _act(service: Callable[..., Agreement], summary: str) -> type[ApiView]:
    @open_to(POST=Level.CURATOR)
    class ActView(ApiView):
        @extend_schema(
            summary=summary, request=None, responses=serializers.AgreementDetailSerializer
        )
        @idempotent
        def post(self, request: Request, agreement_id: int) -> Response:
            me: User = current_user(request)
            service(by=me, agreement_id=agreement_id)
            return detail(request, agreement_id, None)

    return ActView


OfferView = _act(offer_agreement, "Put the latest version before both sides")
ReopenView = _act(reopen_agreement, "Take it back to write on")
GiveUpView = _act(give_up_agreement, "Give it up before it came into force")


@open_to(GET=Level.STAFF, POST=Level.CURATOR)
class TemplatesView(ApiView):
    @extend_schema(
        summary="The versions of a form's template", responses=serializers.TemplatesSerializer
    )
    def get(self, request: Request, form: str) -> Response:
        return Response(
            serializers.TemplatesSerializer(
                {"versions": template_versions(current_user(request), form)}
            ).data
        )

    @extend_schema(
        summary="Write a further version of it",
        request=serializers.SaveTemplateSerializer,
        responses={201: serializers.TemplateSerializer},
    )
    @idempotent
    def post(self, request: Request, form: str) -> Response:
        template = save_template(
            by=current_user(request),
            form=form,
            **validated(serializers.SaveTemplateSerializer, request.data),
        )
        return Response(serializers.TemplateSerializer(template).data, status=201)
