"""A connection pool for one edge endpoint, with one retry when a pooled connection was closed."""

import asyncio
import ssl
from collections.abc import Callable
from urllib.parse import urlsplit

from tabard.agent.edge_client import HttpAnswer
from tabard.http1.pool import Http1Pool, TcpTarget, UpstreamTimeout, UpstreamUnavailable

_ANSWER_BYTES = 16 * 1024 * 1024
_IDLE_SECONDS = 10.0
_LONGEST_SILENCE_SECONDS = 120.0

Headers = list[tuple[str, str]]


class EdgePool:
    """Posts to one endpoint. It belongs to the event loop that uses it first."""

    def __init__(self, endpoint: str, *, tls: ssl.SSLContext | None = None, server_name: str = "") -> None:
        """Args: endpoint: `http://127.0.0.1:4700` or `https://…`, no path.
        tls: None: the system's trusted authorities.
        server_name: the name in the edge's certificate, if it is not the endpoint's host."""
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{endpoint!r} is not an endpoint: write http(s)://host[:port]")
        self.host = parts.netloc.rpartition("@")[2]
        if parts.scheme == "https" and tls is None:
            tls = ssl.create_default_context()
        self._pool = Http1Pool(
            TcpTarget(
                host=parts.hostname,
                port=parts.port or (443 if parts.scheme == "https" else 80),
                tls=tls if parts.scheme == "https" else None,
                server_name=server_name,
            ),
            idle_timeout_seconds=_IDLE_SECONDS,
            answer_timeout_seconds=_LONGEST_SILENCE_SECONDS,
        )

    async def post(
        self, headers: Callable[[], Headers], body: bytes, *, timeout_seconds: float
    ) -> HttpAnswer:
        """Send one request. Raises OSError if no answer came within `timeout_seconds`.

        Args: headers: makes new headers for each attempt, because a signature contains its time.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    return await self._send(headers(), body)
                except UpstreamTimeout:
                    raise
                except UpstreamUnavailable:
                    # The edge may have closed a pooled connection. Every operation here is safe to retry.
                    return await self._send(headers(), body)
        except (UpstreamUnavailable, TimeoutError) as error:
            raise OSError(str(error) or f"no answer within {timeout_seconds:g} s") from error

    def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()

    async def _send(self, headers: Headers, body: bytes) -> HttpAnswer:
        answer = await self._pool.request("POST", "/", [("host", self.host), *headers], body)
        return HttpAnswer(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers},
            body=await answer.read(_ANSWER_BYTES),
        )
