"""The simulated market as one table of plain text."""

from __future__ import annotations

from backend.suggestions.report.page import WAYS
from backend.suggestions.scoring.simulation import Simulation

_COLUMNS = ("mutual interests", "exposure Gini", "served U.S.", "served abroad", "over capacity")


def market_table(simulation: Simulation) -> str:
    """Each way to rank with what it leads to, over promising pairs, as the service suggests."""
    wide = max(map(len, WAYS.values()))
    head = f"{simulation.left:,} x {simulation.right:,} communities, promising pairs"
    lines = [head, "  ".join([" " * wide, *_COLUMNS])]
    for name, shown in simulation.ways.items():
        values = (
            f"{shown.mutual_interests:.1f}",
            f"{shown.exposure_gini:.3f}",
            f"{100 * shown.left_served:.1f} %",
            f"{100 * shown.right_served:.1f} %",
            f"{shown.over_capacity:,}",
        )
        cells = (value.rjust(len(column)) for value, column in zip(values, _COLUMNS, strict=True))
        lines.append("  ".join([WAYS[name].ljust(wide), *cells]))
    return "\n".join(lines)
