"""While the store is away decisions and S3 go on, writes are 503, and everything comes back by itself."""

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from urllib.request import urlopen

import pytest

from tests.support.raw_http import Reply, Request, admin_key, key_of, send, signed
from tests.support.running_system import (
    SLEEPER,
    Instance,
    RunningSystem,
    allow,
    deny,
    fresh,
    tabard_up,
    until,
)
from tests.support.valid_requests import form, put_object, target, valid

pytestmark = pytest.mark.flow

AWAY = ("ServiceUnavailable", 503)
FILES = ("tabard.sqlite3", "tabard.sqlite3-wal", "tabard.sqlite3-shm")


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of this file's own: its store goes away."""
    with tabard_up(tmp_path_factory.mktemp("store") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def bucket(own: RunningSystem) -> str:
    name = fresh("stored")
    own.client("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def instance(own: RunningSystem) -> Instance:
    profile = own.instance_profile_of(allow("s3:*"), deny("s3:GetObject", on="arn:aws:s3:::*/secret"))
    launched = own.launch(SLEEPER, instance_profile=profile)
    launched.environment()
    until(lambda: launched.state() == "running", "it runs")
    return launched


def health(system: RunningSystem) -> dict[str, object]:
    with urlopen(f"{system.health}/health", timeout=10) as answer:
        said: dict[str, object] = json.loads(answer.read())
        return said


@contextmanager
def moved_away(system: RunningSystem) -> Iterator[None]:
    """The files of the store under another name."""
    there = [name for name in FILES if (system.data_dir / name).exists()]
    for name in there:
        (system.data_dir / name).rename(system.data_dir / f"away-{name}")
    try:
        yield
    finally:
        for name in there:
            (system.data_dir / f"away-{name}").rename(system.data_dir / name)


@contextmanager
def locked(system: RunningSystem) -> Iterator[None]:
    """A transaction of somebody else's that does not end."""
    with closing(sqlite3.connect(system.data_dir / FILES[0], isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


@contextmanager
def unreadable(system: RunningSystem) -> Iterator[None]:
    """Another file in its place, which must not pass for the store."""
    with moved_away(system):
        other = system.data_dir / FILES[0]
        other.write_bytes(b"this is no database" * 1000)
        other.chmod(0o600)
        try:
            yield
        finally:
            for name in FILES:
                (system.data_dir / name).unlink(missing_ok=True)


def writes(system: RunningSystem) -> dict[str, Request]:
    create = f"Action=CreateInstanceProfile&InstanceProfileName={fresh('p')}&Version=2010-05-08"
    launch = "Action=RunInstances&ImageId=ami-0123456789abcdef0&MinCount=1&MaxCount=1&Version=2016-11-15"
    register = json.dumps({"Name": fresh("host"), "Ephemeral": True}).encode()
    return {
        "iam": form(system, create.encode()),
        "ec2": form(system, launch.encode()),
        "hosts": target(system, "TabardHosts_20261101.RegisterHost", register, version="1.1"),
    }


def ask(system: RunningSystem, service: str, request: Request) -> Reply:
    return send(system, signed(request, admin_key(system), service))


@pytest.mark.parametrize("away", [moved_away, locked, unreadable])
def test_the_store_is_away(own: RunningSystem, bucket: str, instance: Instance, away: object) -> None:
    key = key_of(instance.session())
    before = audited(own, bucket)
    assert health(own)["status"] == "ok"
    with away(own):
        ask(own, "sts", valid(own, "sts"))  # what happens is to be audited, and cannot
        until(lambda: health(own)["status"] == "degraded", "health says so", seconds=15)
        answers: dict[str, tuple[str, int]] = {}

        def write(service: str, request: Request) -> None:
            answers[service] = ask(own, service, request).refusal

        threads = [threading.Thread(target=write, args=each) for each in writes(own).items()]
        for thread in threads:
            thread.start()
        for number in range(5):
            # Whoever decides and mints does not wait for whoever writes.
            began = time.monotonic()
            stored = send(own, signed(put_object(own, bucket, f"object-{number}"), key, "s3"))
            assert stored.status == 200
            secret = send(own, signed(put_object(own, bucket, "secret"), key, "s3"))
            assert secret.status == 200
            for service in ("iam", "sts", "ec2", "dynamodb", "sqs"):
                assert ask(own, service, valid(own, service)).status == 200, service
            assert time.monotonic() - began < 5
        denied = instance.client("s3")
        with pytest.raises(denied.exceptions.ClientError, match="explicit deny"):
            denied.get_object(Bucket=bucket, Key="secret")
        for thread in threads:
            thread.join()
        assert answers == {"iam": AWAY, "ec2": AWAY, "hosts": AWAY}
    until(lambda: health(own)["status"] == "ok", "health says so", seconds=15)
    for service, request in writes(own).items():
        if service != "ec2":
            assert ask(own, service, request).status == 200
    # What was asked meanwhile is in the audit, now that it can be.
    until(lambda: audited(own, bucket) >= before + 5, "the audit catches up")


def audited(system: RunningSystem, bucket: str) -> int:
    with closing(sqlite3.connect(f"file:{system.data_dir / FILES[0]}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM audit_events WHERE service = 's3' AND (resources || decisions) LIKE ?",
            (f"%{bucket}/object-%",),
        ).fetchone()
        return int(count)
