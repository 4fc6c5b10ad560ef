"""A session ends with whatever it came from, in each service's own words; and speaks for nobody else."""

import json
from collections.abc import Callable
from dataclasses import replace
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tabard.administration.client import client_of_key
from tabard.administration.hosts import deregister_host, register_ephemeral_host
from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.raw_http import Key, Request, key_of, send, signed
from tests.support.running_system import TRUST_EC2, Instance, RunningSystem, allow, fresh, until
from tests.support.valid_requests import HOSTS_TARGET, SERVICES, local_host, target, valid

pytestmark = pytest.mark.flow

Refused = tuple[str, int]
AWS_SERVICES = [service for service in SERVICES if service != "hosts"]

WITHOUT_TOKEN: dict[str, Refused] = {
    "iam": ("InvalidClientTokenId", 403),
    "sts": ("InvalidClientTokenId", 403),
    "ec2": ("AuthFailure", 401),
    "s3": ("InvalidAccessKeyId", 403),
    "dynamodb": ("UnrecognizedClientException", 400),
    "sqs": ("InvalidClientTokenId", 403),
}
BAD_TOKEN: dict[str, Refused] = {**WITHOUT_TOKEN, "s3": ("InvalidToken", 400)}
ENDED: dict[str, Refused] = {
    "iam": ("ExpiredToken", 403),
    "sts": ("ExpiredToken", 403),
    "ec2": ("RequestExpired", 400),
    "s3": ("ExpiredToken", 400),
    "dynamodb": ("ExpiredTokenException", 400),
    "sqs": ("ExpiredToken", 403),
}
BAD_SIGNATURE: dict[str, Refused] = {
    "iam": ("SignatureDoesNotMatch", 403),
    "sts": ("SignatureDoesNotMatch", 403),
    "ec2": ("AuthFailure", 401),
    "s3": ("SignatureDoesNotMatch", 403),
    "dynamodb": ("InvalidSignatureException", 400),
    "sqs": ("SignatureDoesNotMatch", 403),
}


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("sessions")
    admin("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("*"))


@pytest.fixture(scope="module")
def other(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("*"))


def answers(system: RunningSystem, bucket: str, key: Key) -> dict[str, Refused]:
    """What each service says to this key."""
    return {
        service: send(system, signed(valid(system, service, bucket=bucket), key, service)).refusal
        for service in AWS_SERVICES
    }


def changed_at(text: str, at: int) -> str:
    return text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]


def test_a_session_works_and_only_whole(
    system: RunningSystem, bucket: str, instance: Instance, other: Instance
) -> None:
    key, foreign = key_of(instance.session()), key_of(other.session())
    assert key.session_token is not None
    token = key.session_token
    assert set(answers(system, bucket, key).values()) == {("", 200)}
    assert answers(system, bucket, replace(key, session_token=None)) == WITHOUT_TOKEN
    assert answers(system, bucket, replace(key, session_token=foreign.session_token)) == BAD_TOKEN
    assert answers(system, bucket, replace(key, access_key_id=foreign.access_key_id)) == BAD_TOKEN
    assert answers(system, bucket, replace(key, secret_access_key=foreign.secret_access_key)) == BAD_SIGNATURE
    for spoilt in (
        token[:-1],
        token + "A",
        token[1:],
        token.swapcase(),
        token[::-1],
        token + token,
        " " * 20,
    ):
        assert answers(system, bucket, replace(key, session_token=spoilt)) == BAD_TOKEN


def test_no_letter_of_a_token_may_change(system: RunningSystem, bucket: str, instance: Instance) -> None:
    key = key_of(instance.session())
    assert key.session_token is not None
    for at in range(0, len(key.session_token) - 1, 7):
        spoilt = replace(key, session_token=changed_at(key.session_token, at))
        reply = send(system, signed(valid(system, "sts"), spoilt, "sts"))
        assert reply.refusal == BAD_TOKEN["sts"], at


def test_a_token_that_is_not_signed_is_none(system: RunningSystem, bucket: str, instance: Instance) -> None:
    key = key_of(instance.session())
    assert key.session_token is not None
    for service, refused in (("s3", ("AccessDenied", 403)), ("sts", ("SignatureDoesNotMatch", 403))):
        request = signed(valid(system, service, bucket=bucket), replace(key, session_token=None), service)
        added = request.with_header("x-amz-security-token", key.session_token)
        assert send(system, added).refusal == refused


def terminated(system: RunningSystem, instance: Instance) -> None:
    instance.terminate()


