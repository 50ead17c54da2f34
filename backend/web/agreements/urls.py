"""Addresses of agreements: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY, Level, open_to
from backend.web.agreements import api, views

_API_AGREEMENT = f"{COMMUNITY}agreements/<id:agreement_id>/"
_API_STAFF_AGREEMENT = "staff/agreements/<id:agreement_id>/"
_API_STAFF = "staff/introductions/<id:introduction_id>/"

_SIDE, _STAFF = open_to(GET=Level.COMMUNITY), open_to(GET=Level.STAFF)

page_urls: list[URLPattern] = [
    path("agreements/<int:agreement_id>/", views.agreement, name="agreement"),
    path(
        "agreements/<int:agreement_id>/versions/<int:number>/",
        views.version,
        name="agreement_version",
    ),
    path("agreements/<int:agreement_id>/changes/", views.changes, name="agreement_changes"),
    path(
        "agreements/<int:agreement_id>/documents/", views.send_document, name="agreement_document"
    ),
    path(
        "agreements/<int:agreement_id>/documents/<int:document_id>/",
        views.download,
        name="agreement_document_file",
    ),
    path("agreements/<int:agreement_id>/confirm/", views.confirm_side, name="agreement_confirm"),
    path(
        "staff/introductions/<int:introduction_id>/agreement/", views.begin, name="staff_agreement"
    ),
    path("staff/agreements/", views.agreement_list, name="staff_agreements"),
    path("staff/agreements/<int:agreement_id>/", views.draft, name="staff_draft"),
    path("staff/agreements/<int:agreement_id>/act/", views.act, name="staff_draft_act"),
    path("staff/agreement-templates/<slug:form_code>/", views.template, name="staff_template"),
]
api_urls: list[URLPattern] = [
    path(f"{COMMUNITY}agreements/", api.AgreementsView.as_view(), name="agreements"),
    path(_API_AGREEMENT, api.AgreementView.as_view(access=_SIDE), name="agreement"),
    path(
        f"{_API_AGREEMENT}versions/",
        api.VersionsView.as_view(access=_SIDE),
        name="agreement-versions",
    ),
    path(
        f"{_API_AGREEMENT}changes/", api.ChangesView.as_view(access=_SIDE), name="agreement-changes"
    ),
    path(
        f"{_API_AGREEMENT}documents/",
        api.DocumentsView.as_view(access=open_to(POST=Level.COMMUNITY)),
        name="agreement-documents",
    ),
    path(
        f"{_API_AGREEMENT}documents/<id:document_id>/",
        api.DocumentView.as_view(access=_SIDE),
        name="agreement-document",
    ),
    path(
        f"{_API_AGREEMENT}confirmation/",
        api.ConfirmationView.as_view(),
        name="agreement-confirmation",
    ),
    path(f"{_API_STAFF}agreement/", api.BeginDraftView.as_view(), name="staff-agreement-begin"),
    path("staff/agreements/", api.StaffAgreementsView.as_view(), name="staff-agreements"),
    path(_API_STAFF_AGREEMENT, api.AgreementView.as_view(access=_STAFF), name="staff-agreement"),
    path(
        f"{_API_STAFF_AGREEMENT}versions/",
        api.StaffVersionsView.as_view(),
        name="staff-agreement-versions",
    ),
    path(
        f"{_API_STAFF_AGREEMENT}changes/",
        api.ChangesView.as_view(access=_STAFF),
        name="staff-agreement-changes",
    ),
    path(f"{_API_STAFF_AGREEMENT}offer/", api.OfferView.as_view(), name="staff-agreement-offer"),
    path(f"{_API_STAFF_AGREEMENT}reopen/", api.ReopenView.as_view(), name="staff-agreement-reopen"),
    path(
        f"{_API_STAFF_AGREEMENT}give-up/", api.GiveUpView.as_view(), name="staff-agreement-give-up"
    ),
    path(
        f"{_API_STAFF_AGREEMENT}documents/",
        api.DocumentsView.as_view(access=open_to(POST=Level.CURATOR)),
        name="staff-agreement-documents",
    ),
    path(
        f"{_API_STAFF_AGREEMENT}documents/<id:document_id>/",
        api.DocumentView.as_view(access=_STAFF),
        name="staff-agreement-document",
    ),
    path(
        "staff/agreement-templates/<slug:form>/",
        api.TemplatesView.as_view(),
        name="staff-agreement-templates",
    ),
]
