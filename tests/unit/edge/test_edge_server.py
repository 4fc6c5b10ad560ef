"""What is one unambiguous HTTP/1.1 request, and what is none."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest

from tabard.clock import SystemClock
from tabard.edge.body import Body
from tabard.edge.request_id import new_request_id
from tabard.http1.answer import Answer
from tabard.http1.answer_writer import PIECE_BYTES
from tabard.http1.pool import UpstreamUnavailable
from tabard.http1.server_connection import MOST_PIPELINED
from tabard.wire.request import RawRequest
from tests.support.edge_listener import QUICK, Heard, exchange, listening, open_connections, opened, request
from tests.support.waiting import turns, until

CLOSE = "Connection: close"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: edge.test\r\nConnection: close\r\n\r\n"

AMBIGUOUS = {
    "length and chunks": request(
        "POST / HTTP/1.1", "Content-Length: 3", "Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"
    ),
    "chunks and length": request(
        "POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 3", body=b"3\r\nabc\r\n0\r\n\r\n"
    ),
    "two lengths": request("POST / HTTP/1.1", "Content-Length: 3", "Content-Length: 4", body=b"abcd"),
    "the same length twice": request(
        "POST / HTTP/1.1", "Content-Length: 3", "Content-Length: 3", body=b"abc"
    ),
    "a list of lengths": request("POST / HTTP/1.1", "Content-Length: 3, 3", body=b"abc"),
    "a signed length": request("POST / HTTP/1.1", "Content-Length: +3", body=b"abc"),
    "a negative length": request("POST / HTTP/1.1", "Content-Length: -3", body=b"abc"),
    "a hexadecimal length": request("POST / HTTP/1.1", "Content-Length: 0x3", body=b"abc"),
    "an endless length": request("POST / HTTP/1.1", f"Content-Length: {'9' * 30}", body=b"abc"),
    "a blank before the colon": request("POST / HTTP/1.1", "Content-Length : 3", body=b"abc"),
    "another transfer coding": request("POST / HTTP/1.1", "Transfer-Encoding: gzip", body=b"abc"),
    "coded twice": request("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "chunked not last": request("POST / HTTP/1.1", "Transfer-Encoding: chunked, identity", body=b"0\r\n\r\n"),
    "nearly chunked": request("POST / HTTP/1.1", "Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "a tab that is none": request("POST / HTTP/1.1", "Transfer-Encoding:\x0bchunked", body=b"0\r\n\r\n"),
    "two transfer codings": request(
        "POST / HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"
    ),
    "chunks in HTTP/1.0": request(
        "POST / HTTP/1.0", "Transfer-Encoding: chunked", "Connection: keep-alive", body=b"0\r\n\r\n"
    ),
    "no host": request(host=None),
    "two hosts": request("GET / HTTP/1.1", "Host: evil.example"),
    "two authorizations": request("GET / HTTP/1.1", "Authorization: a", "Authorization: b"),
    "two tokens": request("GET / HTTP/1.1", "X-Amz-Security-Token: a", "x-amz-security-token: b"),
    "two dates": request("GET / HTTP/1.1", "X-Amz-Date: a", "X-Amz-Date: b"),
    "two hashes": request("GET / HTTP/1.1", "X-Amz-Content-SHA256: a", "X-Amz-Content-SHA256: b"),
    "two targets": request("POST / HTTP/1.1", "X-Amz-Target: a", "X-Amz-Target: b"),
    "two copy sources": request("PUT / HTTP/1.1", "X-Amz-Copy-Source: a", "X-Amz-Copy-Source: b"),
    "two content types": request("POST / HTTP/1.1", "Content-Type: a", "Content-Type: b"),
    "a folded header": request("GET / HTTP/1.1", "X: a", "\tb"),
    "a NUL in a header": request("GET / HTTP/1.1", "X: a\x00b"),
    "a NUL in a name": request("GET / HTTP/1.1", "X\x00: a"),
    "a lone carriage return": request("GET / HTTP/1.1", "X: a\rY: b"),
    "a name with a blank": request("GET / HTTP/1.1", "X Y: a"),
    "no name": request("GET / HTTP/1.1", ": a"),
    "no colon": request("GET / HTTP/1.1", "nothing"),
    "a header that is no UTF-8": request("GET / HTTP/1.1", "User-Agent: \xff\xfe"),
    "a NUL in the path": request("GET /\x00 HTTP/1.1"),
    "a byte in the path": request("GET /\xff HTTP/1.1"),
    "a byte in the query": request("GET /?a=\xff HTTP/1.1"),
    "two blanks before the path": request("GET  / HTTP/1.1"),
    "a blank in the path": request("GET /a b HTTP/1.1"),
    "an absolute target": request("GET http://evil.example/ HTTP/1.1"),
    "our own absolute target": request("GET http://edge.test/ HTTP/1.1"),
    "a target that is an authority": request("GET edge.test:80 HTTP/1.1"),
    "a star": request("OPTIONS * HTTP/1.1"),
    "a fragment": request("GET /a#b HTTP/1.1"),
    "a tunnel": request("CONNECT edge.test:80 HTTP/1.1"),
    "a tunnel to a path": request("CONNECT / HTTP/1.1"),
    "a method that is none": request("FETCH / HTTP/1.1"),
    "a method in lower case": request("get / HTTP/1.1"),
    "a method of WebDAV": request("PROPFIND / HTTP/1.1"),
    "HTTP/0.9": request("GET / HTTP/0.9"),
    "HTTP/2.0": request("GET / HTTP/2.0"),
    "no version": request("GET /"),
    "another protocol": request("GET / RTSP/1.0"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "bare line feeds": b"GET / HTTP/1.1\nHost: edge.test\n\n",
    "a long line": request(f"GET /{'a' * 20_000} HTTP/1.1"),
    "a long header": request("GET / HTTP/1.1", f"X: {'a' * 20_000}"),
    "many headers": request("GET / HTTP/1.1", *(f"X-{number}: a" for number in range(101))),
    "much in headers": request("GET / HTTP/1.1", *(f"X-{number}: {'a' * 15_000}" for number in range(5))),
    "another expectation": request("PUT / HTTP/1.1", "Expect: 200-ok", "Content-Length: 1"),
}


@pytest.mark.parametrize("kind", AMBIGUOUS)
async def test_what_is_not_one_request_gets_a_bare_answer_and_the_connection_ends(kind: str) -> None:
    heard = Heard()
    async with listening(heard) as port:
        answer = await exchange(port, AMBIGUOUS[kind], HIDDEN)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].split(b" ", 1)[1] == b"400 Bad Request"
    assert b"Server: Tabard" in head
    assert body == b"Bad Request\n"
    assert heard.requests == []


async def test_a_request_arrives_as_it_was_sent() -> None:
    heard = Heard()
    sent = request(
        "PUT /a%2Fb//%c3%a9/../x?b=%20&a HTTP/1.1",
        "X-Amz-Meta-A:  \xc3\xa9 ",
        "Content-Length: 3",
        CLOSE,
        body=b"abc",
    )
    async with listening(heard) as port:
        answer = await exchange(port, sent)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    (raw,) = heard.requests
    assert (raw.method, raw.raw_path, raw.raw_query) == ("PUT", "/a%2Fb//%c3%a9/../x", "b=%20&a")
    assert raw.headers[:2] == (("host", "edge.test"), ("x-amz-meta-a", "é"))
    assert raw.peer_ip == "127.0.0.1"
    assert not raw.secure
    assert heard.bodies == [b"abc"]


async def test_requests_on_one_connection_are_answered_in_their_order() -> None:
    heard = Heard()
    bodies = [b"GET / HTTP/1.1\r\n\r\n", b"", b"x" * 5000]
    sent = b"".join(
        request(
            f"POST /{number} HTTP/1.1",
            f"Content-Length: {len(body)}",
            *(() if number < 2 else (CLOSE,)),
            body=body,
        )
        for number, body in enumerate(bodies)
    )
    async with listening(heard) as port:
        answer = await exchange(port, sent)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert [raw.raw_path for raw in heard.requests] == ["/0", "/1", "/2"]
    assert heard.bodies == bodies


async def test_who_sends_many_requests_at_once_keeps_nobody_waiting() -> None:
    """Each is answered without waiting for anything: it is the connection that has to let others in."""
    order: list[str] = []
    ports: list[int] = []
    others: list[socket.socket] = []

    async def at_once(raw: RawRequest, _body: Body) -> Answer:
        order.append(raw.raw_path)
        if raw.raw_path == "/0":
            other = socket.create_connection(("127.0.0.1", ports[0]))
            other.sendall(request("GET /other HTTP/1.1", CLOSE))
            others.append(other)
        return Answer(status=200, headers=(), body=b"")

    async with listening(at_once) as port:
        ports.append(port)
        many = [request(f"GET /{number} HTTP/1.1") for number in range(50)]
        await exchange(port, b"".join([*many, request("GET /last HTTP/1.1", CLOSE)]))
    others[0].close()
    assert len(order) == 52
    assert order.index("/other") < order.index("/last") - 10


async def test_no_more_requests_are_taken_at_once_than_anybody_sends() -> None:
    heard = Heard()
    async with listening(heard) as port:
        answer = await exchange(port, request("GET / HTTP/1.1") * (MOST_PIPELINED + 1))
    assert answer.count(b"HTTP/1.1 200 OK") == len(heard.requests) == MOST_PIPELINED
    assert answer.endswith(b"Bad Request\n")


@pytest.mark.parametrize("protocol", ["websocket", "h2c", "tcp"])
async def test_no_other_protocol_is_spoken_and_what_follows_its_request_is_not_read(protocol: str) -> None:
    heard = Heard()
    sent = request(
        "GET /a HTTP/1.1",
        "Connection: Upgrade",
        f"Upgrade: {protocol}",
        f"Content-Length: {len(HIDDEN)}",
        body=HIDDEN,
    )
    async with listening(heard) as port:
        answer = await exchange(port, sent, HIDDEN)
    assert answer.count(b"HTTP/1.1") == 1
    assert [raw.raw_path for raw in heard.requests] == ["/a"]


async def test_a_head_that_does_not_come_to_its_end_is_given_up() -> None:
    heard = Heard()
    async with listening(heard, bounds=QUICK) as port:
        drops: list[bytes | float] = [
            b"GET / HTTP/1.1\r\n",
            *[part for _ in range(9) for part in (0.05, b"X: a\r\n")],
        ]
        assert await exchange(port, *drops, seconds=2) == b""
        assert await exchange(port, seconds=2) == b""
    assert heard.requests == []


async def test_a_kept_connection_ends_when_nothing_comes() -> None:
    async with listening(Heard(), bounds=QUICK) as port:
        answer = await exchange(port, request(), seconds=2)
    assert answer.endswith(b"heard")


async def test_a_request_id_has_the_form_of_awss() -> None:
    ids = {new_request_id(SystemClock().now()) for _ in range(100)}
    assert len(ids) == 100
    assert all(
        len(text) == 36 and text[14] == "4" and text[19] == "a" and text.count("-") == 4 for text in ids
    )


async def refuse_unread(raw: RawRequest, body: Body) -> Answer:
    return Answer(status=403, headers=(), body=b"no")


async def test_a_client_that_waits_for_100_is_refused_without_it() -> None:
    async with listening(refuse_unread) as port:
        answer = await exchange(port, request("PUT / HTTP/1.1", "Expect: 100-continue", "Content-Length: 5"))
    assert answer.startswith(b"HTTP/1.1 403 Forbidden")
    assert b"100 Continue" not in answer
    assert b"Connection: close" in answer


async def test_a_client_is_asked_for_its_body_once_somebody_reads_it() -> None:
    heard = Heard()
    sent = request("PUT / HTTP/1.1", "Expect: 100-Continue", "Content-Length: 5", CLOSE)
    async with listening(heard) as port:
        answer = await exchange(port, sent, 0.05, b"hello")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert heard.bodies == [b"hello"]


async def test_a_refused_body_is_never_taken_for_a_request() -> None:
    """The connection ends with the refusal of a body that has not come to its end."""
    async with listening(refuse_unread, bounds=QUICK) as port:
        half = request("POST / HTTP/1.1", f"Content-Length: {len(HIDDEN) + 1}", body=HIDDEN)
        answer = await exchange(port, half, 0.05, b"x" + HIDDEN)
    assert answer.count(b"HTTP/1.1 403") == 1


async def large(raw: RawRequest, body: Body) -> Answer:
    return Answer(status=200, headers=(), body=b"x" * (3 * PIECE_BYTES + 1))


async def test_a_large_answer_is_sent_in_pieces_with_its_length() -> None:
    async with listening(large) as port:
        answer = await exchange(port, request("GET / HTTP/1.1", CLOSE))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {3 * PIECE_BYTES + 1}".encode() in head
    assert len(body) == 3 * PIECE_BYTES + 1


class Breaking:
    """An answer whose source fails, or never ends; says whether it was let go of."""

    def __init__(self, failure: Exception | None) -> None:
        self.failure = failure
        self.closed = asyncio.Event()

    async def __call__(self, raw: RawRequest, body: Body) -> Answer:
        return Answer(status=200, headers=(("content-length", str(1 << 40)),), body=self._pieces())

    async def _pieces(self) -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            if self.failure is not None:
                await turns()
                raise self.failure
            while True:
                yield b"x" * 65536
        finally:
            self.closed.set()


@pytest.mark.parametrize("failure", [UpstreamUnavailable("gone"), RuntimeError("a mistake")])
async def test_an_answer_that_breaks_off_ends_its_connection(
    failure: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    breaking = Breaking(failure)
    async with listening(breaking) as port:
        answer = await exchange(port, request() + HIDDEN)
        await asyncio.wait_for(breaking.closed.wait(), 2)
    assert answer.count(b"HTTP/1.1") <= 1
    assert b"500" not in answer


async def test_a_client_that_takes_nothing_is_cut_off() -> None:
    endless = Breaking(None)
    async with listening(endless, bounds=QUICK) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(request())
        await asyncio.wait_for(endless.closed.wait(), 5)
        writer.close()


async def test_a_client_that_takes_no_small_answer_is_cut_off_as_well() -> None:
    async def fill(raw: RawRequest, body: Body) -> Answer:
        return Answer(status=200, headers=(), body=b"x" * PIECE_BYTES)

    async with opened(fill, bounds=QUICK) as (server, port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        writer.write(request() * 100)
        await until(lambda: open_connections(server) == 1)
        await until(lambda: open_connections(server) == 0)
        writer.close()
        async with asyncio.timeout(5):
            taken = await reader.read()
    assert len(taken) < 100 * PIECE_BYTES


async def mistaken(raw: RawRequest, body: Body) -> Answer:
    raise RuntimeError("a mistake of ours")


async def test_a_mistake_of_ours_is_answered_without_a_detail() -> None:
    async with listening(mistaken) as port:
        answer = await exchange(port, request())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert b"Server: Tabard" in head
    assert body == b"Internal Server Error\n"


async def test_a_malformed_request_leaves_no_trace_in_any_log(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with listening(Heard()) as port:
        await exchange(port, request("GET / HTTP/1.1", "X-Amz-Security-Token: secret\x00secret"))
        await exchange(port, request("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=b"secret\r\n"))
    assert "secret" not in caplog.text
    assert "secret" not in "".join(capsys.readouterr())
