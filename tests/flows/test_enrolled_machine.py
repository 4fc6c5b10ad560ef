"""A machine in another network enrolls, is an instance there and nowhere else, and ends with its host."""

import signal
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.support.running_system import (
    TABARD,
    RunningSystem,
    allow,
    bare_environment,
    deny,
    end,
    fresh,
    tabard_up,
    until,
)

HERE, THERE = "192.0.2.9", "192.0.2.10"  # of TEST-NET-1, on a pair of virtual cables that this test makes
MACHINE = "there"

APPLICATION = textwrap.dedent(
    """
    import json, sys, time
    from urllib.parse import urlsplit
    import boto3
    from botocore.exceptions import ClientError

    def code(call, **asked):
        try:
            call(**asked)
        except ClientError as error:
            return error.response["Error"]["Code"]
        return "done"

    bucket, queue = sys.argv[1:]
    session = boto3.Session()
    s3, sts, sqs = (session.client(name) for name in ("s3", "sts", "sqs"))
    url = sqs.create_queue(QueueName=queue)["QueueUrl"]
    at = session.client("sqs", endpoint_url="{0.scheme}://{0.netloc}".format(urlsplit(url)))
    said = {
        "arn": sts.get_caller_identity()["Arn"],
        "put": code(s3.put_object, Bucket=bucket, Key="a", Body=b"from there"),
        "get": code(s3.get_object, Bucket=bucket, Key="a"),
        "send": code(at.send_message, QueueUrl=url, MessageBody="hello"),
    }
    held = list(session.get_credentials().get_frozen_credentials())[:3]
    print(json.dumps([said, held]), flush=True)
    sys.stdin.readline()
    print(json.dumps({"put": code(s3.put_object, Bucket=bucket, Key="a", Body=b"again")}), flush=True)
    time.sleep(300)
    """
)
ONLY_FROM_THE_INSTANCE = {
    "Condition": {
        "StringNotEquals": {"aws:Ec2InstanceSourcePrivateIPv4": "${aws:VpcSourceIp}"},
        "Null": {"ec2:SourceInstanceARN": "false"},
        "BoolIfExists": {"aws:ViaAWSService": "false"},
    }
}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-ec2-instance-source-private-ip4"""


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
    if sys.platform != "linux":
        pytest.skip("network namespaces are Linux's")
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


@pytest.fixture
def bucket(system: RunningSystem) -> str:
    name = fresh("bucket")
    system.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def profile(system: RunningSystem, bucket: str) -> str:
    """A role that may write, over TLS alone, and not read; and nothing from another network than its own."""
    only_over_tls = {"Condition": {"Bool": {"aws:SecureTransport": "true"}}}
    return system.instance_profile_of(
        allow("s3:PutObject", on=f"arn:aws:s3:::{bucket}/*", **only_over_tls),
        allow("sqs:*"),
        deny("*", **ONLY_FROM_THE_INSTANCE),
    )


class Machine:
    """`tabard host enroll` in the other network, with an application; it is ended with the block."""

    def __init__(self, network: Network, kept: Path, *words: str, token: str = "") -> None:
        enrolling = [
            *TABARD, "host", "enroll", *(["-"] if token else []), "--directory", str(kept), "--name", MACHINE,
            "--metadata-address", "169.254.169.254", "--port", "0",
        ]  # fmt: skip
        self.process = subprocess.Popen(
            network.enter(*enrolling, "--", sys.executable, "-c", APPLICATION, *words),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={name: value for name, value in bare_environment().items() if "PROXY" not in name.upper()},
        )
        if token:
            self.go_on(token)

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        end(self.process, signal.SIGTERM)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()

    def go_on(self, line: str = "") -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def said(self) -> Any:  # noqa: ANN401
        assert self.process.stdout is not None
        return msgspec.json.decode(self.process.stdout.readline())


def host_and_instance(system: RunningSystem) -> tuple[str, str]:
    listed = next(line.split() for line in tabard(system, "host", "list").splitlines() if MACHINE in line)
    return listed[0], listed[-1]


def code_of(s3: BaseClient, bucket: str) -> str:
    try:
        s3.put_object(Bucket=bucket, Key="a", Body=b"stolen")
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


@pytest.mark.root("joins networks")
def test_a_machine_elsewhere_has_its_role_there_alone_until_its_host_is_revoked(
    system: RunningSystem, network: Network, bucket: str, profile: str, tmp_path: Path
) -> None:
    """An unmodified SDK there finds the role by itself, at 169.254.169.254, and is held to its policy.

    Started again it goes on from its own key, without a token. Its session, stolen, opens nothing elsewhere:
    AWS's documented policy refuses it. Revoked, it ends, with its command and its sessions, and says so.
    """
    token = tabard(system, "host", "token", MACHINE, "--instance-profile", profile)
    kept = tmp_path / "kept"
    with Machine(network, kept, bucket, fresh("queue"), token=token) as machine:
        said, held = machine.said()
        _, instance_id = host_and_instance(system)
        assert said == {
            "arn": f"arn:aws:sts::{system.account_id}:assumed-role/{profile}/{instance_id}",
            "put": "done",
            "get": "AccessDenied",
            "send": "done",
        }
        described = system.client("ec2").describe_instances(InstanceIds=[instance_id])
        assert described["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
        stolen = dict(
            zip(("aws_access_key_id", "aws_secret_access_key", "aws_session_token"), held, strict=True)
        )
        assert code_of(system.client("s3", **stolen), bucket) == "AccessDenied"
        machine.go_on()
        assert machine.said() == {"put": "done"}
    key = kept / "host.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    former = key.read_bytes()
    with Machine(network, kept, bucket, fresh("queue")) as machine:
        said, held = machine.said()
        host_id, again = host_and_instance(system)
        assert (again, said["put"], said["send"]) == (instance_id, "done", "done")
        assert key.read_bytes() != former
        tabard(system, "host", "revoke", host_id)
        assert machine.process.wait(60) == 3
        assert machine.process.stderr is not None
        told = machine.process.stderr.read()
        assert f"the host {host_id} was revoked" in told
        assert "Traceback" not in told
    stolen = dict(zip(stolen, held, strict=True))
    assert code_of(system.client("s3", **stolen), bucket) == "ExpiredToken"
    again_ = subprocess.run(
        network.enter(*TABARD, "host", "enroll", token, "--directory", f"{tmp_path}/b", "--name", MACHINE),
        capture_output=True, text=True, check=False, timeout=60, env=bare_environment(),
    )  # fmt: skip
    assert (again_.returncode, "was used with another key" in again_.stderr) == (2, True), again_.stderr
    assert "Traceback" not in again_.stderr


@pytest.mark.root("joins networks")
def test_join_tokens_are_listed_and_removed(system: RunningSystem, network: Network, tmp_path: Path) -> None:
    token = tabard(system, "host", "token", MACHINE, "--ttl", "60s")
    head, listed = tabard(system, "host", "tokens").splitlines()
    assert head.split() == ["TOKEN", "FOR", "UNTIL", "USED", "BY"]
    token_id, name, _, used_by = listed.split()
    assert (token_id[:3], name, used_by) == ("jt-", MACHINE, "-")
    assert token not in listed
    tabard(system, "host", "tokens", "--remove", token_id)
    assert len(tabard(system, "host", "tokens").splitlines()) == 1
    tried = subprocess.run(
        network.enter(*TABARD, "host", "enroll", token, "--directory", f"{tmp_path}/a", "--name", MACHINE),
        capture_output=True, text=True, check=False, timeout=60, env=bare_environment(),
    )  # fmt: skip
    assert (tried.returncode, "Traceback" in tried.stderr) == (2, False)
