"""Check for network isolation: only an attempt shows whether this machine permits it."""

import functools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tabard.processes import launch

PROBE_SECONDS = 10
LAUNCH_FILE = str(Path(launch.__file__))


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkIsolation:
    """Whether a child can get its own network namespace and /tmp; if not, the reason."""

    available: bool
    reason: str = ""


@functools.cache
def network_isolation() -> NetworkIsolation:
    """Try once, with an idle child. User namespaces may be off, or AppArmor may forbid them."""
    if sys.platform != "linux":
        return NetworkIsolation(available=False, reason="network namespaces exist only on Linux")
    argv = [sys.executable, "-I", "-S", LAUNCH_FILE, "--isolate-network", "--private-tmp"]
    argv += ["--", "/bin/sh", "-c", ":"]
    try:
        probe = subprocess.run(  # noqa: S603 - our own file, no input
            argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=PROBE_SECONDS, check=False, text=True
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return NetworkIsolation(available=False, reason=f"the probe did not run: {error}")
    if probe.returncode == 0:
        return NetworkIsolation(available=True)
    lines = probe.stderr.strip().splitlines() or [f"the probe ended with {probe.returncode}"]
    return NetworkIsolation(available=False, reason=lines[-1].removeprefix("tabard launch: "))


def network_isolation_available() -> bool:
    """Return whether this machine supports `ChildSpec.isolate_network`."""
    return network_isolation().available
