"""docs/differences-from-aws.md: the `Differs:` lines of the docstrings."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sources.markdown import NOTICE
from tabard.edge.tables import OPERATIONS

_INTRODUCTION = """# Differences from AWS

AWS's documented behavior is the specification. Where Tabard knowingly differs, a docstring beside the code
states it, and this page collects those lines. It does not list operations that Tabard does not offer:
Tabard refuses an operation without a row in [operations.md](operations.md).
"""
_AREAS = {
    "services/iam": "IAM",
    "services/sts": "STS",
    "services/ec2": "EC2",
    "services/s3": "S3",
    "services/dynamodb": "DynamoDB",
    "services/sqs": "SQS",
    "services/hosts": "Hosts",
    "imds": "Instance metadata",
    "agent": "Agent and instances",
    "policy": "Policies",
    "sigv4": "Signatures",
    "wire": "Protocols",
    "edge": "Forwarding",
}
_MARK = "Differs:"
_SECTION = re.compile(r"[A-Z][A-Za-z]+:(\s|$)")
_PAGE = re.compile(r"AWS: (https://\S+[^\s.,;)])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One `Differs:` line, and where it stands. `name` is empty for a module."""

    source: str
    name: str
    summary: str
    text: str
    page: str

    @property
    def area(self) -> str:
        inside = self.source.removeprefix("src/tabard/")
        for folder, title in _AREAS.items():
            if inside.startswith(f"{folder}/"):
                return title
        return "Elsewhere"


def differences_page(repository: Path) -> str:
    """The page."""
    found = sorted(differences(repository), key=lambda each: (each.source, each.name))
    parts = [NOTICE, "", _INTRODUCTION]
    for area in dict.fromkeys((*_AREAS.values(), "Elsewhere")):
        lines = [_line(each) for each in found if each.area == area]
        if lines:
            parts += [f"## {area}\n", *lines, ""]
    return "\n".join(parts).rstrip() + "\n"


def differences(repository: Path) -> Iterator[Difference]:
    """Every `Differs:` line of every docstring, attribute docstrings included."""
    for path in sorted((repository / "src" / "tabard").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if _MARK in text:
            yield from _in_node(ast.parse(text), path.relative_to(repository).as_posix(), "")


def _in_node(node: ast.AST, source: str, name: str) -> Iterator[Difference]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            said = child.value.value
            if isinstance(said, str) and _MARK in said:
                yield from _in_docstring(said, source, name)
        elif isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _in_node(child, source, f"{name}.{child.name}" if name else child.name)
        else:
            yield from _in_node(child, source, name)


def _in_docstring(docstring: str, source: str, name: str) -> Iterator[Difference]:
    lines = [line.strip() for line in docstring.strip().splitlines()]
    page = _PAGE.search(docstring)
    for number, line in enumerate(lines):
        if not line.startswith(_MARK):
            continue
        said = [line.removeprefix(_MARK)]
        for following in lines[number + 1 :]:
            if not following or _SECTION.match(following):
                break
            said.append(following)
        yield Difference(
            source=source,
            name=name,
            summary=lines[0],
            text=" ".join(" ".join(said).split()),
            page=page[1] if page else "",
        )


def _line(each: Difference) -> str:
    links = [f"[{Path(each.source).name}](../{each.source})"]
    if each.page:
        links.insert(0, f"[AWS]({each.page})")
    about = "" if each.summary.startswith("AWS:") else f" ({each.summary.rstrip('.:')})"
    return f"- **{_subject(each)}**{about}: {each.text} {' · '.join(links)}"


def _subject(each: Difference) -> str:
    operation = "".join(part.title() for part in each.name.split("_"))
    service = each.source.removeprefix("src/tabard/services/").partition("/")[0]
    for known, operations in OPERATIONS.items():
        if service == known and operation in operations:
            return operation
    return f"`{each.name}`" if each.name else f"`{Path(each.source).stem}`"
