"""Small plots as inline SVG, drawn from numbers alone: the same numbers give the same bytes; and
the style of the page that they stand on.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

STYLE = """
:root{--ink:#1c2733;--soft:#5b6876;--line:#d9dfe5;--a:#1f6f8b;--b:#d98324;--paper:#fff;
  --wash:#f4f7f9}
*{box-sizing:border-box}
body{margin:0;background:var(--wash);color:var(--ink);
  font:16px/1.55 system-ui,"Segoe UI",Roboto,sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:2rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.3rem;margin:0 0 .5rem}
p{max-width:46rem;margin:.4rem 0}
.soft{color:var(--soft)}
section{background:var(--paper);border:1px solid var(--line);border-radius:10px;
  padding:1.4rem 1.5rem;margin-top:1.25rem}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-variant-numeric:tabular-nums;
  font-size:.94rem}
th,td{padding:.4rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--soft)}
th:first-child,td:first-child{text-align:left;color:var(--ink)}
tr.best td{font-weight:650;background:#eaf4f7}
caption{text-align:left;font-weight:600;padding:.3rem 0}
svg{max-width:100%;height:auto;display:block;margin:.75rem 0;font-size:12px}
svg .a{fill:var(--a)}
svg .b{fill:var(--b)}
svg text{fill:var(--ink)}
svg .label{text-anchor:end}
svg .tick{text-anchor:middle}
svg .grid{stroke:var(--line)}
svg .mark{stroke:#b3261e;stroke-dasharray:4 3}
code{background:var(--wash);padding:.1rem .3rem;border-radius:4px}
"""
_LABEL, _BAR, _ROW, _VALUE = 215, 380, 18, 90
_RIGHT = 24  # room for half of the last tick's label


class Series(NamedTuple):
    """One kind of bar: its name, its CSS class (a, b), its values."""

    name: str
    css: str
    values: Sequence[float]


def bars(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    form: str = "{:.1f}",
    *,
    zero: float = 0.0,
) -> str:
    """Horizontal bars, one group a label; they begin at ``zero``. Values must not be below it."""
    top = max((value for one in series for value in one.values), default=zero) - zero or 1.0
    group = _ROW * len(series) + 10
    height = group * len(labels) + 26
    parts = [_open(title, _LABEL + _BAR + _VALUE, height), _legend(series)]
    for row, label in enumerate(labels):
        y = 26 + row * group
        parts.append(
            f'<text class="label" x="{_LABEL - 8}" '
            f'y="{y + _ROW * len(series) / 2 + 4:.1f}">{escape(label)}</text>'
        )
        for number, one in enumerate(series):
            width = _BAR * (one.values[row] - zero) / top
            at = y + number * _ROW
            parts.append(
                f'<rect class="{one.css}" x="{_LABEL}" y="{at + 2}" width="{width:.1f}" '
                f'height="{_ROW - 4}" rx="2"/>'
            )
            parts.append(
                f'<text class="value" x="{_LABEL + width + 6:.1f}" '
                f'y="{at + 13}">{escape(form.format(one.values[row]))}</text>'
            )
    return "".join([*parts, "</svg>"])


def histogram(title: str, series: Sequence[Series], floor: float) -> str:
    """Shares (each series sums to one) over equal bins of [0, 1], with a line at ``floor``."""
    width, height, left, bottom = 640, 240, 50, 30
    count = len(series[0].values)
    top = max(max(one.values) for one in series) or 1.0
    plot_w, plot_h = width - left - _RIGHT, height - bottom - 26
    parts = [_open(title, width, height), _legend(series, left)]
    for tick in (0.0, 0.5, 1.0):
        y = 26 + plot_h * (1 - tick)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{width - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
        parts.append(
            f'<text class="label" x="{left - 6}" y="{y + 4:.1f}">{100 * tick * top:.0f} %</text>'
        )
    each = plot_w / count
    for number, one in enumerate(series):
        wide = each / len(series) - 1
        for bin_, value in enumerate(one.values):
            tall = plot_h * value / top
            x = left + bin_ * each + number * (wide + 0.5)
            parts.append(
                f'<rect class="{one.css}" x="{x:.1f}" y="{26 + plot_h - tall:.1f}" '
                f'width="{wide:.1f}" height="{tall:.1f}"/>'
            )
    parts += [
        f'<text class="tick" x="{left + plot_w * t:.1f}" y="{height - 10}">{100 * t:.0f} %</text>'
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    x = left + plot_w * floor
    parts.append(f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="26" y2="{26 + plot_h}"/>')
    parts.append(f'<text class="value" x="{x + 5:.1f}" y="40">floor {100 * floor:.0f} %</text>')
    return "".join([*parts, "</svg>"])


def reliability(title: str, points: Sequence[tuple[int, float, float]]) -> str:
    """(count, predicted, observed): dots over the diagonal, their area by count."""
    size, left = 320, 46
    span = size - left - 14
    most = max((count for count, _, _ in points), default=1)
    parts = [_open(title, size, size)]
    parts.append(f'<line class="grid" x1="{left}" y1="{14 + span}" x2="{left + span}" y2="14"/>')
    for tick in (0.0, 0.5, 1.0):
        parts.append(
            f'<text class="label" x="{left - 6}" '
            f'y="{14 + span * (1 - tick) + 4:.1f}">{tick:.1f}</text>'
        )
        parts.append(
            f'<text class="tick" x="{left + span * tick:.1f}" y="{size - 14}">{tick:.1f}</text>'
        )
    for count, predicted, observed in points:
        radius = 3 + 9 * (count / most) ** 0.5
        parts.append(
            f'<circle class="a" cx="{left + span * predicted:.1f}" '
            f'cy="{14 + span * (1 - observed):.1f}" r="{radius:.1f}"/>'
        )
    return "".join([*parts, "</svg>"])


def _open(title: str, width: float, height: float) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{escape(title, quote=True)}">'
    )


def _legend(series: Sequence[Series], left: int = _LABEL) -> str:
    if len(series) < 2:
        return ""
    marks = (
        f'<rect class="{one.css}" x="{left + at * 190}" y="4" width="12" height="12" rx="2"/>'
        f'<text class="value" x="{left + at * 190 + 18}" y="14">{escape(one.name)}</text>'
        for at, one in enumerate(series)
    )
    return "".join(marks)
