"""What requests of the API hold, as text that a reader sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import JSONParser

from backend.common.typed_text import typed_values


class TypedJSONParser(JSONParser):
    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        return typed_values(super().parse(stream, media_type, parser_context))
