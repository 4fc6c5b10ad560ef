"""Instances whose SDKs find credentials as in a container: by a URI and an authorization token."""

import secrets
from pathlib import Path

from tabard.agent.fresh_files import write_fresh
from tabard.imds.container import PATH
from tabard.model.messages import DesiredInstance

CREDENTIALS_FROM = "tabard:credentials-from"
"""The tag that selects where SDKs look: `container`, or otherwise only the metadata service."""

TOKEN_FILE = "authorization-token"  # noqa: S105 - a file's name


def wants_container_credentials(desired: DesiredInstance) -> bool:
    """Return whether the instance was launched with container credentials."""
    return any(tag.key == CREDENTIALS_FROM and tag.value == "container" for tag in desired.tags)


def new_token() -> str:
    """Make a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def container_environment(
    directory: Path, token: str, *, endpoint: str, owner_uid: int | None
) -> dict[str, str]:
    """Write the token beside the instance's other files; return the variables that name it to SDKs.

    Args:
        owner_uid: the uid whose processes read it. None: the instance has a network of its own, so that the
            token is useless outside.
    AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """
    path = directory / TOKEN_FILE
    write_fresh(path, token.encode("ascii"), mode=0o444 if owner_uid is None else 0o400, owner=owner_uid)
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint}{PATH}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path),
    }
