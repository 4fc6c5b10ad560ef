"""Where a caller has reached the edge: what queue URLs and the like lead back to."""

import re

from tabard.wire.request import RawRequest

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def reached_at(raw: RawRequest, *, endpoint: str) -> str:
    """The `endpoint` that all callers on this machine use; for others the one that they have signed as Host.

    An enrolled machine reaches the edge at an address of its own, in plain HTTP, and its agent leads it here.
    The answer goes to whoever has said this Host, and nothing is kept of it.
    """
    if not raw.secure:
        return endpoint
    host = raw.header("host") or ""
    if not _AUTHORITY.fullmatch(host):
        return endpoint
    return f"http://{host}" if raw.relayed else f"https://{host}"
