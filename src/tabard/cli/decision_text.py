"""The reasons of a decision, as text for a terminal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tabard.policy import MatchedStatement


def layer_name(layer: str) -> str:
    """Return AWS's name for the policies of a layer."""
    named = {
        "boundary": "permissions boundary",
        "identity": "identity-based policy",
        "resource": "resource-based policy",
    }
    return named.get(layer, f"{layer.replace('-', ' ')} policy")


def statement_name(matched: MatchedStatement) -> str:
    """Return a statement by its policy, place and Sid."""
    sid = f" {matched.sid}" if matched.sid else ""
    return f"statement {matched.index}{sid} of {matched.policy}"


def denial_record_text(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the statements that applied, the near misses and the condition keys, line by line."""
    applying = [said for said in record["statements"] if said["applies"]]
    missing = [said for said in record["statements"] if not said["applies"]]
    yield from _statements_text("applies    ", applying)
    yield from _statements_text("near miss  ", missing)
    if record["left_out"]:
        yield f"             other statements, about other requests: {record['left_out']}"
    for number, (key, values) in enumerate(record["context"].items()):
        yield f"  {'keys       ' if number == 0 else '           '}{key} = {', '.join(values)}"


def _statements_text(title: str, statements: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for number, said in enumerate(statements):
        name = statement_name(MatchedStatement(said["policy"], said["sid"], said["index"]))
        label = title if number == 0 else " " * len(title)
        yield f"  {label}{said['effect']} by {name} ({layer_name(said['layer'])})"
        failed = said["failed"]
        for part in said.get("held", ()) if failed is None else (failed,):
            element = part.get("element", "Condition")
            of = f" {part['operator']} {part['key']}" if element == "Condition" else ""
            wanted = ", ".join(part["wanted"]) or "nothing"
            actual = "none" if part["actual"] is None else ", ".join(part["actual"])
            # Denials that an older release recorded have no reason.
            reason = f"; {part['reason']}" if part.get("reason") else ""
            yield f"               {element}{of}: wanted {wanted}; the request's is {actual}{reason}"
