"""Console output reaches the edge: soon, at bounded rates, and completely."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tabard.agent.consoles import LONGEST_SECONDS, Consoles, console_tail
from tabard.agent.edge_client import EdgeError, EdgeRefused
from tabard.clock import ManualClock
from tabard.model.console_output import MAX_CONSOLE_BYTES
from tests.support.fake_edge import FakeEdge

ID = "i-0123456789abcdef0"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(datetime(2026, 1, 31, tzinfo=UTC))


@pytest.fixture
def edge(clock: ManualClock) -> FakeEdge:
    return FakeEdge(clock)


@pytest.fixture
def consoles(tmp_path: Path, edge: FakeEdge, clock: ManualClock) -> Consoles:
    (tmp_path / ID).mkdir()
    return Consoles(tmp_path, edge, clock)


def write(tmp_path: Path, text: str) -> None:
    with (tmp_path / ID / "console.log").open("a") as log:
        log.write(text)


def running() -> bool:
    return True


def ended() -> bool:
    return False


async def test_new_output_is_sent_once(
    consoles: Consoles, edge: FakeEdge, clock: ManualClock, tmp_path: Path
) -> None:
    await consoles.send({ID: running})
    assert edge.consoles == []
    write(tmp_path, "one\n")
    for _ in range(3):
        await consoles.send({ID: running})
        clock.advance(timedelta(minutes=1))
    assert edge.consoles == [(ID, b"one\n")]
    write(tmp_path, "two\n")
    await consoles.send({ID: running})
    assert edge.consoles[1:] == [(ID, b"one\ntwo\n")]


async def test_continuous_output_is_sent_less_and_less_often(
    consoles: Consoles, edge: FakeEdge, clock: ManualClock, tmp_path: Path
) -> None:
    reported_at = []
    for second in range(180):
        write(tmp_path, "x")
        before = len(edge.consoles)
        await consoles.send({ID: running})
        if len(edge.consoles) > before:
            reported_at.append(second)
        clock.advance(timedelta(seconds=1))
    pauses = [later - earlier for earlier, later in pairwise(reported_at)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2
    assert pauses[-1] == LONGEST_SECONDS


async def test_the_rest_is_sent_at_once_after_the_end(
    consoles: Consoles, edge: FakeEdge, tmp_path: Path
) -> None:
    write(tmp_path, "one\n")
    await consoles.send({ID: running})
    write(tmp_path, "last\n")
    await consoles.send({ID: running})
    assert len(edge.consoles) == 1
    await consoles.send({ID: ended})
    assert edge.consoles[1:] == [(ID, b"one\nlast\n")]


async def test_output_is_sent_after_an_outage_of_the_edge(
    consoles: Consoles, edge: FakeEdge, tmp_path: Path
) -> None:
    write(tmp_path, "one\n")
    edge.away = True
    with pytest.raises(EdgeError):
        await consoles.send({ID: running})
    edge.away = False
    await consoles.send({ID: running})
    assert edge.consoles == [(ID, b"one\n")]


async def test_refused_output_is_not_sent_again(consoles: Consoles, edge: FakeEdge, tmp_path: Path) -> None:
    write(tmp_path, "one\n")
    edge.console_error = EdgeRefused(operation="PutConsoleOutput", code="AccessDenied", message="no")
    await consoles.send({ID: ended})
    edge.console_error = None
    await consoles.send({ID: ended})
    assert edge.consoles == []


def test_the_tail_continues_into_the_former_log(tmp_path: Path) -> None:
    assert console_tail(tmp_path) == b""
    (tmp_path / "console.log.1").write_bytes(b"a" * MAX_CONSOLE_BYTES + b"b")
    (tmp_path / "console.log").write_bytes(b"c")
    assert console_tail(tmp_path) == b"a" * (MAX_CONSOLE_BYTES - 2) + b"bc"
    (tmp_path / "console.log").write_bytes(b"c" * MAX_CONSOLE_BYTES + b"d")
    assert console_tail(tmp_path) == b"c" * (MAX_CONSOLE_BYTES - 1) + b"d"
