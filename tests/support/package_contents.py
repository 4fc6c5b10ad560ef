"""What is in the package: its files, modules and classes."""

import ast
import inspect
import pkgutil
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import tabard

SOURCE = Path(tabard.__file__).parent
_RUN_BY_ALEMBIC = "tabard.store.migrations.env"


@cache
def modules() -> tuple[ModuleType, ...]:
    """Every module of the package."""
    names = (found.name for found in pkgutil.walk_packages(tabard.__path__, "tabard."))
    return tuple(import_module(name) for name in names if name != _RUN_BY_ALEMBIC)


@cache
def syntax_trees() -> dict[str, ast.Module]:
    """Every file of the package, by its path in it."""
    return {
        path.relative_to(SOURCE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.rglob("*.py"))
    }


def classes() -> Iterator[type]:
    """Every class that the package defines, once."""
    for module in modules():
        for value in vars(module).values():
            if inspect.isclass(value) and value.__module__ == module.__name__:
                yield value


def subclasses_of(base: type) -> list[type]:
    """The classes of the package that derive from `base`, and `base` itself, by name."""
    return sorted((one for one in classes() if issubclass(one, base)), key=lambda one: one.__qualname__)
