"""The metadata service of one instance over HTTP, on a loopback port of its own.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
"""

import asyncio
import hmac
import socket
from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from http import HTTPStatus
from ipaddress import ip_address
from typing import TypeAlias

import structlog
from aiohttp import web

from tabard.clock import Clock
from tabard.imds import container, tree
from tabard.imds.acceptor import Acceptor
from tabard.imds.gate import Gate, PeerCheck
from tabard.imds.nodes import PLAIN
from tabard.imds.pace import BURST, CONNECTIONS_A_SECOND, Pace
from tabard.imds.peer import uid_of_peer
from tabard.imds.source import CredentialSource
from tabard.imds.tokens import MetadataTokens, parse_ttl_seconds

METADATA_PEER_REFUSED = "metadata_peer_refused"

TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"

_LINE_BYTES = 4096
_HEADER_BYTES = 4096
_HEADER_COUNT = 64
_SHUTDOWN_SECONDS = 0.01
"""aiohttp takes 0 for no limit at all, and an answer may be late on purpose."""
_REASONS = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Not Allowed",
    503: "Service Unavailable",
}
_HTTP_HEADERS = {"Server": "EC2ws", "Connection": "close"}

_Headers: TypeAlias = Mapping[str, str]

_log = structlog.get_logger(__name__)


