"""How large, how many and how slow what a client sends, or takes, may be."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """`idle_connection_seconds` is also the time in which the whole head of a request has to come;
    `body_idle_seconds` the longest silence within a body; `whole_body_seconds` the time in which a body that
    is held in memory has to be here; `write_idle_seconds` how long a client may take nothing of its answer.
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
