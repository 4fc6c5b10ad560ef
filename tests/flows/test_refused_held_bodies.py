"""A body that is held back outruns no revocation: who was revoked while it came is refused."""

import json
import time

import pytest

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.raw_http import FORM, Key, Request, connect, key_of, read_reply, signed, unsigned
from tests.support.running_system import RunningSystem, allow

pytestmark = pytest.mark.flow

BODY = b"Action=GetUser&Version=2010-05-08&UserName=admin"


@pytest.fixture
def spare_key(admin: AdminClient) -> Key:
    """A second key of the admin's, to be deleted on the way."""
    made = admin("iam").create_access_key(UserName="admin")["AccessKey"]
    return Key(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])


def all_but_its_last_byte(request: Request) -> tuple[bytes, bytes]:
    whole = request.to_bytes()
    return whole[:-1], whole[-1:]


def test_a_key_that_is_deleted_while_its_body_comes_is_refused(
    system: RunningSystem, admin: AdminClient, spare_key: Key
) -> None:
    request = signed(
        unsigned(system, "POST", "/", headers=[("content-type", FORM)], body=BODY), spare_key, "iam"
    )
    held, last = all_but_its_last_byte(request)
    with connect(system) as connection:
        connection.sendall(held)
        time.sleep(
            0.3
        )  # the edge has examined the head by now, or will only see the key gone: refused both ways
        admin("iam").delete_access_key(UserName="admin", AccessKeyId=spare_key.access_key_id)
        connection.sendall(last)
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
    request = signed(unsigned(system, "POST", "/", headers=headers, body=body), key, "dynamodb")
    held, last = all_but_its_last_byte(request)
    with connect(system) as connection:
        connection.sendall(held)
        time.sleep(0.3)
        admin("ec2").terminate_instances(InstanceIds=[instance.instance_id])
        connection.sendall(last)
        assert read_reply(connection).refusal == ("ExpiredTokenException", 400)
