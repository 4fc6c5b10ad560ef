"""The flows leave out no operation."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name

from tabard.edge.tables import OPERATIONS
from tabard.wire.request import ServiceName

SERVICES: tuple[ServiceName, ...] = ("iam", "sts", "ec2", "s3", "dynamodb", "sqs")


@cache
def used() -> frozenset[str]:
    """The methods that the flows take of a client, and what they name as an argument, as a paginator is.

    Programs that run on instances are strings here; they are read as well.
    """
    flows = Path(__file__).parent.glob("test_*.py")
    return frozenset(name for path in flows for name in names_in(path.read_text(encoding="utf-8")))


def names_in(program: str) -> Iterator[str]:
    try:
        tree = ast.parse(program)
    except SyntaxError:  # a string that is no program
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Call):
            for argument in node.args:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" in node.value:
            yield from names_in(node.value)


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_is_offered_has_a_flow(service: ServiceName) -> None:
    assert [name for name in OPERATIONS[service] if xform_name(name) not in used()] == []


def test_a_word_in_a_comment_or_a_sentence_is_no_use() -> None:
    assert set(names_in("# iam.create_role\n'''create_role'''\nx = 'create_role'")) == set()
    assert set(names_in("iam.create_role; pages('list_roles')")) == {"create_role", "list_roles"}
    assert "get_role" in set(names_in("PROGRAM = '''\nimport boto3\nboto3.client('iam').get_role()\n'''"))
