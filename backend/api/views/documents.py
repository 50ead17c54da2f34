"""The OpenAPI document, the page to try it, and the answer to every address that does not exist."""

from __future__ import annotations

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.api.access import ByAccessTable
from backend.common.errors import NotVisible


class SchemaView(SpectacularAPIView):
    permission_classes = [ByAccessTable]
    http_method_names = ["get", "head"]


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from local files; its script comes from this address too, so that no rule against inline scripts is relaxed."""

    permission_classes = [ByAccessTable]
    http_method_names = ["get", "head"]
    url_name = "api:schema"
    template_name = "api/docs.html"


class UnknownView(APIView):
    """Any method, any caller: the same bytes as for an object that is not open to the person."""

    permission_classes = []
    authentication_classes = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotVisible
