"""The endpoint by which a caller reached the edge. Queue URLs lead back to it."""

import re

from tabard.wire.request import RawRequest

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


def caller_endpoint(raw: RawRequest, *, endpoint: str) -> str:
    """Return `endpoint` for callers on this machine, and the signed Host for all others.

    On an enrolled machine, applications reach the edge at an address of that machine, in plain HTTP, and the
    agent relays. The Host appears only in the answer to the caller that signed it.
    """
    if not raw.secure:
        return endpoint
    host = raw.header("host") or ""
    if not _AUTHORITY.fullmatch(host):
        return endpoint
    return f"http://{host}" if raw.relayed else f"https://{host}"
