"""IAM roles."""

from dataclasses import dataclass
from datetime import datetime

from tabard.model.policies import InlinePolicy
from tabard.model.tag import Tag
from tabard.names import iam_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """The identity that policies are attached to and that instances and callers assume.

    `role_id` is `AROA…` and never used twice: a new role with an old name is another role.
    `max_session_duration_seconds` (3,600 to 43,200) bounds AssumeRole only. `permissions_boundary_arn` names
    the managed policy that is its permissions boundary. `trusted` contains, for each principal of this
    account in the trust policy, the ARN as written and the unique id that it had when the policy was saved.
    """

    role_id: str
    name: str
    path: str
    partition: str
    account_id: str
    description: str
    trust_policy: str
    max_session_duration_seconds: int
    created_at: datetime
    inline_policies: tuple[InlinePolicy, ...] = ()
    attached_policy_arns: tuple[str, ...] = ()
    permissions_boundary_arn: str | None = None
    trusted: tuple[tuple[str, str], ...] = ()
    tags: tuple[Tag, ...] = ()

    def __post_init__(self) -> None:
        if not 3600 <= self.max_session_duration_seconds <= 43200:
            raise ValueError("a role's maximum session duration is 3,600 to 43,200 seconds")

    @property
    def arn(self) -> str:
        return iam_arn(
            partition=self.partition, account_id=self.account_id, kind="role", path=self.path, name=self.name
        )
