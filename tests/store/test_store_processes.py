"""Several processes on one file: what one commits the others see, and no crash takes back what was said."""

import asyncio
import random
import sqlite3
import statistics
import subprocess
import time
from pathlib import Path

import pytest

from tabard.clock import SystemClock
from tabard.store.snapshot_source import SqlSnapshotSource
from tabard.store.sql import SqlStore
from tests.support.any_store import open_account
from tests.support.store_child import (
    OPEN_AND_WRITE_ONE,
    WRITE_UNTIL_KILLED,
    WRITE_WHEN_TOLD,
    command,
    environment,
)

CHANGES = 15


def test_processes_may_open_a_new_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tabard.db"
    children = [
        subprocess.Popen(
            command(OPEN_AND_WRITE_ONE, path, n), env=environment(), stdin=subprocess.PIPE, text=True
        )
        for n in range(1, 4)
    ]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=60)
        assert child.returncode == 0
    store = open_account(path)
    assert len(store.next_snapshot().roles) == 3
    store.close()


async def test_a_change_by_another_process_reaches_the_snapshot_by_itself(
    sqlite_store: SqlStore, tmp_path: Path
) -> None:
    source = SqlSnapshotSource(sqlite_store, clock=SystemClock())
    await source.start()
    child = await asyncio.create_subprocess_exec(
        *command(WRITE_WHEN_TOLD, tmp_path / "tabard.db"),
        env=environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    delays = []
    dice = random.Random(1)
    for n in range(1, CHANGES + 1):
        version = source.current().version
        await asyncio.sleep(dice.uniform(0, 0.02))  # so that commits fall anywhere between two polls
        child.stdin.write(b"now\n")
        newer = await source.wait_beyond(version, 20)
        seen_at = time.monotonic()
        delays.append(seen_at - float(await child.stdout.readline()))
        assert newer.role_named(f"role-{n}") is not None
    child.stdin.close()
    assert await child.wait() == 0
    await source.stop()
    print(
        f"\nseen in another process after {statistics.median(delays) * 1000:.1f} ms "
        f"(median of {CHANGES}; longest {max(delays) * 1000:.1f} ms)"
    )


@pytest.mark.parametrize("seed", range(2))
def test_every_acknowledged_write_survives_kill_9(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "tabard.db"
    dice = random.Random(seed)
    acknowledged: list[int] = []
    for _ in range(2):
        child = subprocess.Popen(
            command(WRITE_UNTIL_KILLED, path, max(acknowledged, default=0) + 1000),
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        acknowledged.extend(int(child.stdout.readline()) for _ in range(dice.randint(1, 60)))
        time.sleep(dice.uniform(0, 0.003))  # anywhere within a transaction
        child.kill()
        acknowledged.extend(int(line) for line in child.stdout if line.endswith("\n"))
        child.stdout.close()
        child.wait()
    store = open_account(path)
    roles = store.next_snapshot().roles
    with store.reading() as tx:
        audited = {event.request_id for _, event in tx.audit.read(after=0, limit=10_000)}
    store.close()
    stored = {int(role_id.removeprefix("AROA")) for role_id in roles}
    assert stored >= set(acknowledged)
    assert audited == {f"request-{n}" for n in stored}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()
