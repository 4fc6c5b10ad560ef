"""`tabard env`: how to administer the running system."""

import shlex

import typer

from tabard.cli.running import DataDirOption, running_system


def env(data_dir: DataDirOption = None) -> None:
    """Print what an AWS client needs to administer the running system: eval "$(tabard env)"."""
    system = running_system(data_dir)
    for name, value in system.admin_environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo("unset AWS_SESSION_TOKEN AWS_PROFILE AWS_DEFAULT_PROFILE")
