"""Every threat that SECURITY.md names is tried by tests, and those tests are there."""

import ast
import re

import pytest

from tests.support.repository_texts import REPOSITORY, read

THREATS = (
    "another local user",
    "a neighboring instance",
    "a nested container",
    "a request forged through an application or a proxy",
    "a stolen host key",
    "a stolen session, used elsewhere",
    "a process number that is used again",
    "links and races at sockets and the data directory",
    "a flood on one instance's metadata",
)
_TEST = re.compile(r"`(tests/[a-z0-9_/]+\.py)::(test_[a-z0-9_]+)`")
_ANY_CODE = re.compile(r"`[^`]+`")


def rows() -> dict[str, str]:
    """The last cell of each row of the table, by its first."""
    section = read("SECURITY.md").partition("\n## Tested attacks\n")[2].partition("\n## ")[0]
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return {row[0]: row[-1] for row in cells[1:]}


def named_in(path: str) -> set[str]:
    """The tests that a module really has: what is only said in a comment or a string is none."""
    tree = ast.parse((REPOSITORY / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_the_table_has_each_threat_once() -> None:
    assert tuple(rows()) == THREATS


@pytest.mark.parametrize("threat", THREATS)
def test_each_threat_is_tried_by_tests_that_are_there(threat: str) -> None:
    named = _TEST.findall(rows()[threat])
    assert len(named) == len(_ANY_CODE.findall(rows()[threat])) > 1
    assert not [f"{path}::{name}" for path, name in named if name not in named_in(path)]
