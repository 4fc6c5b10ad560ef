"""A store of open files, asked as the incarnations of a child ask it."""

import asyncio
import fcntl
import os
import resource
import socket
import struct
import sys
import termios
from collections.abc import AsyncIterator, Iterator
from typing import Protocol

import pytest
from structlog.testing import capture_logs

from tabard.processes.descriptor_store import (
    ANSWER_SECONDS,
    DESCRIPTORS_NOT_HANDED_OVER,
    DESCRIPTORS_NOT_KEPT,
    MOST_BYTES,
    DescriptorStore,
    DescriptorStoreClient,
    Record,
)
from tabard.wiring.process import allow_many_descriptors
from tests.support.few_descriptors import few_descriptors
from tests.support.waiting import turns, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="SOCK_SEQPACKET pairs are Linux's")


class ChildOf(Protocol):
    def __call__(
        self, store: DescriptorStore, *, answer_seconds: float = ANSWER_SECONDS
    ) -> DescriptorStoreClient: ...


@pytest.fixture
async def store() -> AsyncIterator[DescriptorStore]:
    made = DescriptorStore()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def child_of() -> Iterator[ChildOf]:
    """Makes a new incarnation: the same socket under another descriptor."""
    children: list[DescriptorStoreClient] = []

    def make(store: DescriptorStore, *, answer_seconds: float = ANSWER_SECONDS) -> DescriptorStoreClient:
        children.append(DescriptorStoreClient(os.dup(store.descriptor), answer_seconds=answer_seconds))
        return children[-1]

    yield make
    for child in children:
        child.close()


async def all_of(child: DescriptorStoreClient) -> list[Record]:
    return await asyncio.to_thread(lambda: list(child.all()))


async def test_the_next_start_of_a_child_finds_its_records(store: DescriptorStore, child_of: ChildOf) -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    child_of(store).keep("i-1", b"content", [listener.fileno()])
    listener.close()
    (found,) = await all_of(child_of(store))
    assert (found.name, found.content) == ("i-1", b"content")
    again = socket.socket(fileno=found.descriptors[0])
    assert again.getsockname() == address
    assert not os.get_inheritable(again.fileno())
    again.close()


async def test_a_new_record_closes_the_former_one(store: DescriptorStore, child_of: ChildOf) -> None:
    reading, writing = os.pipe()
    child = child_of(store)
    child.keep("i-1", b"first", [writing])
    os.close(writing)
    child.keep("i-1", b"second", [])
    (found,) = await all_of(child)
    assert (found.content, found.descriptors) == (b"second", ())
    assert os.read(reading, 1) == b""  # the last writer is gone
    os.close(reading)


async def test_a_dropped_record_is_removed(store: DescriptorStore, child_of: ChildOf) -> None:
    child = child_of(store)
    for name in ("a", "b", "c"):
        child.keep(name, name.encode(), [])
    child.drop("b")
    child.drop("never there")
    assert [record.name for record in await all_of(child)] == ["a", "c"]


async def test_an_update_changes_only_the_content(store: DescriptorStore, child_of: ChildOf) -> None:
    reading, writing = os.pipe()
    child = child_of(store)
    child.keep("i-1", b"first", [writing])
    os.close(writing)
    child.update("i-1", b"second")
    child.update("never there", b"content")
    (found,) = await all_of(child)
    assert (found.name, found.content, len(found.descriptors)) == ("i-1", b"second", 1)
    found.close()
    child.drop("i-1")
    await asyncio.sleep(0)
    assert await asyncio.to_thread(os.read, reading, 1) == b""  # no copy of it is left open
    os.close(reading)


async def test_an_update_never_waits_and_the_newest_is_sent_later(child_of: ChildOf) -> None:
    stopped = DescriptorStore()
    child = child_of(stopped)
    names = [f"i-{number}" for number in range(3)]
    for name in names:
        child.keep(name, b"kept", [])
    for number in range(300):
        for name in names:
            child.update(name, str(number).encode() + b" " * 20_000)
    stopped.start()  # the supervisor resumes
    await asyncio.to_thread(child.drop, names[0])
    assert [record.name for record in await all_of(child)] == names[1:]
    child.update(names[1], b"last")
    found = {record.name: record.content.strip() for record in await all_of(child)}
    assert found == {names[1]: b"last", names[2]: b"299"}
    stopped.stop()


def unread_bytes(store: DescriptorStore) -> int:
    """How much a supervisor has been sent and has not read: SIOCOUTQ, by TIOCOUTQ."""
    return int(struct.unpack("i", fcntl.ioctl(store.descriptor, termios.TIOCOUTQ, bytes(4)))[0])


