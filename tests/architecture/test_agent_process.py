"""What the process of an agent has in memory."""

import subprocess
import sys

CONTROL_CODE = ("access", "console", "credentials", "edge", "services", "store")
LOADED = "import sys, tabard.cli.processes, tabard.wiring.agent; print(*sys.modules)"


def test_a_stolen_host_holds_no_control_code() -> None:
    """The layers say so of the agent's room; the process that it runs in brings none along either."""
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    rooms = {name.split(".")[1] for name in loaded.stdout.split() if name.startswith("tabard.")}
    assert "agent" in rooms
    assert not rooms & set(CONTROL_CODE)
