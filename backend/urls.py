"""Every address of the service."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from backend.api import health
from backend.web.records import room

handler404 = "backend.web.errors.not_found"

urlpatterns: list[URLPattern | URLResolver] = [
    path("account/", include("allauth.urls")),
    path("api/v1/", include("backend.api.urls")),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("staff/records/", room.urls),
    path("", include("backend.web.urls")),
]
