"""Every store there is: each has an account and nothing else, or nothing at all."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tests.support.aggregates import ACCOUNT_ID
from tests.support.any_store import AnyStore, open_account
from tests.support.memory_store import ClearVault, MemoryStore


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of one account, closed: a copy of it spares a test the migration."""
    path = tmp_path_factory.mktemp("migrated") / "tabard.db"
    open_account(path).close()
    return path


@pytest.fixture
def sqlite_store(tmp_path: Path, migrated_file: Path) -> Iterator[SqlStore]:
    """A store of one account in a file, `tabard.db` in the test's own folder."""
    shutil.copy(migrated_file, tmp_path / "tabard.db")
    store = open_sqlite_store(tmp_path / "tabard.db", vault=ClearVault(), wait_seconds=1.0)
    yield store
    store.close()


@pytest.fixture
def memory_store() -> MemoryStore:
    """A store of one account in memory."""
    return MemoryStore(account_id=ACCOUNT_ID)


@pytest.fixture(params=["memory_store", "sqlite_store"])
def store(request: pytest.FixtureRequest) -> AnyStore:
    """Each store in turn."""
    chosen: AnyStore = request.getfixturevalue(request.param)
    return chosen


@pytest.fixture(params=["memory", "sqlite"])
def empty_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AnyStore]:
    """Each store in turn, before the first start has given it an account."""
    store: AnyStore = MemoryStore()
    if request.param == "sqlite":
        store = open_sqlite_store(tmp_path / "empty.db", vault=ClearVault())
    yield store
    store.close()
