"""Staff: the figures of the overview."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from backend.api.serializers.figures import FiguresFilters, FiguresSerializer
from backend.api.views.base import ApiView, checked, person
from backend.introductions.figures import Scope, figures_table


class FiguresView(ApiView):
    """`funnel`, `responses`, `exposure` or `stuck`."""

    @extend_schema(summary="One table of the overview", parameters=[FiguresFilters], responses=FiguresSerializer)
    def get(self, request: Request, name: str) -> Response:
        asked = checked(FiguresFilters, request.query_params.dict())
        by = asked.pop("by")
        table, rows = figures_table(person(request), name, Scope(**asked), by)
        return Response({"name": name, "columns": table.columns, "rows": [list(row) for row in rows]})
