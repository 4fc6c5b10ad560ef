"""The real edge process, with aiohttp's low-level server in place of `http1/`. Only the bench runs it.

It has the same pipeline, store, audit and upstreams. It leaves out what `http1/` checks beyond a parser, such
as repeated headers: aiohttp does less here than an edge would need.
"""

import asyncio
import sys

import msgspec
from aiohttp import web

from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.request_id import new_request_id
from tabard.edge.server import Handler
from tabard.http1.body_stream import BodyStream
from tabard.http1.bounds import HttpBounds
from tabard.model.network_path import NetworkPath
from tabard.wire.request import RawRequest
from tabard.wiring import edge
from tabard.wiring.process import prepare_process
from tabard.wiring.process_config import EdgeConfig


class AiohttpServer:
    """Makes a connection for each client that connects, as `EdgeServer` does."""

    def __init__(self, answer: Handler, *, clock: Clock) -> None:
        self._answer = answer
        self._clock = clock
        self._bounds = HttpBounds()
        self._server = web.Server(self._handle)

    def __call__(self, path: NetworkPath | None = None) -> asyncio.Protocol:
        del path  # nobody connects there
        protocol: asyncio.Protocol = self._server()
        return protocol

    def pre_shutdown(self) -> None:
        """Nothing is to be ended early here."""

    async def shutdown(self, grace_seconds: float) -> None:
        """End the connections."""
        await self._server.shutdown(grace_seconds)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        now = self._clock.now()
        path, _, query = request.raw_path.partition("?")
        raw = RawRequest(
            method=request.method,
            raw_path=path,
            raw_query=query,
            headers=tuple((name.lower(), value) for name, value in request.headers.items()),
            peer_ip=request.remote or "",
            secure=False,
            request_id=new_request_id(now),
            received_at=now,
        )
        stream = BodyStream(self)
        stream.is_complete = True  # the bench sends GETs without a body
        answer = await self._answer(
            raw,
            Body(
                stream,
                length=0,
                invite=None,
                idle_seconds=self._bounds.body_idle_seconds,
                whole_seconds=self._bounds.whole_body_seconds,
            ),
        )
        if isinstance(answer.body, bytes):
            return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
        response = web.StreamResponse(status=answer.status, headers=answer.headers)
        await response.prepare(request)
        async for piece in answer.body:
            await response.write(piece)
        await response.write_eof()
        return response

    def resume_reading(self) -> None:
        """No body comes."""


if __name__ == "__main__":
    setattr(edge, "edge_server", AiohttpServer)  # noqa: B010 - the same calls, by another server
    prepare_process()
    asyncio.run(edge.run_edge(msgspec.json.decode(sys.stdin.buffer.read(), type=EdgeConfig)))
