"""Decisions recorded elsewhere, in the neutral form of the reference data's `policy/SCHEMA.md`.

Runs where TABARD_REFERENCE_DATA names the folder of reference data. `-rP` prints the agreement by class.
"""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tabard.policy import (
    RESOURCE_CONTROL_FULL_ACCESS,
    AccessRequest,
    CompiledPolicies,
    DocumentKind,
    MalformedPolicyDocument,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    decide,
    parse_document,
)

OUTCOMES = {"allow": "Allowed", "explicit-deny": "ExplicitlyDenied", "implicit-deny": "ImplicitlyDenied"}

# Where the vectors' authors and AWS's pages differ, we follow AWS.
EXPLAINED = {
    "arsenal/#52": "its epoch times are milliseconds; AWS's are seconds (…#Conditions_Date)",
    "arsenal/#55": "the same",
    "arsenal/#169": "its partition is not one of AWS's: the document is refused when it is made",
}


def _vectors() -> list[dict[str, Any]]:
    folder = os.environ.get("TABARD_REFERENCE_DATA")
    if not folder:
        pytest.skip("TABARD_REFERENCE_DATA names no folder of reference data")
    lines = (
        line
        for path in sorted(Path(folder, "policy").glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    return [json.loads(line) for line in lines]


def _named(trees: list[Any], kind: DocumentKind) -> list[NamedDocument]:
    return [
        NamedDocument(f"{kind}-{place}", parse_document(json.dumps(tree), kind=kind))
        for place, tree in enumerate(trees)
    ]


def _compiled(trees: list[Any] | None, kind: DocumentKind) -> CompiledPolicies | None:
    return None if trees is None else compile_policies(_named(trees, kind))


def _levels(
    levels: list[Any] | None, kind: DocumentKind, *always: NamedDocument
) -> tuple[CompiledPolicies, ...]:
    """One set of policies a level, `always` among them."""
    return tuple(compile_policies([*always, *_named(level["policies"], kind)]) for level in levels or ())


FULL_ACCESS = NamedDocument("RCPFullAWSAccess", RESOURCE_CONTROL_FULL_ACCESS)


def _principal(arn: str | None) -> PolicyPrincipal:
    if arn is None or arn == "anonymous":
        return PolicyPrincipal(arn="", account_id="", kind=PrincipalKind.ANONYMOUS)
    if not arn.startswith("arn:"):
        return PolicyPrincipal(arn="", account_id="", kind=PrincipalKind.SERVICE, service=arn)
    partition, account, name = arn.split(":")[1], arn.split(":")[4], arn.split(":", 5)[5]
    if name == "root":
        return PolicyPrincipal(arn=arn, account_id=account, kind=PrincipalKind.ROOT)
    if name.startswith("assumed-role/"):
        role_arn = f"arn:{partition}:iam::{account}:role/{name.split('/')[1]}"
        return PolicyPrincipal(
            arn=arn, account_id=account, kind=PrincipalKind.ASSUMED_ROLE, role_arn=role_arn
        )
    if name.startswith("federated-user/"):
        user_arn = f"arn:{partition}:iam::{account}:user/{name.split('/')[1]}"
        return PolicyPrincipal(
            arn=arn, account_id=account, kind=PrincipalKind.FEDERATED_USER, role_arn=user_arn
        )
    return PolicyPrincipal(arn=arn, account_id=account, kind=PrincipalKind.USER)


def _decided(vector: dict[str, Any]) -> str:
    policies, asked = vector["policies"], vector["request"]
    one = {name: None if policies[name] is None else [policies[name]] for name in ("resource", "session")}
    try:
        layers = PolicyLayers(
            identity=_compiled(policies["identity"], DocumentKind.IDENTITY) or compile_policies([]),
            resource=_compiled(one["resource"], DocumentKind.RESOURCE),
            boundary=_compiled(policies["boundary"], DocumentKind.BOUNDARY),
            session=_compiled(one["session"], DocumentKind.SESSION),
            service_control=_levels(policies["scps"], DocumentKind.SERVICE_CONTROL),
            resource_control=_levels(
                policies["rcps"],
                DocumentKind.RESOURCE_CONTROL,
                *([FULL_ACCESS] if policies.get("rcp_default_allow", True) else []),
            ),
        )
    except MalformedPolicyDocument as refused:
        return f"Refused: {refused.message}"
    request = AccessRequest(
        action=asked["action"],
        resource=asked["resource"],
        principal=_principal(asked["principal"]),
        context=RequestContext.of(asked["context"]),
        resource_account=asked["resource_account"] or "",
    )
    return OUTCOMES[decide(request, layers).effect]


def _agrees(expected: str, found: str) -> bool:
    if found.startswith("Refused"):
        # AWS would not have stored the document, so nothing can be allowed by it.
        return expected in ("ImplicitlyDenied", "Denied")
    return found == expected or (expected == "Denied" and found != "Allowed")


def test_recorded_decisions_agree_or_the_difference_is_explained() -> None:
    vectors = _vectors()
    # Differs: nothing here is a VPC endpoint, which has policies of its own.
    later = [vector for vector in vectors if vector["policies"]["endpoint"]]
    table: Counter[tuple[str, str]] = Counter()
    unexplained: list[str] = []
    for vector in vectors:
        if vector in later:
            continue
        found, expected = _decided(vector), vector["expected"]
        if _agrees(expected, found):
            table[expected, "agree"] += 1
        elif vector["id"] in EXPLAINED:
            table[expected, "differ, explained"] += 1
        else:
            unexplained.append(f"{vector['id']} {vector['name']}: expected {expected}, decided {found}")
    for (expected, outcome), count in sorted(table.items()):
        print(f"{expected:18} {outcome:18} {count}")
    print(f"{'not run':18} {'endpoint policies':18} {len(later)}")
    assert unexplained == []