def deleted_and_made_again(system: RunningSystem, instance: Instance) -> None:
    name = instance.instance_profile
    iam = system.client("iam")
    iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=name)
    iam.delete_role_policy(RoleName=name, PolicyName="policy-0")
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_EC2))
    iam.put_role_policy(RoleName=name, PolicyName="policy-0", PolicyDocument=json.dumps(allow("*")))
    iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)


@pytest.mark.parametrize(("end", "refused"), [(terminated, ENDED), (deleted_and_made_again, BAD_TOKEN)])
def test_a_session_ends_with_what_it_came_from(
    system: RunningSystem,
    bucket: str,
    instance_of: InstanceOf,
    end: Callable[[RunningSystem, Instance], None],
    refused: dict[str, Refused],
) -> None:
    ended = instance_of(allow("*"))
    key = key_of(ended.session())
    assert send(system, signed(valid(system, "sts"), key, "sts")).status == 200
    end(system, ended)
    assert answers(system, bucket, key) == refused


def test_a_session_loses_what_its_role_loses(
    system: RunningSystem, bucket: str, instance_of: InstanceOf, admin: AdminClient
) -> None:
    """Without its policies it is still somebody, who may do nothing."""
    bare = instance_of(allow("*"))
    key = key_of(bare.session())
    admin("iam").delete_role_policy(RoleName=bare.instance_profile, PolicyName="policy-0")
    assert answers(system, bucket, key) == {
        "iam": ("AccessDenied", 403),
        "sts": ("", 200),
        "ec2": ("UnauthorizedOperation", 403),
        "s3": ("AccessDenied", 403),
        "dynamodb": ("AccessDeniedException", 400),
        "sqs": ("AccessDenied", 403),
    }


def metadata(instance: Instance, method: str, path: str, **headers: str) -> tuple[int, str]:
    address = urlsplit(instance.metadata_endpoint())
    connection = HTTPConnection(address.netloc, timeout=10)
    try:
        connection.request(
            method, path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


def token_of(instance: Instance) -> str:
    status, token = metadata(instance, "PUT", "/latest/api/token", X_aws_ec2_metadata_token_ttl_seconds="60")
    assert status == 200
    return token


def test_a_metadata_token_is_good_at_its_own_instance_alone(instance: Instance, other: Instance) -> None:
    own = token_of(instance)
    path = "/latest/meta-data/instance-id"
    assert metadata(instance, "GET", path, X_aws_ec2_metadata_token=own) == (200, instance.instance_id)
    for wrong in (token_of(other), own[:-1], own + "=", changed_at(own, 3), "x" * 56):
        assert metadata(instance, "GET", path, X_aws_ec2_metadata_token=wrong)[0] == 401
    assert metadata(instance, "GET", path)[0] == 401
    assert metadata(other, "GET", "/latest/meta-data/iam/info", X_aws_ec2_metadata_token=own)[0] == 401


def credentials_of(instance: Instance, role_name: str) -> tuple[int, str]:
    path = f"/latest/meta-data/iam/security-credentials/{role_name}"
    return metadata(instance, "GET", path, X_aws_ec2_metadata_token=token_of(instance))


@pytest.mark.parametrize(
    "principal", [{"Service": "lambda.amazonaws.com"}, {"AWS": "arn:aws:iam::111122223333:root"}]
)
def test_a_role_that_does_not_trust_ec2_is_given_to_no_instance(
    system: RunningSystem, instance_of: InstanceOf, principal: dict[str, str]
) -> None:
    trust = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    }
    name = system.instance_profile_of(allow("*"), trust=trust)
    distrusted = instance_of(instance_profile=name)
    status, said = until(
        lambda: (found := credentials_of(distrusted, name))[0] == 200 and found, "why there is no session"
    )
    assert status == 200
    assert json.loads(said)["Code"] == "AssumeRoleUnauthorizedAccess"
    assert "SecretAccessKey" not in said
    assert distrusted.session().credentials is None


def test_an_instance_profile_without_a_role_gives_nothing(
    system: RunningSystem, admin: AdminClient, instance_of: InstanceOf
) -> None:
    name = fresh("hollow")
    admin("iam").create_instance_profile(InstanceProfileName=name)
    hollow = instance_of(instance_profile=name)
    assert hollow.session().credentials is None
    assert credentials_of(hollow, "") == (200, "") or credentials_of(hollow, "")[0] == 404
    assert credentials_of(hollow, name)[0] == 404


@pytest.fixture(scope="module")
def host(system: RunningSystem) -> tuple[Key, str]:
    return local_host(system)


