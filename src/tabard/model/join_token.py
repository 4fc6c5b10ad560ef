"""Join tokens: each lets one machine, of one name, become a host, once and within its time."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """What is kept of a join token: the SHA-256 of its secret, never the secret.

    `instance_profile_id` is of what the machine's instance will be given, empty for none. `claimed_by` is the
    fingerprint of the key that has used it, and `host_id` the host that came of it; both empty before.
    """

    token_id: str
    secret_hash: str = field(repr=False)
    host_name: str
    instance_profile_id: str
    partition: str
    region: str
    account_id: str
    created_at: datetime
    created_by: str
    expires_at: datetime
    claimed_by: str = ""
    host_id: str = ""

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:hosts:{self.region}:{self.account_id}:join-token/{self.token_id}"
