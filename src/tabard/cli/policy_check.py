"""`tabard policy check`: errors that AWS refuses in a policy, and warnings about what never matches."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from tabard.cli.listing import JsonOption, show_json
from tabard.cli.running import complain
from tabard.cli.shown import printable
from tabard.model.own_services import OWN_SERVICES
from tabard.policy import (
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Position,
    element_spans,
    parse_document,
    require_current_version,
    require_customer_resource_control,
)
from tabard.policy.advice import advise
from tabard.policy.diagnosis import diagnose, place_of
from tabard.policy.vocabulary import Action, Vocabulary
from tabard.services.iam.service_reference import aws_vocabulary

_OWN_RESOURCES = {
    "hosts": (
        "arn:${Partition}:hosts:${Region}:${Account}:host/${HostId}",
        "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}",
    ),
    "tabard": (
        "arn:${Partition}:tabard:${Region}:${Account}:${Name}",
        "arn:${Partition}:iam::${Account}:${Kind}/${NameWithPath}",
    ),
}
_HOSTS_KEYS = ("hosts:HostId", "hosts:InstanceHostId")
_CURRENT_VERSION_ONLY = (DocumentKind.BOUNDARY, DocumentKind.SERVICE_CONTROL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """An error, which AWS refuses, or a warning, which AWS accepts."""

    level: Literal["error", "warning"]
    position: Position
    sentence: str
    hint: str = ""

    def as_text(self, name: str) -> str:
        """Return the finding in a compiler's form: `file:line:column: level: sentence`."""
        code = f"{MalformedPolicyDocument.code}: " if self.level == "error" else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{name}:{self.position}: {self.level}: {code}{self.sentence}{hint}"

    def as_json(self) -> dict[str, object]:
        """Return the same as values that JSON knows."""
        code = MalformedPolicyDocument.code if self.level == "error" else None
        line, column = self.position
        return {
            "level": self.level,
            "code": code,
            "line": line,
            "column": column,
            "sentence": self.sentence,
            "hint": self.hint,
        }


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Policy documents; - reads stdin.")],
    kind: Annotated[
        DocumentKind, typer.Option("--kind", help="The kind of the documents. Each kind has its own rules.")
    ] = DocumentKind.IDENTITY,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with status 1 for a warning as well.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check policy documents. AWS refuses errors; a warning marks an element that can never match.

    The exit status is 1 if there is an error.
    """
    failed = False
    documents: list[dict[str, object]] = []
    for file in files:
        findings = tuple(findings_in(text_of(file), kind))
        valid = not any(finding.level == "error" for finding in findings)
        failed = failed or not valid or (strict and bool(findings))
        name = "<stdin>" if str(file) == "-" else printable(str(file))
        if as_json:
            said = {"file": name, "kind": str(kind), "valid": valid}
            documents.append({**said, "findings": [finding.as_json() for finding in findings]})
            continue
        for finding in findings:
            typer.echo(printable(finding.as_text(name)))
        if valid:
            typer.echo(f"{name}: a valid {kind} policy")
    if as_json:
        show_json({"documents": documents})
    raise typer.Exit(1 if failed else 0)


def findings_in(text: str, kind: DocumentKind) -> Iterator[Finding]:
    """Yield the error of a document that is refused, and the warnings about one that is not."""
    error = error_in(text, kind)
    if error is not None:
        yield error
        return
    document, spans = parse_document(text, kind=kind), element_spans(text)
    refusal = _refused_for_its_use(document)
    if refusal is not None:
        yield Finding(level="error", position=place_of(("Version",), spans), sentence=refusal)
    for advice in advise(document, vocabulary()):
        yield Finding(level="warning", position=place_of(advice.path, spans), sentence=advice.sentence)


def error_in(text: str, kind: DocumentKind) -> Finding | None:
    """Why a document is refused, and if it is wrong; None if it is valid."""
    fault = diagnose(text, kind=kind)
    if fault is None:
        return None
    return Finding(level="error", position=fault.position, sentence=fault.sentence, hint=fault.hint)


def vocabulary() -> Vocabulary:
    """Return AWS's vocabulary, with the actions of Tabard's own services."""
    aws = aws_vocabulary()
    # From the messages, because editors run this often: the operations would import all of the edge.
    own = {
        name: {
            each.lower(): Action(name=each, resources=_OWN_RESOURCES[name])
            for each in service.operation_names()
        }
        for name, service in OWN_SERVICES.items()
    }
    keys = {key.lower(): key for key in _HOSTS_KEYS}
    return Vocabulary(actions={**aws.actions, **own}, keys={**aws.keys, **keys}, multivalued=aws.multivalued)


def _refused_for_its_use(document: Document) -> str | None:
    try:
        if document.kind in _CURRENT_VERSION_ONLY:
            require_current_version(document)
        if document.kind is DocumentKind.RESOURCE_CONTROL:
            require_customer_resource_control(document)
    except MalformedPolicyDocument as error:
        return error.message
    return None


def text_of(file: Path) -> str:
    """Read a file; - is stdin. Exit with a sentence if it cannot be read."""
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        complain(f"cannot read {file}: {error}")
