"""Every address of the service."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from backend.web.html.admin import admin_site
from backend.web.operations import health
from backend.web.urls import api_urls, page_urls

handler400 = "backend.web.html.errors.bad_request"
handler403 = "backend.web.html.errors.forbidden"
handler404 = "backend.web.html.errors.not_found"
handler429 = "backend.web.html.errors.too_many_requests"  # read by django-allauth
handler500 = "backend.web.html.errors.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("allauth.urls")),
    path("api/v1/", include((api_urls, "api"))),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("staff/records/", admin_site.urls),
    path("", include((page_urls, "web"))),
]
