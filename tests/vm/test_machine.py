"""A real virtual machine under a real `tabard up`: cloud-init, unmodified boto3, and its changing role.

Outside of the gate: `make test-vm` builds the image and names it by TABARD_TEST_VM_IMAGE.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tabard.services.ec2.launch.images import VM_IMAGE
from tests.support.process_tree import turn_of_agents
from tests.support.running_system import RunningSystem, allow, tabard_up, until

IMAGE = os.environ.get("TABARD_TEST_VM_IMAGE", "")
BOOT_SECONDS = 400.0
"""Emulated, on a machine that does much else. On one that does not, it is a minute."""

LOOK_SECONDS = 1.0
ROLE_SECONDS = 60.0

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(not IMAGE, reason="no image of a machine: make test-vm builds one"),
]

# By cloud-init: says at each boot, and then whenever it is another, which role it has and may do what.
USER_DATA = """#cloud-config
write_files:
- path: /opt/application.py
  content: |
    import json, os, socket, subprocess, sys, time
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    def attempt(call, **arguments):
        try:
            call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]
        except BotoCoreError as error:
            return str(error)
        return "allowed"

    def reached(address, port):
        try:
            socket.create_connection((address, port), timeout=5).close()
        except OSError as error:
            return str(error)
        return "reached"

    def look(session, credentials):
        return {
            "arn": session.client("sts").get_caller_identity()["Arn"],
            "method": credentials.method,
            "list_buckets": attempt(session.client("s3").list_buckets),
            "list_queues": attempt(session.client("sqs").list_queues),
        }

    boot = open("/proc/sys/kernel/random/boot_id").read().strip()
    with open("/opt/boots", "a+") as boots:
        boots.write(boot + os.linesep)
        boots.seek(0)
        count = len(set(boots.readlines()))
    told = {
        "boot": count,
        "cloud_id": subprocess.run(["cloud-id"], capture_output=True, text=True).stdout.strip(),
        "hostname": socket.gethostname(),
        "addresses": subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split(),
        "elsewhere": reached("192.0.2.1", 80),
        "another_port": reached("169.254.169.254", 22),
        "variables": sorted(name for name in os.environ if name.startswith("AWS_")),
    }
    def say(line):
        # Anew for each: the login prompt hangs up on whoever has it open, and ends whose terminal it is.
        console = os.open("/dev/ttyS0", os.O_WRONLY | os.O_NOCTTY)
        os.write(console, (line + os.linesep).encode())
        os.close(console)

    before = None
    while True:
        session = boto3.Session()
        credentials = session.get_credentials()
        if credentials is not None and credentials.access_key != before:
            say("FOUND " + json.dumps({**told, **look(session, credentials)}))
            before = credentials.access_key
        time.sleep(1)
- path: /etc/systemd/system/application.service
  content: |
    [Service]
    StandardError=journal+console
    Restart=on-failure
    ExecStart=/usr/bin/python3 /opt/application.py
    [Install]
    WantedBy=multi-user.target
runcmd:
- [systemctl, enable, --now, --no-block, application.service]
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with tabard_up(tmp_path_factory.mktemp("system") / "data", "--vm-image", IMAGE) as running:
        yield running


class Machine:
    """One machine, and what its application has said so far."""

    def __init__(self, system: RunningSystem, instance_profile: str) -> None:
        self.system = system
        self.ec2 = system.client("ec2")
        self.instance = system.launch(
            USER_DATA,
            instance_profile=instance_profile,
            ImageId=VM_IMAGE.image_id,
            InstanceType="t3.nano",
        )

    def console(self) -> str:
        said = self.ec2.get_console_output(InstanceId=self.instance.instance_id, Latest=True)
        return str(said.get("Output", ""))

    def found(self, wanted: Callable[[dict[str, Any]], bool], what: str, seconds: float) -> dict[str, Any]:
        """The first of what it has said that is as `wanted`."""

        def look() -> dict[str, Any] | None:
            assert self.instance.state() in ("pending", "running")
            lines = (line.partition("FOUND ")[2] for line in self.console().splitlines())
            said = (json.loads(line) for line in lines if line.startswith("{") and line.endswith("}"))
            return next((one for one in said if wanted(one)), None)

        try:
            # Seldom: the machine needs the processor more.
            found = until(look, what, seconds=seconds, every_seconds=LOOK_SECONDS)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.console()[-3000:]}") from None
        assert found is not None
        return found

    def described(self) -> dict[str, Any]:
        answer = self.ec2.describe_instances(InstanceIds=[self.instance.instance_id])
        described: dict[str, Any] = answer["Reservations"][0]["Instances"][0]
        return described