@pytest.mark.parametrize("service", AWS_SERVICES)
def test_a_hosts_key_calls_hosts_alone(
    system: RunningSystem, bucket: str, host: tuple[Key, str], service: str
) -> None:
    denied = {"ec2": ("UnauthorizedOperation", 403), "dynamodb": ("AccessDeniedException", 400)}
    reply = send(system, signed(valid(system, service, bucket=bucket), host[0], service))
    assert reply.refusal == denied.get(service, ("AccessDenied", 403))


def hosts_request(system: RunningSystem, operation: str, **members: object) -> Request:
    return target(system, f"{HOSTS_TARGET}.{operation}", json.dumps(members).encode(), version="1.1")


def test_a_host_sees_its_own_instances_alone(
    system: RunningSystem, host: tuple[Key, str], instance: Instance
) -> None:
    local_key, local_id = host
    admin = client_of_key(
        system.endpoint, system.region, lambda: (system.access_key_id, system.secret_access_key)
    )
    registered = register_ephemeral_host(admin, name=fresh("host"))
    key = Key(access_key_id=registered.access_key_id, secret_access_key=registered.secret_access_key)
    session = {"InstanceId": instance.instance_id, "RoleDelivery": "2.0"}
    looked = {"KnownVersion": -1, "WaitSeconds": 0}

    def ask(key: Key, operation: str, **members: object) -> Refused:
        return send(system, signed(hosts_request(system, operation, **members), key, "hosts")).refusal

    denied = ("AccessDenied", 403)
    assert ask(key, "DescribeHostInstances", HostId=registered.host_id, **looked) == ("", 200)
    assert ask(key, "DescribeHostInstances", HostId=local_id, **looked) == denied
    assert ask(key, "ReportInstances", HostId=local_id, Reports=[]) == denied
    assert ask(key, "DeregisterHost", HostId=local_id) == denied
    assert ask(key, "DeregisterHost", HostId=registered.host_id) == denied
    assert ask(key, "RegisterHost", Name="another", Ephemeral=True) == denied
    assert ask(key, "GetInstanceSession", **session) == denied
    assert ask(key, "GetInstanceSession", InstanceId="i-0123456789abcdef0", RoleDelivery="2.0") == denied
    assert ask(local_key, "GetInstanceSession", **session) == ("", 200)
    # Not even to the administrator, nor to the instance itself: a policy makes nobody a host.
    admin_key = Key(access_key_id=system.access_key_id, secret_access_key=system.secret_access_key)
    assert ask(admin_key, "GetInstanceSession", **session) == denied
    assert ask(key_of(instance.session()), "GetInstanceSession", **session) == denied
    deregister_host(admin, registered.host_id)
    assert ask(key, "DescribeHostInstances", HostId=registered.host_id, **looked) == (
        "InvalidClientTokenId",
        403,
    )


def test_the_session_of_a_host_that_is_gone_is_refused(
    system: RunningSystem, bucket: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """`tabard run` makes a host of its own and takes it away; what it was given ends with it."""
    import subprocess
    import sys

    policy = tmp_path_factory.mktemp("run") / "policy.json"
    policy.write_text(json.dumps(allow("*")))
    program = (
        "import boto3, json; c = boto3.Session().get_credentials().get_frozen_credentials();"
        "boto3.client('sts').get_caller_identity();"
        "print(json.dumps([c.access_key, c.secret_key, c.token]))"
    )
    command = [sys.executable, "-m", "tabard.cli.main", "run", "--data-dir", str(system.data_dir)]
    done = subprocess.run(
        [*command, "--policy", str(policy), "--", sys.executable, "-c", program],
        env={**system.admin_environment(), "AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    held = json.loads(done.stdout.splitlines()[-1])
    key = Key(access_key_id=held[0], secret_access_key=held[1], session_token=held[2])
    got = answers(system, bucket, key)
    assert got in (ENDED, BAD_TOKEN)


def test_a_key_that_is_deleted_or_inactive_is_unknown(
    system: RunningSystem, bucket: str, admin: AdminClient
) -> None:
    iam = admin("iam")
    made = iam.create_access_key(UserName="admin")["AccessKey"]
    key = Key(access_key_id=made["AccessKeyId"], secret_access_key=made["SecretAccessKey"])
    assert set(answers(system, bucket, key).values()) == {("", 200)}
    iam.update_access_key(UserName="admin", AccessKeyId=key.access_key_id, Status="Inactive")
    assert answers(system, bucket, key) == WITHOUT_TOKEN
    iam.update_access_key(UserName="admin", AccessKeyId=key.access_key_id, Status="Active")
    assert set(answers(system, bucket, key).values()) == {("", 200)}
    iam.delete_access_key(UserName="admin", AccessKeyId=key.access_key_id)
    assert answers(system, bucket, key) == WITHOUT_TOKEN
