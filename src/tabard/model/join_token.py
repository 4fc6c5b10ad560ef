"""Join tokens: each lets one machine with one name become a host, once, before the token expires."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinToken:
    """The stored part of a join token: the SHA-256 of its secret, never the secret.

    `instance_profile_id` is the instance profile of the machine's instance, or empty. `claimed_by` is the
    fingerprint of the key that used the token, and `host_id` its host; both are empty before.
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
