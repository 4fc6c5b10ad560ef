"""Every command and every option is documented."""

from collections.abc import Iterator
from typing import Any

import typer

from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tests.support.repository_texts import markdown, read

HIDDEN: set[str] = set()


def commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - typer's own
    """Every command by what is typed, those of groups too."""
    for name, listed in group.commands.items():
        command = loaded(listed)
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


ALL = dict(commands(typer.main.get_command(app)))


def test_every_command_and_option_is_documented() -> None:
    page = read("docs/commands.md")
    elsewhere = "\n".join(text for name, text in markdown().items() if name != "docs/commands.md")
    assert {name for name, command in ALL.items() if command.hidden} == HIDDEN
    for name, command in ALL.items():
        if command.hidden:
            assert f"tabard {name}" not in page
            continue
        section = page.partition(f"## `tabard {name}`\n")[2].partition("\n## ")[0]
        assert section, name
        assert f"tabard {name}" in elsewhere or f"make {name}" in elsewhere
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("-") or f"`{option}`" in section, f"{name} {option}"


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in ALL.items():
        assert command.help, name
        for parameter in command.params:
            assert parameter.param_type_name != "option" or parameter.help, f"{name} {parameter.name}"
