"""Hosts: machines that run instances. Each is a principal."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A registered host. `ephemeral` hosts are removed, with their instances, after a long silence.

    `registered_by` is the id of the user, role or account that called RegisterHost. It is empty for the
    installation's own host, and the id of the join token for an enrolled host. The key identifies an enrolled
    host: `key_fingerprint` is the SHA-256 (hex) of its certificate's public key. `next_key_fingerprint` is
    that of the next key, until its first use.
    """

    host_id: str
    name: str
    partition: str
    region: str
    account_id: str
    registered_at: datetime
    last_seen_at: datetime
    ephemeral: bool
    registered_by: str
    key_fingerprint: str = ""
    next_key_fingerprint: str = ""

    @property
    def is_enrolled(self) -> bool:
        """Whether it is a machine that enrolled itself. No instances are placed on it."""
        return bool(self.key_fingerprint)

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:hosts:{self.region}:{self.account_id}:host/{self.host_id}"
