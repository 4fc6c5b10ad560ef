"""The metadata service of one instance over HTTP, on the listeners of its network.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-v2-how-it-works.html
"""

import hmac
import socket
from datetime import timedelta
from ipaddress import ip_address
from typing import NamedTuple

import structlog

from tabard.clock import Clock, read_clocks
from tabard.imds import container, tree
from tabard.imds.acceptor import Acceptor
from tabard.imds.answer import MetadataAnswer, error, ok
from tabard.imds.connection import Reply
from tabard.imds.gate import DEFAULT_LIMITS, ConnectionLimits, Gate, PeerCheck
from tabard.imds.metadata_requests import TOKEN_PATH, MetadataRequests
from tabard.imds.nodes import PLAIN
from tabard.imds.peer import uid_of_peer
from tabard.imds.rate_limit import BURST, CONNECTIONS_A_SECOND, RateLimit
from tabard.imds.request import MetadataRequest
from tabard.imds.source import CredentialSource, CredentialsView
from tabard.imds.tokens import MetadataTokens, new_key, parse_ttl_seconds
from tabard.model.messages import DesiredInstance, GetInstanceIdentityResult

METADATA_PEER_REFUSED = "metadata_peer_refused"

TOKEN_HEADER = "X-aws-ec2-metadata-token"  # noqa: S105 - a header's name
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = TOKEN_HEADER.lower().encode()
_TTL = TTL_HEADER.lower().encode()
_NAMES = ("instance-data", "instance-data.ec2.internal")
"""The names of the metadata service on a VPC's name server. It accepts both, as observed on EC2."""

_log = structlog.get_logger(__name__)


