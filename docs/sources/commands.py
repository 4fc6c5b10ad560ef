"""docs/commands.md: every command of `tabard`, with its options."""

import re
from collections.abc import Iterator, Mapping

import typer

from sources.markdown import NOTICE, code, table
from tabard.cli.audit import EXPLAINED
from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tabard.cli.policy_check import Finding
from tabard.model.audit_event import AuditEvent
from tabard.model.messages import HostDescription, JoinTokenDescription
from tabard.policy import Position

_INTRODUCTION = """# Commands

Every command has `--help`. For a mistake in a command line, Tabard prints one sentence on stderr
and exits with status 2. `tabard up` exits with status 1 if it cannot start. Each option of
`tabard up` also has a variable: [settings.md](settings.md).
"""


_JSON = """## JSON output

With `--json` a command prints one JSON document on stdout, and no line about system and principal on stderr.
The names of members stay the same from version to version; a later version may add members. Times are in UTC,
like `2026-01-31T08:00:00Z`. `tabard audit --follow --json` prints one event on each line instead.
"""


def commands_page() -> str:
    """The page, without commands that are for Tabard itself."""
    parts = [
        NOTICE,
        "",
        _INTRODUCTION,
        _JSON,
        table(("command", "member", "what it holds"), _json_rows()),
        "",
    ]
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


def _json_rows() -> list[tuple[str, str, str]]:
    """What each document of `--json` holds; the names come from the types that are printed."""
    listed = [name for name in AuditEvent.__struct_fields__ if name not in EXPLAINED]
    finding = Finding(level="error", position=Position(1, 1), sentence="").as_json()
    return [
        (
            "`audit`",
            "`events`",
            f"a list of events: {_names('number', *listed, 'actions')}",
        ),
        ("`explain`", "", f"one event: {_names(*AuditEvent.__struct_fields__, 'changed_since')}"),
        ("`host list`", "`hosts`", f"a list of hosts: {_names(*HostDescription.__struct_fields__, 'kind')}"),
        (
            "`host tokens`",
            "`join_tokens`",
            f"a list of join tokens: {_names(*JoinTokenDescription.__struct_fields__)}",
        ),
        ("`organization show`", "", "the organization, as a file that `organization apply` takes"),
        (
            "`policy check`",
            "`documents`",
            (
                f"a list of files: {_names('file', 'kind', 'valid', 'findings')}; "
                f"a finding has {_names(*finding)}"
            ),
        ),
        (
            "`policy simulate`",
            "`decisions`",
            (
                "a list of decisions: "
                f"{_names('action', 'resource', 'principal', 'effect', 'layer', 'matched', 'statements')}, "
                f"{_names('left_out', 'context', 'missing')}"
            ),
        ),
    ]


def _names(*names: str) -> str:
    return ", ".join(map(code, names))


def _options(command: object) -> Iterator[tuple[str, str, str]]:
    for parameter in command.params:  # type: ignore[attr-defined]
        if parameter.param_type_name != "option":
            continue
        names = ", ".join(code(name) for name in (*parameter.opts, *parameter.secondary_opts))
        default = parameter.default
        shown = parameter.show_default if isinstance(parameter.show_default, str) else default
        said = "" if shown in (None, False, (), []) else code(str(shown))
        yield names, _joined(parameter.help or ""), said


def _joined(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
