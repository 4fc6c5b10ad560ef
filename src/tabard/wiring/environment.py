"""The environment of the processes that `tabard up` starts: only what they need of its own."""

import os

_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "HOME",
    "XDG_RUNTIME_DIR",  # where podman has what it knows of a user's containers
    "CREDENTIALS_DIRECTORY",
    "PYTHONDONTWRITEBYTECODE",
)


def child_environment() -> dict[str, str]:
    """What edge and agent inherit: no credentials, no proxies, no settings that only `tabard up` reads."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # botocore's models are read, AWS never is: nothing of ours may ask this machine's own metadata service.
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true"}
