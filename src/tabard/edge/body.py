"""The body of a request: not read before the caller's key, date and session were checked, and bounded."""

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
    """Reads a request's body once: whole within a bound, or piece by piece."""

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
            invite: sends `100 Continue`, where the client waits for it.
            idle_seconds: the longest silence within the body.
            whole_seconds: in which a body that is read whole has to be here.
        """
        self._stream = stream
        self._invite = invite
        self._idle_seconds = idle_seconds
        self._whole_seconds = whole_seconds
        self.length = length

    @property
    def is_awaited(self) -> bool:
        """Whether the client still waits for `100 Continue`."""
        return self._invite is not None

    async def read(self, limit_bytes: int) -> bytes:
        """The whole body.

        Raises:
            RequestTooLarge (413): longer than `limit_bytes`, as soon as that is known.
            RequestTimeout (400): it did not come in time.
        """
        if self.length is not None and self.length > limit_bytes:
            raise RequestTooLarge(part="request body", limit_bytes=limit_bytes)
        if self.length == 0:
            return b""
        content = bytearray()  # not a list: the smallest of chunks would make millions of pieces
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
        """The body as it arrives.

        Raises:
            RequestTimeout: nothing came for too long. MalformedRequest: the client broke off.
        """
        if self._invite is not None:
            # An empty body too: botocore loses track of a connection on which an answer came uninvited.
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
