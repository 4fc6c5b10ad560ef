"""Instance profiles: the container that gives an instance its role, at most one."""

from dataclasses import dataclass
from datetime import datetime

from tabard.model.tag import Tag
from tabard.names import iam_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceProfile:
    """The container that carries one role to an instance; `instance_profile_id` is `AIPA…`."""

    instance_profile_id: str
    name: str
    path: str
    partition: str
    account_id: str
    created_at: datetime
    role_id: str | None = None
    tags: tuple[Tag, ...] = ()

    @property
    def arn(self) -> str:
        return iam_arn(
            partition=self.partition,
            account_id=self.account_id,
            kind="instance-profile",
            path=self.path,
            name=self.name,
        )
