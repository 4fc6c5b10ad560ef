"""Runs an instance's user data as a process, in the network of the instance.

With loopback ports as networks it is the driver `process`, which does not isolate: processes of the same uid
can read each other. With network namespaces it is the driver `netns`.
"""

import hashlib
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.console import CONSOLE_LOG, ConsoleLog
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.environment import host_environment
from tabard.agent.drivers.pidfd import has_ended
from tabard.agent.drivers.process.process_group import adopt_grouped, start_grouped
from tabard.agent.fresh_files import write_fresh
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.agent.waiting import Event
from tabard.model.messages import DesiredInstance
from tabard.processes import launch

EMPTY_FILE = "empty-aws-config"
HOME = "home"
USER_DATA = "user-data"
_FIRST_OWN_UID = 0x7000_0000
_OWN_UIDS = 0x0FFF_FFFF


@dataclass(frozen=True, slots=True)
class Owner:
    """The uid and gid of an instance's processes; None: those of the agent."""

    uid: int | None = None
    gid: int | None = None

    @property
    def for_chown(self) -> tuple[int, int]:
        """Return the two arguments of chown; -1 leaves an id unchanged."""
        return -1 if self.uid is None else self.uid, -1 if self.gid is None else self.gid


def owner_of_its_own(instance_id: str) -> Owner:
    """Return a uid and a gid that nobody else on the machine has, always the same for one instance.

    They come from a range that no convention assigns: https://systemd.io/UIDS-GIDS/.
    """
    number = int.from_bytes(hashlib.sha256(instance_id.encode()).digest()[:8], "big") % _OWN_UIDS
    return Owner(_FIRST_OWN_UID + number, _FIRST_OWN_UID + number)


class ProcessDriver:
    """Runs an instance's user data as its main process.

    User data that begins with `#!` is executed. The metadata service serves any other user data, and the
    instance then runs no process until it is stopped.
    Differs: when the main process ends, the instance is stopped, as if it had shut itself down.
    """

    def __init__(
        self,
        networks: Networks,
        *,
        base_environment: Mapping[str, str],
        owner_of: Callable[[str], Owner] = lambda _: Owner(),
        hidden: Sequence[Path] = (),
        outlives_agent: bool = False,
    ) -> None:
        """Args: owner_of: by instance id, the uid and gid of its processes; any but the agent's needs root.
        hidden: folders that an instance in a namespace does not see.
        outlives_agent: instances continue without the agent (Linux), and the next agent adopts them."""
        self._networks = networks
        self._base_environment = host_environment(base_environment)
        self._owner_of = owner_of
        self._hidden = tuple(hidden)
        self._outlives_agent = outlives_agent

    @property
    def base_environment(self) -> Mapping[str, str]:
        return self._base_environment

    async def open_network(self) -> InstanceNetwork:
        return await self._networks.open()

    async def start(
        self,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> Running:
        """Execute the user data in `home` in `directory`. Its output goes to console.log beside that."""
        if not desired.user_data.startswith(b"#!"):
            return NoProcess(outlives_agent=self._outlives_agent)
        home = directory / HOME
        owner = self._owner_of(desired.instance_id)
        command = launch_command(
            [str(home / USER_DATA)],
            owner=owner,
            network=network,
            hidden=self._hidden,
            shown=(home, directory / EMPTY_FILE),
            outlives_agent=self._outlives_agent,
        )
        try:
            write_user_data(home, desired.user_data, owner)
            return await start_grouped(
                desired.instance_id,
                command,
                network=network,
                environment={**environment, "HOME": str(home)},
                working_directory=home,
                console=ConsoleLog(directory / CONSOLE_LOG),
                outlives_agent=self._outlives_agent,
            )
        except OSError as error:
            raise CannotStart(f"the user data cannot be run: {error.strerror}") from error

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:
        if not handed_over.process:
            return NoProcess(outlives_agent=True)
        pidfd, output = handed_over.process
        if has_ended(pidfd):
            return None
        return adopt_grouped(handed_over, pidfd, output, ConsoleLog(directory / CONSOLE_LOG))

    def not_started(self, instance_id: str, reason: str) -> None:
        """No-op: the agent reports the reason as the instance's."""


def launch_command(
    command: Sequence[str],
    *,
    network: InstanceNetwork | None,
    owner: Owner | None = None,
    allow_new_privileges: bool = False,
    hidden: Sequence[Path] = (),
    shown: Sequence[Path] = (),
    outlives_agent: bool = False,
    inherited_descriptors: Sequence[int] = (),
) -> list[str]:
    """Return the argument vector that starts `command` in a network, or in ours.

    The child dies with this process, unless it must outlive it. The `inherited_descriptors` stay open.
    """
    owner = owner or Owner()
    options = ["--parent-pid", str(os.getpid()), *(network.launch_options() if network else ())]
    if owner.uid is not None:
        options += ["--uid", str(owner.uid)]
    if owner.gid is not None:
        options += ["--gid", str(owner.gid)]
    if allow_new_privileges:
        options.append("--allow-new-privileges")
    if outlives_agent:
        options.append("--outlive-parent")
    for descriptor in inherited_descriptors:
        options += ["--keep-fd", str(descriptor)]
    if network is not None and network.network_namespace is not None:
        for folder in hidden:
            options += ["--hide-folder", str(folder)]
        for path in shown:
            options += ["--keep-folder", str(path)]
    return [sys.executable, "-I", "-S", launch.__file__, *options, "--", *command]


def write_user_data(home: Path, content: bytes, owner: Owner) -> None:
    """Write the program into its owner's folder. The owner may already use the folder and move its files."""
    home.mkdir(mode=0o700, exist_ok=True)
    if owner.uid is None and not home.is_symlink():
        # The instance may have made its home read-only: then an ordinary user's agent cannot write to it.
        home.chmod(stat.S_IMODE(home.stat().st_mode) | stat.S_IRWXU)
    write_fresh(home / USER_DATA, content, mode=0o700, owner=owner.uid, group=owner.gid)
    os.chown(home, *owner.for_chown, follow_symlinks=False)


class NoProcess:
    """An instance without a main process."""

    def __init__(self, *, outlives_agent: bool) -> None:
        self._stopped = Event()
        self.descriptors: tuple[int, ...] | None = () if outlives_agent else None

    async def wait(self) -> ExitStatus:
        await self._stopped.wait()
        return ExitStatus()

    async def stop(self, grace: timedelta) -> None:  # noqa: ARG002 - there is nothing to wait for
        self._stopped.set()
