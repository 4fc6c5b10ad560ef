"""Instances in networks of their own: unmodified SDKs find the metadata where EC2 has it, and no more."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from tests.support.flow_fixtures import AdminClient
from tests.support.netns_instances import health, program, why_stopped
from tests.support.process_tree import children_of
from tests.support.running_system import (
    NETNS_IMAGE_ID,
    SLEEPER,
    TABARD,
    Document,
    Instance,
    RunningSystem,
    allow,
    bare_environment,
    fresh,
    statements,
    until,
)

pytestmark = [pytest.mark.flow, pytest.mark.also_as_root]

LOOK = """
import boto3, json, os, socket, urllib.request
def reached(address, port):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as client:
        client.settimeout(5)
        try:
            client.connect((address, port))
        except OSError as error:
            return str(error)
    return "reached"
def readable(path):
    try:
        os.listdir(path) if os.path.isdir(path) else open(path).close()
    except OSError as error:
        return str(error)
    return "readable"
session = boto3.Session()
credentials = session.get_credentials()
print(json.dumps({
    "arn": session.client("sts").get_caller_identity()["Arn"],
    "method": credentials.method,
    "session": list(credentials.get_frozen_credentials()),
    "variables": sorted(name for name in os.environ if name.startswith("AWS_")),
    "endpoint": os.environ["AWS_ENDPOINT_URL"],
    "uid": os.getuid(),
    "gids": [os.getgid(), *os.getgroups()],
    "reached": {repr(where): reached(*where) for where in WHERE},
    "readable": {path: readable(path) for path in PATHS},
    "network": os.readlink("/proc/self/ns/net"),
}))
"""


def launch(system: RunningSystem, source: str, *documents: Document, **more: object) -> Instance:
    profile = system.instance_profile_of(*documents)
    return system.launch(source, instance_profile=profile, ImageId=NETNS_IMAGE_ID, **more)


def look(system: RunningSystem, *documents: Document, **more: object) -> dict[str, Any]:
    """What a program finds on an instance of its own."""
    port = int(system.health.rpartition(":")[2])
    where = [("127.0.0.1", port), ("192.0.2.1", 80), ("169.254.169.254", 22)]
    paths = [str(path) for path in (system.data_dir, system.data_dir / "admin.json", system.instances)]
    source = LOOK.replace("WHERE", repr(where)).replace("PATHS", repr(paths))
    instance = launch(system, program(source), *documents, **more)
    instance.until_stopped()
    said = [line for line in instance.console.splitlines() if line.startswith("{")]
    assert said, instance.console or why_stopped(system, instance)
    found: dict[str, Any] = json.loads(said[0])
    return found


@pytest.fixture(scope="module")
def isolated(system: RunningSystem) -> RunningSystem:
    report = health(system)["instance_isolation"]
    if report.startswith("none"):
        pytest.skip(f"no network namespaces on this machine: {report}")
    return system


@pytest.fixture(scope="module")
def found(isolated: RunningSystem) -> dict[str, Any]:
    return look(isolated, allow("s3:ListAllMyBuckets"))


def test_the_sdk_finds_the_metadata_by_itself(found: dict[str, Any], isolated: RunningSystem) -> None:
    assert found["method"] == "iam-role"
    assert ":assumed-role/role-" in found["arn"]
    # How often to ask is told (AWS_METADATA_SERVICE_NUM_ATTEMPTS), but not where.
    assert not [name for name in found["variables"] if "EC2_METADATA" in name]
    assert {"AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION"} <= set(found["variables"])
    assert found["endpoint"] == "http://169.254.169.253"


def test_nothing_else_is_reached(found: dict[str, Any]) -> None:
    assert "reached" not in found["reached"].values()


def test_the_servers_files_are_not_readable(found: dict[str, Any]) -> None:
    readable = [path for path, said in found["readable"].items() if said == "readable"]
    # Rootless, the folder is there and empty.
    assert all(os.geteuid() != 0 and not path.endswith(".json") for path in readable)


def test_it_does_not_run_as_root(found: dict[str, Any]) -> None:
    assert found["uid"] != 0
    assert 0 not in found["gids"]


def test_two_instances_are_two_users(found: dict[str, Any], isolated: RunningSystem) -> None:
    other = look(isolated)
    assert network_of(os.getpid()) not in (other["network"], found["network"])
    assert other["arn"] != found["arn"]
    if os.geteuid() == 0:
        assert other["uid"] != found["uid"]


def test_its_process_is_in_its_own_network_and_ends_with_it(isolated: RunningSystem) -> None:
    instance = launch(isolated, SLEEPER)
    instance.environment()
    inside = [
        pid
        for pid, command in children_of(isolated.process.pid).items()
        if command[:2] == ["sleep", "3600"] and network_of(pid) != network_of(os.getpid())
    ]
    assert inside
    instance.terminate()
    until(lambda: instance.state() == "terminated", "it is terminated")
    until(lambda: not any(network_of(pid) for pid in inside), "its process ends")


def network_of(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/net").readlink())
    except OSError:
        return ""


def test_ipv6_metadata_is_there_where_it_is_enabled(isolated: RunningSystem) -> None:
    source = (
        "import json, socket, urllib.request\n"
        "if not socket.has_ipv6:\n    raise SystemExit\n"
        "ask = urllib.request.Request('http://[fd00:ec2::254]/latest/api/token', method='PUT')\n"
        "ask.add_header('X-aws-ec2-metadata-token-ttl-seconds', '60')\n"
        "opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))\n"
        "try:\n    said = opener.open(ask, timeout=5).status\n"
        "except OSError as error:\n    said = str(error)\n"
        "print(json.dumps({'said': said}))\n"
    )
    answers = []
    for enabled in ("enabled", "disabled"):
        instance = launch(isolated, program(source), MetadataOptions={"HttpProtocolIpv6": enabled})
        instance.until_stopped()
        answers.append(json.loads(instance.console)["said"])
    assert answers[0] == 200
    assert answers[1] != 200


def test_queue_urls_are_the_same_inside_and_outside(isolated: RunningSystem, admin: AdminClient) -> None:
    url = admin("sqs").create_queue(QueueName=fresh("inside"))["QueueUrl"]
    source = (
        "import boto3, json\n"
        f"boto3.client('sqs').send_message(QueueUrl={url!r}, MessageBody='hello')\n"
        f"boto3.client('sqs', endpoint_url={isolated.endpoint!r}).send_message("
        f"QueueUrl={url!r}, MessageBody='hello')\n"
        f"print(json.dumps(boto3.client('sqs').get_queue_url(QueueName={url.rpartition('/')[2]!r})['QueueUrl']))\n"
    )
    instance = launch(isolated, program(source), allow("sqs:*"))
    instance.until_stopped()
    assert json.loads(instance.console) == url


# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-ec2-instance-source-vpc
ONLY_FROM_THE_INSTANCE = [
    {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {
            "StringNotEquals": {key: value},
            "Null": {"ec2:SourceInstanceARN": "false"},
            "BoolIfExists": {"aws:ViaAWSService": "false"},
        },
    }
    for key, value in (
        ("aws:Ec2InstanceSourceVpc", "${aws:SourceVpc}"),
        ("aws:Ec2InstanceSourcePrivateIPv4", "${aws:VpcSourceIp}"),
    )
]
ALLOWED = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
STEAL = """
import boto3, json, sys
def said(**keys):
    try:
        boto3.client("s3", **keys).list_buckets()
    except Exception as error:
        return str(error)
    return "allowed"
