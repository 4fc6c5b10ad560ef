"""podman's command lines for containers in networks that exist before them.

Each container gets a folder as its root and no network from podman. It shares the network of the podman
process, which the agent starts inside the instance's network. It needs no registry and no image store.
"""

import resource
import shutil
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tabard.agent.drivers.driver import CannotStart
from tabard.agent.drivers.podman_runtime import runtime_options
from tabard.agent.networks.network import InstanceNetwork

PODMAN = "podman"
OWN_USER_NAMESPACE = (PODMAN, "unshare")
"""Runs a command in podman's user namespace of an ordinary user."""

CONTAINER_PID_FILE = "pid"
"""The file in an instance's folder with the pid of its container's first process."""

_PODMAN_SECONDS = 60.0
_MOST = {"nofile": (resource.RLIMIT_NOFILE, 4096), "nproc": (resource.RLIMIT_NPROC, 4096)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of the host, mounted at a path of the container."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A container's root file system: a read-only folder, and the mounts in it."""

    folder: Path
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The parts of a container. `user`: "uid:gid"; empty: podman's own user, which is root inside."""

    name: str
    hostname: str
    root: Root
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    user: str
    folder: str
    command: Sequence[str]

    def begun_in(self, mount: Mount) -> "Container":
        """Add one folder, and make it the working directory."""
        return replace(self, mounts=(*self.mounts, mount), folder=mount.target)

    def options(self) -> list[str]:
        """Return the arguments of `podman create` and `podman run`, from the first option to the last.

        INVARIANT: nothing helps a process to escape. It has no capability and no way to gain one. Its root is
        read-only. Its network contains only the instance's listeners.
        """
        mounts = [
            f"--volume={mount.source}:{mount.target}:{'rw' if mount.writable else 'ro'}"
            for mount in (*self.root.mounts, *self.mounts)
        ]
        return [
            f"--name={self.name}",
            "--replace",
            "--network=host",  # the network of the podman process
            f"--hostname={self.hostname}",
            "--no-hosts",
            "--http-proxy=false",  # it could not reach a proxy
            "--dns=none",
            "--log-driver=passthrough",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--security-opt=label=disable",  # SELinux: mounted files keep their labels
            "--systemd=false",
            *_limits(),
            *((f"--user={self.user}",) if self.user else ()),
            *(f"--env={name}={value}" for name, value in self.environment.items()),
            f"--workdir={self.folder}",
            *mounts,
            "--rootfs",
            str(self.root.folder),
            *self.command,
        ]


def _limits() -> list[str]:
    """Return explicit limits: podman's own exceed those that it may set without CAP_SYS_RESOURCE."""
    limits = []
    for name, (which, most) in _MOST.items():
        hard = resource.getrlimit(which)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(hard, most)
        limits.append(f"--ulimit={name}={limit}:{limit}")
    return limits


def in_network(network: InstanceNetwork) -> list[str]:
    """Return the command that starts podman inside a network. It inherits the namespaces as descriptors.

    Raises:
        CannotStart: no runtime of podman here can start a container.
    """
    within = () if network.user_namespace is None else OWN_USER_NAMESPACE
    namespace = f"--net=/proc/self/fd/{network.network_namespace}"
    return [*within, "nsenter", namespace, PODMAN, *runtime_options()]


def why_not() -> str:
    """Return why this machine cannot run containers; empty if no reason is known."""
    for program in (PODMAN, "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return ""


def container_name(instance_id: str) -> str:
    """Return the name that `podman ps` shows."""
    return f"tabard-{instance_id}"


def remove_containers(instance_ids: Collection[str]) -> None:
    """End and remove the containers of these instances, if any."""
    if not instance_ids:
        return
    names = [container_name(instance_id) for instance_id in instance_ids]
    with suppress(CannotStart):
        call([PODMAN, "rm", "--force", "--ignore", "--time=0", *names])


def call(argv: Sequence[str], network: InstanceNetwork | None = None, *, output: int | None = None) -> str:
    """Run podman and return its output. Raises CannotStart with the last line of its errors."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell; what is in it is checked or ours
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.PIPE if output is None else output,
            timeout=_PODMAN_SECONDS,
            pass_fds=() if network is None else network.namespaces,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CannotStart(f"podman did not run: {error}") from error
    if done.returncode != 0:
        raise CannotStart(last_line(done.stderr or b"") or f"podman ended with {done.returncode}")
    return (done.stdout or b"").decode(errors="replace").strip()


def last_line(said: bytes) -> str:
    lines = said.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("Error: ") if lines else ""
