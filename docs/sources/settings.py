"""docs/settings.md: every setting, its option, its variable, its default and its unit."""

from collections.abc import Mapping
from pathlib import Path

import typer
from pydantic.fields import FieldInfo

from sources.markdown import NOTICE, code, table
from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tabard.cli.setting_options import bounds_text, default_text, described, duration_of, kind_of
from tabard.wiring.settings import Settings

_KINDS: Mapping[object, str] = {bool: "yes or no", Path: "path"}

_INTRODUCTION = """# Settings

An option of `tabard up` wins over its variable, and the variable over the default. `tabard run` uses the
variables when it starts a system of its own, always an ephemeral one on free ports. A secret has no option:
every user of the machine can read a command line.

At the start, Tabard refuses settings that cannot work, and gives the reason. The first start of a data
directory fixes account id and region; every other setting may change from start to start.

A duration is a whole number and a unit: `500ms`, `30s`, `5m`, `6h`, `1d`; zero needs no unit. That holds for
every option of every command. A setting also takes a bare number, in the unit that ends its name: a value of
`1200` for `session_lifetime_seconds` is `20m`. No other option does.
"""

_AFTER = """
Other variables that Tabard reads: `XDG_DATA_HOME` (where the default data directory is) and
`CREDENTIALS_DIRECTORY` (systemd's; a credential named `tabard-master-key` there takes the place of the file
`master.key`).

`TABARD_DATA_DIR` and `--data-dir` mean the same for every command. A command uses the system that runs on
that data directory, else the latest ephemeral system that was started for it. Where there is none, `tabard
run` starts its own. `tabard up --ephemeral` neither reads nor makes the data directory. It writes a file
beside it that says where its state is (`tabard-ephemeral.json` beside `tabard`), so it must be able to write
there.
"""


def settings_page() -> str:
    """The page."""
    rows = [
        (
            code(name),
            options_of(name),
            code(f"TABARD_{name.upper()}"),
            code(default_text(field)) or ("none" if field.default is None else "empty"),
            _kind(field),
            described(field),
        )
        for name, field in Settings.model_fields.items()
    ]
    head = ("setting", "option of `tabard up`", "variable", "default", "kind and bounds", "meaning")
    return "\n".join([NOTICE, "", _INTRODUCTION, table(head, rows)]).rstrip() + "\n" + _AFTER


def options_of(setting: str) -> str:
    """The options by which `tabard up` takes a setting."""
    up = loaded(typer.main.get_command(app).commands["up"])  # type: ignore[attr-defined]
    for parameter in up.params:
        if parameter.name == setting:
            return ", ".join(code(name) for name in (*parameter.opts, *parameter.secondary_opts))
    return "none"


def _kind(field: FieldInfo) -> str:
    kind = "duration" if duration_of(field) else _KINDS.get(kind_of(field), "")
    return ", ".join(filter(None, (kind, bounds_text(field))))
