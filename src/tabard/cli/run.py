"""`tabard run`: one command as an instance, with the role of an instance profile or with given policies."""

import asyncio
import json
import logging
import os
import re
import secrets
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from tabard.administration.call_errors import CallFailed, ClientUnusable
from tabard.administration.client import SystemClient
from tabard.administration.hosts import deregister_host, register_ephemeral_host
from tabard.agent.container import CREDENTIALS_FROM
from tabard.agent.networks.network import NoNetwork
from tabard.cli.acting import say_who_acts, shell_client
from tabard.cli.policy_check import findings_in
from tabard.cli.run_driver import CredentialsFromOption, DriverOption, RunOptions, allowed_from, driver_for
from tabard.cli.run_summary import summary_lines
from tabard.cli.run_target import target_for
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.cli.shown import printable
from tabard.cli.up import CANNOT_START
from tabard.model.instance import Image
from tabard.policy import DocumentKind
from tabard.services.ec2.launch.images import VM_IMAGE
from tabard.services.ec2.pass_role import TRUST_EC2
from tabard.wiring.foreground import ForegroundRun
from tabard.wiring.process import prepare_process

CANNOT_EXECUTE = 126
NOT_FOUND = 127
_NOT_IN_A_POLICY_NAME = re.compile(r"[^A-Za-z0-9_+=,.@-]")


InstanceProfileOption = Annotated[
    str | None,
    typer.Option("--instance-profile", help="The instance profile to attach to the instance."),
]
PolicyOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--policy", exists=True, dir_okay=False, help="An identity policy. Repeat the option for several."
    ),
]


def run(
    context: typer.Context,
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="The command and its arguments.")],
    instance_profile: InstanceProfileOption = None,
    policy: PolicyOption = None,
    driver: Annotated[
        DriverOption | None,
        typer.Option(
            "--driver",
            help="netns: in a network namespace that reaches only the edge. container: in a podman container "
            "with such a network, which sees the current folder and none of your others. process: in this "
            "machine's network. Default: netns where it works, else process; stderr shows which. vm: not "
            "possible; the error names the command to use.",
        ),
    ] = None,
    rootfs: Annotated[
        Path | None,
        typer.Option(
            "--rootfs",
            exists=True,
            file_okay=False,
            resolve_path=True,
            help="The container's root file system, mounted read-only. Default: this machine's /usr.",
        ),
    ] = None,
    allow_address: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            help="A TCP address that the command may reach besides the edge. Repeat the option for several.",
        ),
    ] = None,
    credentials_from: Annotated[
        CredentialsFromOption,
        typer.Option(
            "--credentials-from",
            help="metadata: the instance metadata service. container: the container credentials endpoint, by "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI, as in ECS and EKS.",
        ),
    ] = CredentialsFromOption.METADATA,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Run a command as an instance. Its AWS SDK finds the role's credentials and no others.

    Uses the running system, or starts one for this run. Exits with the command's exit status. Tabard's own
    lines go to stderr: the system, warnings about the policies, and at the end how many requests were
    allowed, denied and not offered.
    """
    if driver is DriverOption.VM:
        complain(
            "a virtual machine cannot run a command of this machine; launch one with a script as user data: "
            f"aws ec2 run-instances --image-id {VM_IMAGE.image_id}"
        )
    launch = RunOptions(
        instance_profile=instance_profile,
        policies=policy or [],
        driver=driver,
        credentials_from=credentials_from,
        rootfs=rootfs,
        allowed=allowed_from(allow_address or []),
    )
    named = shell_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    run_to_its_end(launch, command=command, data_dir=data_dir, named=named)


def run_to_its_end(
    launch: RunOptions, *, command: Sequence[str], data_dir: Path | None, named: SystemClient | None
) -> NoReturn:
    """Launch the instance, wait until it ends, and exit with its status.

    Args:
        named: the client of the user's own AWS settings; None for the local admin.
    """
    if launch.instance_profile is not None and launch.policies:
        complain("--instance-profile and --policy exclude each other; give one of them")
    if launch.rootfs is not None and launch.driver is not DriverOption.CONTAINER:
        complain("--rootfs needs --driver container")
    if launch.adopted_pid is None and launch.driver is not DriverOption.CONTAINER:
        _require_program(command[0])
    environment = dict(os.environ)
    documents = [_policy_document(path) for path in launch.policies]
    try:
        prepare_process(least_level=logging.WARNING, for_people=True)
        status = asyncio.run(_run(command, environment, launch, documents, data_dir, named))
    except asyncio.CancelledError:
        status = 128 + signal.SIGTERM
    except (ClientError, BotoCoreError) as error:
        complain(str(error))
    except (NoNetwork, ClientUnusable) as error:
        complain(str(error))
    except CallFailed as error:
        complain(f"the system did not answer correctly: {error}")
    except CANNOT_START as error:
        complain(str(error))
    raise typer.Exit(status)


def _require_program(name: str) -> None:
    """Exit as a shell does: 127 if there is no such program, 126 if it cannot be executed."""
    if shutil.which(name) is not None:
        return
    if os.sep in name and Path(name).exists():
        typer.echo(f"tabard: {name}: permission denied (it is not an executable file)", err=True)
        raise typer.Exit(CANNOT_EXECUTE)
    typer.echo(f"tabard: {name}: command not found", err=True)
    raise typer.Exit(NOT_FOUND)


def _policy_document(path: Path) -> tuple[str, str]:
    """Read a policy: a name for it that IAM accepts, and its text. Print the warnings of `policy check`.

    Exits with a sentence where IAM would refuse the policy.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        complain(f"cannot read the policy {path}: {error}")
    for finding in findings_in(content, DocumentKind.IDENTITY):
        text = printable(finding.as_text(str(path)))
        if finding.level == "error":
            complain(text)
        typer.echo(f"tabard: {text}", err=True)
    return _NOT_IN_A_POLICY_NAME.sub("-", path.stem), content


