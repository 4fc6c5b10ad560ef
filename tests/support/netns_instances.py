"""Programs for instances in a network of their own, and what the system reports of them."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.running_system import (
    Instance,
    RunningSystem,
)

PYTHON = Path("/usr/bin/python3")


def program(source: str) -> str:
    """User data that runs under an interpreter which another user can read."""
    readable = os.geteuid() != 0 or all(
        folder.stat().st_mode & stat.S_IXOTH for folder in Path(sys.executable).resolve().parents
    )
    if readable:
        return f"#!{sys.executable}\n{source}"
    if not PYTHON.exists() or f"python{sys.version_info[0]}.{sys.version_info[1]}" != PYTHON.resolve().name:
        pytest.skip("no interpreter that another user can read")
    packages = str(Path(boto3.__file__).parents[1])
    return f"#!{PYTHON}\nimport sys\nsys.path.insert(0, {packages!r})\n{source}"


def why_stopped(system: RunningSystem, instance: Instance) -> str:
    described = system.client("ec2").describe_instances(InstanceIds=[instance.instance_id])
    return str(described["Reservations"][0]["Instances"][0]["StateReason"]["Message"])


def health(system: RunningSystem) -> dict[str, Any]:
    done = subprocess.run(["curl", "-s", f"{system.health}/health"], capture_output=True, check=True)
    report: dict[str, Any] = json.loads(done.stdout)
    return report
