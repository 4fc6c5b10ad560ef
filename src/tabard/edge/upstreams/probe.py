"""A readiness probe of an upstream: one request on its own connection."""

from collections.abc import Sequence
from pathlib import Path

from tabard.http1.pool import Http1Pool, UnixTarget, UpstreamUnavailable

ANSWER_LIMIT_BYTES = 1024 * 1024
PROBE_SECONDS = 4.0


async def answer_to(
    socket: Path, method: str, raw_target: str, headers: Sequence[tuple[str, str]], body: bytes = b""
) -> tuple[int | None, bytes]:
    """Return the status and body of the upstream's answer; None if it does not answer."""
    pool = Http1Pool(UnixTarget(path=str(socket)), max_connections=1, answer_timeout_seconds=PROBE_SECONDS)
    try:
        answer = await pool.request(method, raw_target, headers, body or None)
        return answer.status, await answer.read(ANSWER_LIMIT_BYTES)
    except UpstreamUnavailable:
        return None, b""
    finally:
        pool.close()
