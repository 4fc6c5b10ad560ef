"""Permission check. A request needs one or several checks to be allowed."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tabard.policy import CompiledPolicies

_NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One (action, resource, context) that the caller must be allowed.

    `context` holds the condition keys (lower case) that only this check knows, such as
    `iam:passedtoservice`. `authorize` adds the keys that every request has. `resource_policy` is the policy
    of the resource itself. For `sts:AssumeRole`, it is the role's trust policy.

    `governs_organization`: the operation stands for one of the organization's management account. AWS: "SCPs
    don't affect users or roles in the management account", or nobody could ever widen a policy that is too
    narrow. Here a control policy that merely does not allow the action is no matter; one that denies it is.
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
    """

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = _NO_CONTEXT
    resource_policy: CompiledPolicies | None = None
    governs_organization: bool = False
