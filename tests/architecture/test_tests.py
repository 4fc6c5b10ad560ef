"""The tests are fast and honest: they share one package, prove nothing by sleeping, and can be repeated."""

import ast
from collections.abc import Callable, Iterable, Iterator
from functools import cache

import pytest

from tests.support.repository_texts import REPOSITORY

TESTS = REPOSITORY / "tests"
FILES = {
    path.relative_to(TESTS).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(TESTS.rglob("*.py"))
}

MAY_SLEEP = {
    "flows/test_killed_processes.py": "what is killed is killed at the seeded dice's moments",
    "flows/test_live_rotation.py": "the application has to work for as long as the soak takes",
    "store/test_store_processes.py": "commits and kills come at the seeded dice's moments",
    "support/edge_listener.py": "a client that pauses within its request",
}
"""Sleeps that make a load, or a client that is slow, and prove nothing."""


@cache
def nodes(tree: ast.Module) -> list[ast.AST]:
    return list(ast.walk(tree))


def imported(tree: ast.Module) -> Iterator[str]:
    """What a file imports, by its whole name."""
    for node in nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an expression of names; nothing for every other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


@cache
def calls(tree: ast.Module) -> list[tuple[str, ast.Call]]:
    """Every call, by the name of what is called."""
    return [(dotted(node.func), node) for node in nodes(tree) if isinstance(node, ast.Call)]


def where(find: Callable[[ast.Module], Iterable[ast.AST]]) -> list[str]:
    """The places in the tests at which there is such a thing, as `file:line: text`."""
    return [
        f"tests/{file}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"
        for file, tree in FILES.items()
        for node in find(tree)
    ]


def is_a_tests(module: str) -> bool:
    return any(part == "conftest" or part.startswith("test_") for part in module.split("."))


def imports_of_tests(tree: ast.Module) -> Iterator[ast.AST]:
    for node in nodes(tree):
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        else:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if any(is_a_tests(module) for module in modules):
            yield node
    yield from (call for name, call in calls(tree) if name in ("runpy.run_path", "runpy.run_module"))


def test_no_test_imports_a_test_module_or_a_conftest() -> None:
    """What two of them need is in `tests/support/`."""
    assert where(imports_of_tests) == []


def edits_of_the_path(tree: ast.Module) -> Iterator[ast.AST]:
    yield from (call for name, call in calls(tree) if name.startswith("sys.path."))
    for node in nodes(tree):
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AugAssign) else targets
        for target in targets:
            if dotted(target.value if isinstance(target, ast.Subscript) else target) == "sys.path":
                yield node


def test_no_test_edits_the_path_of_imports() -> None:
    assert where(edits_of_the_path) == []


def replacements(tree: ast.Module) -> Iterator[ast.AST]:
    ours = {name.rpartition(".")[2] for name in imported(tree) if name.startswith("tabard.")}
    for name, call in calls(tree):
        if name.endswith((".setattr", ".delattr")) and call.args:
            target = call.args[0]
            text = target.value if isinstance(target, ast.Constant) else dotted(target)
            if str(text).partition(".")[0] in {"tabard", "sys", *ours}:
                yield call
        elif name in ("patch", "patch.object", "mock.patch", "mock.patch.object"):
            yield call


def test_no_test_replaces_what_a_module_of_ours_holds() -> None:
    """What a test wants otherwise is an argument or a setting of the object."""
    assert where(replacements) == []


def unseeded_chance(tree: ast.Module) -> Iterator[ast.AST]:
    for name, call in calls(tree):
        if name.startswith("random.") and not (name == "random.Random" and call.args):
            yield call


def test_chance_is_seeded() -> None:
    """A failure can be repeated: chance comes from a `random.Random` with a seed."""
    assert where(unseeded_chance) == []


def sleeps_outside_of_a_loop(node: ast.AST, *, is_looking: bool = False) -> Iterator[ast.Call]:
    """Sleeps that are not between two looks at something: in no `while`. A turn of the loop is no sleep."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call) and dotted(child.func) in ("time.sleep", "asyncio.sleep"):
            is_a_turn = isinstance(child.args[0], ast.Constant) and child.args[0].value == 0
            if not is_looking and not is_a_turn:
                yield child
        inside = isinstance(child, ast.While) or (
            is_looking and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        yield from sleeps_outside_of_a_loop(child, is_looking=inside)


def test_no_sleep_proves_an_order_or_an_absence() -> None:
    """What must come is looked for; what must not come is proved by what comes after it."""
    found = where(sleeps_outside_of_a_loop)
    allowed = {file: [place for place in found if place.startswith(f"tests/{file}:")] for file in MAY_SLEEP}
    assert [place for place in found if not any(place in places for places in allowed.values())] == []
    assert all(allowed.values()), "an exception is left over"


def test_the_packages_of_the_tests_hold_nothing_by_themselves() -> None:
    packages = [TESTS / "__init__.py", TESTS / "support" / "__init__.py"]
    assert [path for path in TESTS.rglob("__init__.py") if path not in packages] == []
    assert all(path.read_bytes() == b"" for path in packages)


@pytest.mark.parametrize(
    ("find", "program"),
    [
        (imports_of_tests, "from tests.unit.test_clock import NOW"),
        (imports_of_tests, "import conftest"),
        (imports_of_tests, "runpy.run_path('x')"),
        (edits_of_the_path, "sys.path.insert(0, 'x')"),
        (edits_of_the_path, "sys.path[:0] = ['x']"),
        (replacements, "from tabard.edge import door\nmonkeypatch.setattr(door, 'SECONDS', 1)"),
        (replacements, "monkeypatch.setattr('tabard.edge.door.SECONDS', 1)"),
        (unseeded_chance, "random.uniform(0, 1)"),
        (unseeded_chance, "random.Random()"),
    ],
)
def test_such_a_thing_is_found(find: Callable[[ast.Module], Iterable[ast.AST]], program: str) -> None:
    """The tests above can fail."""
    assert list(find(ast.parse(program)))


@pytest.mark.parametrize(
    ("program", "is_found"),
    [
        ("time.sleep(1)", True),
        ("async def f():\n  await asyncio.sleep(0.1)", True),
        ("for x in y:\n  time.sleep(0.1)", True),
        ("while x:\n  def f():\n    time.sleep(1)", True),
        ("while x:\n  time.sleep(1)", False),
        ("asyncio.sleep(0)", False),
    ],
)
def test_such_a_sleep_is_found(program: str, is_found: bool) -> None:
    """The tests above can fail."""
    assert bool([*sleeps_outside_of_a_loop(ast.parse(program))]) is is_found