held = boto3.Session().get_credentials().get_frozen_credentials()
print(json.dumps({"said": said(), "held": list(held)[:3]}), flush=True)
"""
USE = """
import boto3, json
key, secret, token = HELD
keys = dict(aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token)
try:
    boto3.client("s3", **keys).list_buckets()
    print(json.dumps("allowed"))
except Exception as error:
    print(json.dumps(str(error)))
"""


@pytest.mark.parametrize("condition", [0, 1])
def test_a_stolen_session_is_refused_everywhere_but_on_its_instance(
    isolated: RunningSystem, condition: int
) -> None:
    """AWS's documented policy, as it stands there: by VPC, and by private address."""
    policy = statements(ALLOWED, ONLY_FROM_THE_INSTANCE[condition])
    owner = launch(isolated, program(STEAL), policy)
    owner.until_stopped()
    said = json.loads(owner.console)
    assert said["said"] == "allowed"
    key, secret, token = said["held"]
    # From the host: no listener vouches for it.
    elsewhere = isolated.client(
        "s3", aws_access_key_id=key, aws_secret_access_key=secret, aws_session_token=token
    )
    assert denied(elsewhere) == "AccessDenied"
    # From another instance: a listener vouches for another address, in the same VPC.
    thief = launch(isolated, program(USE.replace("HELD", repr(said["held"]))))
    thief.until_stopped()
    expected = "allowed" if condition == 0 else "explicit deny"
    assert expected in json.loads(thief.console)


