"""The policies of roles, users and groups: inline ones, and attached managed ones.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from tabard.model.group import Group
from tabard.model.policies import InlinePolicy
from tabard.model.role import Role
from tabard.model.user import User
from tabard.services.iam.documents import encoded, refuse_bad_inline_policy
from tabard.services.iam.entities import refuse_other_than_policy_arn
from tabard.services.iam.errors import (
    InlinePoliciesTooLarge,
    LimitExceeded,
    NoSuchInlinePolicy,
    PolicyDoesNotExist,
    PolicyNotAttached,
)
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import ATTACHED_POLICIES, INLINE_POLICY_SIZE, counted_size
from tabard.services.operation import Output
from tabard.store.listings import by_name_and_owner
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

H = TypeVar("H", Role, User, Group)


def with_inline(holder: H, name: str, document: str) -> H:
    """Return the holder with this inline policy, in place of the one of that name.

    Raises:
        MalformedPolicyDocument; InlinePoliciesTooLarge: all of its inline policies together.
    """
    refuse_bad_inline_policy(document)
    policies: tuple[InlinePolicy, ...] = (
        *(policy for policy in holder.inline_policies if policy.name != name),
        InlinePolicy(name, document),
    )
    limit = INLINE_POLICY_SIZE[_noun(holder)]
    if sum(counted_size(policy.document) for policy in policies) > limit:
        raise InlinePoliciesTooLarge(limit=limit, holder=_noun(holder), name=holder.name)
    return replace(holder, inline_policies=policies)


def without_inline(holder: H, name: str) -> H:
    """Return the holder without its inline policy of this name. Raises NoSuchInlinePolicy."""
    gone = inline_policy(holder, name)
    return replace(holder, inline_policies=tuple(kept for kept in holder.inline_policies if kept is not gone))


def inline_policy(holder: Role | User | Group, name: str) -> InlinePolicy:
    """Return the holder's inline policy of this name. Raises NoSuchInlinePolicy."""
    for policy in holder.inline_policies:
        if policy.name == name:
            return policy
    raise NoSuchInlinePolicy(holder=_noun(holder), policy_name=name)


def inline_shape(holder: Role | User | Group, name: str) -> dict[str, object]:
    """Return the members `PolicyName` and `PolicyDocument` of an answer. Raises NoSuchInlinePolicy."""
    policy = inline_policy(holder, name)
    return {"PolicyName": policy.name, "PolicyDocument": encoded(policy.document)}


def inline_names(holder: Role | User | Group, request: PagedRequest) -> Output:
    """Return a page of the names of the holder's inline policies."""
    names = [policy.name for policy in holder.inline_policies]
    shown, truncation = page(names, lambda name: name, request, listing=f"{_noun(holder)}-policies")
    return {"PolicyNames": shown, **truncation}


def with_attached(holder: H, arn: str, tx: Transaction) -> H:
    """Return the holder with this managed policy attached; itself if it was attached already.

    Raises:
        PolicyDoesNotExist, InvalidInput; LimitExceeded: ten are attached.
    """
    refuse_other_than_policy_arn(arn)
    if tx.managed_policies.get(arn) is None:
        raise PolicyDoesNotExist(policy_arn=arn)
    if arn in holder.attached_policy_arns:
        return holder
    if len(holder.attached_policy_arns) >= ATTACHED_POLICIES:
        raise LimitExceeded(quota=f"PoliciesPer{_noun(holder).title()}", limit=ATTACHED_POLICIES)
    return replace(holder, attached_policy_arns=(*holder.attached_policy_arns, arn))


def without_attached(holder: H, arn: str) -> H:
    """Return the holder with this managed policy detached. Raises PolicyNotAttached, InvalidInput."""
    refuse_other_than_policy_arn(arn)
    if arn not in holder.attached_policy_arns:
        raise PolicyNotAttached(policy_arn=arn)
    kept = tuple(attached for attached in holder.attached_policy_arns if attached != arn)
    return replace(holder, attached_policy_arns=kept)


def attached_policies(
    arns: Sequence[str], request: PagedRequest, snapshot: Snapshot, *, path_prefix: str
) -> Output:
    """Return a page of the managed policies of these ARNs under a path, by name."""
    policies = [snapshot.managed_policies[arn] for arn in arns if arn in snapshot.managed_policies]
    under_path = [policy for policy in policies if policy.path.startswith(path_prefix)]
    shown, truncation = page(
        under_path, lambda policy: by_name_and_owner(policy)[0], request, listing="attached-policies"
    )
    return {
        "AttachedPolicies": [{"PolicyName": policy.name, "PolicyArn": policy.arn} for policy in shown],
        **truncation,
    }


def _noun(holder: Role | User | Group) -> str:
    return type(holder).__name__.lower()
