"""`tabard adopt`: a running container is an instance, for as long as it runs."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from tests.support.process_tree import alive
from tests.support.running_system import TABARD, RunningSystem, allow, bare_environment, end, fresh, until

pytestmark = [
    pytest.mark.flow,
    pytest.mark.root("enters the network of another process"),
]

PYTHON = "/usr/bin/python3"
# A container has its own environment: what `docker run -e` would say.
ENVIRONMENT = {"AWS_ENDPOINT_URL": "http://169.254.169.253", "AWS_REGION": "us-east-1"}
WHO = f"""
import sys, json
sys.path.insert(0, {str(Path(boto3.__file__).parents[1])!r})
import boto3
session = boto3.Session(region_name="us-east-1")
arn = session.client("sts").get_caller_identity()["Arn"]
print(json.dumps([session.get_credentials().method, arn]), flush=True)
"""


@contextmanager
def adopted(system: RunningSystem, pid: int, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """A `tabard adopt` at work."""
    process = subprocess.Popen(
        [*TABARD, "adopt", "--data-dir", str(system.data_dir), *options, str(pid)],
        env=bare_environment(),
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        end(process, signal.SIGTERM)
        if process.stderr is not None:
            process.stderr.close()


def running_instances(system: RunningSystem, profile: str) -> list[str]:
    """The instances of an instance profile that run."""
    described = system.client("ec2").describe_instances(
        Filters=[{"Name": "instance-state-name", "Values": ["running"]}]
    )["Reservations"]
    return [
        instance["InstanceId"]
        for reservation in described
        for instance in reservation["Instances"]
        if instance.get("IamInstanceProfile", {}).get("Arn", "").endswith(f"/{profile}")
    ]


@pytest.fixture
def holder() -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a network of its own, as a container's first is."""
    process = subprocess.Popen(["unshare", "--net", "sleep", "300"])
    here = Path("/proc/self/ns/net").readlink()
    until(lambda: Path(f"/proc/{process.pid}/ns/net").readlink() != here, "it has a network of its own")
    yield process
    process.kill()
    process.wait()


def inside(pid: int, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in a process's network."""
    return subprocess.run(
        ["nsenter", f"--net=/proc/{pid}/ns/net", *command],
        env={"PATH": "/usr/bin:/bin", **ENVIRONMENT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_process_is_adopted_and_left_running(
    system: RunningSystem, holder: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    with adopted(system, holder.pid, "--instance-profile", profile) as process:
        until(lambda: running_instances(system, profile), "it is an instance", seconds=40)
        done = inside(holder.pid, sys.executable, "-c", WHO)
        method, arn = json.loads(done.stdout or "[null, null]")
        assert method == "iam-role", done.stderr
        assert f":assumed-role/{profile}/i-" in arn
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) != 0
    assert alive([holder.pid])
    assert inside(holder.pid, sys.executable, "-c", WHO).returncode != 0
    # It may be adopted again, with a role made for it.
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(allow("s3:ListAllMyBuckets")))
    with adopted(system, holder.pid, "--policy", str(policy)) as process:
        until(
            lambda: inside(holder.pid, sys.executable, "-c", WHO).returncode == 0,
            "it is an instance again",
            seconds=40,
        )
        holder.kill()
        assert process.wait(30) == 0


def addresses_of_this_network() -> set[str]:
    """Every address of the routing table, except for the test network that other tests join to this one."""
    found = re.findall(r"\|-- ([0-9.]+)", Path("/proc/net/fib_trie").read_text())
    return {address for address in found if not address.startswith("192.0.2.")}


@pytest.mark.parametrize(("pid", "sentence"), [("host", "own network"), ("gone", "cannot be adopted")])
def test_what_has_no_network_of_its_own_is_not_adopted(
    system: RunningSystem, pid: str, sentence: str
) -> None:
    """The machine's own network is never touched: 169.254.169.254 may be taken there."""
    here = subprocess.Popen(["sleep", "60"])
    if pid == "gone":
        here.kill()
        here.wait()
    addresses = addresses_of_this_network()
    try:
        with adopted(system, here.pid) as process:
            assert process.wait(60) != 0
            assert process.stderr is not None
            assert sentence in process.stderr.read()
    finally:
        here.kill()
        here.wait()
    assert addresses_of_this_network() == addresses
    assert "169.254.169.254" not in addresses


def podman(*words: str) -> str:
    done = subprocess.run(
        ["podman", "--runtime", "runc", *words], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"podman does not work here: {done.stderr.strip()}")
    return done.stdout.strip()


@pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed")
@pytest.mark.skipif(shutil.which("runc") is None, reason="runc is not installed")
@pytest.mark.skipif(not Path(PYTHON).exists(), reason="the container has no interpreter")
def test_a_container_of_podmans_is_an_instance_from_its_first_instruction(system: RunningSystem) -> None:
    """`podman init` makes the container, and its network, before anything runs in it."""
    name = fresh("tabard")
    variables = [word for pair in ENVIRONMENT.items() for word in ("--env", "=".join(pair))]
    limits = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024"]
    profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    # The machine's own files, under an overlay: no registry is needed.
    podman(
        "create", "--name", name, "--network=none", *limits, *variables, "--rootfs", "/:O", PYTHON, "-c", WHO
    )
    try:
        podman("init", name)
        pid = int(podman("inspect", "--format", "{{.State.Pid}}", name))
        with adopted(system, pid, "--instance-profile", profile) as process:
            until(lambda: running_instances(system, profile), "it is an instance", seconds=40)
            podman("start", name)
            assert process.wait(60) == 0
        method, arn = json.loads(podman("logs", name))
        assert method == "iam-role"
        assert f":assumed-role/{profile}/i-" in arn
    finally:
        subprocess.run(["podman", "rm", "--force", name], capture_output=True, check=False)