def qemu_of(instance_id: str) -> list[int]:
    """The processes that bear the instance's mark: its QEMU."""
    mark = f"TABARD_INSTANCE_ID={instance_id}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_a_machine_from_its_first_boot_to_its_end(system: RunningSystem) -> None:
    """One boot serves every promise: under emulation it takes most of a minute."""
    reader = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    other = system.instance_profile_of(allow("sqs:ListQueues"))
    machine = Machine(system, reader)
    ec2, instance_id = machine.ec2, machine.instance.instance_id

    # cloud-init ran the user data; boto3 without any configuration found the role, which is all it may do.
    first = machine.found(lambda said: bool(said["arn"]), "the application says who it is", BOOT_SECONDS)
    described = machine.described()
    assert first["arn"].endswith(f"assumed-role/{reader}/{instance_id}")
    assert first["method"] == "iam-role"
    assert (first["list_buckets"], first["list_queues"]) == ("allowed", "AccessDenied")
    assert first["cloud_id"] == "aws"
    assert first["boot"] == 1
    assert first["variables"] == [
        "AWS_DEFAULT_REGION",
        "AWS_ENDPOINT_URL",
        "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
        "AWS_REGION",
    ]
    # It is where its metadata says that it is, and nothing else can be reached from there.
    assert described["PrivateIpAddress"] in first["addresses"]
    assert described["PrivateDnsName"].startswith(f"{first['hostname']}.")
    assert "reached" not in (first["elsewhere"], first["another_port"])

    # QEMU is nobody else's user, and has no right beyond that.
    (pid,) = qemu_of(instance_id)
    status = status_of(pid)
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    if os.geteuid() == 0:
        assert int(status["Uid"].split()[0]) >= 0x7000_0000

    # Another role is followed, and it is the metadata service that said so.
    answer = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance_id]}]
    )
    association = answer["IamInstanceProfileAssociations"][0]["AssociationId"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=association, IamInstanceProfile={"Name": other}
    )
    second = machine.found(lambda said: f"/{other}/" in said["arn"], "the other role", ROLE_SECONDS)
    assert (second["list_buckets"], second["list_queues"]) == ("AccessDenied", "allowed")

    # Stop is ACPI's power button, so the guest says goodbye; start boots the same disk.
    ec2.stop_instances(InstanceIds=[instance_id])
    machine.instance.until_stopped(seconds=100)
    assert not qemu_of(instance_id)
    until(lambda: "reboot: Power down" in machine.console(), "its kernel says goodbye")
    ec2.start_instances(InstanceIds=[instance_id])
    again = machine.found(lambda said: said["boot"] == 2 and bool(said["arn"]), "second boot", BOOT_SECONDS)
    assert f"/{other}/" in again["arn"]

    # The agent is killed; the machine is the same one, and still hears of its role.
    (pid,) = qemu_of(instance_id)
    os.kill(turn_of_agents(system)[0], signal.SIGKILL)
    answer = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance_id]}]
    )
    association = answer["IamInstanceProfileAssociations"][0]["AssociationId"]
    ec2.replace_iam_instance_profile_association(
        AssociationId=association, IamInstanceProfile={"Name": reader}
    )
    third = machine.found(
        lambda said: said["boot"] == 2 and f"/{reader}/" in said["arn"], "the first role again", ROLE_SECONDS
    )
    assert third["list_buckets"] == "allowed"
    assert qemu_of(instance_id) == [pid]

    folder = machine.instance.folder
    assert (folder / "disk.qcow2").exists()
    machine.instance.terminate()
    until(lambda: machine.instance.state() == "terminated", "it is terminated", seconds=60)
    assert not qemu_of(instance_id)
    until(lambda: not folder.exists(), "its disk is gone")
