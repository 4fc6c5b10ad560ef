"""The endpoint of a running `tabard up`, from its data directory."""

from dataclasses import dataclass, field
from pathlib import Path

from tabard.wiring.data_dir import DataDir
from tabard.wiring.data_file import DataFileUnusable, read_own_object
from tabard.wiring.key_files import KeyPair, read_key

_MEMBERS = ("endpoint", "health", "region", "control_socket", "edge_socket", "instances")


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """The endpoint of a running `tabard up`, and the admin's key."""

    data_dir: DataDir
    endpoint: str
    health: str
    host_endpoint: str
    region: str
    control_socket: Path
    edge_socket: Path
    instances: Path
    ephemeral: bool
    admin_key: KeyPair = field(repr=False)

    def admin_environment(self) -> dict[str, str]:
        """Return the environment variables for an AWS client that acts as the user `admin`."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.admin_key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.admin_key.secret_access_key,
        }


def describe(data_dir: DataDir) -> RunningSystem | None:
    """Read the description of the running system in a data directory; None if there is none.

    Raises:
        DataFileUnusable.
    """
    again = "stop tabard up and start it again, which writes it"
    said = read_own_object(data_dir.running, *_MEMBERS, advice=again)
    if said is None:
        return None
    admin_key = read_key(data_dir.admin_credentials)
    if admin_key is None:
        raise DataFileUnusable(f"{data_dir.admin_credentials} is gone; {again}")
    return RunningSystem(
        data_dir=data_dir,
        endpoint=str(said["endpoint"]),
        health=str(said["health"]),
        host_endpoint=str(said.get("host_endpoint") or ""),
        region=str(said["region"]),
        control_socket=Path(str(said["control_socket"])),
        edge_socket=Path(str(said["edge_socket"])),
        instances=Path(str(said["instances"])),
        ephemeral=said.get("ephemeral") is True,
        admin_key=admin_key,
    )
