"""What an edge does once a minute."""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from tabard.edge.housekeeping import Housekeeping
from tabard.model.host import Host
from tabard.model.revocation import Revocation
from tabard.store.ports import StoreUnavailable, Transaction
from tests.support.edge_in_memory import NOW, EdgeInMemory
from tests.support.memory_store import MemoryStore
from tests.support.waiting import until


@pytest.fixture
def keeper(edge: EdgeInMemory) -> Housekeeping:
    return Housekeeping(edge.store, edge.pipeline.snapshots, edge.clock)


@dataclass
class FailingStore:
    """A store in memory, of which every transaction fails for as long as there is a failure."""

    store: MemoryStore
    failure: Exception | None
    tries: int = 0

    def transaction(self) -> AbstractContextManager[Transaction]:
        self.tries += 1
        if self.failure is not None:
            raise self.failure
        return self.store.transaction()


def key_ids(edge: EdgeInMemory) -> list[int]:
    with edge.store.transaction() as tx:
        return sorted(key.key_id for key in tx.sealing_keys.all())


def test_the_keyring_gets_a_new_key_every_day_and_loses_those_that_seal_nothing_any_more(
    edge: EdgeInMemory, keeper: Housekeeping
) -> None:
    (first,) = key_ids(edge)
    keeper.once(reap=True)
    assert key_ids(edge) == [first]
    edge.clock.advance(timedelta(days=1, seconds=1))
    keeper.once(reap=True)
    keeper.once(reap=True)
    assert first in key_ids(edge)
    assert len(key_ids(edge)) == 2
    edge.clock.advance(timedelta(days=30))
    keeper.once(reap=True)
    assert first not in key_ids(edge)


def test_what_was_revoked_is_forgotten_once_nothing_of_it_can_live(
    edge: EdgeInMemory, keeper: Housekeeping
) -> None:
    mark = Revocation(
        subject="role", subject_id=edge.role.role_id, not_before=NOW, forget_after=NOW + timedelta(hours=1)
    )
    with edge.store.transaction() as tx:
        tx.revocations.record(mark)
    keeper.once(reap=True)
    assert edge.store.snapshot().revoked_at("role", edge.role.role_id) == NOW
    edge.clock.advance(timedelta(hours=2))
    keeper.once(reap=True)
    assert edge.store.snapshot().revoked_at("role", edge.role.role_id) is None


@pytest.mark.parametrize("awake", [True, False])
def test_a_host_that_went_away_is_removed_but_not_by_one_who_slept(
    edge: EdgeInMemory, keeper: Housekeeping, awake: bool
) -> None:
    host = Host(
        host_id="h-0123456789abcdef0", name="run", partition="aws", region="us-east-1",
        account_id="123456789012", registered_at=NOW, last_seen_at=NOW, ephemeral=True,
        registered_by="AIDA00000000000000001",
    )  # fmt: skip
    with edge.store.transaction() as tx:
        tx.hosts.insert(host)
    edge.clock.advance(timedelta(hours=1))
    keeper.once(reap=awake)
    with edge.store.transaction() as tx:
        assert (tx.hosts.get(host.host_id) is None) is awake


@pytest.mark.parametrize("failure", [StoreUnavailable("away"), RuntimeError("a mistake of ours")])
async def test_it_goes_on_whatever_befalls_the_store(edge: EdgeInMemory, failure: Exception) -> None:
    store = FailingStore(edge.store, failure)
    running = asyncio.create_task(
        Housekeeping(store, edge.pipeline.snapshots, edge.clock, every_seconds=0.001).run()
    )
    await until(lambda: store.tries > 3)
    store.failure = None
    edge.clock.advance(timedelta(days=1, seconds=1))
    await until(lambda: len(key_ids(edge)) == 2)
    assert not running.done()
    running.cancel()
