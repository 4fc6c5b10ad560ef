"""Virtual machines under a real `tabard up`, with a program in QEMU's place that does what a guest would.

The real QEMU with a real guest: `make test-vm`.
"""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from tabard.services.ec2.launch.images import VM_IMAGE
from tests.support.netns_instances import health, program, why_stopped
from tests.support.process_tree import alive, turn_of_agents
from tests.support.running_system import Instance, RunningSystem, allow, tabard_up, until

pytestmark = [pytest.mark.flow, pytest.mark.also_as_root]

# As QEMU it is handed its disk and its control; as its guest it counts boots, reads metadata, and shuts down.
QEMU = """
import json, os, socket, sys, urllib.request
arguments = sys.argv[1:]
def value(option, key):
    for name, text in zip(arguments, arguments[1:]):
        pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
        if name == option and key in pairs:
            yield pairs[key]
def ask(path, method="GET", **headers):
    request = urllib.request.Request("http://169.254.169.254/latest/" + path, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read().decode()
def metadata(path):
    token = ask("api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
    return ask(path, **{"X-aws-ec2-metadata-token": token})
def edge():
    with socket.create_connection(("169.254.169.253", 80), timeout=10):
        return "reached"
disk = int(next(value("-add-fd", "fd")))
count = os.pread(disk, 1, 0)
boot = int(count) + 1 if count.isdigit() else 1
os.pwrite(disk, str(boot).encode(), 0)
print(json.dumps({
    "boot": boot,
    "pid": os.getpid(),
    "uid": os.getuid(),
    "instance_id": metadata("meta-data/instance-id"),
    "role": metadata("meta-data/iam/security-credentials/"),
    "user_data": metadata("user-data"),
    "edge": edge(),
    "address": next(value("-netdev", "dhcpstart")),
}), flush=True)
control, heard = socket.socket(fileno=int(next(value("-chardev", "fd")))), b""
while b"system_powerdown" not in heard:
    heard += control.recv(4096)
print("shuts down, with the role", metadata("meta-data/iam/security-credentials/"), flush=True)
"""
QEMU_IMG = '#!/bin/sh\n: > "$5"\n'


def install(path: Path, content: str) -> None:
    path.write_text(content)
    path.chmod(0o755)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system whose programs are the test's own, where whoever the machine runs as may read them."""
    folder = tmp_path_factory.mktemp("vm")
    programs = Path("/var/lib") / f"tabard-test-{os.getpid()}" if os.geteuid() == 0 else folder / "bin"
    programs.mkdir()
    install(programs / "qemu-system-x86_64", program(QEMU))
    install(programs / "qemu-img", QEMU_IMG)
    image = folder / "image"
    image.mkdir()
    (image / "disk.raw").write_bytes(b"image")
    path = f"{programs}:{os.environ['PATH']}"
    try:
        with tabard_up(folder / "data", "--vm-image", str(image), PATH=path) as running:
            report = health(running)["instance_isolation"]
            if report.startswith("none"):
                pytest.skip(f"no network namespaces on this machine: {report}")
            yield running
    finally:
        shutil.rmtree(programs)


def said(instance: Instance, boot: int) -> dict[str, Any]:
    """What the machine says of itself at this boot."""

    def look() -> dict[str, Any] | None:
        lines = (json.loads(line) for line in instance.console.splitlines() if line.startswith("{"))
        return next((line for line in lines if line["boot"] == boot), None)

    try:
        found = until(look, f"boot {boot}")
    except AssertionError:
        raise AssertionError(f"{instance.console}\n{why_stopped(instance.system, instance)}") from None
    assert found is not None
    return found


def launch(own: RunningSystem) -> Instance:
    profile = own.instance_profile_of(allow("s3:ListAllMyBuckets"))
    return own.launch("#cloud-config\n", instance_profile=profile, ImageId=VM_IMAGE.image_id)


def described(ec2: BaseClient, instance: Instance) -> dict[str, Any]:
    answer = ec2.describe_instances(InstanceIds=[instance.instance_id])
    found: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
    return found


def test_a_machine_from_launch_to_termination(own: RunningSystem) -> None:
    ec2, instance = own.client("ec2"), launch(own)
    first = said(instance, 1)
    assert first["instance_id"] == instance.instance_id
    assert first["role"] == instance.instance_profile
    assert first["user_data"] == "#cloud-config\n"
    assert first["address"] == described(ec2, instance)["PrivateIpAddress"]
    assert first["edge"] == "reached"
    assert os.geteuid() != 0 or first["uid"] >= 0x7000_0000

    def told() -> str:
        return str(ec2.get_console_output(InstanceId=instance.instance_id, Latest=True).get("Output", ""))

    until(lambda: instance.instance_id in told(), "its console is told")
    ec2.stop_instances(InstanceIds=[instance.instance_id])
    instance.until_stopped()
    assert f"shuts down, with the role {instance.instance_profile}" in instance.console
    assert not alive([first["pid"]])
    ec2.start_instances(InstanceIds=[instance.instance_id])
    second = said(instance, 2)  # it counts on its disk
    ec2.reboot_instances(InstanceIds=[instance.instance_id])
    said(instance, 3)
    assert not alive([second["pid"]])
    folder = instance.folder
    instance.terminate()
    until(lambda: not folder.exists(), "its disk is gone")


def test_a_killed_agents_machine_goes_on_and_hears_the_next_ones_power_button(own: RunningSystem) -> None:
    ec2, instance = own.client("ec2"), launch(own)
    pid = said(instance, 1)["pid"]
    agent, _ = turn_of_agents(own)
    os.kill(agent, signal.SIGKILL)
    until(lambda: turn_of_agents(own)[0] not in (0, agent), "another one works", seconds=30)
    assert alive([pid])
    ec2.stop_instances(InstanceIds=[instance.instance_id])
    instance.until_stopped()
    assert f"shuts down, with the role {instance.instance_profile}" in instance.console
    assert not alive([pid])
    ec2.start_instances(InstanceIds=[instance.instance_id])
    said(instance, 2)
    instance.terminate()


def test_a_machine_that_shuts_down_by_itself_is_stopped(own: RunningSystem) -> None:
    instance = launch(own)
    os.kill(said(instance, 1)["pid"], signal.SIGTERM)
    instance.until_stopped()
    assert "Instance initiated shutdown (signal SIGTERM)" in why_stopped(own, instance)


def test_without_an_image_a_machine_says_what_is_missing(system: RunningSystem) -> None:
    if health(system)["instance_isolation"].startswith("none"):
        pytest.skip("no network namespaces on this machine")
    instance = system.launch("", instance_profile=None, ImageId=VM_IMAGE.image_id)
    instance.until_stopped()
    assert "tabard up --vm-image FOLDER names one" in why_stopped(system, instance)
