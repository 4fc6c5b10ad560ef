"""Bounds on a client's requests and reads: their size, number and speed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """The bounds of one listener.

    idle_connection_seconds: also the time limit for the whole head of a request.
    body_idle_seconds: the longest silence within a body.
    whole_body_seconds: the time limit for a body that is read into memory.
    write_idle_seconds: how long a client may read nothing of its answer.
    """

    request_line_bytes: int = 16 * 1024
    header_bytes: int = 16 * 1024
    header_count: int = 100
    all_headers_bytes: int = 64 * 1024
    idle_connection_seconds: float = 75.0
    body_idle_seconds: float = 60.0
    whole_body_seconds: float = 300.0
    write_idle_seconds: float = 60.0
    linger_seconds: float = 2.0
