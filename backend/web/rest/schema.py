"""The OpenAPI document and its page: problems, idempotency keys, ids, and the profile's sixteen
groups.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import threading
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.translation import get_language, override
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import patched_settings
from drf_spectacular.utils import OpenApiParameter
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.cities.drafts import PROVENANCE, PROVENANCE_STATES
from backend.cities.profile_schema import GROUPS, Field
from backend.common.errors import NotVisible
from backend.web.access import Level, access_of, open_to
from backend.web.html.forms import Filters
from backend.web.rest.access import AccessPermission
from backend.web.rest.idempotency import HEADER, LONGEST_KEY
from backend.web.rest.problems import CONTENT_TYPE, ProblemSerializer

_AUDIENCE: dict[Level, str] = {
    Level.PUBLIC: "anybody",
    Level.SIGNED_IN: "everybody who is signed in",
    Level.COMMUNITY: "people with a role in the community",
    Level.COMMUNITY_OR_STAFF: "people with a role in the community, and staff",
    Level.STAFF: "curators and administrators",
    Level.CURATOR: "curators",
    Level.ADMIN: "administrators",
}


class ApiSchema(AutoSchema):
    """Each operation may answer with a problem; each POST may be given an idempotency key."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            problem = self.resolve_serializer(ProblemSerializer, "response").ref
            operation["responses"]["default"] = {
                "description": "A problem (RFC 9457). `code` is stable; `errors` names fields by "
                "their path.",
                "content": {CONTENT_TYPE: {"schema": problem}},
            }
        return operation

    def get_description(self) -> str:  # type: ignore[override]  # as the framework's own subclass has it
        """The view's own words, never those of its base class, and who may ask."""
        own = inspect.cleandoc(type(self.view).__doc__ or "")
        return "\n\n".join(part for part in (own, f"Open to: {_AUDIENCE[self._level()]}.") if part)

    def get_auth(self) -> list[dict[str, Any]]:
        return [{}] if self._level() is Level.PUBLIC else super().get_auth()

    def get_tags(self) -> list[str]:
        return [type(self.view).__module__.split(".")[-2]]

    def _level(self) -> Level:
        access = access_of(self.view)
        level = access.level_of(self.method) if access else None
        if level is None:
            raise TypeError(f"{type(self.view).__name__} does not say who may {self.method}.")
        return level

    def get_override_parameters(self) -> list[Any]:
        if self.method == "GET":
            form = getattr(self.view, "filter_form", None)
            if form is not None:
                return [_parameter(name, field, form) for name, field in form.base_fields.items()]
            return []
        if self.method != "POST":
            return []
        words = "The same key and body again answer alike and act once; kept for 24 hours."
        shape = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        return [OpenApiParameter(HEADER, shape, OpenApiParameter.HEADER, description=words)]


def _parameter(name: str, field: forms.Field, form: type[Filters]) -> OpenApiParameter:
    """A filter of a list, as its form describes it."""
    shape: dict[str, Any] = {"type": "string"}
    pattern = getattr(field, "pattern", None)
    if pattern:
        shape["pattern"] = f"^{pattern}$"
    elif isinstance(field, forms.ChoiceField):
        choices: Any = field.choices
        shape["enum"] = [str(code) for code, _label in choices if code != ""]
    elif isinstance(field, forms.BooleanField):
        shape = {"type": "boolean"}
    elif isinstance(field, forms.DateField):
        shape["format"] = "date"
    elif isinstance(field, forms.IntegerField):
        shape = {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
    elif isinstance(field, forms.CharField):
        shape |= {"minLength": field.min_length or 1, "maxLength": field.max_length}
    if field.initial is not None:
        shape["default"] = field.initial
    about = form.documented.get(name, str(field.label or ""))
    return OpenApiParameter(
        name, shape, OpenApiParameter.QUERY, required=field.required, description=about
    )


def _field_schema(field: Field) -> dict[str, Any]:
    kind = field.kind
    if kind in {"text", "long_text", "url", "email"}:
        shape: dict[str, Any] = {"type": "string", "maxLength": field.max_length}
    elif kind in {"integer", "number"}:
        shape = {"type": kind, "minimum": field.minimum, "maximum": field.maximum}
    elif kind == "boolean":
        shape = {"type": "boolean"}
    elif kind == "choice":
        shape = {"type": "string"}
    elif kind in {"codes", "ranked", "countries", "regions"}:
        shape = {"type": "array", "items": {"type": "string"}}
        if field.maximum is not None:
            shape |= {"maxItems": field.maximum, "description": str(field.help)}
    elif kind == "weighted":
        shape = {
            "type": "object",
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 3},
        }
    else:
        shape = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
    return shape | {"title": str(field.label)}


