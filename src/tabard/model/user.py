"""IAM users."""

from dataclasses import dataclass
from datetime import datetime

from tabard.model.policies import InlinePolicy
from tabard.model.tag import Tag
from tabard.names import iam_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An IAM user: `user_id` is `AIDA…`, `path` begins and ends with `/`.

    `group_ids` are its groups. It has their policies besides its own.
    `permissions_boundary_arn` names the managed policy that is its permissions boundary.
    """

    user_id: str
    name: str
    path: str
    partition: str
    account_id: str
    created_at: datetime
    inline_policies: tuple[InlinePolicy, ...] = ()
    attached_policy_arns: tuple[str, ...] = ()
    group_ids: tuple[str, ...] = ()
    permissions_boundary_arn: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def arn(self) -> str:
        return iam_arn(
            partition=self.partition, account_id=self.account_id, kind="user", path=self.path, name=self.name
        )
