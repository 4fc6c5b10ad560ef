"""Whether the embedded S3 is ready: it knows our keys, and gives out again what it keeps.

It answers signed requests while its volumes are not yet known to it. Until they are, an object that it has
acknowledged is answered with 500, so one that it keeps is read before it counts as ready.
"""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from urllib.parse import quote

from defusedxml.ElementTree import fromstring

from tabard.clock import Clock
from tabard.edge.upstreams.probe import answer_to
from tabard.sigv4.sign import Credentials, sign_request

_HOST = "s3.upstream.tabard.internal"
_REGION = "us-east-1"
_EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
OK = 200
SERVER_ERROR = 500
_XMLNS = "{http://s3.amazonaws.com/doc/2006-03-01/}"
MOST_BUCKETS = 20
MOST_OBJECTS = 3
PATIENCE_SECONDS = 10.0
"""How long an object that cannot be read keeps the store from being ready: it may be broken for good."""


class SeaweedfsProbe:
    """Asks the store, signed, over its socket."""

    __slots__ = ("_answers_since", "_clock", "_credentials", "_s3_socket")

    def __init__(self, *, s3_socket: Path, credentials: Credentials, clock: Clock) -> None:
        self._s3_socket = s3_socket
        self._credentials = credentials
        self._clock = clock
        self._answers_since: float | None = None

    async def is_ready(self) -> bool:
        """Whether ListBuckets is answered and an object can be read, where one is kept."""
        status, buckets = await self._get("/")
        if status != OK:
            self._answers_since = None
            return False
        if await self._reads_an_object(buckets):
            return True
        now = self._clock.monotonic_seconds()
        if self._answers_since is None:
            self._answers_since = now
        return now - self._answers_since > PATIENCE_SECONDS

    async def _reads_an_object(self, buckets: bytes) -> bool:
        """One is enough, for the volumes become known together; none to read is as good."""
        tried = 0
        async for target in self._objects(buckets):
            status, _ = await self._get(target, headers=[("range", "bytes=0-0")])
            if status is not None and status < SERVER_ERROR:
                return True
            tried += 1
            if tried == MOST_OBJECTS:
                break
        return tried == 0

    async def _objects(self, buckets: bytes) -> AsyncIterator[str]:
        """Some objects that have content: only these lie in volumes."""
        for bucket in _texts(buckets, "Name")[:MOST_BUCKETS]:
            status, listing = await self._get(f"/{bucket}", query=f"list-type=2&max-keys={MOST_OBJECTS}")
            if status != OK:
                continue
            for key, size in zip(_texts(listing, "Key"), _texts(listing, "Size"), strict=True):
                if size != "0":
                    yield f"/{bucket}/{quote(key)}"

    async def _get(
        self, path: str, *, query: str = "", headers: Sequence[tuple[str, str]] = ()
    ) -> tuple[int | None, bytes]:
        signed = sign_request(
            method="GET",
            host=_HOST,
            raw_path=path,
            raw_query=query,
            headers=[],
            payload_hash=_EMPTY_SHA256,
            credentials=self._credentials,
            region=_REGION,
            service="s3",
            now=self._clock.now(),
            normalize_path=False,
        )
        target = f"{path}?{query}" if query else path
        return await answer_to(self._s3_socket, "GET", target, [("host", _HOST), *signed, *headers])


def _texts(document: bytes, tag: str) -> list[str]:
    return [element.text or "" for element in fromstring(document).iter(f"{_XMLNS}{tag}")]
