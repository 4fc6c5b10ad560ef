"""Processes beside the test, each with the store open."""

import os
import sys
from pathlib import Path

PREAMBLE = """
import asyncio, os, signal, sys, time
from pathlib import Path
from tests.support.aggregates import audit_event, role
from tests.support.any_store import open_account
path = Path(sys.argv[1])
"""

OPEN_AND_WRITE_ONE = (
    PREAMBLE
    + """
sys.stdin.readline()
store = open_account(path)
with store.transaction() as tx:
    tx.roles.insert(role(int(sys.argv[2])))
store.close()
"""
)

WRITE_WHEN_TOLD = (
    PREAMBLE
    + """
store = open_account(path)
for n, _ in enumerate(sys.stdin, start=1):
    with store.transaction() as tx:
        tx.roles.insert(role(n))
    print(time.monotonic(), flush=True)
store.close()
"""
)

WRITE_UNTIL_KILLED = (
    PREAMBLE
    + """
store = open_account(path)
n = int(sys.argv[2])
while True:
    n += 1
    with store.transaction() as tx:
        tx.roles.insert(role(n))
        tx.audit.append([audit_event(n)])
    print(n, flush=True)
"""
)

STOP_INSIDE_A_TRANSACTION = (
    PREAMBLE
    + """
store = open_account(path)
with store.transaction() as tx:
    tx.roles.insert(role(int(sys.argv[2])))
    os.kill(os.getpid(), signal.SIGSTOP)
"""
)

STOP_AFTER_A_COMMIT = (
    PREAMBLE
    + """
store = open_account(path)
with store.transaction() as tx:
    tx.roles.insert(role(int(sys.argv[2])))
os.kill(os.getpid(), signal.SIGSTOP)
"""
)

STOP_WHILE_READING = (
    PREAMBLE
    + """
from tabard.clock import SystemClock
from tabard.store.snapshot_source import SqlSnapshotSource

async def follow():
    store = open_account(path)
    source = SqlSnapshotSource(store, clock=SystemClock())
    await source.start()
    await source.newest()
    with store.reading() as tx:
        tx.roles.get("AROA1")
        os.kill(os.getpid(), signal.SIGSTOP)

asyncio.run(follow())
"""
)


def command(code: str, *arguments: object) -> list[str]:
    """What starts a Python process on this code."""
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment() -> dict[str, str]:
    """An environment in which the process finds this package."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
