"""The environment of the processes that `tabard up` starts: only what they need of its own."""

import os

_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "HOME",
    "XDG_RUNTIME_DIR",  # podman's state of a user's containers
    "CREDENTIALS_DIRECTORY",
    "PYTHONDONTWRITEBYTECODE",
)


def child_environment() -> dict[str, str]:
    """Return the environment of edge and agent, without credentials, proxies and settings of `tabard up`."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # Tabard only uses botocore's models. It must never ask this machine's own metadata service.
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}
