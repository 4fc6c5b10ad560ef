"""Kept connections to one edge endpoint, and one more try where such a connection had been closed."""

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
    """Posts to an endpoint, for as long as the event loop it is first used in."""

    def __init__(self, endpoint: str, *, tls: ssl.SSLContext | None = None, server_name: str = "") -> None:
        """Args: endpoint: `http://127.0.0.1:4700` or `https://…`, no path; tls: else the system's trust;
        server_name: what the edge's certificate must name, if not the endpoint's host."""
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{endpoint!r} is not an endpoint: http(s)://host[:port] is wanted")
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
        """Send one request. Raises OSError where no answer came within `timeout_seconds`.

        Args: headers: makes them anew for each try: a signature has its time.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    return await self._send(headers(), body)
                except UpstreamTimeout:
                    raise
                except UpstreamUnavailable:
                    # A kept connection may have been closed meanwhile; all our operations may be repeated.
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
