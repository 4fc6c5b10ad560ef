"""An instance that calls without a pause, while its agent is killed."""

import json
import os
import signal
from typing import Any

from tests.support.process_tree import alive, child_named
from tests.support.running_system import (
    Instance,
    RunningSystem,
    until,
)


def last_said(instance: Instance) -> dict[str, Any]:
    lines = [line for line in instance.console.splitlines() if line.endswith("}")]
    said: dict[str, Any] = json.loads(lines[-1]) if lines else {}
    return said


def goes_on(instance: Instance, seconds: float = 60) -> dict[str, Any]:
    before = last_said(instance)["calls"]
    until(lambda: last_said(instance)["calls"] > before + 100, "it goes on calling", seconds=seconds)
    return last_said(instance)


def kill_agent(own: RunningSystem) -> None:
    before = child_named(own, "agent")
    os.kill(before, signal.SIGKILL)
    until(lambda: not alive([before]), "it is gone")
    until(lambda: child_named(own, "agent") != before, "there is another one", seconds=30)
