"""Instances whose SDKs are to find credentials as in a container: by a URI and an authorization token."""

import secrets
from pathlib import Path

from tabard.agent.fresh_files import write_fresh
from tabard.imds.container import PATH
from tabard.model.messages import DesiredInstance

CREDENTIALS_FROM = "tabard:credentials-from"
"""The tag by which a launch says where SDKs look: `container`, or else the metadata service alone."""

TOKEN_FILE = "authorization-token"  # noqa: S105 - a file's name


def wants_container_credentials(facts: DesiredInstance) -> bool:
    """Whether the instance was launched so."""
    return any(tag.key == CREDENTIALS_FROM and tag.value == "container" for tag in facts.tags)


def new_token() -> str:
    """A token that nobody guesses."""
    return secrets.token_urlsafe(32)


def container_environment(
    directory: Path, token: str, *, endpoint: str, owner_uid: int | None
) -> dict[str, str]:
    """Write the token beside the instance's other files; the variables that lead SDKs to it.

    Args:
        owner_uid: whose processes read it; None where the instance's network is its own, so that outside the
            token opens nothing.
    AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
    """
    path = directory / TOKEN_FILE
    write_fresh(path, token.encode("ascii"), mode=0o444 if owner_uid is None else 0o400, owner=owner_uid)
    return {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{endpoint}{PATH}",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(path),
    }
