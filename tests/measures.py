"""Measures the code base: ``.venv/bin/python -m tests.measures`` prints the table.

Only tracked files count; migrations count as files, not as code. Shares are of all lines, mean
widths of the lines that are not blank.
"""

from __future__ import annotations

import ast
import io
import re
import statistics
import subprocess
import sys
import tokenize
from collections.abc import Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# 720 when the rooms were set in order. A subject that comes brings its files, and a new limit:
# members, statements of partnerships and seekers brought forty.
MOST_FILES, MOST_WIDE, WIDE_LINE = 760, 20, 200


def _output(*words: str) -> str:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@cache
def files(*patterns: str) -> list[Path]:
    """The tracked files that exist, those that match git's ``patterns`` if any are given."""
    listed = (ROOT / name for name in _output("git", "ls-files", "-z", *patterns).split("\0")[:-1])
    return [path for path in listed if path.is_file()]


def modules(*, of_tests: bool) -> list[Path]:
    return [
        path
        for path in files("*.py")
        if (ROOT / "tests" in path.parents) == of_tests and "migrations" not in path.parts
    ]


def lines(paths: Sequence[Path]) -> list[str]:
    return [line for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


def template_lines() -> list[str]:
    return lines(files("*/templates/*.html"))


def wide_template_lines() -> int:
    return sum(len(line) > WIDE_LINE for line in template_lines())


def mean_width(all_lines: Sequence[str]) -> float:
    return statistics.mean(len(line) for line in all_lines if line.strip())


def comment_lines(source: str) -> int:
    """Lines with a comment, also one beside code."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


def height(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def docstring_lines(tree: ast.AST) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(tree) if isinstance(node, documented)]
    return sum(height(node.body[0]) for node in nodes if ast.get_docstring(node) is not None)


def function_lines(tree: ast.AST) -> list[int]:
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [height(node) for node in ast.walk(tree) if isinstance(node, functions)]


def complexities(paths: Sequence[Path]) -> list[int]:
    """The cyclomatic complexity of each function, as ruff counts it."""
    ruff = str(Path(sys.executable).parent / "ruff")
    limit = ("--select", "C901", "--config", "lint.mccabe.max-complexity=0")
    said = _output(ruff, "check", *limit, "--output-format", "concise", *map(str, paths))
    return [int(number) for number in re.findall(r"too complex \((\d+) > 0\)", said)]


def percentile_90(values: Sequence[int]) -> float:
    return statistics.quantiles(values, n=10)[-1]


def column(paths: list[Path]) -> dict[str, str]:
    """The measures of these modules by name."""
    sources = [path.read_text(encoding="utf-8") for path in paths]
    trees, text = [ast.parse(source) for source in sources], lines(paths)
    lengths = [length for tree in trees for length in function_lines(tree)]
    median, longest = statistics.median(lengths), percentile_90(lengths)
    count, over = len(text), [sum(s.count("\n") > most for s in sources) for most in (300, 500)]
    return {
        "modules": f"{len(paths)}",
        "lines": f"{count:,}",
        "modules over 300 / 500 lines": f"{over[0]} / {over[1]}",
        "function lines: median / p90": f"{median:g} / {longest:g}",
        "complexity: p90": f"{percentile_90(complexities(paths)):g}",
        "mean characters a line": f"{mean_width(text):.1f}",
        "lines over 100 characters": f"{sum(len(line) > 100 for line in text) / count:.2%}",
        "comment lines": f"{sum(map(comment_lines, sources)) / count:.1%}",
        "docstring lines": f"{sum(map(docstring_lines, trees)) / count:.1%}",
    }


if __name__ == "__main__":
    production, tests = (column(modules(of_tests=of_tests)) for of_tests in (False, True))
    print(f"{'':30}{'production':>14}{'tests':>14}")
    for name, value in production.items():
        print(f"{name:30}{value:>14}{tests[name]:>14}")
    print(f"\ntracked files: {len(files())}, at most {MOST_FILES}")
    print(
        f"template lines over {WIDE_LINE} characters: {wide_template_lines()}, at most {MOST_WIDE}"
    )
    print(f"mean characters a template line: {mean_width(template_lines()):.1f}")
