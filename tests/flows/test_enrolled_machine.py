"""A machine in another network enrols, is an instance there, and is refused once its host is revoked."""

import os
import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from running_system import TABARD, RunningSystem, allow, bare_environment, end, fresh, tabard_up, until

HERE, THERE = "192.0.2.9", "192.0.2.10"  # of TEST-NET-1, on a pair of virtual cables that this test makes
MACHINE = "there"

APPLICATION = textwrap.dedent(
    """
    import json, sys
    import boto3
    from botocore.exceptions import ClientError

    def code(call, **asked):
        try:
            call(**asked)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "done"

    bucket = sys.argv[1]
    s3, sts = boto3.client("s3"), boto3.client("sts")
    said = {
        "arn": sts.get_caller_identity()["Arn"],
        "put": code(s3.put_object, Bucket=bucket, Key="a", Body=b"from there"),
        "get": code(s3.get_object, Bucket=bucket, Key="a"),
    }
    print(json.dumps(said), flush=True)
    sys.stdin.readline()
    print(json.dumps({"put": code(s3.put_object, Bucket=bucket, Key="a", Body=b"again")}), flush=True)
    """
)


class Network:
    """A network namespace, joined to this one by a pair of virtual cables."""

    def __init__(self) -> None:
        self.cable = f"tbd{uuid.uuid4().hex[:8]}"
        self._holder = subprocess.Popen(["unshare", "--net", "sleep", "300"])
        self.path = f"/proc/{self._holder.pid}/ns/net"
        here = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(self.path).readlink() != here, "a network of its own")

    def join(self) -> None:
        """Raises CalledProcessError where this machine cannot."""
        peer = str(self._holder.pid)
        for command in (
            f"ip link add {self.cable} type veth peer name outer netns {peer}",
            f"ip address add {HERE}/30 dev {self.cable}",
            f"ip link set {self.cable} up",
        ):
            self._run(*command.split())
        for command in (
            f"ip address add {THERE}/30 dev outer",
            "ip link set outer up",
            "ip link set lo up",
            "ip address add 169.254.169.254/32 dev lo",
        ):
            self._run("nsenter", f"--net={self.path}", *command.split())

    def enter(self, *command: str) -> list[str]:
        return ["nsenter", f"--net={self.path}", *command]

    def close(self) -> None:
        subprocess.run(["ip", "link", "del", self.cable], check=False, capture_output=True)
        self._holder.kill()
        self._holder.wait()

    def _run(self, *command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)


@pytest.fixture
def network() -> Iterator[Network]:
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux joins networks")
    made = Network()
    try:
        made.join()
    except (OSError, subprocess.CalledProcessError) as error:
        made.close()
        pytest.skip(f"this machine has no virtual cables: {getattr(error, 'stderr', '') or error}")
    yield made
    made.close()


@pytest.fixture
def system(network: Network, tmp_path: Path) -> Iterator[RunningSystem]:
    with tabard_up(tmp_path / "data", "--host-address", HERE, "--host-port", "0") as running:
        yield running


def tabard(system: RunningSystem, *words: str) -> str:
    """What a command of the administrator says."""
    done = subprocess.run(
        [*TABARD, *words, "--data-dir", str(system.data_dir)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=bare_environment(),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_machine_elsewhere_has_its_role_until_its_host_is_revoked(
    system: RunningSystem, network: Network, tmp_path: Path
) -> None:
    """An unmodified SDK there finds the role by itself, at 169.254.169.254, and is held to its policy.

    It may write, over TLS alone, and not read.
    """
    bucket = fresh("bucket")
    system.client("s3").create_bucket(Bucket=bucket)
    only_over_tls = {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    profile = system.instance_profile_of(
        allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*", **only_over_tls)
    )
    token = tabard(system, "host", "token", MACHINE, "--instance-profile", profile)
    kept = tmp_path / "kept"
    enrolling = [
        *TABARD, "host", "enrol", "-", "--directory", str(kept), "--name", MACHINE,
        "--metadata-address", "169.254.169.254", "--port", "0",
    ]  # fmt: skip
    machine = subprocess.Popen(
        network.enter(*enrolling, "--", sys.executable, "-c", APPLICATION, bucket),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in bare_environment().items() if "PROXY" not in name.upper()},
    )
    assert machine.stdin is not None
    assert machine.stdout is not None
    try:
        machine.stdin.write(token + "\n")
        machine.stdin.flush()
        said = msgspec.json.decode(machine.stdout.readline())
        listed = next(line.split() for line in tabard(system, "host", "list").splitlines() if MACHINE in line)
        host_id, instance_id = listed[0], listed[-1]
        assert said == {
            "arn": f"arn:aws:sts::{system.account_id}:assumed-role/{profile}/{instance_id}",
            "put": "done",
            "get": "AccessDenied",
        }
        described = system.client("ec2").describe_instances(InstanceIds=[instance_id])
        assert described["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
        tabard(system, "host", "revoke", host_id)
        machine.stdin.write("\n")
        machine.stdin.flush()
        assert msgspec.json.decode(machine.stdout.readline()) == {"put": "ExpiredToken"}
        assert machine.wait(60) == 0
    finally:
        end(machine, signal.SIGTERM)
        machine.stdin.close()
        machine.stdout.close()
    key = (kept / "host.pem").stat()
    assert key.st_mode & 0o777 == 0o600
    again = subprocess.run(
        network.enter(*TABARD, "host", "enrol", token, "--directory", str(tmp_path / "b"), "--name", MACHINE),
        capture_output=True, text=True, check=False, timeout=60, env=bare_environment(),
    )  # fmt: skip
    assert (again.returncode, "was used with another key" in again.stderr) == (2, True), again.stderr
    assert "Traceback" not in again.stderr
