"""The bench stands on the package's inside: what it uses of it must still be there."""

import pkgutil
from importlib import import_module

import pytest

import bench

MODULES = sorted(found.name for found in pkgutil.iter_modules(bench.__path__, "bench."))


NEEDS = {"bench.aiohttp_edge": "aiohttp"}
"""Modules that run in a process of their own, and the package that `make bench` installs for them."""


@pytest.mark.parametrize("name", MODULES)
def test_every_module_of_the_bench_can_be_imported(name: str) -> None:
    """No other module needs a package that only `make bench` installs."""
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    assert import_module(name).__doc__
