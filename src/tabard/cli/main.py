"""The `tabard` command."""

import typer

from tabard.cli.adopt import adopt
from tabard.cli.audit import audit
from tabard.cli.demo import demo
from tabard.cli.env import env
from tabard.cli.event import event
from tabard.cli.explain import explain
from tabard.cli.fault import fault
from tabard.cli.host import host
from tabard.cli.identity_certificate import identity_certificate
from tabard.cli.organization import organization
from tabard.cli.policy_check import check
from tabard.cli.policy_simulate import simulate
from tabard.cli.reset import reset
from tabard.cli.run import run
from tabard.cli.up import up

app = typer.Typer(
    name="tabard",
    help="IAM instance profiles for any machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
policy = typer.Typer(
    name="policy", help="Policy documents, before they are attached to anything.", no_args_is_help=True
)
policy.command()(check)
policy.command()(simulate)
app.command()(up)
app.command(context_settings={"allow_interspersed_args": False})(run)
app.command()(adopt)
app.command()(env)
app.command()(audit)
app.command()(explain)
app.command()(fault)
app.add_typer(policy)
app.command()(event)
app.add_typer(host)
app.command()(identity_certificate)
app.add_typer(organization)
app.command()(reset)
app.command()(demo)


def main() -> None:
    """Run the command line; what the user did wrong is one sentence and exit status 2."""
    app()


if __name__ == "__main__":
    main()
