"""`kill -9` of any process, at any moment: what was acknowledged is kept, and nothing is left behind."""

import json
import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.dice import dice
from tests.support.process_tree import alive, child_named, children_of
from tests.support.raw_http import Key, admin_key, send, signed
from tests.support.running_system import (
    IMAGE_ID,
    SLEEPER,
    Instance,
    RunningSystem,
    allow,
    fresh,
    tabard_up,
    until,
)
from tests.support.valid_requests import valid

pytestmark = pytest.mark.flow

ROUND_SECONDS = 1.2
ONCE = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=10)
TRUST_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@dataclass
class Writer:
    """Goes on writing through everything, and remembers what was acknowledged."""

    system: RunningSystem
    bucket: str
    role_arn: str
    roles: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    instances: list[str] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    sessions: list[Key] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    failures: int = 0
    dice: random.Random = field(default_factory=lambda: dice("writer"))
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        iam, ec2, s3, sts = (self.system.client(name, config=ONCE) for name in ("iam", "ec2", "s3", "sts"))

        def role() -> None:
            name = fresh("kept")
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_ACCOUNT))
            self.roles.append(name)

        def deleted_role() -> None:
            if len(self.roles) > 5:
                name = self.roles.pop(0)  # if the answer does not come, nobody knows
                iam.delete_role(RoleName=name)
                self.deleted.append(name)

        def instance() -> None:
            launched = ec2.run_instances(ImageId=IMAGE_ID, MinCount=1, MaxCount=1)["Instances"]
            self.instances.append(launched[0]["InstanceId"])

        def stored_object() -> None:
            key, content = fresh("object"), os.urandom(self.dice.choice((0, 100, 200_000)))
            s3.put_object(Bucket=self.bucket, Key=key, Body=content)
            self.objects[key] = content

        def session() -> None:
            held = sts.assume_role(RoleArn=self.role_arn, RoleSessionName="kept")["Credentials"]
            self.sessions.append(
                Key(
                    access_key_id=held["AccessKeyId"],
                    secret_access_key=held["SecretAccessKey"],
                    session_token=held["SessionToken"],
                )
            )

        steps: tuple[Callable[[], None], ...] = (role, stored_object, session, deleted_role, stored_object)
        number = 0
        while not self.stopping.is_set():
            number += 1
            try:
                (instance if number % 10 == 0 else steps[number % len(steps)])()
            except ClientError as error:
                self.failures += 1
                # Only what says "not now" may be said of a request that is in order.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] != 503:
                    self.unexpected.append(str(error))
            except BotoCoreError:
                self.failures += 1
                time.sleep(0.05)

    def check(self, system: RunningSystem) -> None:
        """Everything that was acknowledged is there, and what was deleted is not."""
        iam, ec2, s3 = system.client("iam"), system.client("ec2"), system.client("s3")
        pages = iam.get_paginator("list_roles").paginate()
        found = {role["RoleName"] for page in pages for role in page["Roles"]}
        assert set(self.roles) <= found
        assert not set(self.deleted) & found
        if self.instances:
            described = ec2.describe_instances(InstanceIds=self.instances)["Reservations"]
            assert len(described) == len(self.instances)
        for key, content in self.objects.items():
            assert s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() == content
        for session in self.sessions[-20:]:
            assert send(system, signed(valid(system, "sts"), session, "sts")).status == 200
        assert not self.unexpected


def writer_on(system: RunningSystem) -> Writer:
    bucket = fresh("writer")
    system.client("s3").create_bucket(Bucket=bucket)
    role = system.client("iam").create_role(
        RoleName=fresh("assumed"), AssumeRolePolicyDocument=json.dumps(TRUST_ACCOUNT)
    )["Role"]
    return Writer(system=system, bucket=bucket, role_arn=role["Arn"])


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of this file's own: its children are killed."""
    with tabard_up(tmp_path_factory.mktemp("killed") / "data") as running:
        yield running


def answers(system: RunningSystem) -> bool:
    try:
        return send(system, signed(valid(system, "sts"), admin_key(system), "sts")).status == 200
    except (OSError, ValueError):
        return False


def sleeper(system: RunningSystem) -> Instance:
    instance = system.launch(SLEEPER, instance_profile=system.instance_profile_of(allow("*")))
    instance.environment()
    until(lambda: instance.state() == "running", "it runs")
    return instance


