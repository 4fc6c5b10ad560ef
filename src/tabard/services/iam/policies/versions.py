"""Versions of managed policies.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-versioning.html
"""

from dataclasses import replace

from tabard.access.authorize import Permit
from tabard.model.policies import ManagedPolicy, PolicyVersion
from tabard.services.iam.checks import on_policy
from tabard.services.iam.documents import encoded, refuse_bad_managed_policy
from tabard.services.iam.entities import policy_seen, policy_to_change
from tabard.services.iam.errors import DefaultVersionInUse, NoSuchPolicyVersion, TooManyPolicyVersions
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import VERSIONS_PER_POLICY
from tabard.services.iam.shapes import version_shape
from tabard.services.operation import Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class CreatePolicyVersionRequest(Request, frozen=True, kw_only=True):
    """The new version is the default one only where `set_as_default` says so."""

    policy_arn: str
    policy_document: str
    set_as_default: bool = False


class PolicyVersionRequest(Request, frozen=True, kw_only=True):
    """GetPolicyVersion, DeletePolicyVersion, SetDefaultPolicyVersion."""

    policy_arn: str
    version_id: str


class ListPolicyVersionsRequest(PagedRequest, frozen=True, kw_only=True):
    """Lists a policy's versions, the newest first."""

    policy_arn: str


def create_policy_version(permit: Permit, request: CreatePolicyVersionRequest, tx: Transaction) -> Output:
    """Add a version to a customer-managed policy.

    Raises:
        NoSuchPolicy, InvalidInput, MalformedPolicyDocument, PolicyOutsideAccount; TooManyPolicyVersions:
        it has five; LimitExceeded: the document has more than 6,144 characters.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicyVersion.html
    Differs: when the newest version has been deleted, its number is given again.
    """
    policy = policy_to_change(permit, tx, request.policy_arn, "iam:CreatePolicyVersion")
    refuse_bad_managed_policy(request.policy_document)
    if len(policy.versions) >= VERSIONS_PER_POLICY:
        raise TooManyPolicyVersions(limit=VERSIONS_PER_POLICY)
    now = permit.now.replace(microsecond=0)
    number = max(_number(version) for version in policy.versions) + 1
    version = PolicyVersion(version_id=f"v{number}", document=request.policy_document, created_at=now)
    changed = replace(
        policy,
        versions=(*policy.versions, version),
        default_version_id=version.version_id if request.set_as_default else policy.default_version_id,
        updated_at=now,
    )
    tx.managed_policies.update(changed)
    return {"PolicyVersion": version_shape(changed, version)}


def get_policy_version(_permit: Permit, request: PolicyVersionRequest, snapshot: Snapshot) -> Output:
    """Return one version of a managed policy, with its document.

    Raises:
        NoSuchPolicy, NoSuchPolicyVersion, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetPolicyVersion.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    version = _version(policy, request.version_id)
    return {"PolicyVersion": {**version_shape(policy, version), "Document": encoded(version.document)}}


def list_policy_versions(_permit: Permit, request: ListPolicyVersionsRequest, snapshot: Snapshot) -> Output:
    """Return a page of a managed policy's versions, the newest first, without their documents.

    Raises:
        NoSuchPolicy, InvalidInput.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyVersions.html
    """
    policy = policy_seen(snapshot, request.policy_arn)
    shown, truncation = page(policy.versions, _newest_first, request, listing="policy-versions")
    return {"Versions": [version_shape(policy, version) for version in shown], **truncation}


def delete_policy_version(permit: Permit, request: PolicyVersionRequest, tx: Transaction) -> Output:
    """Delete a version of a customer-managed policy that is not its default one.

    Raises:
        NoSuchPolicy, NoSuchPolicyVersion, DefaultVersionInUse, InvalidInput, PolicyOutsideAccount.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeletePolicyVersion.html
    """
    policy = policy_to_change(permit, tx, request.policy_arn, "iam:DeletePolicyVersion")
    version = _version(policy, request.version_id)
    if version.version_id == policy.default_version_id:
        raise DefaultVersionInUse
    kept = tuple(kept for kept in policy.versions if kept is not version)
    tx.managed_policies.update(replace(policy, versions=kept, updated_at=permit.now.replace(microsecond=0)))
    return {}


def set_default_policy_version(permit: Permit, request: PolicyVersionRequest, tx: Transaction) -> Output:
    """Choose the version of a customer-managed policy that is in force.

    Raises:
        NoSuchPolicy, NoSuchPolicyVersion, InvalidInput, PolicyOutsideAccount.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SetDefaultPolicyVersion.html
    """
    policy = policy_to_change(permit, tx, request.policy_arn, "iam:SetDefaultPolicyVersion")
    version = _version(policy, request.version_id)
    now = permit.now.replace(microsecond=0)
    tx.managed_policies.update(replace(policy, default_version_id=version.version_id, updated_at=now))
    return {}


def _version(policy: ManagedPolicy, version_id: str) -> PolicyVersion:
    for version in policy.versions:
        if version.version_id == version_id:
            return version
    raise NoSuchPolicyVersion(policy_arn=policy.arn, version_id=version_id)


def _number(version: PolicyVersion) -> int:
    """`v12` is the twelfth."""
    return int(version.version_id.removeprefix("v").partition(".")[0])


def _newest_first(version: PolicyVersion) -> str:
    return f"{10**9 - _number(version):010d}"


OPERATIONS: tuple[Operation, ...] = (
    Write(CreatePolicyVersionRequest, on_policy("iam:CreatePolicyVersion"), create_policy_version),
    Read(PolicyVersionRequest, on_policy("iam:GetPolicyVersion"), get_policy_version),
    Read(ListPolicyVersionsRequest, on_policy("iam:ListPolicyVersions"), list_policy_versions),
    Write(PolicyVersionRequest, on_policy("iam:DeletePolicyVersion"), delete_policy_version),
    Write(PolicyVersionRequest, on_policy("iam:SetDefaultPolicyVersion"), set_default_policy_version),
)
