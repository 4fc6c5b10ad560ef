"""One answer of the metadata service, as EC2 writes it."""

from datetime import datetime
from http import HTTPStatus

import msgspec

from tabard.http1.dates import http_date

HTML = "text/html"
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Allowed",
    503: "Service Unavailable",
}


class MetadataAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Status, body, and the headers that not every answer has."""

    status: int
    body: bytes
    content_type: str
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Omit the body, which may be a secret."""
        return f"Answer({self.status})"

    def to_bytes(self, *, now: datetime, is_head: bool = False) -> bytes:
        """Return the whole answer; of one to HEAD without its body. EC2 closes the connection after each."""
        more = "".join([f"{name}: {value}\r\n" for name, value in self.headers])
        head = (
            f"HTTP/1.1 {self.status} {_reason(self.status)}\r\nContent-Type: {self.content_type}\r\n{more}"
            f"Content-Length: {len(self.body)}\r\nDate: {http_date(now)}\r\n"
            "Server: EC2ws\r\nConnection: close\r\n\r\n"
        ).encode("latin-1")
        return head if is_head else head + self.body


def ok(body: bytes, content_type: str, headers: tuple[tuple[str, str], ...] = ()) -> MetadataAnswer:
    """Make a 200 answer with this body."""
    return MetadataAnswer(
        status=200, body=body, content_type=content_type, headers=(("Accept-Ranges", "none"), *headers)
    )


def error(status: int, headers: tuple[tuple[str, str], ...] = ()) -> MetadataAnswer:
    """EC2's answer for a status; 405 has no body."""
    if status == 405:
        return MetadataAnswer(status=status, body=b"", content_type="text/plain", headers=headers)
    return MetadataAnswer(status=status, body=_page(status), content_type=HTML, headers=headers)


def _reason(status: int) -> str:
    """Return EC2's reason phrase, or HTTP's for a status that only fault injection answers."""
    if status == 200:
        return "OK"
    if status in _REASONS:
        return _REASONS[status]
    known = status in HTTPStatus._value2member_map_
    return HTTPStatus(status).phrase if known else "Fault"


def _page(status: int) -> bytes:
    """Return the body with which EC2 answers every error."""
    title = f"{status} - {_reason(status)}"
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"\n'
        '\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        f" <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    ).encode("ascii")
