"""Description of a running system: the values that a person wants to see."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemDescription:
    """The values that a banner and the run file show of a running system."""

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
