"""`tabard --version`."""

from importlib.metadata import version

from typer.testing import CliRunner

from tabard.cli.main import app


def test_the_version_is_printed_and_nothing_else() -> None:
    shown = CliRunner().invoke(app, ["--version"])
    assert (shown.exit_code, shown.output) == (0, f"tabard {version('tabard')}\n")
