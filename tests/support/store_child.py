"""Processes beside the test, each with the store open."""

import os
import sys
from pathlib import Path

PREAMBLE = """
import sys, time
from pathlib import Path
from tests.support.memory_store import ClearVault
from tests.support.aggregates import audit_event, role
from tabard.store.sqlite import open_sqlite_store
path = Path(sys.argv[1])
"""

OPEN_AND_WRITE_ONE = (
    PREAMBLE
    + """
sys.stdin.readline()
store = open_sqlite_store(path, vault=ClearVault())
with store.transaction() as tx:
    tx.roles.insert(role(int(sys.argv[2])))
store.close()
"""
)

WRITE_WHEN_TOLD = (
    PREAMBLE
    + """
store = open_sqlite_store(path, vault=ClearVault())
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
store = open_sqlite_store(path, vault=ClearVault())
n = int(sys.argv[2])
while True:
    n += 1
    with store.transaction() as tx:
        tx.roles.insert(role(n))
        tx.audit.append([audit_event(n)])
    print(n, flush=True)
"""
)


def command(code: str, *arguments: object) -> list[str]:
    """What starts a Python process on this code."""
    return [sys.executable, "-c", code, *map(str, arguments)]


def environment() -> dict[str, str]:
    """An environment in which the process finds this package."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
