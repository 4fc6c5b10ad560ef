"""Accepting connections when the process has no descriptor left."""

import asyncio
import socket
import sys
from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from tabard.clock import ManualClock
from tabard.imds.acceptor import CONNECTIONS_NOT_ACCEPTED, Acceptor
from tabard.imds.rate_limit import RateLimit
from tests.support.few_descriptors import few_descriptors
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")


class Attempts(RateLimit):
    """Limits nothing, and counts the attempts to accept."""

    def __init__(self) -> None:
        super().__init__(ManualClock(datetime(2026, 12, 1, tzinfo=UTC)), per_second=100, burst=100)
        self.attempts = 0

    def take(self) -> float:
        self.attempts += 1
        return super().take()


async def test_a_shortage_of_descriptors_is_logged_once_and_then_who_waited_is_accepted() -> None:
    accepted: asyncio.Queue[socket.socket] = asyncio.Queue()
    listener = socket.create_server(("127.0.0.1", 0))
    pace = Attempts()
    acceptor = Acceptor(listener, lambda connection, _: accepted.put_nowait(connection), pace)
    client = socket.create_connection(listener.getsockname())
    client.sendall(b"GET / HTTP/1.1\r\n")  # a silent one is not handed over
    with few_descriptors(0), capture_logs() as logs:
        await until(lambda: pace.attempts >= 3)
    assert [(entry["event"], entry["listener"]) for entry in logs] == [
        (CONNECTIONS_NOT_ACCEPTED, listener.getsockname())
    ]
    async with asyncio.timeout(5):
        (await accepted.get()).close()
    client.close()
    acceptor.close()
