"""Signed requests to the edge over the pooled client, with the host's own key."""

import hashlib
import ssl
from collections.abc import Mapping

from tabard.agent.edge_client import SERVICE, HttpAnswer
from tabard.agent.edge_pool import EdgePool, Headers
from tabard.clock import Clock
from tabard.sigv4.sign import Credentials, sign_request


class SignedExchange:
    """An `Exchange` with one edge endpoint. It belongs to the event loop that uses it first."""

    def __init__(
        self,
        endpoint: str,
        *,
        credentials: Credentials,
        region: str,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Args: endpoint: `http://127.0.0.1:4700` or `https://…`, no path; tls: None: the system's trust."""
        self._pool = EdgePool(endpoint, tls=tls)
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
        """Send one request. Raises OSError if no answer came within `timeout_seconds`."""
        return await self._pool.post(
            lambda: self._signed(headers, body), body, timeout_seconds=timeout_seconds
        )

    async def close(self) -> None:
        """Close the pooled connections."""
        self._pool.close()

    def _signed(self, headers: Mapping[str, str], body: bytes) -> Headers:
        plain = list(headers.items())
        added = sign_request(
            method="POST",
            host=self._pool.host,
            raw_path="/",
            raw_query="",
            headers=plain,
            payload_hash=hashlib.sha256(body).hexdigest(),
            credentials=self._credentials,
            region=self._region,
            service=SERVICE,
            now=self._clock.now(),
            normalize_path=True,
        )
        return [*plain, *added]
