"""How well open data alone recovers real partnerships of U.S. cities."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from backend.lab.link_prediction import BASELINES, POOLS, Recovery, TableError, measure_recovery


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
            help="folder with cities.csv.gz, countries.csv, us_states.csv, …",
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
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = measure_recovery(
                options["data"],
                options["train"],
                options["pairs"],
                folds=options["folds"],
                pool=options["pool"],
            )
        except TableError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(_as_json(found)) if options["json"] else _as_table(found))


def _as_json(found: Recovery) -> dict[str, float | int | str]:
    m = found.measures
    return {
        "hit@10": m.hit_at_10,
        "hit@50": m.hit_at_50,
        "mrr": m.mrr,
        "pct": m.percentile,
        "auc": m.auc,
        "recall@50": m.recall_at_50,
        "ndcg@10": m.ndcg_at_10,
        "pool": found.pool,
        "pool_size": found.pool_size,
        "us_cities": found.cities,
        "pairs": found.pairs,
    }


def _as_table(found: Recovery) -> str:
    m = found.measures
    lines = [
        f"{found.pairs} pairs of {found.cities} U.S. cities to find among {found.pool_size} "
        f"foreign cities (pool: {found.pool})",
        "",
        f"{'':<34} hit@10  hit@50     mrr    pct     auc",
        f"{'this ranking':<34} {m.hit_at_10:6.3f}  {m.hit_at_50:6.3f}  {m.mrr:6.3f}  "
        f"{m.percentile:5.1f}  {m.auc:6.3f}",
    ]
    if found.pool == "partners":
        lines += ["", "For comparison, on the public pairs with five folds:"]
        lines += [
            f"{name:<34} {h10:6.3f}  {h50:6.3f}  {mrr:6.3f}  {pct:5.1f}  {auc:6.3f}"
            for name, h10, h50, mrr, pct, auc in BASELINES
        ]
    return "\n".join(lines)
