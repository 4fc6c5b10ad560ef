"""Virtual machines: QEMU in a network namespace runs a separate operating system for each instance.

The namespace is that of the driver `netns`. The guest's requests to 169.254.169.254 arrive at the instance's
own listener, and the guest reaches no other address. Its cloud-init finds the metadata as on EC2.
"""

import asyncio
import os
import shutil
import socket
import stat
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from tabard.agent.agent_handover import RunningInstance
from tabard.agent.drivers.console import CONSOLE_LOG, ConsoleLog
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.environment import host_environment
from tabard.agent.drivers.pidfd import has_ended
from tabard.agent.drivers.process.driver import Owner, launch_command
from tabard.agent.drivers.process.process_group import adopt_grouped, start_grouped
from tabard.agent.drivers.vm.image import NoImage, VmImage, opened, read_image
from tabard.agent.drivers.vm.power_button import PowerButton
from tabard.agent.drivers.vm.qemu import Accelerator, MachineParts, qemu_arguments
from tabard.agent.networks.network import InstanceNetwork, Networks
from tabard.model.messages import DesiredInstance

QEMU = "qemu-system-x86_64"
QEMU_IMG = "qemu-img"
DISK = "disk.qcow2"
IMAGE_VERSION = "disk.image-version"

_LEAST_DISK_BYTES = 8 * 1024**3
_KVM = Path("/dev/kvm")
_MOST_PROCESSORS = 2
_PRESS_AGAIN_SECONDS = 5.0
_QUIT_GRACE = timedelta(seconds=5)


def qemu_missing() -> str:
    """Return which of QEMU's programs this machine lacks; empty if it has all."""
    missing = [name for name in (QEMU, QEMU_IMG) if shutil.which(name) is None]
    if not missing:
        return ""
    return f"{' and '.join(missing)} not found (Debian: apt-get install qemu-system-x86 qemu-utils)"


