"""`tabard adopt`: a running container as an instance, for as long as it runs."""

from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.acting import shell_client
from tabard.cli.run import InstanceProfileOption, PolicyOption, run_to_its_end
from tabard.cli.run_driver import CredentialsFromOption, RunOptions
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption


def adopt(
    context: typer.Context,
    pid: Annotated[
        int,
        typer.Argument(
            min=2,
            help="The pid of the container's first process: podman inspect --format {{.State.Pid}} NAME.",
        ),
    ],
    instance_profile: InstanceProfileOption = None,
    policy: PolicyOption = None,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Make a running container an instance. AWS SDKs in it find the role's credentials.

    Root can adopt any container, another user only containers of their own rootless engine. In the
    container's network, the metadata service is at 169.254.169.254 and the edge at http://169.254.169.253.
    The command ends with the container. Ctrl-C ends the instance; the container keeps running.
    """
    documents: list[Path] = policy or []
    run_to_its_end(
        RunOptions(
            instance_profile=instance_profile,
            policies=documents,
            driver=None,
            credentials_from=CredentialsFromOption.METADATA,
            adopted_pid=pid,
        ),
        command=(),
        data_dir=data_dir,
        named=shell_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile),
    )