def denied(s3: BaseClient) -> str:
    try:
        s3.list_buckets()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "allowed"


def test_requests_from_an_instance_have_the_path_and_no_source_address(isolated: RunningSystem) -> None:
    """AWS: with a VPC endpoint there is aws:VpcSourceIp, and no aws:SourceIp."""
    policies = {
        "path": {**ALLOWED, "Condition": {"IpAddress": {"aws:VpcSourceIp": "172.31.0.0/16"}}},
        "source": {**ALLOWED, "Condition": {"Null": {"aws:SourceIp": "false"}}},
    }
    answers = {}
    for name, statement in policies.items():
        instance = launch(isolated, program(STEAL), statements(statement))
        instance.until_stopped()
        answers[name] = json.loads(instance.console)["said"]
    assert answers["path"] == "allowed"
    assert "AccessDenied" in answers["source"]


def test_tabard_run_says_which_driver_and_why(isolated: RunningSystem) -> None:
    said = {}
    command = ("--", "readlink", "/proc/self/ns/net")
    for driver in ("netns", "process"):
        done = subprocess.run(
            [*TABARD, "run", "--data-dir", str(isolated.data_dir), "--driver", driver, *command],
            env=bare_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        said[driver] = (done.stdout.strip(), done.stderr)
    here = network_of(os.getpid())
    assert said["process"][0] == here != said["netns"][0]
    assert "driver netns, isolation: network namespace" in said["netns"][1]
    assert "driver process, isolation: none" in said["process"][1]


REACH = """
import json, socket, sys
said = []
for port in map(int, sys.argv[1:]):
    with socket.socket() as client:
        client.settimeout(10)
        try:
            client.connect(("127.0.0.1", port))
        except OSError as error:
            said.append(type(error).__name__)
        else:
            said.append(client.makefile().read())
print(json.dumps(said))
"""


def test_tabard_run_reaches_what_is_allowed_and_nothing_beside_it(isolated: RunningSystem) -> None:
    """A database of this machine, say: at its own address, as the application has it."""
    with socket.create_server(("127.0.0.1", 0)) as database, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [listener.getsockname()[1] for listener in (database, other)]

        def serve() -> None:
            arrived, _ = database.accept()
            with arrived:
                arrived.sendall(b"a row")

        serving = threading.Thread(target=serve, daemon=True)
        serving.start()
        done = run_here(
            isolated, "--driver", "netns", "--allow-address", f"127.0.0.1:{ports[0]}",
            "--", sys.executable, "-c", REACH, *map(str, ports),
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1]) == ["a row", "ConnectionRefusedError"]
        serving.join(10)


@pytest.mark.parametrize(
    ("driver", "address", "why"),
    [
        ("netns", "169.254.169.254:80", "link-local"),
        ("netns", "db.example.com:5432", "no name server"),
        ("process", "127.0.0.1:5432", "does nothing with the driver process"),
    ],
)
def test_what_cannot_be_allowed_is_said(isolated: RunningSystem, driver: str, address: str, why: str) -> None:
    done = run_here(isolated, "--driver", driver, "--allow-address", address, "--", "true")
    assert done.returncode != 0
    assert why in done.stderr
    assert "Traceback" not in done.stderr


def run_here(system: RunningSystem, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, "run", "--data-dir", str(system.data_dir), *arguments],
        env=bare_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_images_choose_the_driver(isolated: RunningSystem, admin: AdminClient) -> None:
    images = admin("ec2").describe_images(Owners=["self"])["Images"]
    assert {image["Name"]: image["ImageId"] for image in images}["tabard-netns"] == NETNS_IMAGE_ID