class VmDriver:
    """Boots an instance from the operator's image. Its disk survives stop and start, but not termination.

    Differs: there is one image for virtual machines on each host, and no way to make others by CreateImage.
        The hop limit of metadata answers does not count hops inside a guest.
    """

    def __init__(
        self,
        folder: Path,
        networks: Networks,
        *,
        base_environment: Mapping[str, str],
        owner_of: Callable[[str], Owner] = lambda _: Owner(),
        hidden: Sequence[Path] = (),
        outlives_agent: bool = False,
        qemu: str = QEMU,
        qemu_img: str = QEMU_IMG,
    ) -> None:
        """Args: folder: the image; qemu, qemu_img: the programs. The others are those of ProcessDriver."""
        self._folder = folder
        self._networks = networks
        self._base_environment = host_environment(base_environment)
        self._owner_of = owner_of
        self._hidden = tuple(hidden)
        self._outlives_agent = outlives_agent
        self._qemu = qemu
        self._qemu_img = qemu_img

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
        """Boot it. cloud-init fetches the user data. The serial port's output goes to console.log."""
        try:
            image = read_image(self._folder)
            await self._make_disk(image, directory)
            return await self._boot(image, desired, network, environment, directory)
        except NoImage as error:
            raise CannotStart(f"the image cannot be used: {error}") from error
        except OSError as error:
            raise CannotStart(f"the machine cannot be started: {error.strerror}") from error

    async def _boot(
        self,
        image: VmImage,
        desired: DesiredInstance,
        network: InstanceNetwork,
        environment: Mapping[str, str],
        directory: Path,
    ) -> "VirtualMachine":
        program = shutil.which(self._qemu)
        if program is None:
            raise CannotStart(f"{self._qemu} is not installed")
        ours, of_qemu = socket.socketpair()
        disk = os.open(directory / DISK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        button = PowerButton(ours)
        owner = self._owner_of(desired.instance_id)
        try:
            with opened(image) as from_image:
                parts = MachineParts(
                    disk=disk,
                    image_disk=from_image.disk,
                    image_format=image.disk_format,
                    kernel=from_image.kernel,
                    initrd=from_image.initrd,
                    control=of_qemu.fileno(),
                )
                arguments = qemu_arguments(
                    desired,
                    parts,
                    environment,
                    accelerator=accelerator_for(owner),
                    processors=min(_MOST_PROCESSORS, os.cpu_count() or 1),
                )
                process = await start_grouped(
                    desired.instance_id,
                    launch_command(
                        [program, *arguments],
                        owner=owner,
                        network=network,
                        hidden=self._hidden,
                        outlives_agent=self._outlives_agent,
                        inherited_descriptors=parts.descriptors,
                    ),
                    network=network,
                    environment=self._base_environment,
                    working_directory=Path("/"),
                    console=ConsoleLog(directory / CONSOLE_LOG),
                    outlives_agent=self._outlives_agent,
                    descriptors=parts.descriptors,
                )
        except OSError:
            button.close()
            raise
        finally:
            of_qemu.close()
            os.close(disk)
        button.connect()
        return VirtualMachine(process, button)

    async def _make_disk(self, image: VmImage, directory: Path) -> None:
        """Make the instance's own disk, an overlay of the image's disk, unless it exists already.

        INVARIANT: an overlay is used only with the image from which it was made. Any other gives garbage.
        """
        disk, noted = directory / DISK, directory / IMAGE_VERSION
        if disk.exists():
            if noted.read_text("ascii") != image.version:
                raise NoImage(f"{image.disk} has changed since this instance's disk was made from it")
            return
        noted.write_text(image.version, "ascii")
        made = disk.with_name(f"{DISK}.new")
        made.unlink(missing_ok=True)
        size_bytes = max(image.size_bytes, _LEAST_DISK_BYTES)
        making = await asyncio.create_subprocess_exec(
            *(self._qemu_img, "create", "-q", "-f", "qcow2", str(made), str(size_bytes)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=dict(self._base_environment),
        )
        _, said = await making.communicate()
        if making.returncode != 0:
            raise CannotStart(f"the instance's disk cannot be made: {said.decode(errors='replace').strip()}")
        made.chmod(0o600)
        made.replace(disk)

    def adopt(self, handed_over: RunningInstance, directory: Path) -> Running | None:
        if len(handed_over.process) != 3 or has_ended(handed_over.process[0]):
            return None
        pidfd, output, control = handed_over.process
        process = adopt_grouped(handed_over, pidfd, output, ConsoleLog(directory / CONSOLE_LOG))
        return VirtualMachine(process, PowerButton(socket.socket(fileno=control)))

    def not_started(self, instance_id: str, reason: str) -> None:
        """No-op: the agent reports the reason as the instance's."""


class VirtualMachine:
    """A running QEMU. It ends when its guest shuts down, or when the agent stops it."""

    def __init__(self, process: Running, button: PowerButton) -> None:
        self._process = process
        self._button = button
        of_process = process.descriptors
        self.descriptors = None if of_process is None else (*of_process, button.descriptor)
        self._ended = asyncio.create_task(self._end())

    async def wait(self) -> ExitStatus:
        return await asyncio.shield(self._ended)

    async def stop(self, grace: timedelta) -> None:
        """Press the power button, repeatedly: a guest that still boots ignores it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(grace.total_seconds()):
                while not self._ended.done():
                    self._button.press()
                    await asyncio.wait({self._ended}, timeout=_PRESS_AGAIN_SECONDS)
        if not self._ended.done():
            await self._process.stop(_QUIT_GRACE)
        await asyncio.shield(self._ended)

    async def _end(self) -> ExitStatus:
        try:
            return await self._process.wait()
        finally:
            self._button.close()


def accelerator_for(owner: Owner, *, device: Path = _KVM) -> Accelerator:
    """Return KVM if that user may open it, else emulation."""
    if sys.platform != "linux" or not device.exists():
        return "tcg"
    for_everybody = stat.S_IROTH | stat.S_IWOTH
    if owner.uid is None:
        usable = os.access(device, os.R_OK | os.W_OK)
    else:
        usable = device.stat().st_mode & for_everybody == for_everybody
    return "kvm" if usable else "tcg"
