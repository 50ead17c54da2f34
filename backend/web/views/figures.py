"""The staff overview: four tables with their bars, and each as CSV."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backend.common.csv_rows import csv_text
from backend.introductions.figures import TABLES, figures_table, introduced_by_hand
from backend.web.forms.partnerships import FiguresForm
from backend.web.views.profile import signed_in_user

_HEADINGS = {
    "label": "",
    "shown": "Suggestions shown",
    "each": "For each community",
    "without": "Communities without any",
    "median_days": "Median, days",
    "p90_days": "90 % within, days",
    "id": "No.",
    "where": "Stands at",
    "idle_days": "Days without a move",
    "overdue_days": "Days overdue",
}
# Which column of a table its bars show.
_BARS = {"responses": 2, "exposure": 3}


def _heading(column: str) -> str:
    return _HEADINGS.get(column, column.capitalize())


def _width(value: float, largest: float) -> str:
    """Of 200 units."""
    return f"{200 * value / largest:.1f}" if largest else "0"


def _funnel_bars(rows: list[Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    """The whole scope, step by step, and what share of the step before came so far."""
    totals = [sum(row[index] for row in rows) for index in range(1, len(columns))]
    bars = []
    for index, total in enumerate(totals):
        before = totals[index - 1] if index else 0
        share = f"{100 * total / before:.0f} % of the step before" if before else ""
        bars.append({"label": _heading(columns[index + 1]), "value": total, "note": share, "width": _width(total, totals[0])})
    return bars


def _bars(name: str, rows: list[Any], columns: tuple[str, ...]) -> list[dict[str, Any]]:
    if name == "funnel":
        return _funnel_bars(rows, columns) if rows else []
    if name not in _BARS:
        return []
    column = _BARS[name]
    largest = max((row[column] for row in rows), default=0)
    return [{"label": row[0], "value": row[column], "note": "", "width": _width(row[column], largest)} for row in rows]


@require_safe
def figures(request: HttpRequest) -> HttpResponse:
    user = signed_in_user(request)
    form = FiguresForm(request.GET)
    scope, by = form.scope()
    tables = []
    for name in TABLES:
        table, rows = figures_table(user, name, scope, by)
        listed = list(rows)
        headings = [_heading(column) or {"month": "Month", "country": "Country"}[by] for column in table.columns]
        if name == "exposure":
            headings[0] = "Side and size"
        tables.append(
            {"name": name, "table": table, "rows": listed, "headings": headings, "bars": _bars(name, listed, table.columns),
             "unit": _heading(table.columns[_BARS[name]]) if name in _BARS else ""}
        )  # fmt: skip
    context = {"form": form, "tables": tables, "by_hand": introduced_by_hand(user, scope), "by": by}
    return render(request, "web/staff/figures.html", context, status=422 if form.errors else 200)


@require_safe
def figures_csv(request: HttpRequest, name: str) -> HttpResponse:
    scope, by = FiguresForm(request.GET).scope()
    table, rows = figures_table(signed_in_user(request), name, scope, by)
    headers = {"Content-Disposition": f'attachment; filename="{name}.csv"', "Cache-Control": "private, no-store"}
    return HttpResponse(csv_text(table.columns, rows), content_type="text/csv; charset=utf-8", headers=headers)
