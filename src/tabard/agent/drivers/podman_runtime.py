"""The OCI runtime with which podman starts containers: its default, unless that refuses this machine.

crun refuses cgroups of both versions at once ("hybrid") while version 2 has a controller; runc does not.
crun says: "cgroups in hybrid mode not supported, drop all controllers from cgroupv2".
"""

import subprocess
from functools import cache
from pathlib import Path

from tabard.agent.drivers.driver import CannotStart

HYBRID_CONTROLLERS = Path("/sys/fs/cgroup/unified/cgroup.controllers")
"""The file that lists the controllers of cgroup version 2 on a hybrid machine."""

_CRUN, _RUNC = "crun", "runc"
_INFO_SECONDS = 30.0


@cache
def runtime_options(controllers: Path = HYBRID_CONTROLLERS) -> tuple[str, ...]:
    """Return the options that name a runtime to podman; none if its default works.

    Raises:
        CannotStart: podman's default runtime refuses this machine's cgroups, and there is no other.
    """
    if not _are_hybrid(controllers) or _runtime() != _CRUN:
        return ()
    options = (f"--runtime={_RUNC}",)
    if _runtime(*options) != _RUNC:
        raise CannotStart("crun refuses this machine's hybrid cgroups, and runc is not installed")
    return options


def _are_hybrid(controllers: Path) -> bool:
    try:
        return bool(controllers.read_text("ascii").strip())
    except OSError:
        return False


def _runtime(*options: str) -> str:
    """Return the name of the runtime that podman uses with these options; empty if it has none."""
    try:
        done = subprocess.run(  # noqa: S603 - no shell; its arguments are constants
            ["podman", *options, "info", "--format={{.Host.OCIRuntime.Name}}"],  # noqa: S607 - as PATH has it
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_INFO_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
