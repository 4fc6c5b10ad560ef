"""The bench stands on the package's inside: what it uses of it must still be there."""

import pkgutil
from importlib import import_module

import pytest

import bench

MODULES = sorted(found.name for found in pkgutil.iter_modules(bench.__path__, "bench."))


@pytest.mark.parametrize("name", MODULES)
def test_every_module_of_the_bench_can_be_imported(name: str) -> None:
    """None of them needs what only `make bench` installs before it measures beside it."""
    assert import_module(name).__doc__
