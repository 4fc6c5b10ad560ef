"""What one request needs to be allowed: one or several checks."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from tabard.policy import CompiledPolicies

_NO_CONTEXT: Mapping[str, tuple[str, ...]] = MappingProxyType({})


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One (action, resource, context) that the caller must be allowed.

    `context` holds the condition keys (lower case) that only this check knows, such as
    `iam:passedtoservice`; the keys every request has are added by `authorize`. `resource_policy` is what
    the resource itself says: for `sts:AssumeRole` the role's trust policy.
    """

    action: str
    resource: str
    context: Mapping[str, tuple[str, ...]] = _NO_CONTEXT
    resource_policy: CompiledPolicies | None = None
