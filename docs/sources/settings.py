"""docs/settings.md: every setting, its option, its variable, its default and its unit."""

from collections.abc import Iterator
from pathlib import Path

import typer
from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from sources.markdown import NOTICE, code, table
from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tabard.wiring.settings import Settings

_INTRODUCTION = """# Settings

An option of `tabard up` wins over its variable, and the variable over the default. `tabard run` uses the
variables when it starts a system of its own, always an ephemeral one on free ports. A secret has no option:
every user of the machine can read a command line.

At the start, Tabard refuses settings that cannot work, and gives the reason. The first start of a data
directory fixes account id and region; every other setting may change from start to start.
"""

_AFTER = """
Other variables that Tabard reads: `XDG_DATA_HOME` (where the default data directory is) and
`CREDENTIALS_DIRECTORY` (systemd's; a credential named `tabard-master-key` there takes the place of the file
`master.key`). `TABARD_DATA_DIR` also selects the running system for `env`, `audit`, `run` and `reset`.
"""


def settings_page() -> str:
    """The page."""
    rows = [
        (
            code(name),
            options_of(name),
            code(f"TABARD_{name.upper()}"),
            _default(field),
            _unit(name, field),
            _described(field),
        )
        for name, field in Settings.model_fields.items()
    ]
    head = ("setting", "option of `tabard up`", "variable", "default", "unit and bounds", "meaning")
    return "\n".join([NOTICE, "", _INTRODUCTION, table(head, rows)]).rstrip() + "\n" + _AFTER


def options_of(setting: str) -> str:
    """The options by which `tabard up` takes a setting."""
    up = loaded(typer.main.get_command(app).commands["up"])  # type: ignore[attr-defined]
    for parameter in up.params:
        if parameter.name == setting:
            return ", ".join(code(name) for name in (*parameter.opts, *parameter.secondary_opts))
    return "none"


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`$XDG_DATA_HOME/tabard`, or `~/.local/share/tabard`"
    default = field.default
    if default is None:
        return "none"
    if isinstance(default, bool):
        return code("true" if default else "false")
    return code(str(default)) or "empty"


def _unit(name: str, field: FieldInfo) -> str:
    return ", ".join(_unit_parts(name, field))


def _unit_parts(name: str, field: FieldInfo) -> Iterator[str]:
    if name.endswith("_seconds"):
        yield "seconds"
    elif field.annotation is bool:
        yield "yes or no"
    elif field.annotation is Path:
        yield "path"
    least = [str(bound.ge) for bound in field.metadata if isinstance(bound, Ge)]
    most = [str(bound.le) for bound in field.metadata if isinstance(bound, Le)]
    if least and most:
        yield f"{least[0]} to {most[0]}"
    elif least:
        yield f"at least {least[0]}"


def _described(field: FieldInfo) -> str:
    text = field.description or ""
    return text[:1].upper() + text[1:]
