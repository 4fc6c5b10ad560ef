"""An edge in memory, with upstreams that answer what they are told to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.edge_in_memory import EdgeInMemory, edge_in_memory


@pytest.fixture
async def edge(tmp_path: Path) -> AsyncIterator[EdgeInMemory]:
    async with edge_in_memory(tmp_path) as running:
        yield running
