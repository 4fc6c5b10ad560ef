"""Instances in podman containers: launched by RunInstances, held to their role, adopted by the next agent."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tabard.services.ec2.launch.images import CONTAINER_IMAGE
from tests.support.busy_instances import goes_on, kill_agent, last_said
from tests.support.container_image import PYTHON, SDK, make_image, why_not
from tests.support.netns_instances import health, why_stopped
from tests.support.running_system import (
    TABARD,
    Instance,
    RunningSystem,
    allow,
    bare_environment,
    fresh,
    tabard_up,
    until,
)

pytestmark = [
    pytest.mark.flow,
    pytest.mark.also_as_root,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "it works"),
]

IMAGE = "python-and-boto3"
LOOK = """
import boto3, json, os, socket
from botocore.exceptions import ClientError
def refused(call, **given):
    try:
        call(**given)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return ""
def reached(address, port):
    with socket.socket() as client:
        client.settimeout(5)
        return client.connect_ex((address, port)) == 0
def writable(folder):
    try:
        open(folder + "/probe", "w").close()
    except OSError:
        return False
    return True
session = boto3.Session()
s3 = session.client("s3")
print(json.dumps({
    "method": session.get_credentials().method,
    "arn": session.client("sts").get_caller_identity()["Arn"],
    "read": s3.get_object(Bucket=BUCKET, Key="allowed")["Body"].read().decode(),
    "refused": [refused(s3.get_object, Bucket=BUCKET, Key="secret"),
                refused(s3.put_object, Bucket=BUCKET, Key="allowed", Body=b"")],
    "interfaces": [name for _, name in socket.if_nameindex()],
    "edge's own port": reached("127.0.0.1", PORT),
    "uid": os.getuid(),
    "capabilities": [line for line in open("/proc/self/status") if line.startswith("CapEff")][0].split()[1],
    "writable": {folder: writable(folder) for folder in ("/", "/usr", "/tmp", os.environ["HOME"])},
    "seen": sorted(path for path in PATHS if os.path.exists(path)),
    "processes": [name for name in os.listdir("/proc") if name.isdigit()],
}), flush=True)
raise SystemExit(3)
"""
BOOTS = """#!/bin/sh
trap 'echo asked; exit 5' TERM
echo >>~/boots
boots=0
while read -r _; do boots=$((boots + 1)); done <~/boots
echo $boots
while :; do sleep 0.1; done
"""
# Calls without a pause until it is asked to end, and says how it goes; then it reads the metadata anew.
BUSY = """
import boto3, json, os, signal, time
stopping, failures, calls = [], [], 0
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
session = boto3.Session()
def call(session):
    try:
        session.client("sts").get_caller_identity()
    except Exception as error:
        failures.append(repr(error))
    print(json.dumps({"calls": calls, "failures": failures, "ending": stopping}), flush=True)
while not stopping:
    call(session)
    calls += 1
call(boto3.Session())
raise SystemExit(5)
"""


def program(source: str) -> str:
    return f"#!{PYTHON}\nimport sys\nsys.path.insert(0, {SDK!r})\n{source}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system with an image of its operator's; its agent is killed."""
    folder = tmp_path_factory.mktemp("containers")
    make_image(folder / "images" / IMAGE)
    with tabard_up(folder / "data", "--container-images", str(folder / "images")) as running:
        report = health(running)["instance_isolation"]
        if report.startswith("none"):
            pytest.skip(f"no network namespaces on this machine: {report}")
        yield running


def image_id_of(system: RunningSystem, name: str) -> str:
    found = system.client("ec2").describe_images(Filters=[{"Name": "name", "Values": [name]}])["Images"]
    assert len(found) == 1
    return str(found[0]["ImageId"])


def launch(system: RunningSystem, source: str, *, profile: str | None = None, image: str = IMAGE) -> Instance:
    """An instance in a container; where podman cannot make one at all, a reason to skip."""
    instance = system.launch(source, instance_profile=profile, ImageId=image_id_of(system, image))
    until(lambda: instance.console or instance.state() != "pending", "it is started", seconds=60)
    reason = why_stopped(system, instance) if instance.state() == "stopped" else ""
    if "podman" in reason:
        pytest.skip(reason)
    return instance