def published_document_schema() -> dict[str, Any]:
    """A published profile: every answer valid, none of them sure to be given."""
    return {
        "type": "object",
        "description": "Answers by group and question. Codes are those of the vocabularies.",
        "additionalProperties": False,
        "properties": {
            group.code: {
                "type": "object",
                "title": str(group.label),
                "additionalProperties": False,
                "properties": {field.name: _field_schema(field) for field in group.fields},
            }
            for group in GROUPS
        }
        | {PROVENANCE: _PROVENANCE_SCHEMA},
    }


_PROVENANCE_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Answers that open data filled, by `group.question`: what the source said, and "
    "whether the community confirmed it.",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "source": {"type": "string"},
            "date": {"type": "string"},
            "value": {},
            "state": {"type": "string", "enum": list(PROVENANCE_STATES)},
        },
    },
}


DRAFT_DOCUMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Answers by group and question as the owner wrote them; they may hold values "
    "that are not valid yet.",
    "additionalProperties": {"type": "object", "additionalProperties": True},
}


_making = threading.Lock()


# Of OpenAPI; the first is what is sent. The page of the API asks for the second: its viewer takes
# ten times as long to draw the first.
VERSIONS = ("3.1.0", "3.0.3")


def schema_bytes(
    language: str, renderer: type[BaseRenderer], version: str = VERSIONS[0]
) -> tuple[bytes, str]:
    """The document as it is sent, and its entity tag; the same for everybody. A process makes it
    once in each language, format and version of OpenAPI, one thread at a time: the generator keeps
    state in the views.
    """
    with _making, patched_settings({"OAS_VERSION": version}):
        return _made(language, renderer, version)  # type: ignore[arg-type]  # a class can be hashed


@functools.cache
def _made(language: str, renderer: type[BaseRenderer], version: str) -> tuple[bytes, str]:
    with override(language):
        content = renderer().render(SchemaGenerator().get_schema(public=True), None, {})
    content = content.encode() if isinstance(content, str) else bytes(content)
    return content, f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@open_to(GET=Level.PUBLIC)
class SchemaView(SpectacularAPIView):
    schema = None
    permission_classes = [AccessPermission]
    http_method_names = ["get", "head"]

    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """The document; 304 when ``If-None-Match`` names the one that there is."""
        asked = str(request.GET.get("lang", ""))
        language = asked if asked in dict(settings.LANGUAGES) else get_language() or "en"
        asked = str(request.GET.get("openapi", ""))
        version = asked if asked in VERSIONS else VERSIONS[0]
        content, tag = schema_bytes(language, type(request.accepted_renderer), version)
        kept = get_conditional_response(request._request, etag=tag)
        response = kept or HttpResponse(content, content_type=request.accepted_media_type)
        if kept is None:
            name = self._get_filename(request, None)
            response["Content-Disposition"] = f'inline; filename="{name}"'
        response["ETag"] = tag
        return response


@open_to(GET=Level.PUBLIC)
class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from local files; its script comes from this address too, so that no rule against
    inline scripts is relaxed.
    """

    permission_classes = [AccessPermission]
    http_method_names = ["get", "head"]
    url_name = "api:schema"
    template_name = "public/api.html"

    def _get_schema_url(self, request: Request) -> str:
        shown = super()._get_schema_url(request)
        return f"{shown}{'&' if '?' in shown else '?'}openapi={VERSIONS[1]}"


@open_to(GET=Level.PUBLIC)
class UnknownView(APIView):
    """Any method, any caller: the same bytes as for an object that is not open to the person."""

    permission_classes = []
    authentication_classes = []
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotVisible
