"""Input of one decision: the action, the resource, the principal and the condition keys.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-reqcontext.html
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from tabard.policy.values import Multivalued, Values


class RequestContext(NamedTuple):
    """The condition keys and values that one decision may see, each single-valued or multivalued.

    INVARIANT: keys are lower case (AWS: "Context key names are not case-sensitive"). A single-valued key has
    a tuple of one string, a multivalued key a `Multivalued` of any number; `of` makes all of this so.
    """

    values: Values

    @classmethod
    def of(cls, keys: Mapping[str, str | tuple[str, ...] | list[str]]) -> "RequestContext":
        """Return a context from keys in any case: a string is a single value, a list several."""
        return cls(
            {
                key.lower(): (value,) if isinstance(value, str) else Multivalued(value)
                for key, value in keys.items()
            }
        )

    def get(self, key: str) -> tuple[str, ...] | None:
        """Return the values of a condition key, named in any case; None if the request has no such key."""
        return self.values.get(key.lower())


class PrincipalKind(StrEnum):
    """Kind of principal."""

    USER = "user"
    ASSUMED_ROLE = "assumed-role"
    FEDERATED_USER = "federated-user"
    ROOT = "root"
    SERVICE = "service"
    FEDERATED = "federated"
    HOST = "host"
    ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyPrincipal:
    """The principal that policies see.

    `arn` is the session's for an assumed role, whose role is `role_arn` (the IAM user's ARN, for a federated
    user). `service` is a service principal's name (`ec2.amazonaws.com`). `federated` is the identity provider
    of a principal of kind FEDERATED. `account_id` is empty for services, providers and the anonymous.
    `unique_id` is the user's or the role's (`AIDA…`, `AROA…`), never used twice.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    """

    arn: str
    account_id: str
    kind: PrincipalKind
    role_arn: str = ""
    service: str = ""
    federated: str = ""
    canonical_user: str = ""
    unique_id: str = ""


class AccessRequest(NamedTuple):
    """One action on one resource.

    `action` is `service:Name`; `resource` is an ARN, or `*` for actions without a resource.
    `resource_account` is the account that owns the resource; empty means the principal's own.
    """

    action: str
    resource: str
    principal: PolicyPrincipal
    context: RequestContext
    resource_account: str = ""
