"""Answers that nobody may keep: what they show can be withdrawn the next moment."""

from __future__ import annotations

from typing import Any

from rest_framework.views import APIView


class Private(APIView):
    """Forbids every cache to store the view's answers."""

    def finalize_response(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().finalize_response(*args, **kwargs)
        answer["Cache-Control"] = "private, no-store"
        return answer
