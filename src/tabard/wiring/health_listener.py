"""The listener of health and metrics, which answers only to its own address."""

from collections.abc import Collection
from typing import Protocol

import msgspec

from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.server import EdgeServer, edge_server
from tabard.http1.answer import Answer
from tabard.wire.request import RawRequest

METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Monitored(Protocol):
    """The source of the answers."""

    async def health(self) -> dict[str, object]:
        """Return the health, with its `status`."""

    async def metrics(self) -> bytes:
        """Return the metrics in Prometheus's text format."""


def health_server(
    monitored: Monitored, *, authorities: Collection[str], clock: Clock, secure: bool = False
) -> EdgeServer:
    """Make the server of `GET /health` (200, or 503 if requests are refused) and `GET /metrics`.

    Args:
        authorities: the Host values that it accepts: its own `address:port`, in lower case.
    """

    async def answer(raw: RawRequest, _body: Body) -> Answer:
        # Against DNS rebinding: a web page whose name resolves to this address still sends its own name.
        if (raw.header("host") or "").lower() not in authorities:
            return _text(421, "the Host is not this listener's address\n")
        if raw.method != "GET":
            return Answer(status=405, headers=(("allow", "GET"),), body=b"")
        if raw.raw_path == "/health":
            report = await monitored.health()
            return Answer(
                status=503 if report["status"] == "refusing" else 200,
                headers=(("content-type", "application/json"),),
                body=msgspec.json.encode(report),
            )
        if raw.raw_path == "/metrics":
            headers = (("content-type", METRICS_CONTENT_TYPE),)
            return Answer(status=200, headers=headers, body=await monitored.metrics())
        return _text(404, "/health and /metrics are here\n")

    return edge_server(answer, clock=clock, secure=secure)


def _text(status: int, sentence: str) -> Answer:
    return Answer(
        status=status, headers=(("content-type", "text/plain; charset=utf-8"),), body=sentence.encode()
    )
