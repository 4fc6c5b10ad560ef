"""podman and namespaces without root: launches and adoption.

Run as root it takes a uid that is nobody's; run as another user it is that user's podman.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tabard
from tabard.agent.drivers.container.podman import why_not

pytestmark = pytest.mark.also_as_root

NOBODYS = 64_321
PYTHONS = (sys.executable, "/usr/bin/python3")
LAUNCHED = """
import asyncio, json, sys
from pathlib import Path
from types import SimpleNamespace
from tabard.agent.drivers.container.driver import ContainerDriver
from tabard.agent.drivers.container.images import machines_programs
from tabard.agent.drivers.driver import CannotStart
from tabard.agent.drivers.container.podman import OWN_USER_NAMESPACE
from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces
from tabard.agent.networks.network import NoNetwork

async def main(folder):
    edge = InsideEdge.of("http://127.0.0.1:4580")
    networks = RootlessNamespaces(edge, maker=NetworkMaker(within=OWN_USER_NAMESPACE))
    root = machines_programs(folder / "root")
    driver = ContainerDriver(networks, root_of=lambda _: root, owner_of=None)
    facts = SimpleNamespace(
        instance_id="i-0rootless%08d0" % __import__("os").getpid(), image_id="",
        private_dns_name="ip-172-31-0-1.ec2.internal",
        user_data=b"#!/bin/sh\\nhostname; grep CapEff /proc/$$/status; cat /proc/net/dev | wc -l; exit 7\\n",
    )
    network = await driver.open_network()
    running = await driver.start(facts, network, driver.base_environment, folder)
    status = await running.wait()
    console = (folder / "console.log").read_text()
    print(json.dumps([str(status), [one.getsockname()[0] for one in network.metadata], console.split()]))

try:
    asyncio.run(main(Path(sys.argv[1])))
except (CannotStart, NoNetwork) as error:
    print(json.dumps(str(error)))
"""
ADOPTED = """
import asyncio, json, subprocess, sys, time
from pathlib import Path
from tabard.agent.networks.namespaces import InsideEdge, networks_to_adopt
from tabard.agent.networks.network import NoNetwork

LOOK = "import socket; s = socket.create_connection(('169.254.169.254', 80)); print(s.getpeername()[0])"

async def main():
    networks = networks_to_adopt(InsideEdge.of("http://127.0.0.1:4580"))
    holder = subprocess.Popen(["unshare", "--user", "--map-root-user", "--net", "sleep", "60"])
    here = Path("/proc/self/ns/net").readlink()
    for _ in range(1000):
        if holder.poll() is not None or Path(f"/proc/{holder.pid}/ns/net").readlink() != here:
            break
        time.sleep(0.01)
    try:
        network = await networks.adopt(holder.pid)
        inside = ["nsenter", f"--target={holder.pid}", "--user", "--net", "--preserve-credentials"]
        done = subprocess.run([*inside, sys.executable, "-c", LOOK], capture_output=True, text=True)
        print(json.dumps([networks.isolation, done.stdout.strip() or done.stderr]))
    finally:
        holder.kill()
    try:
        await networks.adopt(1)
    except NoNetwork as error:
        print(json.dumps(str(error)))

try:
    asyncio.run(main())
except NoNetwork as error:
    print(json.dumps(str(error)))
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of the other user's, with an empty configuration file as an instance's folder has."""
    folder = Path(tempfile.mkdtemp(prefix="tabard-other-", dir=tempfile.gettempdir()))
    (folder / "run").mkdir(mode=0o700)
    (folder / "empty-aws-config").touch()
    if os.geteuid() == 0:
        for path in (folder, folder / "run"):
            os.chown(path, NOBODYS, NOBODYS)
    yield folder
    with suppress(OSError, ValueError):  # podman leaves a process that holds its user namespace
        os.kill(int((folder / "run/libpod/tmp/pause.pid").read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def said_by(program: str, home: Path) -> list[Any]:
    """Return the program's output, run as the other user."""
    packages = Path(msgspec.__file__).parents[1]
    given: dict[str, Any] = {
        "cwd": home,
        "env": {
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(home / "run"),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{Path(tabard.__file__).parents[1]}:{packages}",
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        "capture_output": True,
        "text": True,
        "timeout": 60,
        "check": False,
    }
    if os.geteuid() == 0:
        given |= {"user": NOBODYS, "group": NOBODYS, "extra_groups": ()}
    for python in PYTHONS:
        with suppress(OSError):  # it lies where another user cannot go
            if subprocess.run([python, "-c", "import tabard.agent.agent"], **given).returncode == 0:
                done = subprocess.run([python, "-c", program, str(home)], **given)
                assert done.returncode == 0, done.stderr
                return [json.loads(line) for line in done.stdout.splitlines()]
    pytest.skip("no interpreter with Tabard's packages that another user can read")


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "it works")
def test_a_container_is_launched_without_root(home: Path) -> None:
    (said,) = said_by(LAUNCHED, home)
    if isinstance(said, str):
        pytest.skip(f"podman does not work without root here: {said}")
    status, metadata, console = said
    assert status == "exit status 7"
    assert "169.254.169.254" in metadata
    assert console == ["ip-172-31-0-1", "CapEff:", "0000000000000000", "3"]  # lo, below two lines of titles


@pytest.mark.skipif(sys.platform != "linux", reason="namespaces are Linux's")
def test_only_a_users_own_network_is_adopted_without_root(home: Path) -> None:
    first, *rest = said_by(ADOPTED, home)
    if isinstance(first, str):
        pytest.skip(f"no user namespaces here: {first}")
    assert first == ["network namespace (rootless)", "169.254.169.254"]
    (refusal,) = rest
    assert "process 1 cannot be entered" in refusal or "own network" in refusal
