"""The pooled client against a server whose every byte the test decides."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tabard.http1.pool import Http1Pool, TcpTarget, UnixTarget, UpstreamTimeout, UpstreamUnavailable
from tests.support.waiting import stands_still, turns, until

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HOST = (("host", "upstream"),)
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class Upstream:
    """A scripted server: keeps what it read from each connection."""

    def __init__(self) -> None:
        self.connections = 0
        self.received: list[bytes] = []


@asynccontextmanager
async def upstream_and_pool(
    tmp_path: Path, serve: Callable[[Upstream, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
) -> AsyncIterator[tuple[Upstream, Http1Pool]]:
    upstream = Upstream()
    tasks: set[asyncio.Task[None]] = set()

    async def on_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await serve(upstream, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.transport.abort()

    path = str(tmp_path / "s")
    server = await asyncio.start_unix_server(on_connection, path)
    pool = Http1Pool(
        UnixTarget(path=path),
        max_connections=2,
        connect_timeout_seconds=1,
        idle_timeout_seconds=5,
        answer_timeout_seconds=1,
    )
    try:
        yield upstream, pool
    finally:
        pool.close()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def read_head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def answering(*answers: bytes) -> Callable[..., Awaitable[None]]:
    """Answer bodyless requests with the given bytes, one each, on every connection."""

    async def serve(up: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            up.received.append(await read_head(reader))
            writer.write(answer)
            await writer.drain()
        await reader.read()

    return serve


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_connection_is_pooled_and_reused(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(*[OK] * 5)) as (upstream, pool):
        for _ in range(5):
            answer = await pool.request("GET", "/a?b", HOST)
            assert (answer.status, answer.header("content-length")) == (200, "2")
            assert await answer.read(10) == b"ok"
    assert upstream.connections == 1
    assert upstream.received[0] == b"GET /a?b HTTP/1.1\r\nhost: upstream\r\n\r\n"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx", b"x"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
async def test_every_framing_of_an_answer_keeps_the_connection(
    tmp_path: Path, answer: bytes, body: bytes
) -> None:
    async with upstream_and_pool(tmp_path, answering(answer, answer)) as (upstream, pool):
        for _ in range(2):
            assert await (await pool.request("GET", "/", HOST)).read(10) == body
    assert upstream.connections == 1


async def test_the_answer_to_head_has_no_body(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    async with upstream_and_pool(tmp_path, answering(head, OK)) as (upstream, pool):
        answer = await pool.request("HEAD", "/", HOST)
        assert (answer.header("content-length"), await answer.read(10)) == ("5", b"")
        assert await (await pool.request("GET", "/", HOST)).read(10) == b"ok"
    assert upstream.connections == 1


async def test_a_body_without_framing_ends_with_the_connection(tmp_path: Path) -> None:
    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nabc")
        writer.write_eof()
        await reader.read()

    async with upstream_and_pool(tmp_path, serve) as (_, pool):
        assert await (await pool.request("GET", "/", HOST)).read(10) == b"abc"


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
async def test_a_broken_answer_is_never_accepted_as_complete(tmp_path: Path, answer: bytes) -> None:
    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(answer)
        writer.write_eof()
        await reader.read()

    async with upstream_and_pool(tmp_path, serve) as (_, pool):
        with pytest.raises(UpstreamUnavailable):
            await (await pool.request("GET", "/", HOST)).read(100)


async def test_surplus_bytes_after_an_answer_are_never_the_next_answer(tmp_path: Path) -> None:
    poison = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison"
    async with upstream_and_pool(tmp_path, answering(OK + poison)) as (upstream, pool):
        for _ in range(3):
            assert await (await pool.request("GET", "/", HOST)).read(10) == b"ok"
    assert upstream.connections == 3


async def test_a_stale_pooled_connection_causes_one_retry(tmp_path: Path) -> None:
    async def serve(up: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(OK)
        await read_head(reader)  # and hang up without a word
        up.received.append(b"hung up")

    async with upstream_and_pool(tmp_path, serve) as (upstream, pool):
        await (await pool.request("GET", "/", HOST)).read(10)
        assert await (await pool.request("GET", "/", HOST)).read(10) == b"ok"
        assert upstream.connections == 2
        with pytest.raises(UpstreamUnavailable):
            await pool.request("POST", "/", HOST, b"not idempotent")
        assert upstream.received == [b"hung up", b"hung up"]


async def test_a_fresh_connection_is_not_retried(tmp_path: Path) -> None:
    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)

    async with upstream_and_pool(tmp_path, serve) as (upstream, pool):
        with pytest.raises(UpstreamUnavailable):
            await pool.request("GET", "/", HOST)
    assert upstream.connections == 1


def uploading(reading: Callable[[asyncio.StreamReader], Awaitable[bytes]]) -> Callable[..., Awaitable[None]]:
    async def serve(up: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up.received.append(await read_head(reader))
        up.received.append(await reading(reader))
        writer.write(OK)
        await reader.read()

    return serve


@pytest.mark.parametrize(
    ("chunks", "length", "on_the_wire"),
    [
        ((b"abc", b"", b"de"), 5, b"abcde"),
        ((b"abc", b"de"), None, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        ((b"abc",), None, b"3\r\nabc\r\n0\r\n\r\n"),
        ((), None, b"0\r\n\r\n"),
        ((), 0, b""),
        ((b"a", b"b", b"c", b"d"), 4, b"abcd"),
    ],
)
async def test_an_iterator_is_framed_as_stated(
    tmp_path: Path, chunks: tuple[bytes, ...], length: int | None, on_the_wire: bytes
) -> None:
    async with upstream_and_pool(tmp_path, uploading(lambda r: r.readexactly(len(on_the_wire)))) as (
        up,
        pool,
    ):
        answer = await pool.request("PUT", "/k", HOST, pieces(*chunks), length)
        assert await answer.read(10) == b"ok"
    assert up.received[1] == on_the_wire
    expected = b"transfer-encoding: chunked" if length is None else b"content-length: %d" % length
    assert expected in up.received[0]


@pytest.mark.parametrize("length", [6, None])
async def test_a_body_that_raises_after_its_last_piece_is_never_completed(
    tmp_path: Path, length: int | None
) -> None:
    class WrongHash(Exception):
        pass

    async def body() -> AsyncIterator[bytes]:
        yield b"abc"
        yield b"def"
        raise WrongHash

    seen = asyncio.get_running_loop().create_future()

    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.set_result(await reader.read(-1))

    async with upstream_and_pool(tmp_path, serve) as (_, pool):
        with pytest.raises(WrongHash):
            await pool.request("PUT", "/k", HOST, body(), length)
        received = await asyncio.wait_for(seen, 1)
        assert b"def" not in received
        assert not received.endswith(b"0\r\n\r\n")
        assert not pool._connections


@pytest.mark.parametrize(("chunks", "length"), [((b"abc",), 4), ((b"abc", b"de"), 4), ((b"a",), 0)])
async def test_a_body_of_another_length_than_stated_is_refused(
    tmp_path: Path, chunks: tuple[bytes, ...], length: int
) -> None:
    async with upstream_and_pool(tmp_path, uploading(lambda r: r.read())) as (_, pool):
        with pytest.raises(ValueError, match="body"):
            await pool.request("PUT", "/k", HOST, pieces(*chunks), length)


async def test_an_early_refusal_is_passed_on_and_an_early_success_is_not(tmp_path: Path) -> None:
    answered = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"
        await answered.wait()
        await turns()
        yield b"c"
        yield b"d"

    for answer in (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 1\r\n\r\nn", OK):

        async def serve(
            _: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes = answer
        ) -> None:
            await read_head(reader)
            writer.write(answer)
            await writer.drain()
            answered.set()
            await reader.read()

        answered.clear()
        path = tmp_path / str(len(answer))
        path.mkdir()
        async with upstream_and_pool(path, serve) as (_, pool):
            if answer is OK:
                with pytest.raises(UpstreamUnavailable):
                    await pool.request("PUT", "/", HOST, body(), 4)
            else:
                early = await pool.request("PUT", "/", HOST, body(), 4)
                assert (early.status, await early.read(10)) == (403, b"n")
            await until(lambda: not pool._connections)


async def test_a_slow_reader_slows_the_upstream_down(tmp_path: Path) -> None:
    total, sent = 32 * 1024 * 1024, 0

    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            writer.write(bytes(65536))
            sent += 65536
            await writer.drain()
        await reader.read()

    async with upstream_and_pool(tmp_path, serve) as (_, pool):
        answer = await pool.request("GET", "/", HOST)
        assert await stands_still(lambda: sent) < 4 * 1024 * 1024
        received = 0
        async for chunk in answer.stream():
            received += len(chunk)
        assert received == total
        assert len(pool._idle) == 1


async def test_a_slow_upstream_slows_the_body_down(tmp_path: Path) -> None:
    produced = 0
    go_on = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        nonlocal produced
        for _ in range(128):
            produced += 65536
            yield bytes(65536)

    async def reading(reader: asyncio.StreamReader) -> bytes:
        await go_on.wait()
        return await reader.readexactly(128 * 65536)

    async with upstream_and_pool(tmp_path, uploading(reading)) as (_, pool):
        request = asyncio.create_task(pool.request("PUT", "/", HOST, body(), 128 * 65536))
        assert 0 < await stands_still(lambda: produced) < 2 * 1024 * 1024
        go_on.set()
        assert (await request).status == 200


async def test_silence_is_bounded_before_and_within_the_answer(tmp_path: Path) -> None:
    async with upstream_and_pool(
        tmp_path, answering(b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\na")
    ) as (
        _,
        pool,
    ):
        pool._answer_timeout_seconds = 0.05
        with pytest.raises(UpstreamTimeout):
            await pool.request("GET", "/", HOST)
    within = tmp_path / "within"
    within.mkdir()
    async with upstream_and_pool(within, answering(OK[:-1])) as (_, pool):
        pool._answer_timeout_seconds = 0.05
        answer = await pool.request("GET", "/", HOST)
        with pytest.raises(UpstreamTimeout):
            await answer.read(10)


async def test_requests_beyond_the_limit_wait_for_a_connection(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(*[OK] * 50)) as (upstream, pool):

        async def one() -> bytes:
            return await (await pool.request("GET", "/", HOST)).read(10)

        assert await asyncio.gather(*[one() for _ in range(40)]) == [b"ok"] * 40
    assert upstream.connections == 2


async def test_concurrent_requests_never_swap_answers(tmp_path: Path) -> None:
    async def serve(_: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            target = (await read_head(reader)).split(b" ", 2)[1]
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(target), target))

    async with upstream_and_pool(tmp_path, serve) as (_, pool):

        async def ask(number: int) -> None:
            for turn in range(20):
                target = f"/{number}/{turn}"
                answer = await pool.request("GET", target, HOST)
                assert await answer.read(100) == target.encode()

        await asyncio.gather(*[ask(number) for number in range(20)])


async def test_a_canceled_request_closes_its_connection(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(b"")) as (upstream, pool):
        task = asyncio.create_task(pool.request("GET", "/", HOST))
        await until(lambda: upstream.received)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: not pool._connections)


async def test_a_released_answer_closes_its_unread_connection(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")) as (
        _,
        pool,
    ):
        answer = await pool.request("GET", "/", HOST)
        answer.release()
        await until(lambda: not pool._connections)
        with pytest.raises(UpstreamUnavailable):
            await answer.read(10)


async def test_an_answer_longer_than_the_reader_allows_is_refused(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(OK)) as (_, pool):
        with pytest.raises(UpstreamUnavailable, match="longer than 1 bytes"):
            await (await pool.request("GET", "/", HOST)).read(1)


async def test_an_absent_upstream_is_unavailable(tmp_path: Path) -> None:
    for target in (UnixTarget(path=str(tmp_path / "none")), TcpTarget(host="127.0.0.1", port=1)):
        with pytest.raises(UpstreamUnavailable):
            await Http1Pool(target).request("GET", "/", HOST)


async def test_idle_connections_are_closed_in_time(tmp_path: Path) -> None:
    async with upstream_and_pool(tmp_path, answering(OK)) as (_, pool):
        pool._idle_timeout_seconds = 0.02
        await (await pool.request("GET", "/", HOST)).read(10)
        assert len(pool._connections) == 1
        await until(lambda: not pool._connections)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b", ()),
        ("/a\r\nx: y", ()),
        ("http://elsewhere/", ()),
        ("/ä", ()),
        ("/", (("x", "a\r\nhost: other"),)),
        ("/", (("x", "a\nb"),)),
        ("/", (("x", "a\0"),)),
    ],
)
async def test_no_part_of_a_request_begins_another_request(
    target: str, headers: tuple[tuple[str, str], ...]
) -> None:
    with pytest.raises(ValueError, match="does not allow"):
        await Http1Pool(UnixTarget(path="none")).request("GET", target, headers)
