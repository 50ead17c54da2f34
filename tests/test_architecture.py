"""The directions and habits of the code, checked on the code itself."""

from __future__ import annotations

import ast
import functools
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import division, measures

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("matching", "backend", "tasks")
LONGEST_MODULE = 500
# Words that would name nothing here: suggestion, pair, candidate, pattern or equality say it.
FORBIDDEN_FILES = {"utils.py", "helpers.py", "misc.py"}

SHARED_CLASS_NAMES = {
    *("Meta", "Command"),  # Django reads them by these names
    *("Status", "Kind", "Reason"),  # the values of a model's field of the same name, said as A.Kind
}


def modules() -> list[Path]:
    return [
        path
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "migrations" not in path.parts and path.stat().st_size
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


class Module:
    """What the tests ask of one module; its tree, which is large, is not kept."""

    def __init__(self, path: Path) -> None:
        tree = parsed(path)
        self.docstring = ast.get_docstring(tree)
        self.classes: list[str] = []
        self.imported: set[str] = set()
        self.written_at: list[int] = []
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                self.classes.append(node.name)
            elif isinstance(node, ast.Import):
                self.imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                self.imported.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Call) and writes(node):
                self.written_at.append(node.lineno)


module_at = functools.cache(Module)


def test_import_contracts_hold() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_name_without_a_subject() -> None:
    assert [name_of(path) for path in modules() if path.name in FORBIDDEN_FILES] == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_module_has_one_subject_and_says_which(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LONGEST_MODULE, f"{lines} lines"
    trivial = path.name in {"apps.py", "__init__.py"}
    assert trivial or module_at(path).docstring, "says in no docstring what it is about"


def test_class_name_has_one_meaning() -> None:
    places: dict[str, list[str]] = {}
    for path in modules():
        for name in module_at(path).classes:
            if name not in SHARED_CLASS_NAMES:
                places.setdefault(name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_modules_of_tests_are_as_short() -> None:
    sizes = {name_of(path): len(measures.lines([path])) for path in measures.modules(of_tests=True)}
    assert {name: size for name, size in sizes.items() if size > LONGEST_MODULE} == {}


def test_number_of_files_and_width_of_templates_stay_within_their_limits() -> None:
    if not measures.files():
        pytest.skip("not a checkout of git")
    assert len(measures.files()) <= measures.MOST_FILES
    assert measures.wide_template_lines() <= measures.MOST_WIDE


def services() -> list[Path]:
    return [
        path for path in modules() if path.name == "services.py" or path.parent.name == "services"
    ]


@pytest.mark.parametrize("path", services(), ids=name_of)
def test_writing_services_are_atomic_and_take_by(path: Path) -> None:
    """A public function that takes ``by`` writes; it runs in a transaction, and everything after
    ``*`` is named.
    """
    for function in parsed(path).body:
        if not isinstance(function, ast.FunctionDef) or function.name.startswith("_"):
            continue
        keywords = {argument.arg for argument in function.args.kwonlyargs}
        if "by" not in keywords:
            continue
        decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
        single_statement = sum(
            "update(" in ast.unparse(node) for node in function.body
        ) == 1 and "record(" not in ast.unparse(function)
        # A file is read and stored before the lock, and deleted again when its row is not
        # written.
        demands_one = "in_atomic_block" in ast.unparse(function) or re.search(
            r"\bwith .*\btransaction\.atomic\(\)", ast.unparse(function)
        )
        assert "transaction.atomic" in decorators or single_statement or demands_one, (
            f"{function.name} is not atomic"
        )
        assert ast.get_docstring(function), f"{function.name} has no docstring"


WRITES = {
    "acreate",
    "adelete",
    "asave",
    "aupdate",
    "bulk_create",
    "bulk_update",
    "create",
    "delete",
    "get_or_create",
    "save",
    "update_or_create",
}


def writes(call: ast.Call) -> bool:
    """True for a call that writes rows. ``update`` of rows names its columns; that of a dict or a
    hash does not.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    if ast.unparse(call.func.value) == "super()":
        return False
    name = call.func.attr
    return name in WRITES or (name == "update" and bool(call.keywords) and not call.args)


def test_views_write_through_services_alone() -> None:
    """In every module of the web: the one exception keeps the web's own table of idempotency
    keys.
    """
    web = ROOT / "backend" / "web"
    wrong = [
        f"{name_of(path)}:{line}"
        for path in modules()
        if path.is_relative_to(web) and path != web / "rest" / "idempotency.py"
        for line in module_at(path).written_at
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "is_write"),
    [
        ("User.objects.filter(pk=1).update(language='fr')", True),
        ("rows.update(**values)", True),
        ("user.save()", True),
        ("User.objects.create(name='x')", True),
        ("rows.delete()", True),
        ("super().save_user(request, user)", False),
        ("super().save(commit=False)", False),
        ("context.update(extra)", False),
        ("catalogue.update(asked, no_fuzzy_matching=True)", False),
    ],
)
def test_writes_are_recognised(source: str, is_write: bool) -> None:
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    assert writes(call) == is_write


def test_network_is_reached_from_few_places() -> None:
    """Requests of the web never wait for a broker or a mail server: who may import a client is a
    short list.
    """
    allowed = {
        "backend/common/postgresql/base.py": {"socket"},
        "backend/web/operations/health.py": {"redis"},
        "backend/runtime/valkey.py": {"redis"},
        "backend/notifications/delivery.py": {"smtplib"},
        "backend/notifications/mail_files.py": {"smtplib"},  # its errors alone
    }
    clients = {"redis", "smtplib", "requests", "httpx", "urllib3", "socket"}
    for path in modules():
        if path.parts[len(ROOT.parts)] != "backend" or path.is_relative_to(
            ROOT / "backend" / "runtime"
        ):
            continue
        found = module_at(path).imported & clients
        assert found <= allowed.get(name_of(path), set()), name_of(path)


def test_each_test_belongs_to_one_of_the_two_commands(request: pytest.FixtureRequest) -> None:
    """A search to both of them."""
    collected = request.config.stash[division.COLLECTED]
    searches = set(filter(division.is_search, collected))
    ordinary, left_to_system = division.divide(collected, system=False, whole=True)
    system, left_to_ordinary = division.divide(collected, system=True, whole=True)
    assert set(left_to_system) == set(system) - searches
    assert set(left_to_ordinary) == set(ordinary) - searches
    assert set(ordinary) | set(system) == set(collected)
    assert set(ordinary) & set(system) == searches


def test_what_is_tried_at_length_is_marked_so() -> None:
    """Otherwise the long form would never run."""
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if "import at_length" in text:
            assert "mark.at_length" in text, name_of(path)


def test_only_system_tests_start_the_service(request: pytest.FixtureRequest) -> None:
    """Complete when the whole suite runs: then every test is collected."""
    starters = re.compile(r"^from tests\.(?:faults|web)\.service import", re.MULTILINE)
    collected = request.config.stash[division.COLLECTED]
    paths = {item.path for item in collected if not division.is_system_test(item)}
    assert [name_of(path) for path in sorted(paths) if starters.search(path.read_text())] == []


def test_a_path_that_is_named_runs_whole(request: pytest.FixtureRequest) -> None:
    collected = request.config.stash[division.COLLECTED]
    assert division.divide(collected, system=False, whole=False) == (collected, [])


def test_ci_runs_both_commands() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [
        line.partition('" ')[2] for line in lines if "manage.py test" in line and '"$@"' in line
    ] == [
        'python3 manage.py test "$@"',
        'python3 manage.py test --system --no-searches "$@"',
    ]
