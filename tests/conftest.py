"""Which tests need root: they say so with a marker, and are skipped without it."""

import os

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what only root does, with the reason."""
    if os.geteuid() == 0:
        return
    for item in items:
        for marker in item.iter_markers("root"):
            item.add_marker(pytest.mark.skip(reason=f"only root {marker.args[0]}"))
