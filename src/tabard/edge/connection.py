"""One client's connection: aiohttp's, with errors that say nothing, and with bounds on size and time."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from tabard.wire.http1 import UpstreamUnavailable

ANSWER_BROKE_OFF = "answer_broke_off"
CONNECTION_FAILED = "connection_failed"

_log = structlog.get_logger()

HttpHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpBounds:
    """How large, how many and how slow what a client sends, or takes, may be.

    `idle_connection_seconds` is also the time in which the whole head of a request has to come;
    `body_idle_seconds` the longest silence within a body; `whole_body_seconds` the time in which a body that
    is held in memory has to be here; `write_idle_seconds` how long a client may take nothing of its answer.
    """

    request_line_bytes: int = 16 * 1024
    header_bytes: int = 16 * 1024
    header_count: int = 100
    all_headers_bytes: int = 64 * 1024
    idle_connection_seconds: float = 75.0
    body_idle_seconds: float = 60.0
    whole_body_seconds: float = 300.0
    write_idle_seconds: float = 60.0
    linger_seconds: float = 2.0


class EdgeServer(web.Server):
    """Makes an `EdgeConnection` for each client that connects."""

    def __init__(self, handler: HttpHandler, bounds: HttpBounds) -> None:
        super().__init__(handler)
        self._bounds = bounds

    def __call__(self) -> web.RequestHandler:
        return EdgeConnection(self, self._bounds)


class EdgeConnection(web.RequestHandler):
    """INVARIANT: what a malformed request holds is neither answered nor logged: it may be a session token."""

    def __init__(self, server: EdgeServer, bounds: HttpBounds) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]  # aiohttp's own way to say none
            auto_decompress=False,
            max_line_size=bounds.request_line_bytes,
            max_field_size=bounds.header_bytes,
            max_headers=bounds.header_count,
            keepalive_timeout=bounds.idle_connection_seconds,
            lingering_time=bounds.linger_seconds,
        )
        self._write_idle_seconds = bounds.write_idle_seconds

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer a request that is not one with 400, a mistake of ours with 500; then close."""
        if not isinstance(exc, HttpProcessingError):
            self.log_exception(exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun: all that is left is to break it off")
        return bare_answer(400 if status == 400 else 500)

    def log_exception(self, *_: object, exc_info: BaseException | None = None, **__: object) -> None:
        """Log what befell a connection; that one of its ends went away is nobody's mistake."""
        if isinstance(exc_info, (ConnectionError, TimeoutError, UpstreamUnavailable)):
            _log.info(ANSWER_BROKE_OFF, failure=type(exc_info).__name__)
        else:
            _log.error(CONNECTION_FAILED, exc_info=exc_info)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer to a client that takes it."""
        try:
            async with asyncio.timeout(self._write_idle_seconds):
                return await super().finish_response(request, resp, start_time)
        except TimeoutError:
            if self.transport is not None:
                self.transport.abort()
            return resp, True


def bare_answer(status: int) -> web.Response:
    """An answer outside of every AWS protocol, after which the connection ends."""
    text = "Bad Request\n" if status == 400 else "Internal Server Error\n"
    response = web.Response(status=status, text=text, headers={"Server": "Tabard"})
    response.force_close()
    return response
