"""The change journal is in the order of the commits, whoever writes, and no reader misses a change."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier

import pytest
from sqlalchemy import event

from tabard.store.changes import changed_since, newest_version
from tabard.store.ports import AlreadyStored
from tabard.store.snapshot import Snapshot
from tabard.store.sql import SqlStore
from tests.support.aggregates import audit_event, group, role, user
from tests.support.any_store import AnyStore, opened_again

COMMITS = 60


def test_a_tailing_reader_misses_nothing_that_two_writers_write(store: AnyStore) -> None:
    """Each writer makes a user and a role per commit, on a handle of its own, as in a process of its own.

    The reader follows the changes alone.

    A version that is taken before the commit, as from a sequence, would be passed over by the reader when
    the other writer commits a later version first.
    """

    half_way = Barrier(3)
    handles = [opened_again(store) for _ in range(2)]

    def write(writer: int) -> None:
        for n in range(writer * COMMITS, (writer + 1) * COMMITS):
            if n == writer * COMMITS + COMMITS // 2:
                half_way.wait(20)
            with handles[writer].transaction() as tx:
                tx.users.insert(user(n))
                tx.roles.insert(role(n))

    first = store.next_snapshot()
    seen = [first]
    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write, writer) for writer in range(2)]
        half_way.wait(20)
        seen.append(store.next_snapshot(seen[-1]))
        assert seen[-1].version >= first.version + COMMITS
        while not all(writer.done() for writer in writers):
            seen.append(store.next_snapshot(seen[-1]))
        for writer in writers:
            writer.result()
    seen.append(store.next_snapshot(seen[-1]))
    for snapshot in seen:
        made = snapshot.version - first.version
        assert (len(snapshot.users), len(snapshot.roles)) == (made, made)
    assert seen[-1].version == first.version + 2 * COMMITS
    assert seen[-1] == store.next_snapshot()
    for handle in handles:
        if handle is not store:
            handle.close()


def test_versions_count_the_commits_that_changed_something(store: AnyStore) -> None:
    def version_after(*names: str) -> int:
        with store.transaction() as tx:
            for name in names:
                tx.installation.put(name, "value")
            tx.audit.append([audit_event()])
        return store.next_snapshot().version

    first = store.next_snapshot().version
    assert [version_after(), version_after("a"), version_after(), version_after("b", "c")] == [
        first,
        first + 1,
        first + 1,
        first + 2,
    ]


def test_a_transaction_that_failed_takes_no_version(store: AnyStore) -> None:
    first = store.next_snapshot().version
    with suppress(RuntimeError), store.transaction() as tx:
        tx.groups.insert(group())
        raise RuntimeError
    with store.transaction() as tx:
        tx.groups.insert(group())
        with pytest.raises(AlreadyStored):
            tx.groups.insert(group())
    assert store.next_snapshot().version == first + 1


def test_the_counter_is_raised_last_and_the_changes_are_written_once(sqlite_store: SqlStore) -> None:
    """Whatever followed would be written while every other writer waits for the counter's row."""
    statements: list[str] = []

    def note(*arguments: object) -> None:
        statements.append(" ".join(str(arguments[2]).split()[:3]))

    event.listen(sqlite_store.database.engine, "before_cursor_execute", note)
    with sqlite_store.transaction() as tx:
        for n in range(3):
            tx.roles.insert(role(n))
    raised = statements.index("UPDATE change_counter SET")
    assert statements[raised:] == [
        "UPDATE change_counter SET",
        "INSERT INTO changes",
    ]


def test_a_role_that_was_written_twice_is_one_change(sqlite_store: SqlStore) -> None:
    before = sqlite_store.next_snapshot().version
    with sqlite_store.transaction() as tx:
        tx.roles.insert(role())
        tx.roles.update(role(name="other"))
        tx.roles.delete(role().role_id)
    with sqlite_store.reading() as tx:
        scope = tx.audit.scope  # type: ignore[attr-defined]
        found = changed_since(scope, before, newest=newest_version(scope.connection))
    assert found == {"role": {role().role_id}}
    assert followed(sqlite_store, before).roles == {}


def followed(store: SqlStore, version: int) -> Snapshot:
    """The newest snapshot, by the changes since a version at which there was nothing."""
    newest = store.next_snapshot(Snapshot(version=version, account_id="", partition="aws"))
    assert newest == store.next_snapshot()
    return newest
