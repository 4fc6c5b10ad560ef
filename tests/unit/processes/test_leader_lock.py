"""Whose turn it is among several processes."""

import select
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TypeAlias

import pytest

from tabard.processes.leader_lock import LeaderLock, acquire_leader_lock

Holder: TypeAlias = "subprocess.Popen[str]"

HOLDER = """
import subprocess, sys
from pathlib import Path
from tabard.processes.leader_lock import acquire_leader_lock
acquire_leader_lock(Path(sys.argv[1]))
subprocess.Popen(["sleep", "60"], close_fds=False, stdout=subprocess.DEVNULL)
print("works", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    return tmp_path / "leader"


@pytest.fixture
def three(lock: Path) -> Iterator[list[Holder]]:
    """Processes that want to work; each has a child of its own once it does, which outlives it."""
    made = [
        subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(lock)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        for _ in range(3)
    ]
    yield made
    for process in made:
        with process:
            subprocess.run(["/bin/kill", "-9", "--", f"-{process.pid}"], check=False, capture_output=True)


def that_works(processes: list[Holder]) -> Holder:
    """The one that says so."""
    ready = readable(processes, seconds=30)
    (working,) = [each for each in processes if each.stdout in ready]
    assert working.stdout is not None
    assert working.stdout.readline() == "works\n"
    return working


def readable(processes: list[Holder], *, seconds: float) -> list[IO[str]]:
    return select.select([each.stdout for each in processes if each.stdout], [], [], seconds)[0]


def test_one_process_leads_and_the_next_replaces_a_killed_leader(three: list[Holder]) -> None:
    waiting = list(three)
    for _ in three:
        working = that_works(waiting)
        waiting.remove(working)
        assert not readable(waiting, seconds=0)
        working.kill()
        working.wait()


def test_a_request_without_waiting_gets_the_lock_after_its_holder_ended(
    three: list[Holder], lock: Path
) -> None:
    waiting, asking = list(three), LeaderLock(lock)
    for _ in three:
        working = that_works(waiting)
        waiting.remove(working)
        assert not asking.is_held()
        working.kill()
        working.wait()
    assert asking.is_held()
    assert asking.is_held()


def test_only_its_owner_can_open_the_lock(lock: Path) -> None:
    acquire_leader_lock(lock)
    assert lock.stat().st_mode & 0o777 == 0o600
