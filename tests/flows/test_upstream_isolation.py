"""Only the edge reaches an embedded upstream: every port and socket of each child, tried from elsewhere."""

import asyncio
import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tabard.processes import launch
from tabard.processes.isolation import network_isolation
from tests.support.store_child import environment
from tests.support.upstream_system import Upstreams, running_upstreams

pytestmark = [
    pytest.mark.flow,
    pytest.mark.skipif(not network_isolation().available, reason=network_isolation().reason),
    pytest.mark.asyncio(loop_scope="module"),
]

# Tries each socket path and each loopback port given as JSON; says which ones let it connect.
KNOCK = r"""
import json, socket, sys
wanted = json.load(sys.stdin)
opened = []
for path in wanted["paths"]:
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            opened.append(path)
        except OSError:
            pass
for port in wanted["ports"]:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            try:
                s.connect((host, port))
                opened.append(port)
            except OSError:
                pass
print(json.dumps(opened))
"""
TCP_LISTEN = "0A"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def upstreams(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Upstreams]:
    async with running_upstreams(tmp_path_factory.mktemp("up"), isolated=True) as running:
        yield running


def sockets_of(pid: int) -> set[str]:
    links = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir() if entry.is_symlink()]
    return {link[8:-1] for link in links if link.startswith("socket:[")}


def proc_file(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text(encoding="utf-8")


def table(path: str) -> list[list[str]]:
    return [line.split() for line in Path(path).read_text(encoding="utf-8").splitlines()[1:]]


def listening_ports(pid: int) -> list[int]:
    """The TCP ports that a child listens on, wherever that is."""
    own = sockets_of(pid)
    rows = [row for name in ("tcp", "tcp6") for row in table(f"/proc/{pid}/net/{name}")]
    return sorted(int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == TCP_LISTEN and row[9] in own)


def socket_paths(pid: int) -> list[str]:
    """The UNIX sockets that a child listens on, abstract ones included."""
    own = sockets_of(pid)
    rows = [row for row in table(f"/proc/{pid}/net/unix") if row[6] in own and len(row) > 7]
    return sorted({row[7].replace("@", "\0", 1) for row in rows})


def ports_given(upstreams: Upstreams) -> list[int]:
    """The ports that SeaweedFS was told to use."""
    flags = re.findall(r"-[a-z0-9.]+\.port(?:\.grpc)?=([0-9]+)", " ".join(upstreams.seaweedfs.spec.argv))
    return [int(port) for port in flags]


def knock(command: list[str], paths: list[str], ports: list[int]) -> list[object]:
    asked = json.dumps({"paths": paths, "ports": ports})
    # /usr/bin/python3, since another uid may not be able to read this interpreter.
    done = subprocess.run(
        [*command, "/usr/bin/python3", "-c", KNOCK], input=asked, capture_output=True, text=True, check=True
    )
    opened: list[object] = json.loads(done.stdout)
    return opened


async def test_no_child_listens_in_the_networks_namespace_of_the_host(upstreams: Upstreams) -> None:
    for name in ("seaweedfs", "moto"):
        own = sockets_of(upstreams.pid(name))
        for kind in ("tcp", "tcp6", "udp", "udp6"):
            assert not [row for row in table(f"/proc/net/{kind}") if row[9] in own], f"{name} has {kind} here"


async def test_the_children_do_listen_where_only_they_are(upstreams: Upstreams) -> None:
    # The admin's two come up after the rest; all ten are knocked at below.
    assert {8333, 8888, 9333, 9340, 18333, 18888} <= set(listening_ports(upstreams.pid("seaweedfs")))
    assert len(ports_given(upstreams)) == 10
    assert listening_ports(upstreams.pid("moto")) == []
    assert any(
        path.startswith("/tmp/seaweedfs-filer-grpc") for path in socket_paths(upstreams.pid("seaweedfs"))
    )


@pytest.mark.root("becomes another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no interpreter that another uid can read")
async def test_another_uid_reaches_no_port_and_no_socket_of_a_child(upstreams: Upstreams) -> None:
    for name in ("seaweedfs", "moto"):
        paths = socket_paths(upstreams.pid(name))
        ports = [*listening_ports(upstreams.pid(name)), *ports_given(upstreams)]
        assert paths
        as_nobody = [sys.executable, "-I", "-S", launch.__file__, "--uid", "65534", "--gid", "65534", "--"]
        assert knock(as_nobody, paths, ports) == []


@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="no interpreter")
async def test_an_instance_of_the_same_uid_finds_only_the_sockets_that_ask_who_it_is(
    upstreams: Upstreams,
) -> None:
    as_instance = [sys.executable, "-I", "-S", launch.__file__, "--isolate-network", "--"]
    for name, own in (("seaweedfs", upstreams.seaweedfs.socket_path), ("moto", upstreams.moto.socket_path)):
        paths = socket_paths(upstreams.pid(name))
        ports = [*listening_ports(upstreams.pid(name)), *ports_given(upstreams)]
        assert knock(as_instance, paths, ports) == [str(own)]


