"""A body is bounded in size and in time, and read once."""

import asyncio

import pytest

from tabard.edge.body import Body
from tabard.errors import AwsError
from tabard.http1.answer import Answer
from tabard.http1.bounds import HttpBounds
from tabard.wire.request import RawRequest
from tests.support.edge_listener import QUICK, exchange, listening, request
from tests.support.waiting import until

CHUNKED = "Transfer-Encoding: chunked"
LIMIT_BYTES = 1000


class Reading:
    """Answers with the error code that reading a body ends with, or with its length."""

    def __init__(self, limit_bytes: int = LIMIT_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self.outcome = ""

    async def __call__(self, raw: RawRequest, body: Body) -> Answer:
        try:
            self.outcome = str(len(await body.read(self.limit_bytes)))
        except AwsError as error:
            self.outcome = f"{error.error_code} {error.http_status}"
        return Answer(status=200, headers=(), body=b"")


def sized(size: int, *, sent: int | None = None) -> bytes:
    return request("POST / HTTP/1.1", f"Content-Length: {size}", body=b"x" * (size if sent is None else sent))


def chunked(*sizes: int, end: bytes = b"0\r\n\r\n") -> bytes:
    chunks = b"".join(b"%x\r\n%b\r\n" % (size, b"x" * size) for size in sizes)
    return request("POST / HTTP/1.1", CHUNKED, body=chunks + end)


async def outcome(*pieces: bytes | float, bounds: HttpBounds | None = QUICK) -> str:
    reading = Reading()
    async with listening(reading, bounds=bounds) as port:
        await exchange(port, *pieces)
    return reading.outcome


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (request("POST / HTTP/1.1"), "0"),
        (request("GET / HTTP/1.1"), "0"),
        (sized(0), "0"),
        (sized(LIMIT_BYTES), "1000"),
        (chunked(LIMIT_BYTES), "1000"),
        (chunked(400, 600), "1000"),
        (chunked(), "0"),
        # Known from its announcement: not a byte of it is waited for.
        (sized(LIMIT_BYTES + 1, sent=0), "RequestEntityTooLarge 413"),
        (chunked(LIMIT_BYTES, 1), "RequestEntityTooLarge 413"),
        (chunked(*[500] * 200), "RequestEntityTooLarge 413"),
    ],
)
async def test_a_body_is_read_within_its_bound(sent: bytes, expected: str) -> None:
    assert await outcome(sent) == expected


@pytest.mark.parametrize(
    "chunk", [b"zz\r\n", b"-1\r\nabc\r\n", b"3;ext\n\r\nabc\r\n0\r\n\r\n", b"3\r\nabcd\r\n"]
)
async def test_chunks_that_are_none_end_the_body(chunk: bytes) -> None:
    """aiohttp's parser does not tell the reader of a body that broke: then its silence ends it."""
    later = await outcome(chunked(3, end=b""), 0.05, chunk)
    assert later in ("MalformedRequest 400", "RequestTimeout 400")
    # At once with its head, it is not even a request.
    assert await outcome(chunked(3, end=chunk)) == ""


ENDLESS = {
    "an extension": b"3;x=" + b"x" * 70_000,
    "a trailer": b"0\r\nx: " + b"x" * 70_000,
    "many trailers": b"0\r\n" + b"x: y\r\n" * 12_000,
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_framing_that_does_not_end_is_refused_before_it_fills_the_memory(kind: str) -> None:
    """A trailer is kept by the parser until it ends: a stranger must not decide how long that is."""
    slow = HttpBounds(linger_seconds=0.1)  # none of the other bounds is what ends it
    assert await outcome(chunked(3, end=b""), 0.05, ENDLESS[kind], bounds=slow) == "MalformedRequest 400"


async def test_framing_within_the_bound_is_read_over() -> None:
    end = b"2;x=" + b"x" * 10_000 + b"\r\nyy\r\n0\r\nx: " + b"x" * 10_000 + b"\r\n\r\n"
    assert await outcome(chunked(3, end=b""), 0.05, end) == "5"


async def test_a_body_that_stands_still_is_given_up() -> None:
    assert await outcome(sized(10, sent=5)) == "RequestTimeout 400"
    assert await outcome(chunked(5, end=b"")) == "RequestTimeout 400"


async def test_a_body_that_drips_is_given_up_as_well() -> None:
    """One that never stands still, and never ends."""
    drops = [part for _ in range(12) for part in (0.1, b"x")]
    assert await outcome(sized(100, sent=1), *drops) == "RequestTimeout 400"


async def test_a_connection_ends_soon_after_its_client_went_away_within_a_body() -> None:
    """The linger of 0.1 seconds ends it, not the idle bound of 75 that was set before."""
    reading = Reading()
    async with asyncio.timeout(20), listening(reading, bounds=HttpBounds(linger_seconds=0.1)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sized(10, sent=5))
        await writer.drain()
        writer.close()
        await until(lambda: reading.outcome)
    assert reading.outcome == "MalformedRequest 400"


async def test_pieces_come_as_they_arrive() -> None:
    seen: list[bytes] = []

    async def piecewise(raw: RawRequest, body: Body) -> Answer:
        seen.extend([piece async for piece in body.pieces()])
        return Answer(status=200, headers=(), body=b"")

    async with listening(piecewise, bounds=QUICK) as port:
        await exchange(port, sized(6, sent=3), 0.05, b"yyy")
    assert b"".join(seen) == b"xxxyyy"
