"""The command lines that the documents tell a reader to type, and the targets of the Makefile."""

import re
import shlex
from collections.abc import Iterator, Mapping
from functools import cache

import typer

from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tests.support.repository_texts import blocks, markdown, read

_RULE = re.compile(r"^([a-z][a-z-]*):(?!=)([^#\n]*)(?:##[^\n]*)?\n((?:\t[^\n]*\n|\n)*)", re.MULTILINE)
_MAKES = re.compile(r"\$\(MAKE\)(?: -[\w-]+)* (\S+)")
_LOOP = re.compile(r"for (\w+) in ([^;]+);")
_ASSIGNMENT = re.compile(r"^([A-Z_]+) *[:?]?= *((?:[^\\\n]|\\\n)*)", re.MULTILINE)


def command_lines(text: str) -> Iterator[list[str]]:
    """The words of every command in the `sh` blocks, those within `$(…)` as well."""
    for block in blocks(text, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            yield from (shlex.split(inner) for inner in re.findall(r"\$\(([^)]+)\)", line))
            words = shlex.split(line, comments=True)
            if words:
                yield words


def commands_of_documents() -> Mapping[str, list[tuple[str, list[str]]]]:
    """Each command as `named` names it, with the documents that have it and its words there."""
    found: dict[str, list[tuple[str, list[str]]]] = {}
    for document, text in markdown().items():
        for words in command_lines(text):
            found.setdefault(named(words), []).append((document, words))
    return found


def named(words: list[str]) -> str:
    """What a command line does, without the values that a reader replaces.

    `tabard run --policy s3-read.json -- pytest tests/` is `tabard run --policy --`.
    """
    match words[0]:
        case "tabard":
            return " ".join(["tabard", *_of_tabard(words[1:])])
        case "aws":
            return " ".join(words[:3])
        case "make" | "pip" | "python":
            return " ".join(words[:2])
        case program:
            return program


def _of_tabard(words: list[str]) -> Iterator[str]:
    group = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(group, "commands", {}):
        yield rest[0]
        group = loaded(group.commands[rest.pop(0)])  # type: ignore[attr-defined]
    for word in rest:
        if word.startswith("-"):
            yield word.partition("=")[0]
        if word == "--":
            return


@cache
def make_targets() -> dict[str, frozenset[str]]:
    """Every target of the Makefile that is no file, and the targets that it makes in turn."""
    makefile = read("Makefile")
    values = {name: value.replace("\\\n", " ") for name, value in _ASSIGNMENT.findall(makefile)}
    rules = {name: (before, recipe) for name, before, recipe in _RULE.findall(makefile)}
    found = {}
    for name, (before, recipe) in rules.items():
        makes = [*before.split(), *_MAKES.findall(recipe)]
        for variable, several in _LOOP.findall(recipe):
            if f"$${variable}" in makes:
                makes += values.get(several.strip("$()"), several).split()
        found[name] = frozenset(rules.keys() & makes)
    return found


def made_in_turn(target: str) -> frozenset[str]:
    """The target, what it makes, and what that makes."""
    found: set[str] = set()
    waiting = [target]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(make_targets()[one])
    return frozenset(found)
