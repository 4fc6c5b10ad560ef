"""The body of a request, of bounded size. The edge reads it after it has checked key, date and session."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from tabard.errors import AwsError, MalformedRequest, RequestTooLarge
from tabard.http1.body_stream import BodyStream


class RequestTimeout(AwsError):
    """AWS (S3): "Your socket connection to the server was not read from or written to within the timeout"."""

    code = "RequestTimeout"
    status = 400
    sentence = "The request body was not sent within the timeout period."


class Body:
    """Reads a request's body once, either whole within a limit or piece by piece."""

    def __init__(
        self,
        stream: BodyStream,
        *,
        length: int | None,
        invite: Callable[[], Awaitable[None]] | None,
        idle_seconds: float,
        whole_seconds: float,
    ) -> None:
        """Make the body of one request.

        Args:
            length: the declared Content-Length; None for a chunked body.
            invite: sends `100 Continue` if the client waits for it.
            idle_seconds: the longest pause within the body.
            whole_seconds: the time limit for a body that is read whole.
        """
        self._stream = stream
        self._invite = invite
        self._idle_seconds = idle_seconds
        self._whole_seconds = whole_seconds
        self.length = length

    @property
    def is_awaited(self) -> bool:
        """Return whether the client still waits for `100 Continue`."""
        return self._invite is not None

    async def read(self, limit_bytes: int) -> bytes:
        """Read the whole body.

        Raises:
            RequestTooLarge (413): the body is longer than `limit_bytes`; raised as soon as that is known.
            RequestTimeout (400): the body did not arrive in time.
        """
        if self.length is not None and self.length > limit_bytes:
            raise RequestTooLarge(part="request body", limit_bytes=limit_bytes)
        if self.length == 0:
            return b""
        content = bytearray()  # not a list: very small chunks would make millions of pieces
        try:
            async with asyncio.timeout(self._whole_seconds):
                async for piece in self.pieces():
                    if len(content) + len(piece) > limit_bytes:
                        raise RequestTooLarge(part="request body", limit_bytes=limit_bytes)
                    if len(piece) == self.length:
                        return piece
                    content += piece
        except TimeoutError:
            raise RequestTimeout from None
        return bytes(content)

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives.

        Raises:
            RequestTimeout: the pause was too long. MalformedRequest: the client closed the connection early.
        """
        if self._invite is not None:
            # Also for an empty body: an answer before `100 Continue` confuses botocore.
            await self._invite()
            self._invite = None
        if self.length == 0:
            return
        while True:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    piece = await self._stream.readany()
            except TimeoutError:
                raise RequestTimeout from None
            except ConnectionError as error:
                raise MalformedRequest(reason="The request body ended before it was complete.") from error
            if not piece:
                return
            yield piece
