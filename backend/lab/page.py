"""The report's page: sections of words, tables and plots in one file without outside assets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from backend.lab.link_prediction import BASELINES
from backend.lab.measures import Measures
from backend.lab.plots import STYLE, Series, bars, histogram, reliability
from backend.lab.simulation import STATED, Shown, Simulation, SizeBand
from matching.lab.promise import KeptPromise

WAYS: Mapping[str, str] = {
    "random": "Random pairs",
    "mean": "Weighted mean of similarities",
    "lifts": "Lifts, as the service ranks",
    "no_allocation": "– without allocation",
    "old_weights": "– with the mean's weights",
    "no_feasibility": "– without costs of feasibility",
    "no_near_topics": "– without near topics",
    "harmonic": "– fused by harmonic mean",
    "min": "– fused by minimum",
    "mean_fusion": "– fused by arithmetic mean",
    "taste_known": "If tastes were known",
}
RULES: Mapping[str, str] = {
    "naive": "Naive: own favourites",
    "product": "Product of both preferences",
    "transferable": "Transferable utility",
    "social": "Social welfare",
    "alpha": "α-welfare, half way",
    "nash": "Nash welfare",
    "suggested": "As the service: the same pairs on both lists",
}
TASTE_WORDS: Mapping[str, str] = {
    "needs": "Needs lead",
    "ties": "Ties lead",
    "resemblance": "Resemblance leads",
    STATED: "Resemblance leads and is stated",
}
SETS: Mapping[str, str] = {
    "suggestions": "Suggestions",
    "random": "Random pairs",
    "mean": "Weighted mean of similarities",
    "oracle": "Needs alone",
}
COLUMNS = (
    "",
    "mutual interests",
    "if all is read",
    "exposure Gini",
    "envy",
    "envious",
    "served U.S.",
    "served abroad",
    "over capacity",
    "places shown",
)
RULE_COLUMNS = ("", "mutual interests", "exposure Gini", "envy", "envious", "over capacity")


def write_page(measures: Measures) -> str:
    """The whole page. The same measures give the same bytes."""
    sections = (
        _promise(measures),
        _market(measures),
        _rules(measures),
        _sizes(measures),
        _calibration(measures),
        _coverage(measures),
        _facets(measures),
        _recovery(measures),
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


def _promise(measures: Measures) -> str:
    words = _words(
        "What suggestions bring, counted: needs that the partner offers (exact topics alone), "
        "which kind of fit is the first reason, and how often a caveat says the opposite of a "
        "reason beside it. <b>Needs alone</b> pairs by nothing but needs and offers: what there is "
        "to be had."
    )
    sets = [(SETS[name], of) for name, of in measures.kept_promise.items()]
    return _section(
        "The kept promise",
        words,
        _table("Needs met", PROMISE_COLUMNS, [promise_row(*each) for each in sets], 0),
        *(
            _table(caption, ("", *names), _by_facet(names, sets, field))
            for caption, field in (
                ("First reason, share of views", "first_reason"),
                ("Among the first three reasons", "first_three"),
                ("Caveat, share of views", "caveat"),
            )
            for names in [_names(sets, field)]
        ),
        _table(
            "Suggestions by direction and by size of the community that reads them",
            ("", "sides", "needs met", "at least one", "first reason: needs", "contradictions"),
            _promise_groups(measures.kept_promise["suggestions"]),
        ),
    )


PROMISE_COLUMNS = (
    "",
    "pairs",
    "needs met U.S.",
    "needs met abroad",
    "both sides",
    "neither",
    "two on either",
    "contradictions",
)


def promise_row(name: str, of: KeptPromise) -> tuple[str, ...]:
    """Cells of ``PROMISE_COLUMNS``."""
    return (
        name,
        f"{of.pairs:,}",
        f"{of.needs_met['left']:.2f}",
        f"{of.needs_met['right']:.2f}",
        f"{of.both:.2f}",
        f"{of.neither:.2f}",
        f"{of.two:.2f}",
        f"{of.contradictions:,}",
    )


def _names(sets: Sequence[tuple[str, KeptPromise]], field: str) -> list[str]:
    """Facets that a table shows, the suggestions' most frequent first."""
    return list(dict.fromkeys(name for _, of in sets for name in getattr(of, field)))


def _by_facet(
    names: Sequence[str], sets: Sequence[tuple[str, KeptPromise]], field: str
) -> list[tuple[str, ...]]:
    return [
        (title, *(f"{getattr(of, field).get(name, 0.0):.2f}" for name in names))
        for title, of in sets
    ]


def _promise_groups(of: KeptPromise) -> list[tuple[str, ...]]:
    titles = {"left": "U.S. communities", "right": "communities abroad"}
    groups = {**of.by_direction, **of.by_size}
    return [
        (
            titles.get(name, name),
            f"{group.sides:,}",
            f"{group.needs_met:.2f}",
            f"{group.met:.2f}",
            f"{group.first_reason.get('needs_offers', 0.0):.2f}",
            f"{group.contradictions:,}",
        )
        for name, group in groups.items()
    ]


