"""Nothing of Tabard's answers anybody around the edge: not another user of the machine, not an instance."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import pytest

from tabard.processes import launch
from tabard.processes.isolation import network_isolation
from tests.support.both_edges import asked_of, connections_to_both
from tests.support.process_tree import child_named, children_of, listening_ports, socket_paths
from tests.support.raw_http import Key, admin_key, signed, unsigned
from tests.support.running_system import RunningSystem, allow, fresh, tabard_up
from tests.support.valid_requests import put_role_policy

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
PYTHON = Path("/usr/bin/python3")

pytestmark = [pytest.mark.flow, pytest.mark.also_as_root]
isolated = pytest.mark.skipif(not network_isolation().available, reason=network_isolation().reason)
with_python = pytest.mark.skipif(not PYTHON.exists(), reason="no interpreter that another user can read")

# Tries every socket and port that it is told of, asks those that let it in for an object, and tries to read
# the files that it is told of.
KNOCK = r"""
import json, os, socket
print(f"uid={os.getuid()}")
wanted = json.loads(WANTED)
opened, read = [], []
def ask(s):
    s.settimeout(2)
    try:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        return s.recv(4096).decode("latin-1").split("\r\n")[0]
    except OSError as error:
        return str(error)
for path in wanted["paths"]:
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
            opened.append([path, ask(s)])
        except OSError:
            pass
for port in wanted["ports"]:
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as s:
            try:
                s.connect((host, port))
                opened.append([port, ask(s)])
            except OSError:
                pass
for path in wanted["files"]:
    try:
        with open(path, "rb") as file:
            read.append([path, len(file.read(1))])
    except OSError:
        pass
print("KNOCKED " + json.dumps([opened, read]), flush=True)
"""


@pytest.fixture(scope="module")
def own() -> Iterator[RunningSystem]:
    """Two edges; instances of a user of their own, where that can be."""
    # Not below pytest's own folder, which is closed to that user.
    with TemporaryDirectory(prefix="tabard-around-") as folder:
        Path(folder).chmod(0o711)
        users = ("--launch-uid", str(NOBODY), "--launch-gid", str(NOBODY)) if IS_ROOT else ()
        with tabard_up(Path(folder) / "data", "--edges", "2", *users) as running:
            yield running


def wanted(system: RunningSystem) -> dict[str, list[object]]:
    """Every socket and port of every process, and every file that holds something."""
    processes = [system.process.pid, *children_of(system.process.pid)]
    files = [path for path in system.data_dir.rglob("*") if path.is_file()]
    return {
        "paths": sorted({path for pid in processes for path in socket_paths(pid)}),
        "ports": sorted({port for pid in processes for port in listening_ports(pid)}),
        "files": [str(path) for path in files if "seaweedfs/" not in str(path)][:200],
    }


def open_to_all(system: RunningSystem) -> set[int]:
    """The edge and its health: what is meant to be asked by anybody on this machine."""
    return {int(urlsplit(system.endpoint).port or 0), int(urlsplit(system.health).port or 0)}


def check(system: RunningSystem, said: str, asked: dict[str, list[object]]) -> None:
    (line,) = [line for line in said.splitlines() if line.startswith("KNOCKED ")]
    opened, read = json.loads(line.removeprefix("KNOCKED "))
    assert {port for port, _ in opened} <= {*open_to_all(system), *metadata_ports(system)}, opened
    for port, answer in opened:
        # The edge refuses who does not sign; health answers its own address alone; metadata its own instance.
        assert answer.split(" ")[1] in ("403", "421", "401", "404"), (port, answer)
    assert read == []
    assert len(asked["paths"]) >= 3
    assert len(asked["files"]) >= 8


def metadata_ports(system: RunningSystem) -> set[int]:
    return set(listening_ports(child_named(system, "agent")))


@pytest.mark.root("becomes another user")
@isolated
@with_python
def test_another_user_finds_nothing_open_but_the_edge(own: RunningSystem) -> None:
    asked = wanted(own)
    as_nobody = [
        sys.executable,
        "-I",
        "-S",
        launch.__file__,
        "--uid",
        str(NOBODY),
        "--gid",
        str(NOBODY),
        "--",
    ]
    done = subprocess.run(
        [*as_nobody, str(PYTHON), "-c", KNOCK.replace("WANTED", repr(json.dumps(asked)))],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    check(own, done.stdout, asked)


@pytest.mark.root("becomes another user")
@isolated
@with_python
def test_an_instance_finds_nothing_open_but_the_edge_and_its_own_metadata(own: RunningSystem) -> None:
    asked = wanted(own)
    program = f"#!{PYTHON}\n" + KNOCK.replace("WANTED", repr(json.dumps(asked)))
    launched = own.launch(program, instance_profile=own.instance_profile_of(allow("s3:*")))
    launched.until_stopped()
    said = launched.console
    assert f"uid={NOBODY}" in said
    check(own, said, asked)


@isolated
def test_no_upstream_listens_in_the_machines_own_network(own: RunningSystem) -> None:
    here = Path("/proc/self/ns/net").readlink()
    for name in ("seaweedfs", "moto"):
        assert Path(f"/proc/{child_named(own, name)}/ns/net").readlink() != here
    listening = {port for pid in children_of(own.process.pid) for port in listening_ports(pid, here=True)}
    assert listening <= {*open_to_all(own), *metadata_ports(own)}


def test_what_one_edge_changes_the_other_honors(own: RunningSystem) -> None:
    bucket = fresh("both")
    own.client("s3").create_bucket(Bucket=bucket)
    own.client("s3").put_object(Bucket=bucket, Key="key", Body=b"content")
    profile = own.instance_profile_of()
    instance = own.launch("#!/bin/sh\nexec sleep 3600\n", instance_profile=profile)
    key = session_of(own, profile)
    one, other = connections_to_both(own)
    for effect, status in (("Allow", 200), ("Deny", 403), ("Allow", 200), ("Deny", 403)):
        change = put_role_policy(own, profile, effect=effect, action="s3:GetObject")
        assert asked_of(one, signed(change, admin_key(own), "iam")) == 200
        get = unsigned(own, "GET", f"/{bucket}/key")
        for edge in (other, one):
            assert asked_of(edge, signed(get, key, "s3")) == status
        one, other = other, one
    for connection in (one, other):
        connection.close()
    instance.terminate()


def session_of(system: RunningSystem, role_name: str) -> Key:
    """A session of the role, by AssumeRole: the instance itself may be another user's."""
    trust = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
        "Action": "sts:AssumeRole",
    }
    ec2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust, ec2]})
    system.client("iam").update_assume_role_policy(RoleName=role_name, PolicyDocument=document)
    held = system.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::111122223333:role/{role_name}", RoleSessionName="both"
    )["Credentials"]
    return Key(
        access_key_id=held["AccessKeyId"],
        secret_access_key=held["SecretAccessKey"],
        session_token=held["SessionToken"],
    )
