"""docs/commands.md: every command of `tabard`, with its options."""

import re
from collections.abc import Iterator, Mapping

import typer

from sources.markdown import NOTICE, code, table
from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app

_INTRODUCTION = """# Commands

Every command has `--help`. For a mistake in a command line, Tabard prints one sentence on stderr
and exits with status 2. `tabard up` exits with status 1 if it cannot start. Each option of
`tabard up` also has a variable: [settings.md](settings.md).
"""


def commands_page() -> str:
    """The page, without commands that are for Tabard itself."""
    parts = [NOTICE, "", _INTRODUCTION]
    for name, command in sorted(commands(typer.main.get_command(app)).items()):
        usage = " ".join(command.collect_usage_pieces(typer.Context(command)))  # type: ignore[attr-defined]
        usage = usage.replace("{-- CMD…}...", "-- CMD…")
        parts += [f"## `tabard {name}`\n", f"{_joined(command.help or '')}\n"]  # type: ignore[attr-defined]
        parts += ["```", f"tabard {name} {usage}".rstrip(), "```\n"]
        rows = list(_options(command))
        if rows:
            parts.append(table(("option", "meaning", "default"), rows))
    return "\n".join(parts).rstrip() + "\n"


def commands(group: object, before: str = "") -> Mapping[str, object]:
    """The commands of a group and of the groups in it, by what is typed; without those that are hidden."""
    found: dict[str, object] = {}
    for name, listed in group.commands.items():  # type: ignore[attr-defined]
        command = loaded(listed)
        if hasattr(command, "commands"):
            found.update(commands(command, f"{before}{name} "))
        elif not command.hidden:
            found[f"{before}{name}"] = command
    return found


def _options(command: object) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:  # type: ignore[attr-defined]
        if parameter.param_type_name != "option":
            continue
        names = ", ".join(code(name) for name in (*parameter.opts, *parameter.secondary_opts))
        default = parameter.default
        said = "" if default in (None, False, (), []) else code(str(default))
        yield names, _joined(parameter.help or ""), said


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
