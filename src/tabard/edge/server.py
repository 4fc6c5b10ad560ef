"""The edge's HTTP door: one request in, one answer out.

aiohttp's low-level server, because it keeps the raw request target that SigV4 needs. What is not one
unambiguous HTTP/1.1 request gets a bare 400, and its connection ends: RFC 9112, 3.2 and 6.3.
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

from aiohttp import web
from aiohttp.http import HttpVersion10, HttpVersion11
from multidict import CIMultiDict

from tabard.clock import Clock
from tabard.edge.body import Body
from tabard.edge.connection import EdgeServer, HttpBounds, bare_answer
from tabard.wire.request import Answer, RawRequest

PIECE_BYTES = 256 * 1024
METHODS = frozenset(("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE"))
"""All others are refused; CONNECT above all, after which every byte means something else."""

Handler = Callable[[RawRequest, Body], Awaitable[Answer]]


def edge_server(
    answer: Handler, *, clock: Clock, secure: bool = False, bounds: HttpBounds | None = None
) -> web.Server:
    """An HTTP server that turns every request into a `RawRequest` and hands it to `answer`."""
    limits = bounds or HttpBounds()

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        raw = _raw_request(request, clock, limits, secure=secure)
        body = _body(request, limits)
        if raw is None or body is None:
            return bare_answer(400)
        reply = await answer(raw, body)
        # A refused body is not waited for; behind what asked for another protocol nobody knows what comes.
        refused = reply.status >= 400 and not request.content.is_eof()
        must_close = refused or body.is_awaited or "Upgrade" in request.headers
        return await _sent(request, reply, limits, must_close=must_close)

    return EdgeServer(handle, limits)


def new_request_id() -> str:
    """A request id in the form of AWS's: a random UUID."""
    text = secrets.token_hex(16)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def _raw_request(
    request: web.BaseRequest, clock: Clock, bounds: HttpBounds, *, secure: bool
) -> RawRequest | None:
    """The request as it arrived; None where framing or identity is ambiguous."""
    if request.method not in METHODS or request.version not in (HttpVersion10, HttpVersion11):
        return None
    target = request.raw_path
    if not target.startswith("/") or "#" in target:
        return None
    headers = _headers(request, bounds)
    if headers is None:
        return None
    raw_path, _, raw_query = target.partition("?")
    peer = request.transport.get_extra_info("peername") if request.transport is not None else None
    return RawRequest(
        method=request.method,
        raw_path=raw_path,
        raw_query=raw_query,
        headers=headers,
        peer_ip=peer[0] if isinstance(peer, tuple) and peer else "",
        secure=secure,
        request_id=new_request_id(),
        received_at=clock.now(),
    )


def _headers(request: web.BaseRequest, bounds: HttpBounds) -> tuple[tuple[str, str], ...] | None:
    """Names in lower case, with their values; None where one would mean different things to two readers."""
    headers = []
    seen = set()
    size = 0
    for name, value in request.raw_headers:
        lower = name.decode("latin-1").lower()
        if lower in _ONCE and lower in seen:
            return None
        seen.add(lower)
        size += len(name) + len(value)
        try:
            # What is no text cannot be audited, nor compared with a policy's values.
            headers.append((lower, value.decode("utf-8")))
        except UnicodeDecodeError:
            return None
    if size > bounds.all_headers_bytes or "host" not in seen:
        return None
    return tuple(headers)


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


def _body(request: web.BaseRequest, bounds: HttpBounds) -> Body | None:
    expect = request.headers.get("Expect")
    if expect is not None and expect.lower() != "100-continue":
        return None
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (coding.lower() != "chunked" or "Content-Length" in request.headers):
        return None

    async def invite() -> None:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0

    return Body(
        request.content,
        length=request.content_length if request.body_exists else 0,
        invite=invite if expect is not None else None,
        idle_seconds=bounds.body_idle_seconds,
        whole_seconds=bounds.whole_body_seconds,
    )


async def _sent(
    request: web.BaseRequest, reply: Answer, bounds: HttpBounds, *, must_close: bool
) -> web.StreamResponse:
    headers = CIMultiDict(reply.headers)
    headers["Server"] = "Tabard"
    if isinstance(reply.body, bytes) and len(reply.body) <= PIECE_BYTES:
        response: web.StreamResponse = web.Response(status=reply.status, headers=headers, body=reply.body)
        if must_close:
            response.force_close()
        return response
    response = web.StreamResponse(status=reply.status, headers=headers)
    if must_close:
        response.force_close()
    if isinstance(reply.body, bytes):
        response.content_length = len(reply.body)
        await _stream(request, response, _cut(reply.body), bounds)
    else:
        await _stream(request, response, reply.body, bounds)
    return response


async def _stream(
    request: web.BaseRequest, response: web.StreamResponse, pieces: AsyncIterator[bytes], bounds: HttpBounds
) -> None:
    """Send an answer piece by piece; a client that takes nothing for too long is cut off."""
    try:
        await response.prepare(request)
        async for piece in pieces:
            async with asyncio.timeout(bounds.write_idle_seconds):
                await response.write(piece)
        await response.write_eof()
    except BaseException:
        # Nothing but the end of the connection can say that the rest will not come.
        if request.transport is not None:
            request.transport.abort()
        raise
    finally:
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()


async def _cut(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), PIECE_BYTES):
        yield body[at : at + PIECE_BYTES]
