"""Policy engines that decide the same requests over equivalent documents, each prepared as far as it can be.

Documents are parsed, and requests put into each engine's form, before anything is timed: what is left is the
decision. An engine that is not installed says why.
"""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tabard.policy import (
    AccessRequest,
    DocumentKind,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    decide,
    parse_document,
)

ACCOUNT_ID = "111122223333"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/web"
SESSION_ARN = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i-0123456789abcdef0"
CONDITION_KEYS = {
    "aws:PrincipalTag/team": "web",
    "aws:RequestedRegion": "eu-central-1",
    "aws:SecureTransport": "true",
}

Statement = Mapping[str, Any]
Decide = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: what it asks, whether AWS's documentation allows it, and the rule that says so."""

    action: str
    resource: str
    allowed: bool
    rule: str


@dataclass(frozen=True, slots=True)
class Engine:
    """`prepare` makes the decision of each request over one document, ready to be taken."""

    name: str
    prepare: Callable[[Sequence[Statement], Sequence[Asked]], list[Decide]]


@dataclass(frozen=True, slots=True)
class NotInstalled:
    name: str
    because: str


def document_text(statements: Sequence[Statement]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def tabard(statements: Sequence[Statement], asked: Sequence[Asked]) -> list[Decide]:
    document = parse_document(document_text(statements), kind=DocumentKind.IDENTITY)
    layers = PolicyLayers(compile_policies([NamedDocument("bench", document)]))
    principal = PolicyPrincipal(
        arn=SESSION_ARN, account_id=ACCOUNT_ID, kind=PrincipalKind.ASSUMED_ROLE, role_arn=ROLE_ARN
    )
    context = RequestContext.of(CONDITION_KEYS)

    def prepared(one: Asked) -> Decide:
        request = AccessRequest(one.action, one.resource, principal, context, ACCOUNT_ID)
        return lambda: decide(request, layers).allowed

    return [prepared(one) for one in asked]


def rivals() -> list[Engine | NotInstalled]:
    """The engines of PyPI that are installed here, and why the others are not asked."""
    found: list[Engine | NotInstalled] = []
    for name, module, make in (
        ("MiniStack", "ministack.core.iam_evaluator", _ministack),
        ("cedarpy", "cedarpy", _cedarpy),
        ("moto", "moto.iam.access_control", _moto),
    ):
        try:
            found.append(Engine(name, make(importlib.import_module(module))))
        except ImportError as error:
            found.append(NotInstalled(name, str(error)))
    return found


def _ministack(module: Any) -> Callable[[Sequence[Statement], Sequence[Asked]], list[Decide]]:  # noqa: ANN401 - no types are published
    def prepare(statements: Sequence[Statement], asked: Sequence[Asked]) -> list[Decide]:
        parsed = [module.parse_policy_document(document_text(statements))]

        def prepared(one: Asked) -> Decide:
            context = module.EvalContext(
                principal_arn=SESSION_ARN,
                principal_type="AssumedRole",
                principal_account=ACCOUNT_ID,
                action=one.action,
                resource_arn=one.resource,
                region="eu-central-1",
            )
            return lambda: module.evaluate(context, parsed).decision == "Allow"

        return [prepared(one) for one in asked]

    return prepare


def _moto(module: Any) -> Callable[[Sequence[Statement], Sequence[Asked]], list[Decide]]:  # noqa: ANN401 - as above
    permitted = module.PermissionResult.PERMITTED

    def prepare(statements: Sequence[Statement], asked: Sequence[Asked]) -> list[Decide]:
        policy = module.IAMPolicy(document_text(statements))

        def prepared(one: Asked) -> Decide:
            return lambda: policy.is_action_permitted(one.action, one.resource) is permitted

        return [prepared(one) for one in asked]

    return prepare


def _cedarpy(module: Any) -> Callable[[Sequence[Statement], Sequence[Asked]], list[Decide]]:  # noqa: ANN401 - as above
    def prepare(statements: Sequence[Statement], asked: Sequence[Asked]) -> list[Decide]:
        policies = module.PolicySet.from_str("\n".join(map(_in_cedar, statements)))
        entities = module.Entities.from_json_str("[]")

        def prepared(one: Asked) -> Decide:
            request = {
                "principal": {"type": "Role", "id": ROLE_ARN},
                "action": {"type": "Action", "id": one.action},
                "resource": {"type": "Resource", "id": one.resource},
                "context": {"arn": one.resource},
            }
            return lambda: bool(module.is_authorized(request, policies, entities).allowed)

        return [prepared(one) for one in asked]

    return prepare


def _in_cedar(statement: Statement) -> str:
    """The same statement in Cedar, whose `like` knows `*` alone, and whose actions are names in a list."""
    effect = "permit" if statement["Effect"] == "Allow" else "forbid"
    action = "action"
    if statement["Action"] != "s3:*":
        names = ", ".join(f"Action::{json.dumps(name)}" for name in statement["Action"])
        action = f"action in [{names}]"
    pattern = json.dumps(statement["Resource"])
    return f"{effect}(principal, {action}, resource) when {{ context.arn like {pattern} }};"
