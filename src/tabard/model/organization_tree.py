"""An organization as a tree: the content of a TOML or JSON file, and the form on the wire.

AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
"""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from tabard.model.organization import (
    FULL_ACCESS,
    ControlPolicy,
    ControlType,
    NodeKind,
    Organization,
    OrganizationNode,
)
from tabard.policy import (
    DocumentKind,
    MalformedPolicyDocument,
    parse_document,
    require_current_version,
    require_customer_resource_control,
)

LONGEST_DOCUMENT = 5_120
"""AWS: the maximum size of a service or resource control policy, in characters.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html"""


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Misspelled names are refused: a control policy must never be ignored silently."""


class _Account(_Strict, frozen=True, kw_only=True):
    id: str
    name: str = ""
    service_control: tuple[str, ...] = (FULL_ACCESS,)
    resource_control: tuple[str, ...] = ()


class _Unit(_Strict, frozen=True, kw_only=True):
    id: str
    name: str = ""
    service_control: tuple[str, ...] = (FULL_ACCESS,)
    resource_control: tuple[str, ...] = ()
    accounts: tuple[_Account, ...] = ()
    units: tuple["_Unit", ...] = ()


class _Policy(_Strict, frozen=True, kw_only=True):
    """`document` is JSON text, or the object itself in a JSON file."""

    name: str
    type: ControlType
    document: str | dict[str, Any]


class _File(_Strict, frozen=True, kw_only=True):
    id: str
    management_account: str
    root: _Unit
    policies: tuple[_Policy, ...] = ()


def organization_of(tree: object) -> Organization:
    """Convert a tree to an organization. Raises ValueError, with the place if it is known."""
    try:
        file = msgspec.convert(tree, _File)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    return Organization(
        organization_id=file.id,
        management_account_id=file.management_account,
        policies=tuple(_control_policy(policy) for policy in file.policies),
        nodes=tuple(_nodes(file.root, NodeKind.ROOT, parent_id="")),
    )


def refuse_other_account(organization: Organization, account_id: str) -> None:
    """Raise ValueError if the installation's account is not in the organization."""
    if account_id != organization.management_account_id and not organization.path_to(account_id):
        raise ValueError(
            f"account {account_id}, which this installation is, is not in {organization.organization_id}"
        )


def as_tree(organization: Organization) -> dict[str, object]:
    """Convert the organization to the form of a JSON file."""
    return {
        "id": organization.organization_id,
        "management_account": organization.management_account_id,
        "policies": [
            {"name": policy.name, "type": str(policy.control_type), "document": policy.document}
            for policy in organization.policies
        ],
        "root": _subtree(organization, organization.nodes[0]),
    }


def _subtree(organization: Organization, node: OrganizationNode) -> dict[str, object]:
    tree: dict[str, object] = {
        "id": node.node_id,
        "name": node.name,
        "service_control": list(node.service_control),
        "resource_control": list(node.resource_control),
    }
    if node.kind is NodeKind.ACCOUNT:
        return tree
    below = [each for each in organization.nodes if each.parent_id == node.node_id]
    for member, kind in (("accounts", NodeKind.ACCOUNT), ("units", NodeKind.UNIT)):
        tree[member] = [_subtree(organization, each) for each in below if each.kind is kind]
    return tree


def _control_policy(policy: _Policy) -> ControlPolicy:
    text = policy.document if isinstance(policy.document, str) else json.dumps(policy.document)
    if len(text) > LONGEST_DOCUMENT:
        raise ValueError(f"the policy {policy.name!r} has more than {LONGEST_DOCUMENT} characters")
    try:
        document = parse_document(text, kind=DocumentKind(policy.type))
        require_current_version(document)
        if policy.type is ControlType.RESOURCE:
            require_customer_resource_control(document)
    except MalformedPolicyDocument as error:
        raise ValueError(f"the policy {policy.name!r}: {error}") from error
    return ControlPolicy(name=policy.name, control_type=policy.type, document=text)


def _nodes(unit: _Unit, kind: NodeKind, *, parent_id: str) -> Iterator[OrganizationNode]:
    """Yield the unit, its accounts and all nodes below: parents first."""
    yield _node(unit, kind, parent_id)
    for account in unit.accounts:
        yield _node(account, NodeKind.ACCOUNT, unit.id)
    for below in unit.units:
        yield from _nodes(below, NodeKind.UNIT, parent_id=unit.id)


def _node(written: _Unit | _Account, kind: NodeKind, parent_id: str) -> OrganizationNode:
    return OrganizationNode(
        node_id=written.id,
        kind=kind,
        name=written.name,
        parent_id=parent_id,
        service_control=written.service_control,
        resource_control=written.resource_control,
    )
