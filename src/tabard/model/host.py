"""Hosts: machines that run instances, each a principal of its own."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A registered host. `ephemeral` hosts are removed, with their instances, when unseen for long.

    `registered_by` is the id of the user, role or account whose RegisterHost made it; empty for the
    installation's own host.
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

    @property
    def arn(self) -> str:
        return f"arn:{self.partition}:hosts:{self.region}:{self.account_id}:host/{self.host_id}"
