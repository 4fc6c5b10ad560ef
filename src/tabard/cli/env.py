"""`tabard env`: how to administer the running system."""

import shlex

import typer

from tabard.cli.running import DataDirOption, running_system, say_system_and_principal

_IN_THE_WAY = (
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    *(f"AWS_ENDPOINT_URL_{service}" for service in ("IAM", "STS", "EC2", "S3", "DYNAMODB", "SQS")),
)
"""Variables that an AWS client would use besides, or before, the variables that this command sets."""


def env(data_dir: DataDirOption = None) -> None:
    """Print what an AWS client needs to administer the running system: eval "$(tabard env)"."""
    system = running_system(data_dir)
    say_system_and_principal(f"{system.endpoint} ({system.region})", "the local admin (admin.json)")
    for name, value in system.admin_environment().items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    typer.echo(f"unset {' '.join(_IN_THE_WAY)}")
