"""Hosts: machines that run instances, each a principal of its own."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A registered host. `ephemeral` hosts are removed, with their instances, when unseen for long.

    `registered_by` is the id of the user, role or account whose RegisterHost made it; empty for the
    installation's own host; for an enrolled one the id of its join token. An enrolled host is known by its
    key: `key_fingerprint` is the SHA-256 (hex) of the public key that its certificate is for,
    `next_key_fingerprint` that of the key which is to follow, until it is first used.
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
        """Whether it is a machine that enrolled itself, and runs nothing that is sent to it."""
        return bool(self.key_fingerprint)

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:hosts:{self.region}:{self.account_id}:host/{self.host_id}"
