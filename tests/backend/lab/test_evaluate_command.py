"""The command reads a folder of tables, ranks, and prints; no database is touched."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from matching.recovery.tables import Row
from tests.matching.recovery_world import made_up_rows

pytestmark = pytest.mark.usefixtures("one_draw")


def write_table(path: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    content = text.getvalue().encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = made_up_rows()
    write_table(tmp_path / "cities.csv.gz", rows["cities"])
    write_table(tmp_path / "countries.csv", rows["countries"])
    write_table(tmp_path / "us_states.csv", rows["states"])
    write_table(tmp_path / "air_routes.csv.gz", [{"src_iata": "AAA", "dst_iata": "BBB"}])
    write_table(
        tmp_path / "sister_pairs_world.csv.gz", [{"city_a_id": "1000", "city_b_id": "1100"}]
    )
    write_table(
        tmp_path / "train.csv", [row for row in rows["pairs"] if int(row["us_city_id"]) % 4]
    )
    write_table(
        tmp_path / "find.csv", [row for row in rows["pairs"] if not int(row["us_city_id"]) % 4]
    )
    return tmp_path


def evaluate(folder: Path, *options: str) -> str:
    out = io.StringIO()
    call_command(
        "evaluate",
        "--data",
        str(folder),
        "--train",
        str(folder / "train.csv"),
        *options,
        stdout=out,
    )
    return out.getvalue()


def test_json_holds_the_measures_of_the_pairs_to_find(folder: Path) -> None:
    found = json.loads(evaluate(folder, "--pairs", str(folder / "find.csv"), "--json"))
    assert {"hit@10", "hit@50", "mrr", "pct", "auc"} <= set(found)
    assert found["auc"] > 0.6
    assert 0 < found["us_cities"] < 14


def test_without_pairs_to_find_the_table_is_of_folds_within_the_training_file(folder: Path) -> None:
    assert "66 pairs of 33 U.S. cities to find" in evaluate(folder, "--folds", "2")


def test_a_missing_table_is_named(folder: Path) -> None:
    (folder / "us_states.csv").unlink()
    with pytest.raises(CommandError, match=r"us_states\.csv is missing"):
        evaluate(folder)


def test_a_missing_column_is_named(folder: Path) -> None:
    write_table(folder / "train.csv", [{"us_city_id": "1", "foreign_city_id": "1000"}])
    with pytest.raises(CommandError, match=r"train\.csv: missing column\(s\) tier"):
        evaluate(folder)