def _market(measures: Measures) -> str:
    s = measures.simulation
    words = _words(
        "Simulated communities decide by tastes of their own, which no ranking sees: one led by "
        "needs, one by ties, one by resemblance. Each reads its list from the top (the place r is "
        "looked at with probability 1/r). A <b>mutual interest</b> needs both to look and both to "
        "want. The <b>Gini</b> coefficient says how unevenly attention falls (0 even, 1 all on "
        "one). <b>Envy</b> is how many of its side a community envies, because with their places "
        "in the others' lists it would expect more (Tomita and Yokoyama, RecSys 2024). "
        "<b>Served</b> is the share with at least one pair that both are shown and both would "
        "rather take; <b>over capacity</b> counts communities that more others want than they have "
        "room for. All ways have the same places."
    )
    names = [name for name in WAYS if name in s.tastes["needs"]]
    plot = bars(
        "Expected mutual interests where needs lead",
        [WAYS[name] for name in names],
        [Series("mutual interests", "a", [s.tastes["needs"][n].mutual_interests for n in names])],
    )
    return _section(
        "A simulated market",
        words,
        plot,
        *_way_tables(s.tastes, "{}"),
        _words(_NEAR),
        *_way_tables(s.near, "{}, and near topics count"),
    )


def _way_tables(tastes: Mapping[str, Mapping[str, Shown]], title: str) -> list[str]:
    return [
        _table(
            title.format(TASTE_WORDS[taste]),
            COLUMNS,
            [market_row(WAYS[name], shown) for name, shown in ways.items()],
            list(ways).index("lifts"),
        )
        for taste, ways in tastes.items()
    ]


_NEAR = (
    "So far communities value exact topics alone, and near topics can only cost. Below they value "
    "near topics, and offers that answer a challenge, as the engine does."
)


def _rules(measures: Measures) -> str:
    words = _words(
        "The same preferences, each side with lists of its own, made by the rules of the "
        "literature: what each side likes best, the product of both, expected matches with "
        "transferable utility (Tomita and others, RecSys 2023), and lists that maximise social "
        "welfare, Nash welfare or what lies between (Tomita and Yokoyama 2024, 2026)."
    )
    tables = (
        _table(TASTE_WORDS[taste], RULE_COLUMNS, [rule_row(RULES[n], rules[n]) for n in rules])
        for taste, rules in measures.simulation.rules.items()
    )
    return _section("Rules of allocation", words, *tables)


def market_row(name: str, shown: Shown) -> tuple[str, ...]:
    """Cells of ``COLUMNS``."""
    return (
        name,
        f"{shown.mutual_interests:.1f}",
        f"{shown.if_all_is_read:.0f}",
        f"{shown.exposure_gini:.3f}",
        f"{shown.envy:.2f}",
        f"{100 * shown.envious:.0f} %",
        f"{100 * shown.left_served:.0f} %",
        f"{100 * shown.right_served:.0f} %",
        f"{shown.over_capacity:,}",
        f"{shown.shown:,}",
    )


def rule_row(name: str, shown: Shown) -> tuple[str, ...]:
    """Cells of ``RULE_COLUMNS``: what has a meaning for expected lists too."""
    return (
        name,
        f"{shown.mutual_interests:.1f}",
        f"{shown.exposure_gini:.3f}",
        f"{shown.envy:.2f}",
        f"{100 * shown.envious:.0f} %",
        f"{shown.over_capacity:,}",
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
        [Series("by score alone", "b", before), Series("allocated", "a", after)],
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
        f"{s.tastes['needs']['no_allocation'].exposure_gini:.3f} before, "
        f"{s.tastes['needs']['lifts'].exposure_gini:.3f} after."
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
        "<b>No community has answered yet, so these answers are simulated.</b> A third of them is "
        "drawn by each hidden taste. What is foretold is the engine's preference. Slope and "
        "intercept of preferences are a convention until real answers calibrate them, so points "
        "off the diagonal are expected; points that do not rise would not be."
    )
    if not drawn.bins:
        return _section("Calibration", words, _words("There was no pair to decide on."))
    rows = [
        (f"{predicted:.2f}", f"{observed:.2f}", f"{count:,}")
        for count, predicted, observed in drawn.bins
    ]
    table = _table(
        "Simulated interest by preference",
        ("mean preference", "share interested", "answers"),
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


def _facets(measures: Measures) -> str:
    s = measures.simulation
    whole = {taste: s.tastes[taste]["lifts"].mutual_interests for taste in _tastes(s)}
    rows = [
        (
            facet.replace("_", " "),
            *(
                f"{100 * (found[taste] / of - 1):+.1f} %" if of else "–"
                for taste, of in whole.items()
            ),
        )
        for facet, found in sorted(s.facets.items(), key=lambda item: item[1]["needs"])
    ]
    words = _words(
        "A facet left out does not count for the ranking, while the simulated communities still "
        "decide by it: the loss says how much the lists owe to it under each taste. A gain means "
        "that what the facet prefers is not what that taste prefers."
    )
    columns = ("", *(TASTE_WORDS[taste] for taste in whole))
    return _section(
        "What each kind of fit adds",
        words,
        _table("Mutual interests without a facet", columns, rows),
    )


def _tastes(simulation: Simulation) -> list[str]:
    return [taste for taste in simulation.tastes if taste != STATED]
