"""Requests to the edge over TLS: the host's certificate identifies it, and no request is signed."""

import ssl
from collections.abc import Mapping

from tabard.agent.edge_client import HttpAnswer
from tabard.agent.edge_pool import EdgePool
from tabard.model.messages import EDGE_NAME


class CertifiedExchange:
    """An `Exchange` with one edge endpoint. Its client certificate can be replaced at any time."""

    def __init__(self, endpoint: str, tls: ssl.SSLContext) -> None:
        """Args: endpoint: `https://HOST:PORT`; tls: the client certificate and the trusted authority."""
        self._endpoint = endpoint
        self._pools = [EdgePool(endpoint, tls=tls, server_name=EDGE_NAME)]

    async def __call__(
        self,
        *,
        operation: str,  # noqa: ARG002 - the target header says it; fakes dispatch on it
        headers: Mapping[str, str],
        body: bytes,
        timeout_seconds: float,
    ) -> HttpAnswer:
        """Send one request. Raises OSError if no answer came within `timeout_seconds`."""
        return await self._pools[-1].post(
            lambda: list(headers.items()), body, timeout_seconds=timeout_seconds
        )

    def show(self, tls: ssl.SSLContext) -> None:
        """Use another certificate from now on. Requests in progress still complete."""
        self._pools.append(EdgePool(self._endpoint, tls=tls, server_name=EDGE_NAME))
        for former in self._pools[:-2]:
            former.close()
        del self._pools[:-2]

    async def close(self) -> None:
        """Close the pooled connections."""
        for pool in self._pools:
            pool.close()