class MetadataServer:
    """Server of one instance's metadata, from memory. A request never waits for the edge.

    `uid` is the user id of the instance. It is None if the machine cannot report a peer's uid.
    Differs: a process with the same uid can read as the instance. So can any local process if the machine
    cannot report uids.
    """

    def __init__(
        self,
        source: CredentialSource,
        *,
        clock: Clock,
        uid: int | None,
        peer_check: PeerCheck = uid_of_peer,
        token_key: bytes | None = None,
        container_token: str | None = None,
        requests: MetadataRequests | None = None,
        limit: RateLimit | None = None,
        limits: ConnectionLimits = DEFAULT_LIMITS,
    ) -> None:
        """Args: token_key: of the metadata tokens, a new one if none is given;
        container_token: what opens the container credentials; None: there are none."""
        self._source = source
        self._clock = clock
        self._uid = uid
        self._peer_check = peer_check
        self._container_token = container_token
        self._requests = requests
        self._limit = limit or RateLimit(clock, per_second=CONNECTIONS_A_SECOND, burst=BURST)
        self._instance_id = source.desired().instance_id
        self._tokens = MetadataTokens(self._instance_id, token_key or new_key())
        self._last_read: _LastRead | None = None
        self._hosts: tuple[str, ...] = ()
        self._acceptors: tuple[Acceptor, ...] = ()
        self._gate = Gate(
            self._answer,
            uid=uid,
            peer_check=peer_check,
            refusal=lambda: error(403).to_bytes(now=clock.now()),
            on_refused=self._note_refused,
            is_open_to_ipv6=self._is_open_to_ipv6,
            limits=limits,
        )

    @property
    def endpoint(self) -> str:
        """`http://127.0.0.1:PORT`, or that of the first listener, once started."""
        return f"http://{self._hosts[0]}" if self._hosts else ""

    async def start(self, *listeners: socket.socket) -> None:
        """Listen on bound TCP sockets, or on a free port of 127.0.0.1 if none is given."""
        listeners = listeners or (socket.create_server(("127.0.0.1", 0)),)
        self._hosts = tuple(name for listener in listeners for name in _names_of(listener))
        self._acceptors = tuple(Acceptor(listener, self._gate.take, self._limit) for listener in listeners)

    async def close(self) -> None:
        """Stop listening and end every connection."""
        for acceptor in self._acceptors:
            acceptor.close()
        self._acceptors = ()
        self._gate.abort_all()

    def _is_open_to_ipv6(self) -> bool:
        """AWS: the IPv6 endpoint is there only for an instance that has it enabled; as if nobody listened."""
        return self._source.desired().metadata_options.http_protocol_ipv6 == "enabled"

    def _note_refused(self, peer_uid: int | None) -> None:
        _log.warning(METADATA_PEER_REFUSED, instance_id=self._instance_id, peer_uid=peer_uid, uid=self._uid)

    def _answer(self, request: MetadataRequest | None) -> Reply:
        """Answer a request, with the injected faults."""
        faults = self._source.desired().faults
        now = self._clock.now()
        delay_seconds = 0.0
        if faults is not None:
            now += timedelta(seconds=faults.clock_skew_seconds)
            delay_seconds = faults.metadata_delay_milliseconds / 1000
        if request is None:
            answer = error(400)
        elif faults is not None and faults.metadata_status:
            answer = error(faults.metadata_status)
        else:
            answer = self._decide(request)
        if self._requests is not None:
            self._requests.count(request, answer.status)
        is_head = request is not None and request.method == "HEAD"
        return Reply(answer.to_bytes(now=now, is_head=is_head), delay_seconds)

    def _decide(self, request: MetadataRequest) -> MetadataAnswer:
        # A web page can point a name of its own to this address (DNS rebinding). So accept only our own
        # address as Host, and names that no web page can have because no public name server has them.
        hosts = request.values(b"host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return error(400)
        if self._source.desired().metadata_options.http_endpoint == "disabled":
            return error(403)
        if request.path == container.PATH and self._container_token is not None:
            return self._container_credentials(request, self._container_token)
        if request.method == "PUT":
            return self._put(request)
        if request.path == TOKEN_PATH:
            return error(405, (("Allow", "OPTIONS, PUT"),))
        return self._get(request)

    def _container_credentials(self, request: MetadataRequest, token: str) -> MetadataAnswer:
        """AWS: https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html

        Differs: sessions of this endpoint have `ec2:RoleDelivery` 2.0, as those read with a metadata token.
        """
        if request.method != "GET":
            return error(405, (("Allow", "GET"),))
        presented = request.values(b"authorization")
        if len(presented) != 1 or not hmac.compare_digest(presented[0].encode(), token.encode()):
            return error(401)
        status, body = container.container_credentials(
            self._source.desired(), self._source.credentials("2.0")
        )
        return MetadataAnswer(status=status, body=body, content_type=container.JSON)

    def _put(self, request: MetadataRequest) -> MetadataAnswer:
        """Issue a metadata token.

        AWS: a PUT that carries X-Forwarded-For is refused, and so is one to a dated version's path.
        """
        if request.path != TOKEN_PATH:
            return error(403)
        if request.values(b"x-forwarded-for"):
            return error(403)
        asked = request.values(_TTL)
        ttl_seconds = parse_ttl_seconds(asked[0]) if len(asked) == 1 else None
        if ttl_seconds is None:
            return error(400)
        if not self._limit_hops(request):
            return error(403)
        token = self._tokens.issue(ttl_seconds=ttl_seconds, now=read_clocks(self._clock))
        return ok(token.encode(), PLAIN, ((TTL_HEADER, str(ttl_seconds)),))

    def _limit_hops(self, request: MetadataRequest) -> bool:
        """Set the answer's TTL from the hop limit. Return False if the hop limit does not reach the peer.

        On EC2, the answer enters the instance with the hop limit as its TTL. Each router, such as the
        instance itself in front of a nested container, subtracts one. Tabard's answer starts inside the
        instance. So for a peer in another network, one hop is already subtracted.
        Differs: if the hop limit does not reach a peer, Tabard answers 403 instead of letting the peer time
        out.
        INVARIANT: never restore the TTL of this connection: a retransmission would use the larger TTL.
        """
        accepted = request.connection
        try:
            own = accepted.getsockname()[0]
            hop_limit = self._source.desired().metadata_options.http_put_response_hop_limit
            hops = hop_limit if _is_local(request.peer, own) else hop_limit - 1
            if hops < 1:
                return False
            if accepted.family == socket.AF_INET6:
                accepted.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
            else:
                accepted.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
        except OSError:  # the peer is gone
            return False
        return True

    def _get(self, request: MetadataRequest) -> MetadataAnswer:
        """Check the metadata token, then the method, then the path: the order observed on EC2.

        AWS: "HTTP GET and HEAD methods are allowed". POST and DELETE are answered 403: observed on EC2.
        """
        instance = self._source.desired()
        presented = request.values(_TOKEN)
        headers: tuple[tuple[str, str], ...] = ()
        if presented:
            remaining_seconds = (
                self._tokens.remaining_seconds(presented[0], now=read_clocks(self._clock))
                if len(presented) == 1
                else None
            )
            if remaining_seconds is None:
                return error(401)
            headers = ((TTL_HEADER, str(remaining_seconds)),)
        elif instance.metadata_options.http_tokens == "required":
            return error(401)
        if request.method in ("POST", "DELETE"):
            return error(403, headers)
        if request.method not in ("GET", "HEAD"):
            return error(405, (("Allow", "GET, HEAD, OPTIONS"), *headers))
        reading = self._read(request.path, instance, self._source.credentials("2.0" if presented else "1.0"))
        if reading.status != 200:
            return error(reading.status, headers)
        return ok(reading.document.body, reading.document.content_type, headers)

    def _read(self, path: str, instance: DesiredInstance, credentials: CredentialsView) -> tree.Reading:
        """Look up a path. Reuse the last reading until one of its inputs changes.

        Inputs are immutable, so the same object means the same content.
        """
        identity = self._source.identity()
        last = self._last_read
        if (
            last is not None
            and last.path == path
            and last.instance is instance
            and last.credentials is credentials
            and last.identity is identity
        ):
            return last.reading
        reading = tree.read(path, tree.documents_of(instance, credentials, identity))
        self._last_read = _LastRead(path, instance, credentials, identity, reading)
        return reading


class _LastRead(NamedTuple):
    """The last reading, with the path and the inputs that produced it."""

    path: str
    instance: DesiredInstance
    credentials: CredentialsView
    identity: GetInstanceIdentityResult | None
    reading: tree.Reading


def _names_of(listener: socket.socket) -> list[str]:
    """List the Host values that a listener accepts: its address, then names. Port 80 is omitted."""
    address, port = listener.getsockname()[:2]
    names = (f"[{address}]" if listener.family == socket.AF_INET6 else str(address), *_NAMES)
    with_port = [f"{name}:{port}" for name in names]
    return [*names, *with_port] if port == 80 else with_port


def _is_local(peer: str, own: str) -> bool:
    """Report whether the peer is in the listener's own network. No other peer can have its addresses."""
    return peer == own or ip_address(peer).is_loopback
