"""The entities that a managed policy is attached to, or bounds.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_manage-attach-detach.html
"""

import heapq
from collections.abc import Iterator
from operator import itemgetter
from typing import Any, Literal

from tabard.access.authorize import Permit
from tabard.model.group import Group
from tabard.model.role import Role
from tabard.model.user import User
from tabard.services.iam.checks import on_policy
from tabard.services.iam.entities import policy_seen
from tabard.services.iam.pages import PagedRequest, page_in_order
from tabard.services.operation import Operation, Output, Read
from tabard.store.listings import NOTHING, Key, Sorted, by_kind_and_name, kind_of
from tabard.store.snapshot import Snapshot
from tabard.store.snapshot_indexes import Holder

EntityFilter = Literal["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"]
PolicyUsage = Literal["PermissionsPolicy", "PermissionsBoundary"]


class ListEntitiesForPolicyRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists the entities that a managed policy is attached to or bounds, under `path_prefix`.

    `policy_usage_filter` chooses one of the two.
    """

    policy_arn: str
    entity_filter: EntityFilter | None = None
    path_prefix: str = "/"
    policy_usage_filter: PolicyUsage | None = None


def list_entities_for_policy(
    _permit: Permit, request: ListEntitiesForPolicyRequest, snapshot: Snapshot
) -> Output:
    """Return a page of the groups, roles and users that a managed policy is attached to or bounds.

    Raises:
        NoSuchPolicy, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListEntitiesForPolicy.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    shown, truncation = page_in_order(
        lambda after: _holders(snapshot, policy.arn, request, after),
        by_kind_and_name,
        request,
        listing="policy-entities",
    )
    return {
        **{
            f"Policy{kind}s": [
                {f"{kind}Name": holder.name, f"{kind}Id": _unique_id(holder)}
                for holder in shown
                if kind_of(holder) == kind
            ]
            for kind in ("Group", "User", "Role")
        },
        **truncation,
    }


def _holders(
    snapshot: Snapshot, arn: str, request: ListEntitiesForPolicyRequest, after: Key | None
) -> Iterator[Holder]:
    """Yield each entity once, whether it is attached, bounded or both, in the order of the pages.

    AWS: "If it is not included, all policies are returned."
    """
    usage, lists = request.policy_usage_filter, list[Sorted[Any]]()
    if usage != "PermissionsBoundary":
        lists.append(snapshot.indexes.holders_by_policy.get(arn, NOTHING))
    if usage != "PermissionsPolicy":
        lists.append(snapshot.indexes.bounded_by_policy.get(arn, NOTHING))
    last: Key | None = None
    for key, holder in heapq.merge(*(each.after(after) for each in lists), key=itemgetter(0)):
        if (
            key != last
            and request.entity_filter in (None, kind_of(holder))
            and holder.path.startswith(request.path_prefix)
        ):
            yield holder
        last = key


def _unique_id(holder: Holder) -> str:
    match holder:
        case Group():
            return holder.group_id
        case Role():
            return holder.role_id
        case User():
            return holder.user_id


OPERATIONS: tuple[Operation, ...] = (
    Read(ListEntitiesForPolicyRequest, on_policy("iam:ListEntitiesForPolicy"), list_entities_for_policy),
)
