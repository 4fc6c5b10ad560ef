"""Commands are listed by name and sentence, and imported when they are run."""

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tabard.cli.lazy_commands import LazyCommand, loaded
from tabard.cli.main import app


def every_listing(group: Any) -> Iterator[LazyCommand]:  # noqa: ANN401 - typer's own
    """Those of groups too."""
    for command in group.commands.values():
        if isinstance(command, LazyCommand):
            yield command
            if hasattr(loaded(command), "commands"):
                yield from every_listing(loaded(command))


LISTINGS = list(every_listing(typer.main.get_command(app)))


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.name)
def test_the_list_says_of_a_command_what_it_says_of_itself(listing: LazyCommand) -> None:
    command = loaded(listing)
    assert command.name == listing.name
    assert command.help.partition("\n")[0] == listing.help


def test_only_what_follows_the_dashes_is_the_command_that_runs() -> None:
    """`run` takes no option of the command's for its own."""
    command = loaded(typer.main.get_command(app).commands["run"])  # type: ignore[attr-defined]
    context = command.make_context("run", ["--", "aws", "--version"])
    assert context.params["command"] == ["aws", "--version"]


def test_a_group_and_its_commands_answer_help() -> None:
    runner = CliRunner()
    assert "simulate" in runner.invoke(app, ["policy", "-h"]).stdout
    assert "--strict" in runner.invoke(app, ["policy", "check", "-h"]).stdout
    assert "enroll" in runner.invoke(app, ["host", "--help"]).stdout


def test_an_unknown_command_is_refused() -> None:
    told = CliRunner().invoke(app, ["polic"])
    assert told.exit_code == 2
    assert "policy" in told.stderr


@pytest.mark.parametrize("group", [(), ("host",), ("policy",), ("organization",), ("admin",)])
def test_the_help_of_a_group_cuts_no_sentence_on_a_narrow_terminal(group: tuple[str, ...]) -> None:
    shown = CliRunner(env={"COLUMNS": "40", "TERMINAL_WIDTH": "40"}).invoke(app, [*group, "--help"]).stdout
    joined = " ".join(shown.split())
    command: Any = typer.main.get_command(app)
    for name in group:
        command = loaded(command.commands[name])
    for name, each in command.commands.items():
        assert f"{name} {' '.join(each.help.partition(chr(10))[0].split())}" in joined


def test_the_help_of_a_command_cuts_no_option_on_a_narrow_terminal() -> None:
    shown = CliRunner(env={"COLUMNS": "40", "TERMINAL_WIDTH": "40"}).invoke(app, ["up", "--help"]).stdout
    for option in loaded(typer.main.get_command(app).commands["up"]).params:  # type: ignore[attr-defined]
        assert max(option.opts, key=len) in shown
