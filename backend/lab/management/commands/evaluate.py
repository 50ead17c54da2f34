"""How well open data alone recovers real partnerships of U.S. cities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.lab.link_prediction import BASELINES, POOLS, Recovery, TableError, measure_recovery
from matching.metrics import RankingMeasures


class Command(BaseCommand):
    help = (
        "Rank foreign cities for each U.S. city by open data alone and measure how its real "
        "partners come out "
        "(resemblance to past choices, not proof of quality)."
    )
    # Reads files only: neither database nor broker is needed
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--data",
            type=Path,
            required=True,
            metavar="DIR",
            help="folder with cities.csv.gz, countries.csv, us_states.csv, us_counties.csv, …",
        )
        parser.add_argument(
            "--train",
            type=Path,
            required=True,
            metavar="FILE",
            help="pairs that may be learned from",
        )
        parser.add_argument(
            "--pairs",
            type=Path,
            metavar="FILE",
            help="pairs to find; without it, folds by U.S. city within --train",
        )
        parser.add_argument(
            "--folds",
            type=int,
            default=5,
            help="folds by U.S. city when --pairs is not given (default 5)",
        )
        parser.add_argument(
            "--pool",
            choices=POOLS,
            default="partners",
            help="foreign cities of the pairs to find, or all of 20,000 and more",
        )
        parser.add_argument(
            "--seeds",
            type=int,
            default=1,
            metavar="N",
            help="means of N runs, each with folds and draws of its own (default 1)",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = measure_recovery(
                options["data"],
                options["train"],
                options["pairs"],
                folds=options["folds"],
                pool=options["pool"],
                seeds=options["seeds"],
            )
        except TableError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(_as_json(found)) if options["json"] else _as_table(found))


def _named(measures: RankingMeasures) -> dict[str, float]:
    return {
        "hit@10": measures.hit_at_10,
        "hit@50": measures.hit_at_50,
        "mrr": measures.mrr,
        "pct": measures.percentile,
        "auc": measures.auc,
        "recall@50": measures.recall_at_50,
        "ndcg@10": measures.ndcg_at_10,
    }


def _as_json(found: Recovery) -> dict[str, Any]:
    return {
        **_named(found.measures),
        "se": _named(found.errors),
        "wrong_country": found.wrong_country,
        "wrong_city": found.wrong_city,
        "seeds": found.seeds,
        "pool": found.pool,
        "pool_size": found.pool_size,
        "us_cities": found.cities,
        "pairs": found.pairs,
    }


def _row(name: str, h10: float, h50: float, mrr: float, pct: float, auc: float) -> str:
    return f"{name:<34} {h10:6.3f}  {h50:6.3f}  {mrr:6.3f}  {pct:5.1f}  {auc:6.3f}"


def _as_table(found: Recovery) -> str:
    runs = "one run" if found.seeds == 1 else f"means of {found.seeds} runs"
    lines = [
        f"{found.pairs} pairs of {found.cities} U.S. cities to find among {found.pool_size} "
        f"foreign cities (pool: {found.pool}), {runs}",
        "",
        f"{'':<34} hit@10  hit@50     mrr    pct     auc",
        *(
            _row(name, of.hit_at_10, of.hit_at_50, of.mrr, of.percentile, of.auc)
            for name, of in (
                ("this ranking", found.measures),
                ("standard error over U.S. cities", found.errors),
            )
        ),
        "",
        f"Without a partner among the first ten: {found.wrong_country:.3f} with ten of other "
        f"countries, {found.wrong_city:.3f} with other cities of the right country.",
    ]
    if found.pool == "partners":
        lines += ["", "For comparison, on the public pairs with five folds:"]
        lines += [_row(*baseline) for baseline in BASELINES]
    return "\n".join(lines)
