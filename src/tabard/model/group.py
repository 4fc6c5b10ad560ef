"""IAM groups."""

from dataclasses import dataclass
from datetime import datetime

from tabard.model.policies import InlinePolicy
from tabard.names import iam_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A collection of users who share its policies: `group_id` is `AGPA…`, `path` begins and ends with `/`.

    A user lists its groups. A group is no principal: it signs no requests, and policies cannot name it.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_groups.html
    """

    group_id: str
    name: str
    path: str
    partition: str
    account_id: str
    created_at: datetime
    inline_policies: tuple[InlinePolicy, ...] = ()
    attached_policy_arns: tuple[str, ...] = ()

    @property
    def arn(self) -> str:
        return iam_arn(
            partition=self.partition, account_id=self.account_id, kind="group", path=self.path, name=self.name
        )
