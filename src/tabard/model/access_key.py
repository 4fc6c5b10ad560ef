"""Long-term keys: of users, of the account's root, and of hosts."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class AccessKeyStatus(StrEnum):
    """Whether a long-term key can sign requests."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKey:
    """A long-term key (`AKIA…`) of a user, of the root, or of a host.

    Its owner is in the account `account_id`. `owner_id` is the user's id (`AIDA…`), the account id for the
    root, or the host's id (`h-…`).
    The secret is stored only as `sealed_secret`, encrypted under the master key with the key id as
    associated data.
    """

    access_key_id: str
    account_id: str
    owner_id: str
    sealed_secret: bytes = field(repr=False)
    status: AccessKeyStatus
    created_at: datetime
