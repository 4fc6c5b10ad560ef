"""The embedded engine, once for each file, and an edge before it for each test."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.measured_engine import Engine, MeasuredEdge, measured_edge, running_engine


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    folder = Path(tempfile.mkdtemp())  # a socket's path is short
    try:
        with running_engine(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


@pytest.fixture
async def measured(tmp_path: Path, engine: Engine) -> AsyncIterator[MeasuredEdge]:
    async with measured_edge(tmp_path, engine) as edge:
        yield edge
