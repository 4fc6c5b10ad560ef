"""The account's organization: its units, its accounts and their control policies.

AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_getting-started_concepts.html
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from tabard.names import ACCOUNT_ID

FULL_ACCESS = "FullAWSAccess"
"""AWS's service control policy that allows everything. Every root, unit and account has it until it is
detached. The corresponding resource control policy is always attached, and never named."""

MOST_POLICIES_PER_NODE = 5
"""AWS: five of each type attached to a root, unit or account; of resource control policies, AWS's own is one.
https://docs.aws.amazon.com/organizations/latest/userguide/orgs_reference_limits.html"""

MOST_UNIT_LEVELS = 5
"""AWS: "OUs can be five levels deep under a root"."""

_ORGANIZATION_ID = re.compile(r"o-[a-z0-9]{10,32}")
_ROOT_ID = re.compile(r"r-[0-9a-z]{4,32}")
_UNIT_ID = re.compile(r"ou-[0-9a-z]{4,32}-[a-z0-9]{8,32}")
_POLICY_NAME = re.compile(r"[\w+=,.@ -]{1,128}")


class ControlType(StrEnum):
    """The two kinds of control policy."""

    SERVICE = "service-control"
    RESOURCE = "resource-control"


class NodeKind(StrEnum):
    """The kinds of nodes to which control policies are attached."""

    ROOT = "root"
    UNIT = "unit"
    ACCOUNT = "account"


_A = {NodeKind.ROOT: "a root", NodeKind.UNIT: "a unit", NodeKind.ACCOUNT: "an account"}
_IDS = {NodeKind.ROOT: _ROOT_ID, NodeKind.UNIT: _UNIT_ID, NodeKind.ACCOUNT: ACCOUNT_ID}


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPolicy:
    """A service or resource control policy with its name."""

    name: str
    control_type: ControlType
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationNode:
    """The root, a unit or an account, with the names of its attached control policies.

    `parent_id` is empty only for the root.
    """

    node_id: str
    kind: NodeKind
    name: str
    parent_id: str
    service_control: tuple[str, ...] = (FULL_ACCESS,)
    resource_control: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """One organization. Its nodes are in order: each comes after its parent, the root first.

    INVARIANT: every named parent and policy exists; ids and names are unique. ValueError names the violation.
    """

    organization_id: str
    management_account_id: str
    policies: tuple[ControlPolicy, ...]
    nodes: tuple[OrganizationNode, ...]

    def __post_init__(self) -> None:
        if not _ORGANIZATION_ID.fullmatch(self.organization_id):
            raise ValueError(f"{self.organization_id!r} is no organization's id: o- and 10 to 32 characters")
        if not ACCOUNT_ID.fullmatch(self.management_account_id):
            raise ValueError(f"{self.management_account_id!r} is no account id: it has twelve digits")
        self._check_policies()
        self._check_tree()
        for node in self.nodes:
            self._check_attachments(node)

    def policy(self, name: str, control_type: ControlType) -> ControlPolicy | None:
        """Return the control policy with this name and type; None for AWS's own."""
        return next(
            (each for each in self.policies if each.name == name and each.control_type is control_type), None
        )

    def path_to(self, account_id: str) -> tuple[OrganizationNode, ...]:
        """Return the root, each unit and the account itself, in this order; empty for another account."""
        by_id = {node.node_id: node for node in self.nodes}
        node = by_id.get(account_id)
        path: list[OrganizationNode] = []
        while node is not None:
            path.append(node)
            node = by_id.get(node.parent_id)
        return tuple(reversed(path))

    def _check_policies(self) -> None:
        seen: set[str] = set()
        for policy in self.policies:
            if not _POLICY_NAME.fullmatch(policy.name) or policy.name == FULL_ACCESS:
                raise ValueError(f"{policy.name!r} cannot be a control policy's name")
            if policy.name in seen:
                raise ValueError(f"the control policy {policy.name!r} appears twice")
            seen.add(policy.name)

    def _check_tree(self) -> None:
        levels: dict[str, int] = {}
        kinds: dict[str, NodeKind] = {}
        for node in self.nodes:
            if not _IDS[node.kind].fullmatch(node.node_id):
                raise ValueError(f"{node.node_id!r} is not the id of {_A[node.kind]}")
            if node.node_id in levels:
                raise ValueError(f"{node.node_id} appears twice")
            is_first = not levels
            if (node.kind is NodeKind.ROOT) != is_first or (node.parent_id == "") != is_first:
                raise ValueError("an organization has one root, which comes first, and all else is under it")
            if not is_first and kinds.get(node.parent_id, NodeKind.ACCOUNT) is NodeKind.ACCOUNT:
                raise ValueError(f"{node.node_id} is not under the root or a unit, but {node.parent_id!r}")
            level = 0 if is_first else levels[node.parent_id] + (node.kind is NodeKind.UNIT)
            if level > MOST_UNIT_LEVELS:
                raise ValueError(f"{node.node_id} is more than {MOST_UNIT_LEVELS} levels of units deep")
            levels[node.node_id], kinds[node.node_id] = level, node.kind
        if not levels:
            raise ValueError("an organization has a root")

    def _check_attachments(self, node: OrganizationNode) -> None:
        # "… there must always be at least one SCP attached to every root, OU and account"
        if not node.service_control:
            raise ValueError(
                f"{node.node_id} has no service control policy, so that nothing would be allowed; "
                f"AWS wants one at least, such as {FULL_ACCESS}"
            )
        own = {ControlType.SERVICE: 0, ControlType.RESOURCE: 1}
        for control_type, names in (
            (ControlType.SERVICE, node.service_control),
            (ControlType.RESOURCE, node.resource_control),
        ):
            if len(names) + own[control_type] > MOST_POLICIES_PER_NODE:
                raise ValueError(
                    f"{node.node_id} has more than {MOST_POLICIES_PER_NODE} {control_type} policies, "
                    "AWS's own among them"
                )
            if len(set(names)) != len(names):
                raise ValueError(f"a {control_type} policy is attached to {node.node_id} twice")
            for name in names:
                is_own = control_type is ControlType.SERVICE and name == FULL_ACCESS
                if not is_own and self.policy(name, control_type) is None:
                    raise ValueError(
                        f"{node.node_id} names the {control_type} policy {name!r}, which does not exist"
                    )
