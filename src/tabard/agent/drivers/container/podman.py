"""podman's command lines for containers in networks that are there before them.

Each container is given a folder for its root, and no network of podman's: it shares that of the podman which
makes it, and this one is started inside the instance's. No registry and no image store is needed.
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
"""Runs a command in the user namespace that podman has for a user other than root."""

CONTAINER_PID_FILE = "pid"
"""In an instance's folder: it has had a container, whose first process is told there."""

_PODMAN_SECONDS = 60.0
_MOST = {"nofile": (resource.RLIMIT_NOFILE, 4096), "nproc": (resource.RLIMIT_NPROC, 4096)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A path of the host's, as a path of the container's."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A container's root file system: a folder, never written to, and what is mounted into it."""

    folder: Path
    mounts: tuple[Mount, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """What a container is made of. `user`: "uid:gid"; empty: podman's own user, which is root inside."""

    name: str
    hostname: str
    root: Root
    mounts: tuple[Mount, ...]
    environment: Mapping[str, str]
    user: str
    folder: str
    command: Sequence[str]

    def begun_in(self, mount: Mount) -> "Container":
        """With one more folder, in which its command begins."""
        return replace(self, mounts=(*self.mounts, mount), folder=mount.target)

    def options(self) -> list[str]:
        """What `podman create` and `podman run` take, from the first option to the last argument.

        INVARIANT: nothing that could be used to leave it: no capability, no way to gain one, a root that is
        read only, and a network that has nothing but the instance's listeners in it.
        """
        mounts = [
            f"--volume={mount.source}:{mount.target}:{'rw' if mount.writable else 'ro'}"
            for mount in (*self.root.mounts, *self.mounts)
        ]
        return [
            f"--name={self.name}",
            "--replace",
            "--network=host",  # that of the podman that is told so
            f"--hostname={self.hostname}",
            "--no-hosts",
            "--http-proxy=false",  # there is none that it could reach
            "--dns=none",
            "--log-driver=passthrough",
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
            "--security-opt=label=disable",  # SELinux: what is mounted keeps its label
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
    """Said explicitly: podman's own are beyond what it may set where it lacks CAP_SYS_RESOURCE."""
    limits = []
    for name, (which, most) in _MOST.items():
        hard = resource.getrlimit(which)[1]
        limit = most if hard == resource.RLIM_INFINITY else min(hard, most)
        limits.append(f"--ulimit={name}={limit}:{limit}")
    return limits


def in_network(network: InstanceNetwork) -> list[str]:
    """podman, started inside a network, whose namespaces it is to be passed as descriptors.

    Raises:
        CannotStart: no runtime that podman has here can start a container.
    """
    within = () if network.user_namespace is None else OWN_USER_NAMESPACE
    namespace = f"--net=/proc/self/fd/{network.network_namespace}"
    return [*within, "nsenter", namespace, PODMAN, *runtime_options()]


def why_not() -> str:
    """Why containers cannot be made here; empty where that is not known."""
    for program in (PODMAN, "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return ""


def container_name(instance_id: str) -> str:
    """As `podman ps` shows it."""
    return f"tabard-{instance_id}"


def remove_containers(instance_ids: Collection[str]) -> None:
    """End and remove these instances' containers, as far as there are any."""
    if not instance_ids:
        return
    names = [container_name(instance_id) for instance_id in instance_ids]
    with suppress(CannotStart):
        call([PODMAN, "rm", "--force", "--ignore", "--time=0", *names])


def call(argv: Sequence[str], network: InstanceNetwork | None = None, *, output: int | None = None) -> str:
    """What podman said. Raises CannotStart with the last line that it complained in."""
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
