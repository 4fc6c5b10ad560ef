"""Whether the user has named a system by options or by the shell; asked before any SDK is imported."""

import os

ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL"


def shell_names_a_system(*, endpoint: str | None, profile: str | None) -> bool:
    """Return whether the user has named a system, or a profile, by an option or by AWS_ENDPOINT_URL."""
    return bool(endpoint or profile or os.environ.get(ENDPOINT_VARIABLE))
