"""One kept connection to each of two edges, which share their listening socket."""

import time
from http.client import HTTPConnection

from tests.support.process_tree import edge_serving
from tests.support.raw_http import Request, admin_key, authority, signed, unsigned
from tests.support.running_system import RunningSystem


def asked_of(connection: HTTPConnection, request: Request) -> int:
    """The status that one edge answers."""
    connection.request(request.method, request.target, body=request.body, headers=dict(request.headers))
    reply = connection.getresponse()
    reply.read()
    return reply.status


def connections_to_both(system: RunningSystem) -> list[HTTPConnection]:
    """One kept connection to each of the two edges: connected again until both have answered."""
    found: dict[int, HTTPConnection] = {}
    deadline = time.monotonic() + 20
    while len(found) < 2:
        assert time.monotonic() < deadline, "one edge takes every connection"
        several = [HTTPConnection(authority(system), timeout=10) for _ in range(8)]
        for connection in several:
            asked_of(connection, signed(unsigned(system, "GET", "/"), admin_key(system), "s3"))
            pid = edge_serving(system, connection.sock.getsockname()[1])
            if pid and pid not in found:
                found[pid] = connection
            else:
                connection.close()
    return list(found.values())
