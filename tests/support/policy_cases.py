"""Short ways to write the documents and requests of these tests."""

import json
from collections.abc import Mapping

from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    DocumentKind,
    NamedDocument,
    PolicyLayers,
    PolicyPrincipal,
    PrincipalKind,
    RequestContext,
    compile_policies,
    parse_document,
)

ACCOUNT = "123456789012"
OTHER_ACCOUNT = "111122223333"

ALICE = PolicyPrincipal(arn=f"arn:aws:iam::{ACCOUNT}:user/alice", account_id=ACCOUNT, kind=PrincipalKind.USER)
WEB = PolicyPrincipal(
    arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/web/i-0123456789abcdef0",
    account_id=ACCOUNT,
    kind=PrincipalKind.ASSUMED_ROLE,
    role_arn=f"arn:aws:iam::{ACCOUNT}:role/web",
)
ROOT = PolicyPrincipal(arn=f"arn:aws:iam::{ACCOUNT}:root", account_id=ACCOUNT, kind=PrincipalKind.ROOT)
EC2 = PolicyPrincipal(arn="", account_id="", kind=PrincipalKind.SERVICE, service="ec2.amazonaws.com")
ANONYMOUS = PolicyPrincipal(arn="", account_id="", kind=PrincipalKind.ANONYMOUS)

Tree = Mapping[str, object]


def statement(
    effect: str = "Allow", action: object = "s3:GetObject", **elements: object
) -> dict[str, object]:
    """One statement; `Resource` is `*` unless the elements say otherwise."""
    tree = {"Effect": effect, "Action": action, "Resource": "*", **elements}
    return {name: value for name, value in tree.items() if value is not None}


def policies(
    *statements: Tree, kind: DocumentKind = DocumentKind.IDENTITY, version: str = "2012-10-17"
) -> CompiledPolicies:
    """One document of these statements, compiled under the name `p`."""
    text = json.dumps({"Version": version, "Statement": list(statements)})
    return compile_policies([NamedDocument("p", parse_document(text, kind=kind))])


def about_resource(*statements: Tree) -> CompiledPolicies:
    """A resource policy."""
    return policies(*statements, kind=DocumentKind.RESOURCE)


def service_control(*levels: Tree | list[Tree]) -> dict[str, tuple[CompiledPolicies, ...]]:
    """Service control policies, level by level; one statement, or a list of them, a level."""
    return {"service_control": _levels(levels, DocumentKind.SERVICE_CONTROL)}


def resource_control(*levels: Tree | list[Tree]) -> dict[str, tuple[CompiledPolicies, ...]]:
    """Resource control policies, level by level, for everyone."""
    return {"resource_control": _levels(levels, DocumentKind.RESOURCE_CONTROL, Principal="*")}


def _levels(
    levels: tuple[Tree | list[Tree], ...], kind: DocumentKind, **elements: object
) -> tuple[CompiledPolicies, ...]:
    return tuple(
        policies(
            *({**tree, **elements} for tree in (level if isinstance(level, list) else [level])), kind=kind
        )
        for level in levels
    )


def trust(*statements: Tree) -> CompiledPolicies:
    """A trust policy: statements about sts:AssumeRole without a resource."""
    return policies(
        *({"Action": "sts:AssumeRole", "Effect": "Allow", **tree} for tree in statements),
        kind=DocumentKind.TRUST,
    )


def layers(*statements: Tree, **others: object) -> PolicyLayers:
    """Identity statements, and other layers by name."""
    identity = policies(*statements) if statements else compile_policies([])
    return PolicyLayers(identity=identity, **others)


def request(
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::bucket/key",
    principal: PolicyPrincipal = ALICE,
    resource_account: str = "",
    **context: str | list[str],
) -> AccessRequest:
    """A request; context keys are written with `__` for `:` (`aws__username`)."""
    return AccessRequest(
        action=action,
        resource=resource,
        principal=principal,
        context=RequestContext.of({key.replace("__", ":"): value for key, value in context.items()}),
        resource_account=resource_account,
    )
