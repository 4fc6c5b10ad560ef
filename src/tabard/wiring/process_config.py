"""The configurations that `tabard up` sends to its child processes.

A child receives only the settings that its configuration names, by the same names. So the agent receives no
secret of the edge. A setting has its default in `Settings` alone. These types do not import pydantic, which
would cost every child memory and time.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from tabard.processes.process_log import LogFormat


def settings_for(config: type[msgspec.Struct], settings: Mapping[str, object]) -> dict[str, Any]:
    """Return the settings that a child's configuration names, by name."""
    return {name: settings[name] for name in config.__struct_fields__ if name in settings}


class EdgeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one edge process, sent on stdin. It contains the upstreams' secrets."""

    name: str
    data_dir: str
    listen_fd: int
    network_path_fd: int
    metrics_fd: int | None = None
    log_format: LogFormat
    host_fd: int | None = None
    host_addresses: tuple[str, ...] = ()
    endpoint: str
    region: str
    session_lifetime_seconds: int
    store_outage_bound_seconds: int
    audit_kept_days: int
    audit_limit_megabytes: int
    upstream_timeout_seconds: float
    s3_socket: str
    s3_access_key_id: str
    s3_secret_access_key: str
    json_socket: str
    json_secret_header: tuple[str, str]

    def __repr__(self) -> str:
        return f"EdgeConfig(data_dir={self.data_dir!r}, endpoint={self.endpoint!r})"


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration of one agent process, sent on stdin. Its only secret is the host's key."""

    host_id: str
    access_key_id: str
    secret_access_key: str
    endpoint: str
    region: str
    directory: str
    edge_socket: str
    hidden: tuple[str, ...] = ()
    allow_address: str
    store_fd: int | None = None
    metrics_fd: int | None = None
    log_format: LogFormat
    leader_lock_path: str = ""
    supervisor_pid: int = 0
    rotate_every_seconds: float
    launch_uid: int | None
    launch_gid: int | None
    vm_image: str | None
    container_images: str | None

    def __repr__(self) -> str:
        return f"AgentConfig(host_id={self.host_id!r}, endpoint={self.endpoint!r})"
