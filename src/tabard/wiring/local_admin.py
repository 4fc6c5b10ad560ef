"""The user `admin` of a system on this machine, by the key in its data directory."""

from tabard.administration.client import SystemClient, client_of_key
from tabard.wiring.key_files import read_key
from tabard.wiring.running import RunningSystem


def as_admin(system: RunningSystem) -> SystemClient:
    """A client that heeds no AWS setting of the shell.

    The key may be rotated meanwhile: it is read for each request. A system that ended took its file along;
    then the last key stands.
    """
    last = [system.admin_key]

    def key() -> tuple[str, str]:
        last[0] = read_key(system.data_dir.admin_credentials) or last[0]
        return last[0].access_key_id, last[0].secret_access_key

    return client_of_key(system.endpoint, system.region, key)
