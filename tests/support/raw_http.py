"""Requests signed by hand and sent byte by byte, to put on the wire what no SDK would."""

import hashlib
import hmac
import re
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.client import HTTPResponse
from urllib.parse import quote, quote_from_bytes, unquote_to_bytes, urlsplit

from tests.support.running_system import InstanceSession, RunningSystem

TIMEOUT_SECONDS = 20.0
FORM = "application/x-www-form-urlencoded"
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a request is signed with."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as it goes over the wire; `target` is path and query, raw."""

    method: str
    target: str
    headers: Headers
    body: bytes = b""

    def header(self, name: str) -> str:
        return dict(self.headers)[name]

    def with_header(self, name: str, value: str) -> "Request":
        """With this one header of that name, in its old place if it has one."""
        if name not in dict(self.headers):
            return replace(self, headers=(*self.headers, (name, value)))
        return replace(
            self, headers=tuple((each, value if each == name else old) for each, old in self.headers)
        )

    def without(self, *names: str) -> "Request":
        return replace(self, headers=tuple(pair for pair in self.headers if pair[0] not in names))

    def to_bytes(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1", *(f"{n}: {v}" for n, v in self.headers), "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer, whole."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The AWS error code, of any protocol; empty where there is none."""
        found = re.search(rb"<Code>([^<]+)</Code>", self.body) or re.search(
            rb'"__type":"(?:[^"#]*#)?([^"]+)"', self.body
        )
        return found[1].decode() if found else ""

    @property
    def refusal(self) -> tuple[str, int]:
        return self.code, self.status

    @property
    def request_id(self) -> str:
        return self.headers.get("x-amz-request-id") or self.headers.get("x-amzn-requestid") or ""


def admin_key(system: RunningSystem) -> Key:
    return Key(access_key_id=system.access_key_id, secret_access_key=system.secret_access_key)


def key_of(session: InstanceSession) -> Key:
    """What an instance signs with just now."""
    frozen = session.credentials.get_frozen_credentials()
    return Key(
        access_key_id=frozen.access_key, secret_access_key=frozen.secret_key, session_token=frozen.token
    )


def unsigned(
    system: RunningSystem,
    method: str,
    target: str,
    *,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Request:
    """A request with Host, and Content-Length where it has a body."""
    framing = (("content-length", str(len(body))),) if body or method in ("PUT", "POST") else ()
    return Request(
        method=method, target=target, headers=(("host", authority(system)), *headers, *framing), body=body
    )


def signed(
    request: Request,
    key: Key,
    service: str,
    *,
    region: str = "us-east-1",
    at: datetime | None = None,
    payload_hash: str | None = None,
    scope_date: str | None = None,
    terminator: str = "aws4_request",
    leave_out: Sequence[str] = (),
) -> Request:
    """Sign every header but the framing and `leave_out`, as AWS's page describes it.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
    """
    amz_date = (at or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    hashed = hashlib.sha256(request.body).hexdigest() if payload_hash is None else payload_hash
    request = request.with_header("x-amz-date", amz_date)
    if service == "s3":
        request = request.with_header("x-amz-content-sha256", hashed)
    if key.session_token is not None:
        request = request.with_header("x-amz-security-token", key.session_token)
    kept = {
        name: " ".join(value.split())
        for name, value in request.headers
        if name not in ("content-length", "transfer-encoding", "expect", "user-agent", *leave_out)
    }
    names = ";".join(sorted(kept))
    path, _, query = request.target.partition("?")
    canonical = "\n".join(
        (
            request.method,
            _encoded(path, "/") if service == "s3" else quote(path, safe="/~-._"),
            _canonical_query(query),
            *(f"{name}:{kept[name]}" for name in sorted(kept)),
            "",
            names,
            hashed,
        )
    )
    scope = f"{scope_date or amz_date[:8]}/{region}/{service}/{terminator}"
    to_sign = (
        f"AWS4-HMAC-SHA256\n{amz_date}\n{scope}\n"
        f"{hashlib.sha256(canonical.encode('utf-8', 'surrogateescape')).hexdigest()}"
    )
    derived = f"AWS4{key.secret_access_key}".encode()
    for part in scope.split("/"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    signature = hmac.digest(derived, to_sign.encode(), "sha256").hex()
    return request.with_header(
        "authorization",
        f"AWS4-HMAC-SHA256 Credential={key.access_key_id}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}",
    )


CHUNK_BYTES = 1024 * 1024


def chunk_signed(request: Request, key: Key, *, spoil: str = "") -> Request:
    """The body in chunks of 1 MiB, each signed.

    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html

    Args:
        spoil: what is wrong with it: a `chunk`'s signature, the `last` one's, the chunks' `bytes` or `order`.
    """
    content = request.body
    pieces = [content[at : at + CHUNK_BYTES] for at in range(0, len(content), CHUNK_BYTES)]
    framing = sum(len(b"%x" % len(piece)) + 81 + len(piece) + 4 for piece in (*pieces, b""))
    request = request.with_header("x-amz-decoded-content-length", str(len(content)))
    head = signed(
        request.with_header("content-length", str(framing)),
        key,
        "s3",
        payload_hash="STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    )
    authorization = head.header("authorization")
    scope = authorization.partition("/")[2].partition(",")[0]
    derived = f"AWS4{key.secret_access_key}".encode()
    for part in scope.split("/"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    previous = authorization[-64:]
    framed = []
    for number, piece in enumerate((*pieces, b"")):
        text = (
            f"AWS4-HMAC-SHA256-PAYLOAD\n{head.header('x-amz-date')}\n{scope}\n{previous}\n{EMPTY_SHA256}\n"
            f"{hashlib.sha256(piece).hexdigest()}"
        )
        previous = hmac.digest(derived, text.encode(), "sha256").hex()
        wrong = (spoil == "chunk" and number == 0) or (spoil == "last" and not piece)
        written = "0" * 64 if wrong else previous
        sent = piece[:-1] + b"!" if spoil == "bytes" and piece else piece
        framed.append(f"{len(piece):x};chunk-signature={written}\r\n".encode() + sent + b"\r\n")
    if spoil == "order":
        framed[0], framed[1] = framed[1], framed[0]
    return replace(head, body=b"".join(framed))


def _canonical_query(query: str) -> str:
    pairs = sorted(
        tuple(_encoded(text, "") for text in part.partition("=")[::2]) for part in query.split("&") if part
    )
    return "&".join(f"{name}={value}" for name, value in pairs)


def _encoded(text: str, keep: str) -> str:
    """Decoded and encoded once, so that every spelling of a byte is signed alike; a slash stays encoded."""
    return keep.join(
        quote_from_bytes(unquote_to_bytes(part), "") for part in (text.split(keep) if keep else [text])
    )


def authority(system: RunningSystem) -> str:
    return urlsplit(system.endpoint).netloc


def connect(system: RunningSystem) -> socket.socket:
    address = urlsplit(system.endpoint)
    return socket.create_connection((address.hostname, address.port), TIMEOUT_SECONDS)


def send(system: RunningSystem, request: Request | bytes) -> Reply:
    """Send one request on a connection of its own, and read the answer."""
    with connect(system) as connection:
        with suppress(ConnectionError):  # refused before it was all sent: the answer says why
            connection.sendall(request if isinstance(request, bytes) else request.to_bytes())
        return read_reply(connection, "HEAD" if _is_head(request) else "GET")


def invited(connection: socket.socket) -> None:
    """Return once the edge has examined a head with `Expect: 100-continue`, and asks for the body."""
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        piece = connection.recv(1)
        assert piece, said
        said += piece
    assert said == b"HTTP/1.1 100 Continue\r\n\r\n", said


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """The next answer on a connection."""
    answer = HTTPResponse(connection, method=method)
    answer.begin()
    return Reply(
        status=answer.status,
        headers={name.lower(): value for name, value in answer.getheaders()},
        body=answer.read(),
    )


def _is_head(request: Request | bytes) -> bool:
    return request.startswith(b"HEAD ") if isinstance(request, bytes) else request.method == "HEAD"
