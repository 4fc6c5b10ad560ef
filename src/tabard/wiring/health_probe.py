"""Asking an edge whether it is ready."""

from urllib.parse import urlsplit

from tabard.http1.pool import Http1Pool, TcpTarget, UpstreamUnavailable

_ANSWER_BYTES = 64 * 1024
_SECONDS = 3.0


async def answers_health(health: str) -> bool:
    """Whether the health listener answers 200."""
    parts = urlsplit(health)
    pool = Http1Pool(
        TcpTarget(host=parts.hostname or "", port=parts.port or 80),
        max_connections=1,
        answer_timeout_seconds=_SECONDS,
    )
    try:
        answer = await pool.request("GET", "/health", [("host", parts.netloc)])
        await answer.read(_ANSWER_BYTES)
    except UpstreamUnavailable:
        return False
    finally:
        pool.close()
    return answer.status == 200
