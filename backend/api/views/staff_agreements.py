"""Staff: templates, drafts and their versions."""

from __future__ import annotations

from collections.abc import Callable

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from backend.accounts.models import User
from backend.api.idempotency import idempotent
from backend.api.serializers import agreements as shapes
from backend.api.views.agreements import detail, sent_document
from backend.api.views.base import ApiList, ApiView, checked, person
from backend.introductions.agreement_queries import agreement_for, agreements_for_staff, comparison, template_versions, versions_for
from backend.introductions.models import Agreement
from backend.introductions.services import add_document, begin_draft, give_up, offer, reopen, save_template, save_version


class BeginDraftView(ApiView):
    @extend_schema(
        summary="Begin the draft of an agreement", request=shapes.BeginDraftSerializer, responses={201: shapes.AgreementDetailSerializer}
    )
    @idempotent
    def post(self, request: Request, introduction_id: int) -> Response:
        asked = checked(shapes.BeginDraftSerializer, request.data)
        made = begin_draft(by=person(request), introduction_id=introduction_id, **asked)
        return detail(request, made.pk, None, status=201)


class StaffAgreementsView(ApiList):
    """Agreements, the newest first."""

    serializer_class = shapes.AgreementSerializer
    filter_serializer = shapes.StaffAgreementFilters

    def get_queryset(self) -> QuerySet[Agreement]:
        return agreements_for_staff(person(self.request), **self.filters())


class StaffAgreementView(ApiView):
    @extend_schema(summary="One agreement", responses=shapes.AgreementDetailSerializer)
    def get(self, request: Request, agreement_id: int) -> Response:
        return detail(request, agreement_id, None)


class StaffVersionsView(ApiView):
    @extend_schema(summary="All versions", responses=shapes.VersionsSerializer)
    def get(self, request: Request, agreement_id: int) -> Response:
        agreement, side = agreement_for(person(request), agreement_id)
        return Response(shapes.VersionsSerializer({"versions": versions_for(agreement, side)}).data)

    @extend_schema(summary="Write a further version", request=shapes.SaveVersionSerializer, responses={201: shapes.VersionSerializer})
    @idempotent
    def post(self, request: Request, agreement_id: int) -> Response:
        asked = checked(shapes.SaveVersionSerializer, request.data)
        version = save_version(by=person(request), agreement_id=agreement_id, **asked)
        return Response(shapes.VersionSerializer(version).data, status=201)


class StaffChangesView(ApiView):
    @extend_schema(summary="What changed between two versions", parameters=[shapes.ChangesFilters], responses=shapes.ChangesSerializer)
    def get(self, request: Request, agreement_id: int) -> Response:
        asked = checked(shapes.ChangesFilters, request.query_params.dict())
        agreement, side = agreement_for(person(request), agreement_id)
        return Response(shapes.ChangesSerializer({"changes": comparison(agreement, side, **asked)}).data)


class StaffDocumentsView(ApiView):
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Keep the signed document",
        request={"multipart/form-data": shapes.DocumentUploadSerializer},
        responses={201: shapes.AgreementDetailSerializer},
    )
    @idempotent
    def post(self, request: Request, agreement_id: int) -> Response:
        add_document(by=person(request), agreement_id=agreement_id, community_id=None, upload=sent_document(request))
        return detail(request, agreement_id, None, status=201)


def _act(service: Callable[..., Agreement], summary: str) -> type[ApiView]:
    class ActView(ApiView):
        @extend_schema(summary=summary, request=None, responses=shapes.AgreementDetailSerializer)
        @idempotent
        def post(self, request: Request, agreement_id: int) -> Response:
            me: User = person(request)
            service(by=me, agreement_id=agreement_id)
            return detail(request, agreement_id, None)

    return ActView


OfferView = _act(offer, "Put the latest version before both sides")
ReopenView = _act(reopen, "Take it back to write on")
GiveUpView = _act(give_up, "Give it up before it came into force")


class TemplatesView(ApiView):
    @extend_schema(summary="The versions of a form's template", responses=shapes.TemplatesSerializer)
    def get(self, request: Request, form: str) -> Response:
        return Response(shapes.TemplatesSerializer({"versions": template_versions(person(request), form)}).data)

    @extend_schema(
        summary="Write a further version of it", request=shapes.SaveTemplateSerializer, responses={201: shapes.TemplateSerializer}
    )
    @idempotent
    def post(self, request: Request, form: str) -> Response:
        template = save_template(by=person(request), form=form, **checked(shapes.SaveTemplateSerializer, request.data))
        return Response(shapes.TemplateSerializer(template).data, status=201)
