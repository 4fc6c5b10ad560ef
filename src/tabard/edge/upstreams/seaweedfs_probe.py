"""The readiness probe of the embedded S3: it knows the edge's keys, and returns its stored objects.

SeaweedFS answers signed requests before it knows its volumes. Until it does, reading a stored object fails
with 500. So the probe reads one stored object.
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
"""How long an unreadable object delays readiness: the object may be permanently broken."""


class SeaweedfsProbe:
    """Sends signed requests to the store's socket."""

    __slots__ = ("_answers_since", "_clock", "_credentials", "_s3_socket")

    def __init__(self, *, s3_socket: Path, credentials: Credentials, clock: Clock) -> None:
        self._s3_socket = s3_socket
        self._credentials = credentials
        self._clock = clock
        self._answers_since: float | None = None

    async def is_ready(self) -> bool:
        """Return whether the store answers ListBuckets and returns a stored object, if there is one."""
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
        """Return whether one object is readable, or there is none: all volumes become known together."""
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
        """Yield some objects with content: only these are in volumes."""
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
