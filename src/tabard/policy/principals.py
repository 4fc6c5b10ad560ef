"""Reach of a resource or trust policy: how directly it names a principal.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

import re
from enum import IntEnum

from tabard.policy.document import Principals
from tabard.policy.request import PolicyPrincipal, PrincipalKind

_ACCOUNT_ROOT = re.compile(r"arn:[^:]+:iam::([0-9]{12}):root")
_ACCOUNT = re.compile(r"[0-9]{12}")


class Reach(IntEnum):
    """The directness with which a statement names a principal, least first."""

    NOBODY = 0
    ACCOUNT = 1  # "This delegates authority to the account."
    ROLE = 2  # "limited by an implicit deny in a permissions boundary or session policy"
    DIRECT = 3  # user, session, service or everyone: "an implicit deny … does not impact the final decision"


class PrincipalMatch:
    """The names of a `Principal` or `NotPrincipal` element, ready to be looked up."""

    __slots__ = ("_accounts", "_arns", "_canonical_users", "_everyone", "_federated", "_services")

    def __init__(self, named: Principals) -> None:
        roots = [(name, _ACCOUNT_ROOT.fullmatch(name)) for name in named.aws]
        self._everyone = "*" in named.aws
        self._accounts = frozenset(
            {root[1] for _, root in roots if root} | {name for name in named.aws if _ACCOUNT.fullmatch(name)}
        )
        self._arns = frozenset(name for name, root in roots if root is None)  # and unique ids
        self._services = frozenset(named.services)
        self._federated = frozenset(named.federated)
        self._canonical_users = frozenset(named.canonical_users)

    def reach(self, principal: PolicyPrincipal) -> Reach:
        """Return how directly the statement names `principal`."""
        if self._everyone or principal.arn in self._arns or self._names_otherwise(principal):
            return Reach.DIRECT
        if principal.unique_id and principal.unique_id in self._arns:
            return Reach.DIRECT if principal.kind is PrincipalKind.USER else Reach.ROLE
        if principal.role_arn and principal.role_arn in self._arns:
            return Reach.ROLE
        if principal.account_id and principal.account_id in self._accounts:
            return Reach.DIRECT if principal.kind is PrincipalKind.ROOT else Reach.ACCOUNT
        return Reach.NOBODY

    def names_wholly(self, principal: PolicyPrincipal) -> bool:
        """Return whether principal, role and account are all named, as NotPrincipal with Deny requires.

        AWS: "you must also specify the account ARN of the not-denied principal"; "include both the ARN for a
        role and the ARN for the account containing that role".
        """
        if self._everyone or self._names_otherwise(principal):
            return True
        by_account = principal.account_id in self._accounts
        if principal.kind is PrincipalKind.ROOT:
            return by_account
        by_role = not principal.role_arn or principal.role_arn in self._arns
        return by_account and by_role and principal.arn in self._arns

    def _names_otherwise(self, principal: PolicyPrincipal) -> bool:
        return bool(
            (principal.service and principal.service in self._services)
            or (principal.federated and principal.federated in self._federated)
            or (principal.canonical_user and principal.canonical_user in self._canonical_users)
        )
