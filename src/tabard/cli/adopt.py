"""`tabard adopt`: a running container as an instance, for as long as it runs."""

from pathlib import Path
from typing import Annotated

import typer

from tabard.cli.acting import shell_client
from tabard.cli.run import InstanceProfileOption, PolicyOption, run_to_its_end
from tabard.cli.run_driver import CredentialsFromOption, Launch
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption


def adopt(
    context: typer.Context,
    pid: Annotated[
        int,
        typer.Argument(
            min=2, help="Its first process, as `podman inspect --format {{.State.Pid}}` or Docker's says."
        ),
    ],
    instance_profile: InstanceProfileOption = None,
    policy: PolicyOption = None,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Make a running container an instance: SDKs in it find the role's credentials.

    Root adopts any, another user what his own rootless engine runs.

    The metadata is at 169.254.169.254 in its network, the edge at http://169.254.169.253. Ends with the
    container; Ctrl-C ends the instance, and leaves the container running.
    """
    documents: list[Path] = policy or []
    run_to_its_end(
        Launch(
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
