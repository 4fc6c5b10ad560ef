"""A body that is held back outruns no revocation: who was revoked while it came is refused."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.raw_http import FORM, Key, Request, connect, invited, key_of, read_reply, signed, unsigned
from tests.support.running_system import RunningSystem, allow

pytestmark = pytest.mark.flow

BODY = b"Action=GetUser&Version=2010-05-08&UserName=admin"


@pytest.fixture
def spare_key(admin: AdminClient) -> Key:
    """A second key of the admin's, to be deleted on the way."""
    made = admin("iam").create_access_key(UserName="admin")["AccessKey"]
    return Key(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])


@contextmanager
def held(system: RunningSystem, request: Request, key: Key, service: str) -> Iterator[socket.socket]:
    """A connection whose body is all but here: the edge has examined the head, and has asked for the body."""
    waiting = signed(request.with_header("expect", "100-continue"), key, service)
    with connect(system) as connection:
        connection.sendall(waiting.to_bytes()[: -len(request.body)])
        invited(connection)
        connection.sendall(request.body[:-1])
        yield connection


def test_a_key_that_is_deleted_while_its_body_comes_is_refused(
    system: RunningSystem, admin: AdminClient, spare_key: Key
) -> None:
    request = unsigned(system, "POST", "/", headers=[("content-type", FORM)], body=BODY)
    with held(system, request, spare_key, "iam") as connection:
        admin("iam").delete_access_key(UserName="admin", AccessKeyId=spare_key.access_key_id)
        connection.sendall(request.body[-1:])
        assert read_reply(connection).refusal == ("InvalidClientTokenId", 403)


def test_a_session_that_is_ended_while_its_body_comes_is_refused(
    system: RunningSystem, admin: AdminClient, instance_of: InstanceOf
) -> None:
    instance = instance_of(allow("dynamodb:ListTables"))
    key = key_of(instance.session())
    headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.ListTables"),
    ]
    body = json.dumps({"Limit": 10}).encode()
    request = unsigned(system, "POST", "/", headers=headers, body=body)
    with held(system, request, key, "dynamodb") as connection:
        admin("ec2").terminate_instances(InstanceIds=[instance.instance_id])
        connection.sendall(request.body[-1:])
        assert read_reply(connection).refusal == ("ExpiredTokenException", 400)