def containers() -> str:
    return subprocess.run(
        ["podman", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True
    ).stdout


def test_boto3_in_a_container_gets_its_roles_keys_and_is_held_to_the_policy(own: RunningSystem) -> None:
    bucket, s3 = fresh("container"), own.client("s3")
    s3.create_bucket(Bucket=bucket)
    for key in ("allowed", "secret"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    profile = own.instance_profile_of(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/allowed"))
    port = own.endpoint.rpartition(":")[2]
    paths = [str(own.data_dir), str(own.instances), "/root", "/home", "/boot"]
    source = LOOK.replace("BUCKET", repr(bucket)).replace("PORT", port).replace("PATHS", repr(paths))
    instance = launch(own, program(source), profile=profile)
    instance.until_stopped()
    assert instance.console.startswith("{"), instance.console or why_stopped(own, instance)
    found: dict[str, Any] = json.loads(instance.console)
    assert found.pop("arn").endswith(f":assumed-role/{profile}/{instance.instance_id}")
    assert (found.pop("uid") == 0) is (os.geteuid() != 0)  # without root, it is its user namespace's
    assert found == {
        "method": "iam-role",
        "read": "allowed",
        "refused": ["AccessDenied", "AccessDenied"],
        "interfaces": ["lo"],
        "edge's own port": True,  # the relay, which says whose request it is
        "capabilities": "0000000000000000",
        "writable": {"/": False, "/usr": False, "/tmp": True, "/run/tabard/home": True},
        "seen": [],
        "processes": ["1"],
    }
    assert "exit status 3" in why_stopped(own, instance)
    assert instance.instance_id not in containers()


def test_the_hosts_own_programs_are_an_image_that_shows_nothing_else_of_it(own: RunningSystem) -> None:
    shown = own.client("ec2").describe_images(ImageIds=[CONTAINER_IMAGE.image_id])["Images"][0]
    instance = launch(own, "#!/bin/sh\nls / /etc\nid -u\n", image=shown["Name"])
    instance.until_stopped()
    words = instance.console.split()
    assert "usr" in words
    assert not {"root", "home", "boot", "var/lib", "shadow", "ssh"}.intersection(words)


def test_stop_start_and_reboot_keep_the_home_folder(own: RunningSystem) -> None:
    ec2 = own.client("ec2")
    instance = launch(own, BOOTS)
    until(lambda: instance.console.split()[-1:] == ["1"], "it boots", seconds=60)
    until(lambda: instance.state() == "running", "it runs", seconds=60)
    ec2.reboot_instances(InstanceIds=[instance.instance_id])
    until(lambda: instance.console.split()[-1:] == ["2"], "it boots again", seconds=60)
    ec2.stop_instances(InstanceIds=[instance.instance_id])
    until(lambda: instance.state() == "stopped", "it stops", seconds=60)
    assert instance.instance_id not in containers()
    ec2.start_instances(InstanceIds=[instance.instance_id])
    until(lambda: instance.console.split()[-1:] == ["3"], "it starts again", seconds=60)
    assert instance.console.split().count("asked") == 2
    instance.terminate()
    until(lambda: instance.state() == "terminated", "it is terminated", seconds=60)
    assert instance.instance_id not in containers()


def test_a_killed_agents_container_goes_on_and_no_call_fails(own: RunningSystem) -> None:
    instance = launch(own, program(BUSY), profile=own.instance_profile_of())
    for _ in range(2):
        until(lambda: last_said(instance).get("calls"), "it calls", seconds=60)
        kill_agent(own)
        goes_on(instance)
    own.client("ec2").stop_instances(InstanceIds=[instance.instance_id])
    until(lambda: instance.state() == "stopped", "it stops", seconds=60)
    said = last_said(instance)
    assert (said["failures"], said["ending"]) == ([], [1])


def test_what_a_host_cannot_start_says_why(own: RunningSystem) -> None:
    instance = launch(own, "#!/nowhere/interpreter\n")
    instance.until_stopped()
    assert "no such file" in instance.console
    assert instance.instance_id not in containers()


WHO = f"""
import sys; sys.path.insert(0, {SDK!r})
import boto3, os
print(boto3.client("sts").get_caller_identity()["Arn"], sys.stdin.read().strip(), os.listdir())
"""


def run_in_container(
    system: RunningSystem, *arguments: str, folder: Path, **variables: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, "run", "--driver", "container", "--data-dir", str(system.data_dir), *arguments],
        env=bare_environment(**variables),
        cwd=folder,
        input="from stdin",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_tabard_run_has_a_container_with_the_current_folder_in_this_terminal(
    own: RunningSystem, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    profile = own.instance_profile_of()
    rootfs = own.data_dir.parent / "images" / IMAGE
    options = ["--instance-profile", profile, "--rootfs", str(rootfs)]
    done = run_in_container(own, *options, "--", str(PYTHON), "-c", WHO, folder=tmp_path)
    if done.returncode == 125:
        pytest.skip(f"podman makes no containers here: {done.stderr}")
    assert f":assumed-role/{profile}/i-" in done.stdout, done.stderr
    assert done.stdout.endswith(" from stdin ['file']\n")
    system, driver = done.stderr.splitlines()[:2]
    assert system.startswith("tabard: system ")
    assert driver.startswith("tabard: driver container, isolation: network namespace")
    assert run_in_container(own, "--", "sh", "-c", "exit 9", folder=tmp_path).returncode == 9


@pytest.mark.parametrize("where", ["without podman", "in the data directory"])
def test_tabard_run_says_why_there_can_be_no_container(
    own: RunningSystem, tmp_path: Path, where: str
) -> None:
    if where == "without podman":
        done = run_in_container(own, "--", "true", folder=tmp_path, PATH=str(tmp_path))
        sentence = "the driver container does not work here: podman is not installed"
    else:
        done = run_in_container(own, "--", "true", folder=own.data_dir.parent)
        sentence = "including Tabard's own files"
    assert sentence in done.stderr
    assert (done.returncode, done.stdout) == (2, "")
