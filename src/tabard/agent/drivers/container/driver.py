"""Runs an instance's user data as the first process of a podman container, in a network made before.

The metadata service answers before the container exists. podman makes the container around a process that
waits. So the agent has its pidfd before any code of the instance runs. Then the agent releases the process.
"""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.container import TOKEN_FILE
from tabard.agent.drivers.console import CONSOLE_LOG, ConsoleLog
from tabard.agent.drivers.container.podman import (
    CONTAINER_PID_FILE,
    PODMAN,
    Container,
    Mount,
    Root,
    call,
    container_name,
    in_network,
    last_line,
    remove_containers,
)
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.leftovers import INSTANCE_VARIABLE
from tabard.agent.drivers.pidfd import AdoptedProcess, has_ended
from tabard.agent.drivers.process.driver import EMPTY_FILE, HOME, USER_DATA, NoProcess, Owner, write_user_data
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance

INSIDE = "/run/tabard"
"""The path of the instance's folder inside a container."""

STANDARD_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}
_SAID_BYTES = 16 * 1024


class ContainerDriver:
    """Runs user data that begins with `#!` in a container. Any other user data is served, but not run.

    Differs: the root file system is the image's, read-only. /tmp and /run are in memory. Files in the home
    folder last until the instance is terminated.
    """

    base_environment: Mapping[str, str] = STANDARD_ENVIRONMENT

    def __init__(
        self,
        networks: Networks,
        *,
        root_of: Callable[[str], Root],
        owner_of: Callable[[str], Owner] | None,
    ) -> None:
        """Args: root_of: by image id; raises CannotStart.
        owner_of: by instance id, its uid and gid; None: without root, podman's own user."""
        self._networks = networks
        self._root_of = root_of
        self._owner_of = owner_of

    async def open_network(self) -> InstanceNetwork:
        return await self._networks.open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        """Execute the user data as the container's first process. Its output goes to console.log."""
        if not desired.user_data.startswith(b"#!"):
            return NoProcess(outlives_agent=True)
        held = await asyncio.to_thread(self._started, desired, network, environment, directory)
        return _running(desired.instance_id, held, directory)

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:
        if not handed_over.process:
            return NoProcess(outlives_agent=True)
        if has_ended(handed_over.process[0]):
            return None
        return _running(handed_over.desired.instance_id, handed_over.process, directory)

    def not_started(self, instance_id: str, reason: str) -> None:
        """No-op: the agent reports the reason as the instance's."""

    def _started(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> tuple[int, int]:
        """Start the container. Returns a pidfd of its first process, and the read end of its output pipe."""
        owner = self._owner_of(desired.instance_id) if self._owner_of is not None else Owner()
        try:
            write_user_data(directory / HOME, desired.user_data, owner)
        except OSError as error:
            raise CannotStart(f"the user data cannot be run: {error.strerror}") from error
        name, pid_file = container_name(desired.instance_id), directory / CONTAINER_PID_FILE
        container = container_of(
            desired,
            self._root_of(desired.image_id),
            [f"{INSIDE}/{HOME}/{USER_DATA}"],
            environment=environment,
            directory=directory,
            user="" if self._owner_of is None else f"{owner.uid}:{owner.gid}",
        )
        podman = in_network(network)
        call([*podman, "create", f"--pidfile={pid_file}", *container.options()], network)
        # A pipe of our own: if the agent is killed, the next agent reads the rest of its content.
        output, of_container = os.pipe()
        os.set_blocking(output, False)
        said = b""
        try:
            try:
                call([*podman, "init", name], network, output=of_container)
            finally:
                os.close(of_container)
                with suppress(BlockingIOError):
                    said = os.read(output, _SAID_BYTES)  # from podman: the instance does not run yet
            pidfd = os.pidfd_open(int(pid_file.read_text("ascii")))
            call([PODMAN, "start", name])
        except (CannotStart, OSError, ValueError) as error:
            os.close(output)
            remove_containers([desired.instance_id])
            raise CannotStart(f"podman cannot start the container: {last_line(said) or error}") from error
        return pidfd, output


def container_of(
    desired: DesiredInstance,
    root: Root,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    user: str,
) -> Container:
    """Describe the container, with its instance's folder at `INSIDE`, as its environment says."""
    told = [directory / name for name in (EMPTY_FILE, TOKEN_FILE)]
    home = f"{INSIDE}/{HOME}"
    return Container(
        name=container_name(desired.instance_id),
        hostname=desired.private_dns_name.partition(".")[0],
        root=root,
        mounts=(
            Mount(source=directory / HOME, target=home, writable=True),
            *(Mount(source=path, target=f"{INSIDE}/{path.name}") for path in told if path.exists()),
        ),
        environment={
            **{name: value.replace(str(directory), INSIDE) for name, value in environment.items()},
            "HOME": home,
            INSTANCE_VARIABLE: desired.instance_id,
        },
        user=user,
        folder=home,
        command=command,
    )


def _running(instance_id: str, held: Sequence[int], directory: Path) -> AdoptedProcess:
    pidfd, output = held
    console = ConsoleLog(directory / CONSOLE_LOG)
    return AdoptedProcess(pidfd, output, console, at_end=partial(_end_of, instance_id))


def _end_of(instance_id: str) -> ExitStatus:
    try:
        return ExitStatus(code=int(call([PODMAN, "wait", container_name(instance_id)])))
    except (CannotStart, ValueError):
        return ExitStatus(is_known=False)
    finally:
        remove_containers([instance_id])