def test_a_killed_edge_is_replaced_and_who_connects_meanwhile_waits(own: RunningSystem) -> None:
    instance = sleeper(own)
    client = instance.client("sts")
    before = child_named(own, "edge")
    for _ in range(2):
        os.kill(child_named(own, "edge"), signal.SIGKILL)
        until(lambda: answers(own), "the edge is back", seconds=30)
    assert child_named(own, "edge") != before
    # Neither the instance nor its session notices.
    assert client.get_caller_identity()["Arn"].endswith(instance.instance_id)
    assert instance.state() == "running"
    instance.terminate()


def test_instances_end_with_a_killed_agent_and_are_reported_stopped(own: RunningSystem) -> None:
    instance = sleeper(own)
    pids = [
        pid
        for pid in children_of(child_named(own, "agent"))
        if "sleep" in " ".join(children_of(own.process.pid)[pid])
    ]
    assert pids
    before = child_named(own, "agent")
    os.kill(before, signal.SIGKILL)
    until(lambda: not alive(pids), "the instance's process ends")
    until(lambda: instance.state() == "stopped", "the new agent says so", seconds=40)
    assert child_named(own, "agent") != before
    described = own.client("ec2").describe_instances(InstanceIds=[instance.instance_id])
    reason = described["Reservations"][0]["Instances"][0]["StateReason"]
    assert reason["Message"]
    # The new one works.
    again = sleeper(own)
    assert again.client("sts").get_caller_identity()["Arn"].endswith(again.instance_id)
    again.terminate()


@pytest.mark.long
def test_what_was_acknowledged_is_kept_whatever_is_killed(own: RunningSystem) -> None:
    """Edge, agent and upstreams, at the dice's moments, one after the other, while somebody writes."""
    moments = dice("whatever is killed")
    writer = writer_on(own)
    thread = threading.Thread(target=writer.run, daemon=True)
    thread.start()
    try:
        for name in ("edge", "seaweedfs", "agent", "edge", "moto", "seaweedfs", "edge"):
            time.sleep(moments.uniform(0.2, ROUND_SECONDS))
            os.kill(child_named(own, name), signal.SIGKILL)
        until(lambda: answers(own), "the edge is back", seconds=30)
        until(lambda: s3_answers(own, writer.bucket), "S3 is back", seconds=30)
        enough = max(5, len(writer.objects) + 2)
        until(lambda: len(writer.objects) > enough, "objects are stored again", seconds=30)
    finally:
        writer.stopping.set()
        thread.join()
    assert len(writer.objects) > 5
    writer.check(own)


def s3_answers(system: RunningSystem, bucket: str) -> bool:
    try:
        system.client("s3", config=ONCE).list_objects_v2(Bucket=bucket)
    except (ClientError, BotoCoreError):
        return False
    return True


@pytest.mark.long
def test_children_never_outlive_their_supervisor_and_the_next_one_keeps_what_was_acknowledged(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    writer: Writer | None = None
    instance: Instance | None = None
    moments = dice("the supervisor is killed")
    for round_number in range(3):
        with tabard_up(data_dir, keeps_instances=True) as system:
            if writer is None:
                writer = writer_on(system)
            else:
                writer.check(system)
                writer.system, writer.stopping = system, threading.Event()
            if instance is not None:
                ended = Instance(
                    system=system,
                    instance_id=instance.instance_id,
                    instance_profile=instance.instance_profile,
                )
                until(lambda ended=ended: ended.state() == "stopped", "the lost instance is stopped")
            instance = sleeper(system)
            if round_number == 2:
                # The last one is told to end, and leaves no more behind.
                descendants = list(children_of(system.process.pid))
                system.signal(signal.SIGTERM)
                assert system.process.wait(30) == 0
                assert not alive(descendants)
                break
            thread = threading.Thread(target=writer.run, daemon=True)
            thread.start()
            time.sleep(moments.uniform(0.5, 2.5))
            descendants = list(children_of(system.process.pid))
            assert len(descendants) >= 5
            system.signal(signal.SIGKILL)
            system.process.wait()
            until(lambda pids=descendants: not alive(pids), "every child ends", seconds=5)
            writer.stopping.set()
            thread.join()
    assert not (data_dir / "running.json").exists()
