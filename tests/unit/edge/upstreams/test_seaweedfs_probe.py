"""When the embedded S3 counts as ready: what it kept can be read again."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tabard.clock import ManualClock
from tabard.edge.upstreams.seaweedfs_probe import PATIENCE_SECONDS, SeaweedfsProbe
from tabard.sigv4.sign import Credentials

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


class Store:
    """Buckets and objects by name, with their sizes, and the status with which an object is answered."""

    def __init__(self, probe: SeaweedfsProbe, clock: ManualClock) -> None:
        self.probe = probe
        self.clock = clock
        self.buckets: dict[str, dict[str, int]] = {}
        self.status = 200
        self.object_status = 206
        self.asked: list[str] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        target = head.split(" ")[1]
        self.asked.append(target)
        assert "Credential=AKIAIOSFODNN7EXAMPLE/20260131/us-east-1/s3/aws4_request" in head
        status, body = self._of(target)
        writer.write(f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    def _of(self, target: str) -> tuple[int, str]:
        bucket, _, key = target.removeprefix("/").partition("?")[0].partition("/")
        if key:
            return self.object_status, "x"
        if bucket:
            contents = "".join(
                f"<Contents><Key>{name}</Key><Size>{size}</Size></Contents>"
                for name, size in self.buckets[bucket].items()
            )
            return self.status, f'<ListBucketResult xmlns="{NAMESPACE}">{contents}</ListBucketResult>'
        names = "".join(f"<Bucket><Name>{name}</Name></Bucket>" for name in self.buckets)
        return self.status, f'<ListAllMyBucketsResult xmlns="{NAMESPACE}">{names}</ListAllMyBucketsResult>'


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    folder = Path(tempfile.mkdtemp())
    clock = ManualClock(datetime(2026, 1, 31, tzinfo=UTC))
    keys = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI")
    made = Store(SeaweedfsProbe(s3_socket=folder / "s3.sock", credentials=keys, clock=clock), clock)
    server = await asyncio.start_unix_server(made.answer, folder / "s3.sock")
    try:
        yield made
    finally:
        server.close()
        shutil.rmtree(folder)


async def test_an_empty_store_is_ready_when_it_answers(store: Store) -> None:
    assert await store.probe.is_ready()
    store.buckets = {"empty": {}, "folders": {"a/": 0}}
    assert await store.probe.is_ready()
    store.status = 503
    assert not await store.probe.is_ready()


async def test_a_store_that_cannot_yet_read_what_it_keeps_is_not_ready(store: Store) -> None:
    store.buckets = {"empty": {"nothing": 0}, "kept": {"a b": 7}}
    store.object_status = 500
    assert not await store.probe.is_ready()
    assert store.asked[-1] == "/kept/a%20b"
    store.object_status = 206
    assert await store.probe.is_ready()


async def test_an_object_that_is_broken_for_good_does_not_keep_the_others_away(store: Store) -> None:
    store.buckets = {"kept": {"broken": 7}}
    store.object_status = 500
    assert not await store.probe.is_ready()
    store.clock.advance(timedelta(seconds=PATIENCE_SECONDS))
    assert not await store.probe.is_ready()
    store.clock.advance(timedelta(seconds=1))
    assert await store.probe.is_ready()


async def test_a_store_that_went_away_is_given_its_time_anew(store: Store) -> None:
    store.buckets = {"kept": {"broken": 7}}
    store.object_status = 500
    assert not await store.probe.is_ready()
    store.clock.advance(timedelta(seconds=PATIENCE_SECONDS + 1))
    store.status = 503
    assert not await store.probe.is_ready()
    store.status = 200
    assert not await store.probe.is_ready()
