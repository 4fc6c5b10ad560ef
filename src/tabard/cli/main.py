"""The `tabard` command."""

from importlib.metadata import version
from typing import Annotated, Any

import typer

from tabard.cli.lazy_commands import LazyCommand, LazyGroup
from tabard.cli.running import complain
from tabard.wiring.data_file import DataFileUnusable

_COMMANDS = (
    LazyCommand(
        "up",
        "tabard.cli.up:up",
        "Run Tabard until Ctrl-C. Every option has a variable as well: TABARD_PORT, TABARD_DATA_DIR, …",
    ),
    LazyCommand(
        "run",
        "tabard.cli.run:run",
        "Run a command as an instance. Its AWS SDK finds the role's credentials and no others.",
        settings={"allow_interspersed_args": False},
    ),
    LazyCommand(
        "adopt",
        "tabard.cli.adopt:adopt",
        "Make a running container an instance. AWS SDKs in it find the role's credentials.",
    ),
    LazyCommand(
        "env",
        "tabard.cli.env:env",
        'Print what an AWS client needs to administer the running system: eval "$(tabard env)".',
    ),
    LazyCommand(
        "admin",
        "tabard.cli.admin:admin",
        "Manage the local admin's key. Commands use it unless you name credentials of your own.",
    ),
    LazyCommand(
        "audit",
        "tabard.cli.audit:audit",
        "Show the audit trail: one event per request, with the reason for each denial.",
    ),
    LazyCommand(
        "explain",
        "tabard.cli.explain:explain",
        "Explain one request: the deciding statements, the near misses, and later changes.",
    ),
    LazyCommand(
        "fault",
        "tabard.cli.fault:fault",
        "Inject faults into one instance.",
    ),
    LazyCommand(
        "policy",
        "tabard.cli.policy:policy",
        "Check and simulate policy documents before you attach them.",
    ),
    LazyCommand(
        "event",
        "tabard.cli.event:event",
        "Announce an EC2 event to an instance: interruption, rebalance, lifecycle state or maintenance.",
    ),
    LazyCommand(
        "host",
        "tabard.cli.host:host",
        "Enroll, list and revoke other machines.",
    ),
    LazyCommand(
        "identity-certificate",
        "tabard.cli.identity_certificate:identity_certificate",
        "Print the certificate (PEM) that verifies instance identity documents. It is not secret.",
    ),
    LazyCommand(
        "organization",
        "tabard.cli.organization:organization",
        "Apply, show or remove the account's organization and its control policies.",
    ),
    LazyCommand(
        "backup",
        "tabard.cli.backup:backup",
        "Write a backup of the store to one file (mode 0600). The system may be running.",
    ),
    LazyCommand(
        "restore",
        "tabard.cli.backup:restore",
        "Restore a backup into a data directory that holds no store.",
    ),
    LazyCommand(
        "reset",
        "tabard.cli.reset:reset",
        "Empty the running ephemeral system. Its keys and port stay the same.",
    ),
    LazyCommand(
        "demo",
        "tabard.cli.demo:demo",
        "Show the life of one instance and its role, with the real system. Ends by itself.",
    ),
)


class _Tabard(LazyGroup):
    LISTED = _COMMANDS

    def invoke(self, context: Any) -> Any:  # noqa: ANN401 - typer's own, which has no public type
        """Run a command. Print one sentence where a file of the data directory is damaged."""
        try:
            return super().invoke(context)
        except DataFileUnusable as error:
            complain(str(error))


app = typer.Typer(
    name="tabard",
    cls=_Tabard,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"tabard {version('tabard')}")
        raise typer.Exit


@app.callback()
def _tabard(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """IAM instance profiles for any machine."""


def main() -> None:
    """Run the command line. A user's mistake is one sentence and exit status 2."""
    app()


if __name__ == "__main__":
    main()
