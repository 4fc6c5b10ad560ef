"""The edge's HTTP door: one request in, one answer out; sizes, counts and times bounded.

aiohttp's low-level server, because it keeps the raw request target that SigV4 needs.
"""

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web
from multidict import CIMultiDict

from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.wire.request import Answer, RawRequest

MAX_REQUEST_LINE_BYTES = 16 * 1024
MAX_HEADER_BYTES = 16 * 1024
MAX_HEADERS = 100
IDLE_CONNECTION_SECONDS = 75.0
LINGER_SECONDS = 2.0

_MALFORMED = Answer(
    status=400, headers=(("content-type", "text/plain"), ("connection", "close")), body=b"Bad Request\n"
)

Handler = Callable[[RawRequest, Body], Awaitable[Answer]]


def edge_server(answer: Handler, *, clock: Clock, secure: bool = False) -> web.Server:
    """An HTTP server that turns every request into a `RawRequest` and hands it to `answer`."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        raw = _raw_request(request, clock, secure=secure)
        body = _body(request)
        if raw is None or body is None:
            return _small(request, _MALFORMED, b"Bad Request\n")
        reply = await answer(raw, body)
        return await _sent(request, reply)

    return web.Server(
        handle,
        access_log=None,
        auto_decompress=False,
        max_line_size=MAX_REQUEST_LINE_BYTES,
        max_field_size=MAX_HEADER_BYTES,
        max_headers=MAX_HEADERS,
        keepalive_timeout=IDLE_CONNECTION_SECONDS,
        lingering_time=LINGER_SECONDS,
    )


def new_request_id() -> str:
    """A request id in the form of AWS's: a random UUID."""
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _raw_request(request: web.BaseRequest, clock: Clock, *, secure: bool) -> RawRequest | None:
    """The request as it arrived; None where framing or identity is ambiguous (RFC 9112, 3.2 and 6.3)."""
    headers = []
    seen = set()
    for name, value in request.raw_headers:
        lower = name.decode("latin-1").lower()
        if lower in _ONCE and lower in seen:
            return None
        seen.add(lower)
        headers.append((lower, value.decode("utf-8", "surrogateescape")))
    if "host" not in seen or {"content-length", "transfer-encoding"} <= seen:
        return None
    raw_path, _, raw_query = request.raw_path.partition("?")
    if not raw_path.startswith("/"):
        return None
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return RawRequest(
        method=request.method,
        raw_path=raw_path,
        raw_query=raw_query,
        headers=tuple(headers),
        peer_ip=peer[0] if isinstance(peer, tuple) and peer else "",
        secure=secure,
        request_id=new_request_id(),
        received_at=clock.now(),
    )


_ONCE = frozenset(
    (
        "host",
        "authorization",
        "content-length",
        "transfer-encoding",
        "x-amz-date",
        "x-amz-content-sha256",
        "x-amz-security-token",
        "x-amz-target",
        "x-amz-decoded-content-length",
        "x-amz-copy-source",
        "content-encoding",
        "content-type",
        "expect",
    )
)
"""Headers of which a second one could mean another thing to another reader."""


def _body(request: web.BaseRequest) -> Body | None:
    expect = request.headers.get("Expect")
    if expect is not None and expect.lower() != "100-continue":
        return None

    async def invite() -> None:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0

    length = request.content_length
    if not request.body_exists:
        length = 0
    return Body(request.content, length=length, invite=invite if expect is not None else None)


def _small(request: web.BaseRequest, reply: Answer, body: bytes) -> web.StreamResponse:
    headers = CIMultiDict(reply.headers)
    headers["Server"] = "Tabard"
    response = web.Response(status=reply.status, headers=headers, body=body)
    if reply.status >= 400 and not request.content.is_eof():
        response.force_close()
    return response


async def _sent(request: web.BaseRequest, reply: Answer) -> web.StreamResponse:
    if isinstance(reply.body, bytes):
        return _small(request, reply, reply.body)
    headers = CIMultiDict(reply.headers)
    headers["Server"] = "Tabard"
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    async for piece in reply.body:
        await response.write(piece)
    await response.write_eof()
    return response
