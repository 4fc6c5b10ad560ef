"""Managed policies.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html#customer-managed-policies
"""

from collections.abc import Sequence
from typing import Literal

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.names import new_unique_id
from tabard.services.iam.checks import arn_to_be, on_everything, on_policy, to_make
from tabard.services.iam.documents import refuse_bad_managed_policy
from tabard.services.iam.entities import policy_seen, policy_to_change
from tabard.services.iam.errors import PolicyAlreadyExists, PolicyHasVersions, PolicyInUse
from tabard.services.iam.pages import PagedRequest, page_in_order
from tabard.services.iam.policies.entities import PolicyUsage
from tabard.services.iam.shapes import policy_shape, whole_policy_shape
from tabard.services.iam.tags import TagInput, minding_case, requested_tags, tag_shapes, with_tags
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import by_name_and_owner
from tabard.store.ports import AlreadyStored, Transaction
from tabard.store.snapshot import Snapshot


class CreatePolicyRequest(Request, frozen=True, kw_only=True):
    """The document becomes version `v1`, the default one."""

    policy_name: str
    policy_document: str
    path: str = "/"
    description: str = ""
    tags: tuple[TagInput, ...] = ()


class PolicyRequest(Request, frozen=True, kw_only=True):
    """GetPolicy, DeletePolicy."""

    policy_arn: str


class ListPoliciesRequest(PagedRequest, frozen=True, kw_only=True):
    """`scope` chooses AWS's own policies or the account's (`Local`)."""

    scope: Literal["All", "AWS", "Local"] = "All"
    only_attached: bool = False
    path_prefix: str = "/"
    policy_usage_filter: PolicyUsage | None = None


def create_policy_checks(request: CreatePolicyRequest, facts: Facts) -> Sequence[Check]:
    """iam:CreatePolicy, and iam:TagPolicy if the request tags it, on the ARN that the policy will have."""
    arn = arn_to_be("policy", request.policy_name, facts, path=request.path)
    return to_make(("iam:CreatePolicy", "iam:TagPolicy"), arn, request.tags)


def create_policy(permit: Permit, request: CreatePolicyRequest, tx: Transaction) -> Output:
    """Make a customer-managed policy.

    Raises:
        PolicyAlreadyExists, MalformedPolicyDocument, InvalidInput; LimitExceeded: more than 6,144 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html
    """
    refuse_bad_managed_policy(request.policy_document)
    tags = with_tags((), requested_tags(request.tags, minding_case), minding_case)
    now = permit.now.replace(microsecond=0)
    policy = ManagedPolicy(
        policy_id=new_unique_id("ANPA"),
        name=request.policy_name,
        path=request.path,
        partition=permit.partition,
        account_id=permit.account_id,
        description=request.description,
        default_version_id="v1",
        versions=(PolicyVersion(version_id="v1", document=request.policy_document, created_at=now),),
        created_at=now,
        updated_at=now,
        tags=tags,
    )
    permit.require("iam:CreatePolicy", policy.arn)
    try:
        tx.managed_policies.insert(policy)
    except AlreadyStored:
        raise PolicyAlreadyExists(policy_name=request.policy_name) from None
    shape = policy_shape(policy, attached=0, bounds=0)
    return {"Policy": {**shape, **({"Tags": tag_shapes(tags)} if tags else {})}}


def get_policy(_permit: Permit, request: PolicyRequest, snapshot: Snapshot) -> Output:
    """Return one managed policy, without its document.

    Raises:
        NoSuchPolicy, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicy.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    attached, bounds = snapshot.attachment_count(policy.arn), snapshot.boundary_count(policy.arn)
    return {"Policy": whole_policy_shape(policy, attached=attached, bounds=bounds)}


def list_policies(permit: Permit, request: ListPoliciesRequest, snapshot: Snapshot) -> Output:
    """Return a page of the managed policies under a path, by name.

    Raises:
        ValidationError: the marker is not this list's.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicies.html
    """

    def is_asked_for(policy: ManagedPolicy) -> bool:
        attached, bounds = snapshot.attachment_count(policy.arn), snapshot.boundary_count(policy.arn)
        if request.policy_usage_filter == "PermissionsBoundary" and not bounds:
            return False
        if request.policy_usage_filter == "PermissionsPolicy" and bounds and not attached:
            return False
        return bool(attached) or not request.only_attached

    listings = snapshot.indexes.listings
    only_in_use = request.only_attached or request.policy_usage_filter == "PermissionsBoundary"
    every = listings.policies_in_use if only_in_use else listings.policies
    owners = {"AWS": ("aws",), "Local": (permit.account_id,)}.get(request.scope, ("aws", permit.account_id))
    prefixes = [owner + request.path_prefix for owner in owners]
    shown, truncation = page_in_order(
        lambda after: filter(is_asked_for, every.under(*prefixes, key=after)),
        by_name_and_owner,
        request,
        listing="policies",
    )
    return {
        "Policies": [
            policy_shape(
                policy,
                attached=snapshot.attachment_count(policy.arn),
                bounds=snapshot.boundary_count(policy.arn),
            )
            for policy in shown
        ],
        **truncation,
    }


def delete_policy(permit: Permit, request: PolicyRequest, tx: Transaction) -> Output:
    """Delete a customer-managed policy that has one version and is attached to nothing, nor bounds anything.

    Raises:
        NoSuchPolicy, InvalidInput, PolicyInUse, PolicyHasVersions, PolicyOutsideAccount.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicy.html
    """
    policy = policy_to_change(permit, tx, request.policy_arn, "iam:DeletePolicy")
    if tx.managed_policies.is_in_use(policy.arn):
        raise PolicyInUse
    if len(policy.versions) > 1:
        raise PolicyHasVersions
    tx.managed_policies.delete(policy.arn)
    return {}


OPERATIONS: tuple[Operation, ...] = (
    Write(
        CreatePolicyRequest,
        create_policy_checks,
        create_policy,
        actions=("iam:CreatePolicy", "iam:TagPolicy"),
    ),
    Read(PolicyRequest, on_policy("iam:GetPolicy"), get_policy),
    Read(ListPoliciesRequest, on_everything("iam:ListPolicies"), list_policies),
    Write(PolicyRequest, on_policy("iam:DeletePolicy"), delete_policy),
)
