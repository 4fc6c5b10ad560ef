"""An organization's controls on one of its accounts: compiled control policies, and condition keys.

AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from tabard.model.organization import FULL_ACCESS, ControlType, Organization, OrganizationNode
from tabard.policy import (
    RESOURCE_CONTROL_FULL_ACCESS,
    SERVICE_CONTROL_FULL_ACCESS,
    CompiledPolicies,
    DocumentKind,
    MalformedPolicyDocument,
    Multivalued,
    NamedDocument,
    PolicySource,
    compile_policies,
    parse_document,
)
from tabard.store.compiled_policies import PolicyText, refuse_everything

RESOURCE_FULL_ACCESS = "RCPFullAWSAccess"

ConditionKeys = Mapping[str, tuple[str, ...]]

_NO_KEYS: ConditionKeys = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """The levels of control policies from the root to the account, and the condition keys of every request.

    `principal_keys` describe the account's principals, `resource_keys` its resources.
    """

    service: tuple[CompiledPolicies, ...] = ()
    resource: tuple[CompiledPolicies, ...] = ()
    principal_keys: ConditionKeys = field(default_factory=lambda: _NO_KEYS)
    resource_keys: ConditionKeys = field(default_factory=lambda: _NO_KEYS)


NO_CONTROLS = Controls()
"""The controls of an account without an organization."""


def controls_of(organization: Organization | None, account_id: str) -> Controls:
    """Return an organization's controls on an account; none if the account is not in it.

    AWS: "SCPs don't affect users or roles in the management account", and "RCPs don't affect resources in the
    management account".
    """
    if organization is None:
        return NO_CONTROLS
    path = organization.path_to(account_id)
    if not path and account_id != organization.management_account_id:
        return NO_CONTROLS
    is_managing = account_id == organization.management_account_id
    return Controls(
        service=() if is_managing else tuple(_service_level(organization, node) for node in path),
        resource=() if is_managing else tuple(_resource_level(organization, node) for node in path),
        principal_keys=_keys(organization, path, "principal"),
        resource_keys=_keys(organization, path, "resource"),
    )


def _keys(organization: Organization, path: tuple[OrganizationNode, ...], whose: str) -> ConditionKeys:
    """AWS: reference_policies_condition-keys.html, aws:PrincipalOrgPaths: `o-…/r-…/ou-…/ou-…/`."""
    units = "".join(f"{node.node_id}/" for node in path[:-1])
    keys: dict[str, tuple[str, ...]] = {f"aws:{whose}orgid": (organization.organization_id,)}
    if path:
        keys[f"aws:{whose}orgpaths"] = Multivalued((f"{organization.organization_id}/{units}",))
    return MappingProxyType(keys)


def _service_level(organization: Organization, node: OrganizationNode) -> CompiledPolicies:
    full_access = NamedDocument(_named(node, FULL_ACCESS), SERVICE_CONTROL_FULL_ACCESS)
    names = [name for name in node.service_control if name != FULL_ACCESS]
    first = [full_access] if FULL_ACCESS in node.service_control else []
    return _level(organization, node, ControlType.SERVICE, first, names)


def _resource_level(organization: Organization, node: OrganizationNode) -> CompiledPolicies:
    full_access = NamedDocument(_named(node, RESOURCE_FULL_ACCESS), RESOURCE_CONTROL_FULL_ACCESS)
    return _level(organization, node, ControlType.RESOURCE, [full_access], node.resource_control)


def _level(
    organization: Organization,
    node: OrganizationNode,
    control_type: ControlType,
    documents: list[NamedDocument],
    names: list[str] | tuple[str, ...],
) -> CompiledPolicies:
    # INVARIANT: fails closed. One document that cannot be evaluated denies everything below its node.
    kind = DocumentKind(control_type)
    texts = [_text(organization, node, control_type, name) for name in names]
    # AWS's own policies never change, so their names identify their texts.
    sources = tuple(PolicySource(each.name, "", "") for each in documents)
    sources += tuple(each.source for each in texts)
    for name, text, _ in texts:
        try:
            documents.append(NamedDocument(name, parse_document(text, kind=kind)))
        except MalformedPolicyDocument as error:
            return refuse_everything(name, str(error), kind, sources)
    return compile_policies(documents, sources)


def _text(
    organization: Organization, node: OrganizationNode, control_type: ControlType, name: str
) -> PolicyText:
    policy = organization.policy(name, control_type)
    assert policy is not None  # noqa: S101 - an Organization names only existing ones
    return PolicyText(_named(node, name), policy.document)


def _named(node: OrganizationNode, policy_name: str) -> str:
    """Return the policy's place and name, as decisions show them."""
    return f"{node.node_id}/{policy_name}"
