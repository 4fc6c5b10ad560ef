"""Python imports this where its folder is on PYTHONPATH. It notes who is asked, and allows loopback alone.

The file that LOOPBACK_GUARD names has a line for each name that was looked up and each address that was
connected to. What is not of loopback is refused.
"""

import os
import sys
from ipaddress import ip_address

_NOTES = os.environ.get("LOOPBACK_GUARD", "")
_NAMES = frozenset({"localhost", ""})


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.getaddrinfo":
        host = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0] or "")
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
    else:
        return
    with open(_NOTES, "a", encoding="utf-8") as notes:  # noqa: PTH123 - pathlib is not imported yet
        notes.write(f"{host}\n")
    try:
        allowed = host in _NAMES or ip_address(host).is_loopback
    except ValueError:
        allowed = False
    if not allowed:
        raise OSError(f"{host} is not on loopback")


if _NOTES:
    sys.addaudithook(_watch)
