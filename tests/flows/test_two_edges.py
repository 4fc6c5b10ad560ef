"""What one edge has acknowledged, the other decides by from its next request on: no answer is stale."""

import json
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from urllib.parse import urlencode

import pytest

from tests.support.both_edges import asked_of, connections_to_both
from tests.support.process_tree import edge_serving
from tests.support.raw_http import Key, admin_key, key_of, signed, unsigned
from tests.support.running_system import SLEEPER, RunningSystem, allow, deny, fresh, tabard_up, until
from tests.support.valid_requests import form

pytestmark = pytest.mark.flow

ROUNDS = 25
INSTANCES = 5


@dataclass(frozen=True, kw_only=True)
class TwoEdges:
    """A connection to each edge of one system."""

    system: RunningSystem
    one: HTTPConnection
    other: HTTPConnection
    bucket: str

    def in_turn(self, number: int) -> tuple[HTTPConnection, HTTPConnection]:
        """The edge that takes the write of a round, and the one that shall follow."""
        return (self.one, self.other) if number % 2 else (self.other, self.one)

    def write(self, edge: HTTPConnection, **fields: str) -> None:
        """A write of IAM's by the user admin, acknowledged."""
        request = form(self.system, urlencode({"Version": "2010-05-08", **fields}).encode())
        assert asked_of(edge, signed(request, admin_key(self.system), "iam")) == 200

    def listing(self, edge: HTTPConnection, key: Key) -> int:
        """The status of a request that needs s3:ListBucket."""
        request = unsigned(self.system, "GET", f"/{self.bucket}?list-type=2")
        return asked_of(edge, signed(request, key, "s3"))


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    with tabard_up(tmp_path_factory.mktemp("two") / "data", "--edges", "2") as running:
        yield running


@pytest.fixture(scope="module")
def edges(own: RunningSystem) -> Iterator[TwoEdges]:
    bucket = fresh("two")
    own.client("s3").create_bucket(Bucket=bucket)
    one, other = connections_to_both(own)
    with closing(one), closing(other):
        yield TwoEdges(system=own, one=one, other=other, bucket=bucket)


@pytest.fixture
def user(own: RunningSystem) -> str:
    """A user that may do nothing yet."""
    name = fresh("user")
    own.client("iam").create_user(UserName=name)
    return name


def key_of_user(system: RunningSystem, name: str) -> Key:
    made = system.client("iam").create_access_key(UserName=name)["AccessKey"]
    return Key(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])


def test_a_policy_of_a_user_is_given_and_taken_on_both_edges(edges: TwoEdges, user: str) -> None:
    key = key_of_user(edges.system, user)
    stale = []
    for number in range(ROUNDS):
        wrote, follows = edges.in_turn(number)
        document = json.dumps(allow("s3:ListBucket"))
        edges.write(wrote, Action="PutUserPolicy", UserName=user, PolicyName="p", PolicyDocument=document)
        stale += [(number, "given") for edge in (follows, wrote) if edges.listing(edge, key) != 200]
        edges.write(wrote, Action="DeleteUserPolicy", UserName=user, PolicyName="p")
        stale += [(number, "taken") for edge in (follows, wrote) if edges.listing(edge, key) != 403]
    assert stale == []


def test_an_access_key_is_made_and_deleted_on_both_edges(edges: TwoEdges, user: str) -> None:
    edges.system.client("iam").put_user_policy(
        UserName=user, PolicyName="p", PolicyDocument=json.dumps(allow("s3:ListBucket"))
    )
    stale = []
    for number in range(ROUNDS):
        wrote, follows = edges.in_turn(number)
        key = key_of_user(edges.system, user)
        stale += [(number, "made") for edge in (follows, wrote) if edges.listing(edge, key) != 200]
        edges.write(wrote, Action="DeleteAccessKey", UserName=user, AccessKeyId=key.access_key_id)
        stale += [(number, "deleted") for edge in (follows, wrote) if edges.listing(edge, key) != 403]
    assert stale == []


def test_older_sessions_of_a_role_are_revoked_on_both_edges(edges: TwoEdges, user: str) -> None:
    """As AWS revokes them: a denial of what was issued before.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html
    """
    system, role = edges.system, fresh("role")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{system.account_id}:root"}}
    iam = system.client("iam")
    iam.create_role(
        RoleName=role,
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{**trust, "Action": "sts:AssumeRole"}]}
        ),
    )
    iam.put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=json.dumps(allow("s3:ListBucket")))
    assumed = system.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{system.account_id}:role/{role}", RoleSessionName=user
    )["Credentials"]
    key = Key(
        access_key_id=assumed["AccessKeyId"],
        secret_access_key=assumed["SecretAccessKey"],
        session_token=assumed["SessionToken"],
    )
    before = {"DateLessThan": {"aws:TokenIssueTime": "2099-01-01T00:00:00Z"}}
    revoking = json.dumps(deny("*", Condition=before))
    stale = []
    for number in range(ROUNDS):
        wrote, follows = edges.in_turn(number)
        named = {"RoleName": role, "PolicyName": "AWSRevokeOlderSessions"}
        edges.write(wrote, Action="PutRolePolicy", PolicyDocument=revoking, **named)
        stale += [(number, "revoked") for edge in (follows, wrote) if edges.listing(edge, key) != 403]
        edges.write(wrote, Action="DeleteRolePolicy", **named)
        stale += [(number, "allowed") for edge in (follows, wrote) if edges.listing(edge, key) != 200]
    assert stale == []


def test_a_terminated_instances_sessions_are_refused_by_both_edges(edges: TwoEdges) -> None:
    system = edges.system
    profile = system.instance_profile_of(allow("s3:ListBucket"))
    instances = [system.launch(SLEEPER, instance_profile=profile) for _ in range(INSTANCES)]
    for number, instance in enumerate(instances):
        wrote, follows = edges.in_turn(number)
        key = key_of(instance.session())
        assert [edges.listing(edge, key) for edge in (follows, wrote)] == [200, 200]
        terminate = {"Action": "TerminateInstances", "InstanceId.1": instance.instance_id}
        request = form(system, urlencode({"Version": "2016-11-15", **terminate}).encode())
        assert asked_of(wrote, signed(request, admin_key(system), "ec2")) == 200
        assert [edges.listing(edge, key) for edge in (follows, wrote)] == [400, 400], "ExpiredToken"


@contextmanager
def stopped_between_writes(system: RunningSystem, pid: int) -> Iterator[None]:
    """An edge that is stopped, but not within a transaction that writes, such as that of its audit events."""

    def stopped() -> bool:
        os.kill(pid, signal.SIGSTOP)
        with closing(
            sqlite3.connect(system.data_dir / "tabard.sqlite3", isolation_level=None, timeout=0)
        ) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            except sqlite3.OperationalError:
                os.kill(pid, signal.SIGCONT)
                return False
            return True

    until(stopped, "the edge is stopped between two writes")
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_edge_that_hangs_delays_no_write_of_the_other(edges: TwoEdges, user: str) -> None:
    """And it has missed nothing once it goes on."""
    key = key_of_user(edges.system, user)
    pid = edge_serving(edges.system, edges.other.sock.getsockname()[1])
    document = json.dumps(allow("s3:ListBucket"))
    with stopped_between_writes(edges.system, pid):
        for _ in range(ROUNDS):
            edges.write(
                edges.one, Action="PutUserPolicy", UserName=user, PolicyName="p", PolicyDocument=document
            )
            assert edges.listing(edges.one, key) == 200
    assert edges.listing(edges.other, key) == 200
