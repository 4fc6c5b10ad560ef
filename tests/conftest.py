"""Applies the marker `root`, and keeps one test's log settings out of the next one."""

import os
from collections.abc import Iterator

import pytest
import structlog


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only root does, with the reason."""
    if os.geteuid() == 0:
        return
    for item in items:
        for marker in item.iter_markers("root"):
            item.add_marker(pytest.mark.skip(reason=f"only root {marker.args[0]}"))


@pytest.fixture(autouse=True)
def default_log() -> Iterator[None]:
    """A command that a test calls configures the log of its process: this one."""
    yield
    structlog.reset_defaults()
