"""The report's page: sections of words, tables and plots in one file without outside assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from backend.lab.link_prediction import BASELINES
from backend.lab.measures import Measures
from backend.lab.plots import Series, bars, histogram, reliability
from backend.lab.simulation import Shown, Simulation, SizeBand

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
WAYS: Mapping[str, str] = {
    "popularity": "Naive: most wanted first",
    "one_sided": "One-sided: own preference",
    "harmonic": "Reciprocal: harmonic mean",
    "allocated": "Allocated under capacity",
}
_COLUMNS = (
    "",
    "mutual interests",
    "exposure Gini",
    "Gini U.S.",
    "Gini abroad",
    "served U.S.",
    "served abroad",
    "over capacity",
    "places shown",
)


def write_page(measures: Measures) -> str:
    """The whole page. The same measures give the same bytes."""
    sections = (
        _recovery(measures),
        _market(measures),
        _sizes(measures),
        _calibration(measures),
        _coverage(measures),
        _ablations(measures),
    )
    s = measures.simulation
    world = "the sample world" if measures.is_sample else "the registered communities"
    drawn = (
        ""
        if (s.left, s.right) == (s.left_in_all, s.right_in_all)
        else f" (an even sample of {s.left_in_all:,} × {s.right_in_all:,})"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        'content="width=device-width,initial-scale=1">'
        f"<title>How well the suggestions work</title><style>{STYLE}</style></head><body><main>"
        "<h1>How well the suggestions work</h1>"
        f'<p class="soft">Measured on {world}: {s.left:,} communities in the United States and '
        f"{s.right:,} abroad{drawn}. "
        f"{100 * s.eligible:.0f} % of all pairs may be suggested. Weights "
        f"<code>{escape(measures.weights_version)}</code>, "
        f"snapshot <code>{escape(measures.snapshot_version[:12])}</code>.</p>"
        f"{''.join(sections)}</main></body></html>\n"
    )


def _section(title: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>"


def _words(text: str) -> str:
    return f"<p>{text}</p>"


def _table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], best: int | None = None
) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(
        f"<tr{' class=best' if at == best else ''}>{line}</tr>" for at, line in enumerate(lines)
    )
    caption = f"<caption>{escape(caption)}</caption>"
    return (
        "<div "
        f'class="scroll"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _recovery(measures: Measures) -> str:
    title = "Recovering real partnerships"
    intro = _words(
        "Foreign cities ranked for each U.S. city by open data alone; its real partners should "
        "stand high. This is resemblance to past "
        "choices, not proof of quality. Public pairs of tiers A and B, five folds by U.S. city."
    )
    rows = [(name, *_recovered(*values)) for name, *values in BASELINES]
    labels, hits = [name for name, *_ in BASELINES], [values[0] for _, *values in BASELINES]
    best = None
    if measures.recovery is None:
        note = _words(
            "<b>Not measured in this report.</b> Give it the data: <code>report_matching --data "
            "DIR --train FILE</code>."
        )
    else:
        m, best = measures.recovery.measures, len(rows)
        note = _words(
            f"{measures.recovery.pairs:,} pairs of {measures.recovery.cities:,} cities, among "
            f"{measures.recovery.pool_size:,}."
        )
        rows.append(
            ("this engine", *_recovered(m.hit_at_10, m.hit_at_50, m.mrr, m.percentile, m.auc))
        )
        labels, hits = [*labels, "this engine"], [*hits, m.hit_at_10]
    table = _table(
        "Against baselines", ("", "hit@10", "hit@50", "MRR", "median percentile", "AUC"), rows, best
    )
    return _section(
        title,
        intro,
        note,
        table,
        bars("hit@10 by method", labels, [Series("hit@10", "a", hits)], "{:.3f}"),
    )


def _recovered(
    hit10: float, hit50: float, mrr: float, percentile: float, auc: float
) -> tuple[str, ...]:
    return f"{hit10:.3f}", f"{hit50:.3f}", f"{mrr:.3f}", f"{percentile:.1f}", f"{auc:.3f}"


def _market(measures: Measures) -> str:
    s = measures.simulation
    words = _words(
        "Each community reads its list from the top (the place r is looked at with probability "
        "1/r) and wants what it looks at with a "
        "probability equal to its preference. A <b>mutual interest</b> needs both to look and both "
        "to want. The <b>Gini</b> coefficient "
        "says how unevenly attention falls (0 even, 1 all on one); <b>served</b> is the share with "
        "at least one good suggestion that both "
        "sides see; <b>over capacity</b> counts communities that more others want than they have "
        "room for."
    )
    names = list(s.ways)
    plot = bars(
        "Expected mutual interests by way to rank",
        [WAYS[name] for name in names],
        [
            Series("promising pairs", "a", [s.ways[n].mutual_interests for n in names]),
            Series(
                "all eligible pairs", "b", [s.ways_unfiltered[n].mutual_interests for n in names]
            ),
        ],
    )
    return _section(
        "A simulated market",
        words,
        plot,
        _table(
            "Promising pairs, as the service suggests",
            _COLUMNS,
            [_row(WAYS[n], s.ways[n]) for n in names],
            len(names) - 1,
        ),
        _table(
            "All eligible pairs",
            _COLUMNS,
            [_row(WAYS[n], s.ways_unfiltered[n]) for n in names],
            len(names) - 1,
        ),
    )


def _row(name: str, shown: Shown) -> tuple[str, ...]:
    return (
        name,
        f"{shown.mutual_interests:.1f}",
        f"{shown.exposure_gini:.3f}",
        f"{shown.left_gini:.3f}",
        f"{shown.right_gini:.3f}",
        f"{100 * shown.left_served:.1f} %",
        f"{100 * shown.right_served:.1f} %",
        f"{shown.over_capacity:,}",
        f"{shown.shown:,}",
    )


def _sizes(measures: Measures) -> str:
    s = measures.simulation
    labels = _size_labels(s.sizes)
    # Allocation shows fewer places in all, so what compares is each size's exposure beside the mean
    # of all.
    before, after = (
        _relative([getattr(b, name) for b in s.sizes], [b.communities for b in s.sizes])
        for name in ("before", "after")
    )
    plot = bars(
        "Exposure by size",
        labels,
        [Series("reciprocal lists", "b", before), Series("allocated", "a", after)],
        "{:.2f}",
    )
    rows = [
        (
            label,
            f"{band.communities:,}",
            f"{band.before:.2f}",
            f"{band.after:.2f}",
            f"{x:.2f}",
            f"{y:.2f}",
        )
        for label, band, x, y in zip(labels, s.sizes, before, after, strict=True)
    ]
    columns = ("population", "communities", "before", "after", "before / mean", "after / mean")
    words = _words(
        "Exposure is the sum of 1/rank over the lists in which a community stands. Bars show each "
        "size beside the mean of all (1.00). "
        f"Gini between sizes: {s.size_gini[0]:.3f} before, {s.size_gini[1]:.3f} after; among all "
        "communities: "
        f"{s.ways['harmonic'].exposure_gini:.3f} before, {s.ways['allocated'].exposure_gini:.3f} "
        "after."
    )
    return _section(
        "Exposure by size, before and after allocation",
        words,
        plot,
        _table("Mean exposure", columns, rows),
    )


def _size_labels(bands: Sequence[SizeBand]) -> list[str]:
    return [f"below {band.most:,}" if band.most else "larger" for band in bands]


def _relative(values: Sequence[float], counts: Sequence[int]) -> list[float]:
    mean = sum(v * c for v, c in zip(values, counts, strict=True)) / sum(counts)
    return [value / mean if mean else 0.0 for value in values]


def _calibration(measures: Measures) -> str:
    answers = measures.answers
    if not answers.bins:
        return _simulated_calibration(measures)
    rows = [
        (f"{predicted:.2f}", f"{observed:.2f}", f"{count:,}")
        for count, predicted, observed in answers.bins
    ]
    words = _words(
        f"From {answers.decisions:,} decisions that say something about the fit. On the diagonal, "
        "preference equals interest."
    )
    table = _table(
        "Interest by preference", ("mean preference", "share interested", "decisions"), rows
    )
    return _section(
        "Calibration", words, reliability("Interest by preference", answers.bins), table
    )


def _simulated_calibration(measures: Measures) -> str:
    drawn = measures.simulation.answers
    words = _words(
        "<b>No community has answered yet, so these answers are simulated.</b> Each simulated "
        "community decides by its preference in full. "
        "What is foretold is the preference that the engine would have worked out had one facet, "
        "drawn at random, been left empty. On the "
        "diagonal, missing answers neither flatter nor harm. Whether people decide as the engine "
        "thinks, only real answers can show."
    )
    if not drawn.bins:
        return _section("Calibration", words, _words("There was no pair to decide on."))
    rows = [
        (f"{predicted:.2f}", f"{observed:.2f}", f"{count:,}")
        for count, predicted, observed in drawn.bins
    ]
    table = _table(
        "Simulated interest by preference with one facet unknown",
        ("mean foretold", "share interested", "answers"),
        rows,
    )
    count = _words(
        f"{drawn.count:,} simulated answers of U.S. communities; Brier score {drawn.brier:.3f}."
    )
    return _section(
        "Calibration (simulated)",
        words,
        count,
        reliability("Simulated interest by preference", drawn.bins),
        table,
    )


def _coverage(measures: Measures) -> str:
    s = measures.simulation
    series = [Series("U.S. communities", "a", s.coverage[0]), Series("abroad", "b", s.coverage[1])]
    words = _words(
        "Coverage is the share of a community's weights on which a pair has data of both sides, "
        "over all eligible pairs. "
        f"Below {100 * s.coverage_floor:.0f} % nothing is suggested."
    )
    return _section(
        "Coverage", words, histogram("Coverage of eligible pairs", series, s.coverage_floor)
    )


def _ablations(measures: Measures) -> str:
    s = measures.simulation
    fusions = [
        (
            name,
            f"{a.mutual_interests:.1f}",
            f"{a.exposure_gini:.3f}",
            f"{b.mutual_interests:.1f}",
            f"{b.exposure_gini:.3f}",
        )
        for name, (a, b) in s.fusions.items()
    ]
    plain, allocated = (
        s.ways_unfiltered["harmonic"].mutual_interests,
        s.ways_unfiltered["allocated"].mutual_interests,
    )
    lost = sorted(
        (
            (100 * (1 - b / allocated), 100 * (1 - a / plain), name)
            for name, (a, b) in s.facets.items()
        ),
        reverse=True,
    )
    facets = [(name.replace("_", " "), f"{-a:+.1f} %", f"{-b:+.1f} %") for b, a, name in lost]
    words = _words(
        "One thing changed at a time. A facet left out is unknown to the ranking, while the "
        "simulated communities still decide by it: "
        "the loss says how much the lists owe to it. A gain means that lists without it coincide "
        "more often by chance of crowding."
    )
    return _section(
        "Ablations",
        words,
        _table(
            "Fusion of the two preferences",
            ("", "lists alone", "Gini", "allocated", "Gini (allocated)"),
            fusions,
        ),
        _table("Mutual interests without a facet", ("", "lists alone", "allocated"), facets),
    )


_TEXT_COLUMNS = (
    "mutual interests",
    "exposure Gini",
    "served U.S.",
    "served abroad",
    "over capacity",
)


def market_table(simulation: Simulation) -> str:
    """Each way to rank with what it leads to, over promising pairs, as the service suggests."""
    wide = max(map(len, WAYS.values()))
    head = f"{simulation.left:,} x {simulation.right:,} communities, promising pairs"
    lines = [head, "  ".join([" " * wide, *_TEXT_COLUMNS])]
    for name, shown in simulation.ways.items():
        values = (
            f"{shown.mutual_interests:.1f}",
            f"{shown.exposure_gini:.3f}",
            f"{100 * shown.left_served:.1f} %",
            f"{100 * shown.right_served:.1f} %",
            f"{shown.over_capacity:,}",
        )
        cells = (
            value.rjust(len(column)) for value, column in zip(values, _TEXT_COLUMNS, strict=True)
        )
        lines.append("  ".join([WAYS[name].ljust(wide), *cells]))
    return "\n".join(lines)