async def _run(
    command: Sequence[str],
    environment: Mapping[str, str],
    launch: RunOptions,
    documents: Sequence[tuple[str, str]],
    data_dir: Path | None,
    named: SystemClient | None,
) -> int:
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    async with AsyncExitStack() as stack:
        target = await stack.enter_async_context(target_for(named, data_dir))
        client = target.client
        say_who_acts(client, origin=target.origin)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tabard-run-")))
        image, driver = await driver_for(launch, command, environment, target, folder)
        take_back = _TakeBack()
        stack.callback(take_back.report)
        admin = _Administrator(client, take_back)
        instance_profile = launch.instance_profile
        if documents:
            instance_profile = await stack.enter_async_context(admin.instance_profile_of(documents))
        host = await asyncio.to_thread(register_ephemeral_host, client, name=f"run-{os.getpid()}")
        leave = partial(asyncio.to_thread, deregister_host, client, host.host_id)
        stack.push_async_callback(take_back, leave)
        instance_id = await admin.launch(image, host.host_id, instance_profile, launch.credentials_from)
        typer.echo(f"tabard: instance {instance_id}", err=True)
        if launch.adopted_pid is None:
            stack.enter_context(_signals_left_to_the_command())
        status = await ForegroundRun(
            host=host,
            endpoint=client.endpoint,
            region=client.region,
            directory=folder,
            driver_name=image.driver,
            driver=driver,
            edge_door=target.edge_door,
        ).until_ended()
        summary = summary_lines(client, instance_id, audit_options=target.audit_options)
        for line in await asyncio.to_thread(list, summary):
            typer.echo(f"tabard: {line}", err=True)
        return status.shell_code


class _TakeBack:
    """Removes everything that a run created.

    The system may be gone or reset by then; the exit status is still the command's.
    """

    def __init__(self) -> None:
        self._failures: list[str] = []

    async def __call__(self, undo: Callable[[], Awaitable[object]]) -> None:
        try:
            await undo()
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchEntity":
                self._failures.append(str(error))
        except CallFailed as error:
            if error.code != "HostNotFound":
                self._failures.append(str(error))
        except (BotoCoreError, ClientUnusable) as error:
            self._failures.append(str(error))

    def report(self) -> None:
        """Report the first failure, if there is one."""
        if self._failures:
            typer.echo(
                f"tabard: not everything that this run created was removed: {self._failures[0]}", err=True
            )


class _Administrator:
    """Creates what a run needs, and removes it again."""

    def __init__(self, client: SystemClient, take_back: _TakeBack) -> None:
        self._iam = client.client("iam")
        self._ec2 = client.client("ec2")
        self._take_back = take_back

    @asynccontextmanager
    async def instance_profile_of(self, documents: Sequence[tuple[str, str]]) -> AsyncIterator[str]:
        """Create an instance profile whose role has these inline policies; delete it afterwards."""
        name = f"tabard-run-{secrets.token_hex(6)}"
        iam = self._iam
        async with AsyncExitStack() as undo:

            async def do(operation: str, **arguments: object) -> None:
                await asyncio.to_thread(getattr(iam, operation), **arguments)

            def later(operation: str, **arguments: object) -> None:
                undo.push_async_callback(self._take_back, partial(do, operation, **arguments))

            await do("create_role", RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_EC2))
            later("delete_role", RoleName=name)
            for number, (title, document) in enumerate(documents):
                policy_name = f"{number}-{title}"[:128]
                await do("put_role_policy", RoleName=name, PolicyName=policy_name, PolicyDocument=document)
                later("delete_role_policy", RoleName=name, PolicyName=policy_name)
            await do("create_instance_profile", InstanceProfileName=name)
            later("delete_instance_profile", InstanceProfileName=name)
            await do("add_role_to_instance_profile", InstanceProfileName=name, RoleName=name)
            later("remove_role_from_instance_profile", InstanceProfileName=name, RoleName=name)
            yield name

    async def launch(
        self,
        image: Image,
        host_id: str,
        instance_profile: str | None,
        credentials_from: CredentialsFromOption,
    ) -> str:
        """Launch one instance on the host of this run. Return its id."""
        arguments: dict[str, object] = {
            "ImageId": image.image_id,
            "MinCount": 1,
            "MaxCount": 1,
            "Placement": {"HostId": host_id},
        }
        if credentials_from is CredentialsFromOption.CONTAINER:
            tag = {"Key": CREDENTIALS_FROM, "Value": credentials_from.value}
            arguments["TagSpecifications"] = [{"ResourceType": "instance", "Tags": [tag]}]
        if instance_profile is not None:
            arguments["IamInstanceProfile"] = {"Name": instance_profile}
        launched = await asyncio.to_thread(self._ec2.run_instances, **arguments)
        return str(launched["Instances"][0]["InstanceId"])


@contextmanager
def _signals_left_to_the_command() -> Iterator[None]:
    """Ignore Ctrl-C: the command shares this terminal, gets the signal, and we end when it ends."""
    # An empty handler instead of SIG_IGN: the command would inherit SIG_IGN.
    former = signal.signal(signal.SIGINT, lambda _number, _frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
