"""Every store there is, each empty."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tabard.store.sql import SqlStore
from tabard.store.sqlite import open_sqlite_store
from tests.support.any_store import AnyStore
from tests.support.memory_store import ClearVault, MemoryStore


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, closed: a copy of it spares a test the migration."""
    path = tmp_path_factory.mktemp("migrated") / "tabard.db"
    open_sqlite_store(path, vault=ClearVault()).close()
    return path


@pytest.fixture
def sqlite_store(tmp_path: Path, migrated_file: Path) -> Iterator[SqlStore]:
    """An empty store in a file, `tabard.db` in the test's own folder."""
    shutil.copy(migrated_file, tmp_path / "tabard.db")
    store = open_sqlite_store(tmp_path / "tabard.db", vault=ClearVault(), wait_seconds=1.0)
    yield store
    store.close()


@pytest.fixture
def memory_store() -> MemoryStore:
    """An empty store in memory."""
    return MemoryStore()


@pytest.fixture(params=["memory_store", "sqlite_store"])
def store(request: pytest.FixtureRequest) -> AnyStore:
    """Each store in turn."""
    chosen: AnyStore = request.getfixturevalue(request.param)
    return chosen
