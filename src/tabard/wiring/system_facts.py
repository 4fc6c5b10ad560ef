"""The facts about a running system that a person wants to know."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemFacts:
    """What a person wants to know of a running system."""

    endpoint: str
    health: str
    host_endpoint: str
    account_id: str
    region: str
    data_dir: Path
    data_dir_option: str
    ephemeral: bool
    upstream_isolation: str
    instance_isolation: str
    volatile: str
