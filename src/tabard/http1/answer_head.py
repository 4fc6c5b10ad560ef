"""The head of an answer as bytes, and the framing of its body. RFC 9112, 6."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from tabard.http1.answer import Answer
from tabard.http1.dates import http_date

# INVARIANT: the names of an answer's headers are in lower case here, or as on the wire.
_OURS = frozenset(
    spelling
    for name in ("connection", "content-length", "date", "server", "transfer-encoding")
    for spelling in (name, name.title())
)
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_WITHOUT_BODY = frozenset((204, 304))


class AnswerHead(msgspec.Struct, frozen=True):
    """`length` of the following body, in bytes; None if it is chunked, or ends with the connection."""

    content: bytes
    length: int | None
    is_chunked: bool
    must_close: bool


def answer_head(
    answer: Answer, *, is_head: bool, is_http_1_0: bool, must_close: bool, now: datetime
) -> AnswerHead:
    """Frame an answer: by its length if that is known, else in chunks.

    Raises:
        ValueError: a header contains a character that would begin another header.
    """
    length: int | None
    is_chunked = False
    framing = ""
    if answer.status in _WITHOUT_BODY or is_head:
        length = 0
        if answer.status not in _WITHOUT_BODY:
            known = _told_length(answer)
            if known is None and isinstance(answer.body, bytes):
                known = str(len(answer.body))
            framing = f"Content-Length: {known}\r\n" if known is not None else ""
    elif isinstance(answer.body, bytes):
        length = len(answer.body)
        framing = f"Content-Length: {length}\r\n"
    elif (told := _told_length(answer)) is not None:
        length = int(told)
        framing = f"Content-Length: {length}\r\n"
    else:
        length = None
        is_chunked = not is_http_1_0
        framing = "Transfer-Encoding: chunked\r\n" if is_chunked else ""
        must_close = must_close or is_http_1_0
    connection = "Connection: close\r\n" if must_close else ""
    if is_http_1_0 and not must_close:
        connection = "Connection: keep-alive\r\n"
    lines = [f"{name}: {value}\r\n" for name, value in answer.headers if name not in _OURS]
    own = f"{framing}{connection}Date: {http_date(now)}\r\nServer: Tabard\r\n"
    text = f"HTTP/1.1 {answer.status} {_PHRASES.get(answer.status, '')}\r\n{''.join(lines)}{own}\r\n"
    # INVARIANT: no value can begin another header or another answer.
    line_count = 2 + len(lines) + own.count("\n")
    if text.count("\n") != line_count or text.count("\r") != line_count or "\0" in text:
        raise ValueError("a header of the answer holds a character that HTTP does not allow there")
    return AnswerHead(text.encode("utf-8", "surrogateescape"), length, is_chunked, must_close)


def bare_answer(status: int) -> Answer:
    """Make a plain HTTP answer, after which the connection closes."""
    text = f"{_PHRASES[status]}\n".encode()
    return Answer(status=status, headers=(("Content-Type", "text/plain; charset=utf-8"),), body=text)


def _told_length(answer: Answer) -> str | None:
    """Return the Content-Length header of the answer, if any."""
    values = dict(answer.headers)
    return values["content-length"] if "content-length" in values else values.get("Content-Length")