class MetadataServer:
    """Serves one instance's metadata from memory: a request never waits for the edge.

    `uid` is the user id that the instance runs as; None where the machine cannot tell a peer's uid.
    Differs: a process of the same uid (any local one, where uids cannot be told) can read as the instance.
    """

    def __init__(
        self,
        source: CredentialSource,
        *,
        clock: Clock,
        uid: int | None,
        peer_check: PeerCheck = uid_of_peer,
        container_token: str | None = None,
        pace: Pace | None = None,
    ) -> None:
        """Args: container_token: what opens the container credentials; None: there are none."""
        self._source = source
        self._clock = clock
        self._uid = uid
        self._peer_check = peer_check
        self._container_token = container_token
        self._pace = pace or Pace(clock, per_second=CONNECTIONS_A_SECOND, burst=BURST)
        self._instance_id = source.facts().instance_id
        self._tokens = MetadataTokens(self._instance_id)
        self._hosts: frozenset[str] = frozenset()
        self._endpoint = ""
        self._acceptors: list[Acceptor] = []
        self._http: web.Server | None = None
        self._gate: Gate | None = None

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`, or that of the first listener, once started."""
        return self._endpoint

    async def start(self, *listeners: socket.socket) -> None:
        """Listen on bound TCP sockets, or on a free port of 127.0.0.1 where none is given."""
        listeners = listeners or (socket.create_server(("127.0.0.1", 0)),)
        hosts = [name for listener in listeners for name in _names_of(listener)]
        self._hosts = frozenset(hosts)
        self._endpoint = f"http://{hosts[0]}"
        http = web.Server(
            self._answer,
            access_log=None,
            keepalive_timeout=0,
            lingering_time=0,
            max_line_size=_LINE_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADER_COUNT,
            read_bufsize=_LINE_BYTES,
            auto_decompress=False,
        )
        gate = Gate(
            http,
            uid=self._uid,
            peer_check=self._peer_check,
            refusal=_raw(403),
            on_refused=self._note_refused,
            is_open_to=self._is_open_to,
        )
        self._http, self._gate = http, gate
        for listener in listeners:
            self._acceptors.append(Acceptor(listener, gate, self._pace))

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._http is not None and self._gate is not None:
            for acceptor in self._acceptors:
                await acceptor.close()
            self._gate.abort_all()
            await self._http.shutdown(_SHUTDOWN_SECONDS)
            self._acceptors = []

    def _is_open_to(self, transport: asyncio.Transport) -> bool:
        """AWS: the IPv6 endpoint is there only for an instance that has it enabled; as if nobody listened."""
        if len(transport.get_extra_info("sockname")) == 2:
            return True
        return self._source.facts().metadata_options.http_protocol_ipv6 == "enabled"

    def _note_refused(self, peer_uid: int | None) -> None:
        _log.warning(METADATA_PEER_REFUSED, instance_id=self._instance_id, peer_uid=peer_uid, uid=self._uid)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._decide_with_faults(request)
        response.headers.update(_HTTP_HEADERS)
        response.force_close()
        return response

    async def _decide_with_faults(self, request: web.BaseRequest) -> web.Response:
        """Answer as it should be, but for what is to go wrong on purpose."""
        faults = self._source.facts().faults
        if faults is None:
            return self._decide(request)
        await asyncio.sleep(faults.metadata_delay_milliseconds / 1000)
        if faults.metadata_status:
            return _error(faults.metadata_status)
        response = self._decide(request)
        if faults.clock_skew_seconds:
            told = self._clock.now() + timedelta(seconds=faults.clock_skew_seconds)
            response.headers["Date"] = format_datetime(told, usegmt=True)
        return response

    def _decide(self, request: web.BaseRequest) -> web.Response:
        # A web page can make a name of its own lead here (DNS rebinding): only our own address is believed.
        if request.headers.getall("Host", []) not in [[host] for host in self._hosts]:
            return _error(400)
        if self._source.facts().metadata_options.http_endpoint == "disabled":
            return _error(403)
        path = request.raw_path.partition("?")[0]
        if path == container.PATH and self._container_token is not None:
            return self._container_credentials(request, self._container_token)
        if request.method == "PUT":
            return self._put(path, request)
        if path == TOKEN_PATH:
            return _error(405, {"Allow": "OPTIONS, PUT"})
        if request.method not in ("GET", "HEAD"):
            return _error(405, {"Allow": "GET, HEAD, OPTIONS"})
        return self._get(path, request)

    def _container_credentials(self, request: web.BaseRequest, token: str) -> web.Response:
        """AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html

        Differs: sessions of this endpoint have `ec2:RoleDelivery` 2.0, as those read with a metadata token.
        """
        if request.method != "GET":
            return _error(405, {"Allow": "GET"})
        presented = request.headers.getall("Authorization", [])
        if len(presented) != 1 or not hmac.compare_digest(presented[0].encode(), token.encode()):
            return _error(401)
        status, body = container.container_credentials(self._source.facts(), self._source.credentials("2.0"))
        return web.Response(status=status, body=body, headers={"Content-Type": container.JSON})

    def _put(self, path: str, request: web.BaseRequest) -> web.Response:
        """Issue a metadata token.

        AWS: a PUT that carries X-Forwarded-For is refused, and so is one to a dated version's path.
        """
        if path != TOKEN_PATH:
            return _error(403)
        if "X-Forwarded-For" in request.headers:
            return _error(403)
        asked = request.headers.getall(TTL_HEADER, [])
        ttl_seconds = parse_ttl_seconds(asked[0]) if len(asked) == 1 else None
        if ttl_seconds is None:
            return _error(400)
        if not self._limit_hops(request):
            return _error(403)
        token = self._tokens.issue(ttl_seconds=ttl_seconds, now_seconds=self._clock.monotonic_seconds())
        return _ok(token.encode(), PLAIN, {TTL_HEADER: str(ttl_seconds)})

    def _limit_hops(self, request: web.BaseRequest) -> bool:
        """Let the answer travel no further than the instance's hop limit; False where it may not even leave.

        On EC2 the answer enters the instance with the hop limit as its TTL, and each router in it, such as
        the instance itself before a nested container, takes one. Here it begins inside the instance, so that
        for a peer elsewhere one is taken already.
        Differs: where the hop limit does not reach a peer, it is refused with 403, and not left to wait.
        INVARIANT: never put back on this connection: a retransmission would go out with the larger TTL.
        """
        transport = request.transport
        accepted = None if transport is None else transport.get_extra_info("socket")
        if transport is None or accepted is None:
            return False
        hop_limit = self._source.facts().metadata_options.http_put_response_hop_limit
        hops = hop_limit if _is_local(transport) else hop_limit - 1
        if hops < 1:
            return False
        if accepted.family == socket.AF_INET6:
            accepted.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        else:
            accepted.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        return True

    def _get(self, path: str, request: web.BaseRequest) -> web.Response:
        facts = self._source.facts()
        presented = request.headers.getall(TOKEN_HEADER, [])
        headers: dict[str, str] = {}
        if presented:
            remaining_seconds = (
                self._tokens.remaining_seconds(presented[0], now_seconds=self._clock.monotonic_seconds())
                if len(presented) == 1
                else None
            )
            if remaining_seconds is None:
                return _error(401)
            headers[TTL_HEADER] = str(remaining_seconds)
        elif facts.metadata_options.http_tokens == "required":
            return _error(401)
        credentials = self._source.credentials("2.0" if presented else "1.0")
        reading = tree.read(path, tree.documents_of(facts, credentials, self._source.identity()))
        if reading.status != 200:
            return _error(reading.status, headers)
        return _ok(reading.document.body, reading.document.content_type, headers)


def _names_of(listener: socket.socket) -> list[str]:
    """How its clients may name a listener in Host: its address, with its port, and without where it is 80."""
    address, port = listener.getsockname()[:2]
    host = f"[{address}]" if listener.family == socket.AF_INET6 else str(address)
    return [host, f"{host}:{port}"] if port == 80 else [f"{host}:{port}"]


def _is_local(transport: asyncio.BaseTransport) -> bool:
    """Whether the peer is in the listener's own network: the kernel lets nobody else have its addresses."""
    peer, own = (transport.get_extra_info(name)[0] for name in ("peername", "sockname"))
    return bool(peer == own or ip_address(peer).is_loopback)


def _ok(body: bytes, content_type: str, headers: _Headers) -> web.Response:
    return web.Response(body=body, headers={"Content-Type": content_type, "Accept-Ranges": "none", **headers})


def _error(status: int, headers: _Headers | None = None) -> web.Response:
    return web.Response(
        status=status,
        reason=_reason(status),
        body=b"" if status == 405 else _page(status),
        headers={"Content-Type": "text/plain" if status == 405 else "text/html", **(headers or {})},
    )


def _reason(status: int) -> str:
    """EC2's reason phrase; that of HTTP for what EC2 never answers and a fault may."""
    if status in _REASONS:
        return _REASONS[status]
    known = status in HTTPStatus._value2member_map_
    return HTTPStatus(status).phrase if known else "Fault"


def _page(status: int) -> bytes:
    """The body with which EC2 answers every error."""
    title = f"{status} - {_reason(status)}"
    return (
        '<?xml version="1.0" encoding="iso-8859-1"?>\n'
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN"\n'
        '\t"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">\n'
        '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="en" lang="en">\n'
        f" <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n </body>\n</html>\n"
    ).encode("ascii")


def _raw(status: int) -> bytes:
    """A whole error answer, for connections that never reach the HTTP server."""
    body = _page(status)
    return (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: text/html\r\n"
        f"Content-Length: {len(body)}\r\nServer: EC2ws\r\nConnection: close\r\n\r\n"
    ).encode("ascii") + body
