"""Addresses of partnerships: pages and API."""

from __future__ import annotations

from django.urls import URLPattern, path

from backend.web.access import COMMUNITY, Level, open_to
from backend.web.partnerships import api, views

_API_PARTNERSHIP = f"{COMMUNITY}partnerships/<id:partnership_id>/"
_API_STAFF_PARTNERSHIP = "staff/partnerships/<id:partnership_id>/"

page_urls: list[URLPattern] = [
    path(f"{COMMUNITY}partnerships/", views.of_community, name="partnerships"),
    path(f"{COMMUNITY}partnerships/named/", views.named_partners, name="named_partners"),
    path("partnerships/<int:partnership_id>/", views.partnership, name="partnership"),
    path(
        "partnerships/<int:partnership_id>/write/<slug:what>/",
        views.write,
        name="partnership_write",
    ),
    path(
        "partnerships/<int:partnership_id>/activities/<int:activity_id>/retract/",
        views.retract,
        name="partnership_retract",
    ),
    path("partnerships/<int:partnership_id>/honour/", views.honour, name="partnership_honour"),
    path("partnerships/<int:partnership_id>/why/", views.why, name="partnership_why"),
    path(
        "partnerships/<int:partnership_id>/certificate/",
        views.certificate,
        name="partnership_certificate",
    ),
    path("staff/partnerships/", views.for_staff, name="staff_partnerships"),
]
api_urls: list[URLPattern] = [
    path(
        f"{COMMUNITY}partnerships/", api.LivedPartnershipsView.as_view(), name="lived-partnerships"
    ),
    path(f"{COMMUNITY}partnerships/named/", api.NamedPartnersView.as_view(), name="named-partners"),
    path(
        _API_PARTNERSHIP,
        api.PartnershipView.as_view(access=open_to(GET=Level.COMMUNITY)),
        name="partnership",
    ),
    path(f"{_API_PARTNERSHIP}activities/", api.ActivitiesView.as_view(), name="activities"),
    path(f"{COMMUNITY}activities/<id:activity_id>/", api.ActivityView.as_view(), name="activity"),
    path(f"{_API_PARTNERSHIP}reports/", api.ReportsView.as_view(), name="reports"),
    path(f"{_API_PARTNERSHIP}decision/", api.DecisionView.as_view(), name="partnership-decision"),
    path(f"{_API_PARTNERSHIP}renewal/", api.RenewalView.as_view(), name="partnership-renewal"),
    path(
        f"{_API_PARTNERSHIP}why/",
        api.WhyView.as_view(access=open_to(GET=Level.COMMUNITY)),
        name="partnership-why",
    ),
    path(
        f"{_API_PARTNERSHIP}certificate/",
        api.CertificateView.as_view(access=open_to(GET=Level.COMMUNITY)),
        name="partnership-certificate",
    ),
    path("staff/partnerships/", api.StaffPartnershipsView.as_view(), name="staff-partnerships"),
    path(
        _API_STAFF_PARTNERSHIP,
        api.PartnershipView.as_view(access=open_to(GET=Level.STAFF)),
        name="staff-partnership",
    ),
    path(
        f"{_API_STAFF_PARTNERSHIP}why/",
        api.WhyView.as_view(access=open_to(GET=Level.STAFF)),
        name="staff-partnership-why",
    ),
    path(
        f"{_API_STAFF_PARTNERSHIP}certificate/",
        api.CertificateView.as_view(access=open_to(GET=Level.STAFF)),
        name="staff-partnership-certificate",
    ),
    path(
        f"{_API_STAFF_PARTNERSHIP}emeritus/",
        api.HonourView.as_view(),
        name="staff-partnership-emeritus",
    ),
]
