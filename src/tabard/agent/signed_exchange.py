"""Signed requests to the edge over the pooled client, with the host's own key."""

import asyncio
import hashlib
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

from tabard.agent.edge_client import SERVICE, HttpAnswer
from tabard.clock import Clock
from tabard.sigv4.sign import Credentials, sign_request
from tabard.wire.http1 import Http1Pool, TcpTarget, UpstreamTimeout, UpstreamUnavailable

_ANSWER_BYTES = 16 * 1024 * 1024
_IDLE_SECONDS = 10.0
_LONGEST_SILENCE_SECONDS = 120.0


class SignedExchange:
    """An `Exchange` with one edge endpoint, for as long as the event loop it is first used in."""

    def __init__(
        self,
        endpoint: str,
        *,
        credentials: Credentials,
        region: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Args: endpoint: `http://127.0.0.1:4700` or `https://…`, no path; tls: else the system's trust."""
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{endpoint!r} is not an endpoint: http(s)://host[:port] is wanted")
        self._host = parts.netloc.rpartition("@")[2]
        if parts.scheme == "https" and tls is None:
            tls = ssl.create_default_context()
        self._pool = Http1Pool(
            TcpTarget(
                host=parts.hostname,
                port=parts.port or (443 if parts.scheme == "https" else 80),
                tls=tls if parts.scheme == "https" else None,
            ),
            idle_timeout_seconds=_IDLE_SECONDS,
            answer_timeout_seconds=_LONGEST_SILENCE_SECONDS,
        )
        self._credentials = credentials
        self._region = region
        self._clock = clock

    async def __call__(
        self,
        *,
        operation: str,  # noqa: ARG002 - the target header says it; fakes dispatch on it
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> HttpAnswer:
        """Send one request. Raises OSError where no answer came within `timeout_seconds`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                try:
                    return await self._send(headers, body)
                except UpstreamTimeout:
                    raise
                except UpstreamUnavailable:
                    # A kept connection may have been closed meanwhile; all our operations may be repeated.
                    return await self._send(headers, body)
        except (UpstreamUnavailable, TimeoutError) as error:
            raise OSError(str(error) or f"no answer within {timeout_seconds:g} s") from error

    async def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()

    async def _send(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        payload_hash = hashlib.sha256(body).hexdigest()
        plain = list(headers.items())
        added = sign_request(
            method="POST",
            host=self._host,
            raw_path="/",
            raw_query="",
            headers=plain,
            payload_hash=payload_hash,
            credentials=self._credentials,
            region=self._region,
            service=SERVICE,
            now=self._clock.now(),
            normalize_path=True,
        )
        answer = await self._pool.request("POST", "/", [("host", self._host), *plain, *added], body)
        return HttpAnswer(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.headers},
            body=await answer.read(_ANSWER_BYTES),
        )
