"""Attached policy documents: inline policies, and managed policies with versions."""

from dataclasses import dataclass
from datetime import datetime

from tabard.model.tag import Tag
from tabard.names import iam_arn


@dataclass(frozen=True, slots=True)
class InlinePolicy:
    """A document that is deleted with its user, group or role."""

    name: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyVersion:
    """One of up to five versions of a managed policy; `version_id` is `v1`, `v2`, …"""

    version_id: str
    document: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManagedPolicy:
    """A policy with its own ARN. `account_id` is `aws` for AWS's own policies.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html
    """

    policy_id: str
    name: str
    path: str
    partition: str
    account_id: str
    description: str
    default_version_id: str
    versions: tuple[PolicyVersion, ...]
    created_at: datetime
    updated_at: datetime
    tags: tuple[Tag, ...] = ()

    # INVARIANT: exactly one version is the default, and there are one to five.
    def __post_init__(self) -> None:
        if not 1 <= len(self.versions) <= 5:
            raise ValueError("a managed policy has one to five versions")
        if sum(version.version_id == self.default_version_id for version in self.versions) != 1:
            raise ValueError("the default version is one of the versions")

    @property
    def arn(self) -> str:
        return iam_arn(
            partition=self.partition,
            account_id=self.account_id,
            kind="policy",
            path=self.path,
            name=self.name,
        )

    @property
    def default_version(self) -> PolicyVersion:
        return next(v for v in self.versions if v.version_id == self.default_version_id)