async def test_a_stopped_supervisor_gets_the_request_again(child_of: ChildOf) -> None:
    stopped = DescriptorStore()
    child_of(stopped).keep("i-1", b"kept", [0])
    asking = asyncio.create_task(all_of(child_of(stopped, answer_seconds=0.05)))
    sizes: set[int] = set()

    def is_asked_again() -> bool:
        sizes.add(unread_bytes(stopped))
        return len(sizes) >= 3

    # The kept descriptor, and at least two requests after it.
    await until(is_asked_again)
    stopped.start()  # it goes on
    (found,) = await asking
    assert (found.name, len(found.descriptors)) == ("i-1", 1)
    found.close()
    stopped.stop()


@pytest.fixture
def _as_many_descriptors_as_a_process_of_tabard() -> Iterator[None]:
    former = resource.getrlimit(resource.RLIMIT_NOFILE)
    allow_many_descriptors()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, former)


@pytest.mark.usefixtures("_as_many_descriptors_as_a_process_of_tabard")
async def test_hundreds_of_large_records_are_stored(store: DescriptorStore, child_of: ChildOf) -> None:
    child = child_of(store)
    content = os.urandom(24_000)

    def keep_all() -> None:
        for number in range(300):
            child.keep(f"i-{number:04}", content, [0, 1, 2])

    await asyncio.to_thread(keep_all)
    found = await all_of(child_of(store))
    assert len(found) == 300
    assert all(record.content == content and len(record.descriptors) == 3 for record in found)
    for record in found:
        record.close()


async def test_a_record_that_does_not_fit_is_logged_and_not_stored(child_of: ChildOf) -> None:
    """recvmsg(2), MSG_CTRUNC: "some control data was discarded due to lack of space"."""
    store = DescriptorStore()
    child = child_of(store)
    child.keep("a", b"content", [0, 1, 2])
    with few_descriptors(2), capture_logs() as logs:
        store.receive()
    assert [(entry["event"], entry["name"]) for entry in logs] == [(DESCRIPTORS_NOT_KEPT, "a")]
    child.keep("b", b"content", [0, 1, 2])
    store.start()
    assert [record.name for record in await all_of(child)] == ["b"]
    store.stop()


async def test_a_record_too_large_for_the_successor_is_logged_and_the_rest_is_found(
    store: DescriptorStore, child_of: ChildOf
) -> None:
    child = child_of(store)
    child.keep("a", b"content", [0, 1, 2])
    child.keep("b", b"content", [0])
    await turns()
    with capture_logs() as logs, few_descriptors(1):
        found = await all_of(child)
        for record in found:
            record.close()
    assert [(record.name, len(record.descriptors)) for record in found] == [("b", 1)]
    assert [(entry["event"], entry["name"]) for entry in logs] == [(DESCRIPTORS_NOT_HANDED_OVER, "a")]


async def test_an_update_that_does_not_fit_leaves_the_content(
    store: DescriptorStore, child_of: ChildOf
) -> None:
    """recv(2), MSG_TRUNC: "the trailing portion of a datagram was discarded"."""
    child = child_of(store)
    child.keep("a", b"content", [0])
    with capture_logs() as logs:
        child.update("a", bytes(MOST_BYTES + 1))
        (found,) = await all_of(child)
    assert (found.content, len(found.descriptors)) == (b"content", 1)
    found.close()
    assert [(entry["event"], entry["name"]) for entry in logs] == [(DESCRIPTORS_NOT_KEPT, "a")]


async def test_a_record_that_cannot_be_sent_is_logged(store: DescriptorStore, child_of: ChildOf) -> None:
    child = child_of(store)
    with capture_logs() as logs:
        child.keep("a", b"content", [-1])
    assert [(entry["event"], entry["name"]) for entry in logs] == [(DESCRIPTORS_NOT_KEPT, "a")]


async def test_an_answer_to_a_killed_predecessor_is_ignored(
    store: DescriptorStore, child_of: ChildOf
) -> None:
    child = child_of(store)
    child.keep("a", b"", [])
    predecessor = socket.socket(fileno=os.dup(store.descriptor))
    predecessor.send(b"N" + b"8 bytes!" + b"\0\0")
    predecessor.close()
    await turns()
    assert [record.name for record in await all_of(child)] == ["a"]


async def test_an_invalid_message_is_ignored(store: DescriptorStore, child_of: ChildOf) -> None:
    stranger = socket.socket(fileno=os.dup(store.descriptor))
    for message in (b"x", b"K", b"K12345678\xff\xffname"):
        stranger.send(message)
    stranger.close()
    child = child_of(store)
    child.keep("a", b"", [])
    assert "a" in [record.name for record in await all_of(child)]


async def test_a_closed_store_stores_nothing(child_of: ChildOf) -> None:
    made = DescriptorStore()
    made.start()
    child = child_of(made)
    made.stop()
    child.keep("a", b"", [0])
    child.drop("a")
    assert await all_of(child) == []
