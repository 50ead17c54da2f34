"""A side's agreements: read versions, send the signed document, confirm."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import FileResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.idempotency import idempotent
from backend.api.serializers import agreements as shapes
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.cities.letter_checks import too_large
from backend.common.downloads import private_download
from backend.common.errors import InvalidFields
from backend.common.uploads import was_too_large
from backend.introductions.agreement_queries import agreement_for, agreements_of, comparison, document_for, versions_for
from backend.introductions.models import Agreement
from backend.introductions.services import add_document, confirm, withdraw_confirmation


def sent_document(request: Request) -> UploadedFile:
    """Raises InvalidFields: too large. ValidationError: none there."""
    asked = {} if was_too_large(request._request, "document") else checked(shapes.DocumentUploadSerializer, request.data)
    if not asked:
        raise InvalidFields({"document": too_large().errors["letter"]})
    upload: UploadedFile = asked["document"]
    return upload


def detail(request: Request, agreement_id: int, community_id: int | None, status: int = 200) -> Response:
    agreement, _side = agreement_for(person(request), agreement_id, community_id=community_id)
    return Response(shapes.AgreementDetailSerializer(agreement).data, status=status)


class AgreementsView(ApiList):
    """Agreements that were put before both sides, the newest first."""

    serializer_class = shapes.AgreementSerializer

    def get_queryset(self) -> QuerySet[Agreement]:
        self.filters()
        return agreements_of(person(self.request), self.kwargs["community_id"])


class AgreementView(ApiView):
    @extend_schema(summary="One agreement", responses=shapes.AgreementDetailSerializer)
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        return detail(request, agreement_id, community_id)


class AgreementVersionsView(ApiView):
    @extend_schema(summary="The versions up to the one that is before you", responses=shapes.VersionsSerializer)
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        agreement, side = agreement_for(person(request), agreement_id, community_id=community_id)
        return Response(shapes.VersionsSerializer({"versions": versions_for(agreement, side)}).data)


class AgreementChangesView(ApiView):
    @extend_schema(summary="What changed between two versions", parameters=[shapes.ChangesFilters], responses=shapes.ChangesSerializer)
    def get(self, request: Request, community_id: int, agreement_id: int) -> Response:
        asked = checked(shapes.ChangesFilters, request.query_params.dict())
        agreement, side = agreement_for(person(request), agreement_id, community_id=community_id)
        return Response(shapes.ChangesSerializer({"changes": comparison(agreement, side, **asked)}).data)


class AgreementDocumentsView(ApiView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Send the signed document",
        request={"multipart/form-data": shapes.DocumentUploadSerializer},
        responses={201: shapes.AgreementDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, community_id: int, agreement_id: int) -> Response:
        add_document(by=person(request), agreement_id=agreement_id, community_id=community_id, upload=sent_document(request))
        return detail(request, agreement_id, community_id, status=201)


class AgreementDocumentView(ApiView):
    @extend_schema(summary="The signed document as it was sent", responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request: Request, document_id: int, agreement_id: int, community_id: int | None = None) -> FileResponse:
        document = document_for(person(request), agreement_id, document_id, community_id=community_id)
        return private_download(document.file.open("rb"), name=document.original_name, content_type=document.content_type)


class ConfirmationView(ApiView):
    @extend_schema(
        summary="Confirm who signed for your side", request=shapes.ConfirmationSerializer, responses=shapes.AgreementDetailSerializer
    )
    @idempotent
    def post(self, request: Request, community_id: int, agreement_id: int) -> Response:
        asked: dict[str, Any] = checked(shapes.ConfirmationSerializer, request.data)
        confirm(by=person(request), agreement_id=agreement_id, community_id=community_id, **asked)
        return detail(request, agreement_id, community_id)

    @extend_schema(summary="Take your confirmation back", request=None, responses={200: shapes.AgreementDetailSerializer})
    def delete(self, request: Request, community_id: int, agreement_id: int) -> Response:
        withdraw_confirmation(by=person(request), agreement_id=agreement_id, community_id=community_id)
        return detail(request, agreement_id, community_id)
