"""Descriptor store: a supervisor stores open files of a child for the child's successor.

It works like systemd's file descriptor store (sd_pid_notify_with_fds(3)). While a child restarts, its
listening sockets stay open, so that new connections wait and are not refused. The channel is one
SOCK_SEQPACKET pair, whose other end every start of the child inherits. A message is a record with a name and
descriptors.
"""

import asyncio
import os
import secrets
import select
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

MOST_DESCRIPTORS = 32
MOST_BYTES = 128 * 1024
MOST_RECORDS = 4096
ANSWER_SECONDS = 5.0
MOST_QUESTIONS = 120
"""The number of a request's attempts: a supervisor may be stopped (Ctrl-Z), with its records intact."""

DESCRIPTORS_NOT_KEPT = "descriptors_not_kept"
DESCRIPTORS_NOT_HANDED_OVER = "descriptors_not_handed_over"

_log = structlog.get_logger(__name__)

_KEEP, _UPDATE, _DROP, _NEXT, _RECORD, _END = b"K", b"U", b"D", b"N", b"R", b"E"
_HEAD = struct.Struct("!c8sH")  # kind, number of the question, length of the name; then name and content
_NO_QUESTION = bytes(8)
_CUT = "the kernel left a part of it out: no descriptor was free, or it was too long"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The record of one name. Its holder must close the descriptors.

    `is_cut`: the kernel dropped a part of it, because the receiver had no room for more descriptors.
    """

    name: str
    content: bytes = field(repr=False)
    descriptors: tuple[int, ...]
    is_cut: bool = False

    def close(self) -> None:
        """Close the descriptors."""
        for descriptor in self.descriptors:
            with suppress(OSError):
                os.close(descriptor)


class DescriptorStore:
    """The supervisor's side. Only on Linux: other systems lack such sockets."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._records: dict[str, Record] = {}

    @property
    def descriptor(self) -> int:
        """The descriptor that the child inherits."""
        return self._theirs.fileno()

    def start(self) -> None:
        """Serve requests in the running loop."""
        asyncio.get_running_loop().add_reader(self._ours, self.receive)

    def stop(self) -> None:
        """Close all stored descriptors."""
        asyncio.get_running_loop().remove_reader(self._ours)
        for record in self._records.values():
            record.close()
        self._records.clear()
        self._ours.close()
        self._theirs.close()

    def receive(self) -> None:
        """Take one message in; `start` calls it for each."""
        with suppress(OSError, ValueError):
            kind, question, record = _received(self._ours)
            if kind == _NEXT:
                self._answer(question, after=record.name)
                return
            if kind == _UPDATE and record.is_cut:
                _log.error(DESCRIPTORS_NOT_KEPT, name=record.name, reason=_CUT)
                record.close()
                return
            former = self._records.pop(record.name, None)
            if kind == _UPDATE:
                record.close()
                if former is not None:
                    self._records[former.name] = replace(former, content=record.content)
                return
            if former is not None:
                former.close()
            if kind != _KEEP:
                record.close()
            elif record.is_cut or len(self._records) >= MOST_RECORDS:
                # INVARIANT: a record is kept whole or not at all: half of an instance cannot be adopted.
                _log.error(
                    DESCRIPTORS_NOT_KEPT,
                    name=record.name,
                    reason=_CUT if record.is_cut else f"{MOST_RECORDS} records are kept already",
                )
                record.close()
            else:
                self._records[record.name] = record

    def _answer(self, question: bytes, *, after: str) -> None:
        name = min((name for name in self._records if name > after), default=None)
        if name is None:
            _send(self._ours, _END, question, "")
        else:
            record = self._records[name]
            _send(self._ours, _RECORD, question, name, record.content, record.descriptors)


class DescriptorStoreClient:
    """The child's side. It ignores failures: the store only makes restarts smooth."""

    def __init__(self, descriptor: int, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._store = socket.socket(fileno=descriptor)
        self._store.settimeout(answer_seconds)
        self._room = select.poll()
        self._room.register(self._store, select.POLLOUT)
        self._unsaid: dict[str, bytes] = {}

    def close(self) -> None:
        """Close the channel. The stored records stay."""
        self._store.close()

    def keep(self, name: str, content: bytes, descriptors: Sequence[int]) -> None:
        """Store a record under `name`, in place of any former one."""
        self._unsaid.pop(name, None)
        try:
            _send(self._store, _KEEP, _NO_QUESTION, name, content, descriptors)
        except OSError as error:
            _log.error(DESCRIPTORS_NOT_KEPT, name=name, reason=str(error))

    def update(self, name: str, content: bytes) -> None:
        """Replace the content of the record `name`, and leave its descriptors.

        It never waits for a slow or stopped supervisor. In that case the next message carries the newest
        content.
        """
        self._unsaid[name] = content
        # A socket with room takes a whole message at once: unix(7), SOCK_SEQPACKET.
        while self._unsaid and self._room.poll(0):
            name = next(iter(self._unsaid))
            with suppress(OSError):
                _send(self._store, _UPDATE, _NO_QUESTION, name, self._unsaid.pop(name))

    def drop(self, name: str) -> None:
        """Remove the record `name` and close its descriptors."""
        self._unsaid.pop(name, None)
        with suppress(OSError):
            _send(self._store, _DROP, _NO_QUESTION, name)

    def all(self) -> Iterator[Record]:
        """Yield every complete record by name, with copies of its descriptors. Waits up to ten minutes."""
        after = ""
        with suppress(OSError, ValueError):
            while (record := self._next(after)) is not None:
                after = record.name
                if record.is_cut:
                    _log.error(DESCRIPTORS_NOT_HANDED_OVER, name=record.name, reason=_CUT)
                    record.close()
                else:
                    yield record

    def _next(self, after: str) -> Record | None:
        for _ in range(MOST_QUESTIONS):
            with suppress(TimeoutError):
                return self._asked(after)
        return None

    def _asked(self, after: str) -> Record | None:
        question = secrets.token_bytes(8)
        _send(self._store, _NEXT, question, after)
        while True:
            kind, answered, record = _received(self._store)
            # This may be the answer to a predecessor that was killed after its request.
            if answered == question:
                return record if kind == _RECORD else None
            record.close()


def _send(
    to: socket.socket,
    kind: bytes,
    question: bytes,
    name: str,
    content: bytes = b"",
    descriptors: Sequence[int] = (),
) -> None:
    named = name.encode()
    message = _HEAD.pack(kind, question, len(named)) + named + content
    socket.send_fds(to, [message], list(descriptors))


def _received(of: socket.socket) -> tuple[bytes, bytes, Record]:
    message, descriptors, flags, _ = socket.recv_fds(of, MOST_BYTES, MOST_DESCRIPTORS)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    if len(message) < _HEAD.size:
        raise ValueError("the other side is gone")
    kind, question, length = _HEAD.unpack_from(message)
    at = _HEAD.size + length
    name = message[_HEAD.size : at].decode()
    return (
        kind,
        question,
        Record(
            name=name,
            content=message[at:],
            descriptors=tuple(descriptors),
            # recvmsg(2): the process had no descriptor left, or the message was longer than the buffer.
            is_cut=bool(flags & (socket.MSG_CTRUNC | socket.MSG_TRUNC)),
        ),
    )
