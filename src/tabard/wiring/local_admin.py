"""A client of the user `admin` of a local system, with the key in its data directory."""

from tabard.administration.client import SystemClient, client_of_key
from tabard.wiring.key_files import read_key
from tabard.wiring.running import RunningSystem


def as_admin(system: RunningSystem) -> SystemClient:
    """Make a client that ignores the shell's AWS settings.

    It reads the key for each request, because the key can be rotated. If the system has ended and its file is
    gone, the client uses the last key.
    """
    last = [system.admin_key]

    def key() -> tuple[str, str]:
        last[0] = read_key(system.data_dir.admin_credentials) or last[0]
        return last[0].access_key_id, last[0].secret_access_key

    return client_of_key(system.endpoint, system.region, key)