@pytest.mark.parametrize(
    ("method", "target"),
    [("GET", "/"), ("GET", "/b/k"), ("PUT", "/b"), ("PUT", "/b/k"), ("POST", "/"), ("GET", "/b?list-type=2")],
)
async def test_the_s3_socket_answers_nobody_without_a_signature(
    upstreams: Upstreams, method: str, target: str
) -> None:
    answer = await upstreams.s3.pool.request(method, target, [("host", "s3.test")])
    content = await answer.read(1 << 20)
    assert answer.status in (403, 405)
    assert b"Bucket>" not in content


@pytest.mark.parametrize(
    "path", ["/", "/moto-api/data.json", "/moto-api/reset", "/reset", "/latest/meta-data/"]
)
@pytest.mark.parametrize("secret", [None, "", "0" * 64])
async def test_moto_answers_nobody_without_the_secret(
    upstreams: Upstreams, path: str, secret: str | None
) -> None:
    headers = [("host", "dynamodb.us-east-1.amazonaws.com"), ("x-amz-target", "DynamoDB_20120810.ListTables")]
    if secret is not None:
        headers.append((upstreams.moto.secret_header[0], secret))
    answer = await upstreams.json.pool.request("POST", path, headers, b"{}")
    assert (answer.status, await answer.read(1 << 20)) == (403, b"")


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("s3.us-east-1.amazonaws.com", "DynamoDB_20120810.ListTables"),
        ("iam.amazonaws.com", "AmazonSQS.ListQueues"),
        ("dynamodb.us-east-1.amazonaws.com", "AmazonSQS.ListQueues"),
        ("dynamodb.us-east-1.amazonaws.com", "DynamoDBStreams_20120810.ListStreams"),
        ("moto_api", "AmazonSQS.ListQueues"),
        ("sqs.us-east-1.amazonaws.com", ""),
    ],
)
async def test_moto_offers_dynamodb_and_sqs_alone(upstreams: Upstreams, host: str, target: str) -> None:
    headers = [("host", host), ("x-amz-target", target), upstreams.moto.secret_header]
    answer = await upstreams.json.pool.request("POST", "/", headers, b"{}")
    assert answer.status == 404
    await answer.read(1 << 20)


async def test_no_secret_is_in_an_argument_or_readable_by_others(upstreams: Upstreams) -> None:
    secrets = (upstreams.moto.secret_header[1], upstreams.seaweedfs.secret_access_key)
    for name in ("seaweedfs", "moto"):
        arguments = proc_file(upstreams.pid(name), "cmdline")
        assert not any(secret in arguments for secret in secrets)
    runtime = upstreams.seaweedfs.socket_path.parent
    assert runtime.stat().st_mode & 0o777 == 0o700
    assert all(entry.stat().st_mode & 0o077 == 0 for entry in runtime.iterdir())
    assert not any(secret in repr((upstreams.seaweedfs, upstreams.moto)) for secret in secrets)


async def test_children_hold_no_capability_and_cannot_gain_any(upstreams: Upstreams) -> None:
    for name in ("seaweedfs", "moto"):
        status = proc_file(upstreams.pid(name), "status")
        assert re.search(r"CapEff:\t0+\n", status)
        assert re.search(r"CapBnd:\t0+\n", status)
        assert "NoNewPrivs:\t1" in status


SUPERVISE = """
import asyncio, sys
from pathlib import Path
from tests.support.store_child import environment
from tests.support.upstream_system import running_upstreams

async def main():
    async with running_upstreams(Path(sys.argv[1]), isolated=True) as running:
        print(running.pid("seaweedfs"), running.pid("moto"), flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


def end_within(pidfds: list[int], seconds: float) -> bool:
    """Whether every process ends in time; a pidfd is readable from its process's end on."""
    deadline = time.monotonic() + seconds
    return all(select.select([fd], [], [], max(0, deadline - time.monotonic()))[0] for fd in pidfds)


async def test_children_end_when_their_supervisor_is_killed(tmp_path: Path) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SUPERVISE, str(tmp_path), env=environment(), stdout=subprocess.PIPE
    )
    assert supervisor.stdout is not None
    pids = [int(word) for word in (await asyncio.wait_for(supervisor.stdout.readline(), 60)).split()]
    assert len(pids) == 2
    pidfds = [os.pidfd_open(pid) for pid in pids]
    try:
        assert not end_within(pidfds, 0)
        supervisor.send_signal(signal.SIGKILL)
        await supervisor.wait()
        assert end_within(pidfds, 2)
    finally:
        for descriptor in pidfds:
            os.close(descriptor)
