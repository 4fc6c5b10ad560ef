"""Every command and every option is documented."""

import typer
from repository_texts import read

from tabard.cli.main import app

HIDDEN = {"edge-process", "agent-process"}


def test_every_command_and_option_is_documented() -> None:
    page, readme = read("docs/commands.md"), read("README.md")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert {name for name, command in commands.items() if command.hidden} == HIDDEN
    for name, command in commands.items():
        if command.hidden:
            assert f"tabard {name}" not in page
            continue
        section = page.partition(f"## `tabard {name}`\n")[2].partition("\n## ")[0]
        assert section, name
        assert f"tabard {name}" in readme or f"make {name}" in readme
        for parameter in command.params:
            for option in (*parameter.opts, *parameter.secondary_opts):
                assert not option.startswith("-") or f"`{option}`" in section, f"{name} {option}"


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        assert command.help, name
        for parameter in command.params:
            assert parameter.param_type_name != "option" or parameter.help, f"{name} {parameter.name}"
