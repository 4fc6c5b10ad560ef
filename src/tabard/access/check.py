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
    """

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = _NO_CONTEXT
    resource_policy: CompiledPolicies | None = None
