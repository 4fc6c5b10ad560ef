"""Every regular expression of the package means the same on every CPython that Tabard supports.

CPython before 3.11.5 matches possessive quantifiers (`a++`) and atomic groups (`(?>a)`) wrongly.
Reference: https://docs.python.org/3.11/whatsnew/changelog.html#python-3-11-5-final, gh-106052.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from re import _constants, _parser  # type: ignore[attr-defined]

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from tabard.wire import java_patterns
from tests.support.package_contents import SOURCE, modules

_WRONG_ON_OLD_PATCHES = frozenset((_constants.ATOMIC_GROUP, _constants.POSSESSIVE_REPEAT))
_FUNCTIONS = frozenset(
    ("compile", "match", "fullmatch", "search", "sub", "subn", "split", "findall", "finditer")
)
# This module translates the patterns of AWS's models; a test below looks at every one of them.
_TRANSLATES_PATTERNS = "wire/java_patterns.py"
_MODELS = ("dynamodb", "ec2", "iam", "s3", "sqs", "sts")


def refused_constructs(pattern: str | bytes, flags: int = 0) -> set[str]:
    """The names of the constructs in a pattern that an old patch release matches wrongly."""
    return {str(one) for one in _opcodes(_parser.parse(pattern, flags)) if one in _WRONG_ON_OLD_PATCHES}


def _opcodes(node: object) -> Iterator[object]:
    """Every opcode of a parsed pattern, however deep."""
    if isinstance(node, _parser.SubPattern):
        for opcode, argument in node:
            yield opcode
            yield from _opcodes(argument)
    elif isinstance(node, list | tuple):
        for inner in node:
            yield from _opcodes(inner)


def _patterns_in(value: object, depth: int = 3) -> Iterator[re.Pattern[str] | re.Pattern[bytes]]:
    """Compiled patterns in a module's or a class's attribute, in containers too."""
    if isinstance(value, re.Pattern):
        yield value
    elif depth and isinstance(value, Mapping):
        yield from _patterns_in(tuple(value.values()), depth - 1)
    elif depth and isinstance(value, tuple | list | set | frozenset):
        for inner in value:
            yield from _patterns_in(inner, depth - 1)
    elif depth and isinstance(value, type) and value.__module__.startswith("tabard."):
        yield from _patterns_in(tuple(vars(value).values()), depth - 1)


@cache
def compiled_patterns() -> dict[str, tuple[str | bytes, int]]:
    """Where the patterns are that modules compile when they are imported, with their text and flags."""
    return {
        f"{module.__name__}.{name} {number}": (pattern.pattern, pattern.flags & ~re.DEBUG)
        for module in modules()
        for name, value in vars(module).items()
        for number, pattern in enumerate(_patterns_in(value))
    }


@cache
def calls() -> dict[str, ast.expr]:
    """The first argument of every call of a function of `re` in the package, by file and line."""
    return {
        f"{path.relative_to(SOURCE)}:{node.lineno}": node.args[0]
        for path in sorted(SOURCE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and _is_of_re(node.func) and node.args
    }


def _is_of_re(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and isinstance(function.value, ast.Name)
        and function.value.id == "re"
        and function.attr in _FUNCTIONS
    )


def _module_level_calls(path: Path) -> set[int]:
    """The lines of calls that run when a module is imported: outside of every function."""
    found: set[int] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.Call) and _is_of_re(node.func):
            found.add(node.lineno)
        waiting.extend(ast.iter_child_nodes(node))
    return found


@pytest.mark.parametrize("pattern", ["a++", "a*+", "a?+", "a{2,3}+", "(?>a)", "(?:b(a++|c))*", "(?=(?>a))b"])
def test_a_construct_that_old_patches_match_wrongly_is_found_at_any_depth(pattern: str) -> None:
    assert refused_constructs(pattern)


@pytest.mark.parametrize("pattern", [r"a\++", "[*+]+", "a+?", "(?:a|b)*", r"\(\?>"])
def test_a_pattern_that_only_looks_like_such_a_construct_is_not_refused(pattern: str) -> None:
    assert not refused_constructs(pattern)


def test_known_patterns_are_among_those_looked_at() -> None:
    places = {place.rpartition(" ")[0] for place in compiled_patterns()}
    assert {
        "tabard.sigv4.canonical._CANONICAL_QUERY",
        "tabard.policy.pattern._WITH_VARIABLES",
        "tabard.wire.rebuild_s3._PLAIN",
        "tabard.services.s3.keys._ORDINARY",
    } <= places


def test_no_pattern_of_a_module_has_a_construct_that_an_old_patch_matches_wrongly() -> None:
    refused = {
        place: found
        for place, (text, flags) in compiled_patterns().items()
        if (found := refused_constructs(text, flags))
    }
    assert refused == {}


def test_a_pattern_that_a_function_uses_is_a_literal_without_such_a_construct() -> None:
    unknown, refused = [], {}
    for place, argument in calls().items():
        name, _, line = place.rpartition(":")
        if name == _TRANSLATES_PATTERNS or int(line) in _module_level_calls(SOURCE / name):
            continue
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str | bytes)):
            unknown.append(place)
        elif found := refused_constructs(argument.value):
            refused[place] = found
    assert (unknown, refused) == ([], {})


@pytest.mark.parametrize("service", _MODELS)
def test_no_pattern_of_an_aws_model_has_a_construct_that_an_old_patch_matches_wrongly(service: str) -> None:
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service_name=service)
    patterns = {
        str(shape.metadata["pattern"])
        for shape in map(model.shape_for, model.shape_names)
        if "pattern" in shape.metadata
    }
    translated = [java_patterns._compile(pattern, 128).pattern for pattern in sorted(patterns)]
    assert not [text for text in translated if refused_constructs(text, re.ASCII)]
