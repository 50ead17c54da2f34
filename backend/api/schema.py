"""The OpenAPI document beyond what the framework infers: problems, idempotency keys, ids, and the profile's sixteen groups."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

from backend.api.idempotency import HEADER, LONGEST_KEY
from backend.api.problems import CONTENT_TYPE
from backend.api.serializers.problems import ProblemSerializer
from backend.cities.profile_schema import GROUPS, Field


class ApiSchema(AutoSchema):
    """Each operation may answer with a problem; each POST may be given an idempotency key."""

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        operation = super().get_operation(*args, **kwargs)
        if operation is not None:
            problem = self.resolve_serializer(ProblemSerializer, "response").ref
            operation["responses"]["default"] = {
                "description": "A problem (RFC 9457). `code` is stable; `errors` names fields by their path.",
                "content": {CONTENT_TYPE: {"schema": problem}},
            }
        return operation

    def get_override_parameters(self) -> list[OpenApiParameter]:
        if self.method != "POST":
            return []
        words = "The same key and body again answer alike and act once; kept for 24 hours."
        shape = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        return [OpenApiParameter(HEADER, shape, OpenApiParameter.HEADER, description=words)]


def _field_schema(field: Field) -> dict[str, Any]:
    kind = field.kind
    if kind in {"text", "long_text", "url"}:
        shape: dict[str, Any] = {"type": "string", "maxLength": field.max_length}
    elif kind in {"integer", "number"}:
        shape = {"type": kind, "minimum": field.minimum, "maximum": field.maximum}
    elif kind == "boolean":
        shape = {"type": "boolean"}
    elif kind == "choice":
        shape = {"type": "string"}
    elif kind in {"codes", "countries", "regions"}:
        shape = {"type": "array", "items": {"type": "string"}}
    elif kind == "weighted":
        shape = {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 3}}
    else:
        shape = {"type": "array", "items": {"type": "object", "additionalProperties": True}}
    return shape | {"title": field.label}


def published_document_schema() -> dict[str, Any]:
    """A published profile: every answer valid, none of them sure to be given."""
    return {
        "type": "object",
        "description": "Answers by group and question. Codes are those of the vocabularies.",
        "additionalProperties": False,
        "properties": {
            group.code: {
                "type": "object",
                "title": group.label,
                "additionalProperties": False,
                "properties": {field.name: _field_schema(field) for field in group.fields},
            }
            for group in GROUPS
        },
    }


DRAFT_DOCUMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Answers by group and question as the owner wrote them; they may hold values that are not valid yet.",
    "additionalProperties": {"type": "object", "additionalProperties": True},
}
