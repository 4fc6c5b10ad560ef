"""AssumeRole, by plain boto3: trust really decided, durations bounded, sessions narrowed."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.config import Config

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import Document, Instance, RunningSystem, allow, fresh, statements

pytestmark = pytest.mark.flow

DENIED = ("AccessDenied", 403)


UNCHECKED = Config(parameter_validation=False)
MakeRole = Callable[..., str]


def trusting(principal: str, **more: object) -> Document:
    """A trust policy for one principal of the account."""
    return statements(
        {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole", **more}
    )


@pytest.fixture(scope="module")
def make_role(admin: AdminClient) -> MakeRole:
    """Makes a role with a trust policy and an inline policy; its ARN."""

    def make(trust: Document, *documents: Document, **more: object) -> str:
        name = fresh("assumed")
        iam = admin("iam")
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust), **more)["Role"]
        for number, document in enumerate(documents):
            iam.put_role_policy(RoleName=name, PolicyName=str(number), PolicyDocument=json.dumps(document))
        return str(role["Arn"])

    return make


@pytest.fixture(scope="module")
def root(system: RunningSystem) -> str:
    return f"arn:aws:iam::{system.account_id}:root"


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("assumed")
    admin("s3").create_bucket(Bucket=name)
    for key in ("a", "b"):
        admin("s3").put_object(Bucket=name, Key=key, Body=key.encode())
    return name


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(allow("sts:AssumeRole"))


def client_of(system: RunningSystem, service: str, assumed: Mapping[str, Any]) -> BaseClient:
    credentials = assumed["Credentials"]
    return system.client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_an_instance_assumes_another_role(
    system: RunningSystem, instance: Instance, make_role: MakeRole, root: str, bucket: str
) -> None:
    arn = make_role(trusting(root), allow("s3:GetObject"))
    assumed = instance.client("sts").assume_role(RoleArn=arn, RoleSessionName="other-work")
    name = arn.rpartition("/")[2]
    user = assumed["AssumedRoleUser"]
    assert user["Arn"] == f"arn:aws:sts::{system.account_id}:assumed-role/{name}/other-work"
    assert user["AssumedRoleId"].startswith("AROA")
    assert user["AssumedRoleId"].endswith(":other-work")
    credentials = assumed["Credentials"]
    assert credentials["AccessKeyId"].startswith("ASIA")
    lifetime = credentials["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=58) < lifetime <= timedelta(hours=1)
    who = client_of(system, "sts", assumed).get_caller_identity()
    assert (who["Arn"], who["UserId"]) == (user["Arn"], user["AssumedRoleId"])
    s3 = client_of(system, "s3", assumed)
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    assert refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"") == DENIED


def test_trust_is_really_decided(
    system: RunningSystem, instance: Instance, make_role: MakeRole, root: str, admin: AdminClient
) -> None:
    sts = instance.client("sts")
    own_role = f"arn:aws:iam::{system.account_id}:role/{instance.instance_profile}"
    named = make_role(trusting(own_role))
    sts.assume_role(RoleArn=named, RoleSessionName="work")
    assert refusal(admin("sts").assume_role, RoleArn=named, RoleSessionName="work") == DENIED
    for_ec2_alone = f"arn:aws:iam::{system.account_id}:role/{system.instance_profile_of()}"
    assert refusal(sts.assume_role, RoleArn=for_ec2_alone, RoleSessionName="work") == DENIED
    assert refusal(admin("sts").assume_role, RoleArn=for_ec2_alone, RoleSessionName="work") == DENIED
    absent = f"arn:aws:iam::{system.account_id}:role/{fresh('absent')}"
    assert refusal(sts.assume_role, RoleArn=absent, RoleSessionName="work") == DENIED


def test_trusting_the_account_leaves_it_to_the_callers_own_policy(
    instance_of: InstanceOf, make_role: MakeRole, root: str
) -> None:
    arn, other = make_role(trusting(root)), make_role(trusting(root))
    sts = instance_of(allow("sts:AssumeRole", on=arn)).client("sts")
    sts.assume_role(RoleArn=arn, RoleSessionName="work")
    code, status, message = refusal_in_full(sts.assume_role, RoleArn=other, RoleSessionName="work")
    assert (code, status) == DENIED
    assert "sts:AssumeRole" in message
    assert other in message


def test_an_external_id(instance: Instance, make_role: MakeRole, root: str) -> None:
    """AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_common-scenarios_third-party.html"""
    condition = {"StringEquals": {"sts:ExternalId": "Unique ID Assigned"}}
    arn = make_role(trusting(root, Condition=condition))
    sts = instance.client("sts")
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work") == DENIED
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work", ExternalId="other") == DENIED
    external = {"ExternalId": "Unique ID Assigned"}
    assert refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work", **external)[0] == "ValidationError"
    spaceless = make_role(trusting(root, Condition={"StringEquals": {"sts:ExternalId": "unique-id:1"}}))
    sts.assume_role(RoleArn=spaceless, RoleSessionName="work", ExternalId="unique-id:1")


def test_durations(
    system: RunningSystem, instance: Instance, make_role: MakeRole, root: str, admin: AdminClient
) -> None:
    """AWS: 900 seconds up to the role's maximum, and one hour at most when a role assumes a role.

    https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    """
    arn = make_role(trusting(root), MaxSessionDuration=7200)
    chained, direct = (
        instance.client("sts", config=UNCHECKED),
        system.client("sts", config=UNCHECKED),
    )
    for client, seconds in ((chained, 900), (chained, 3600), (direct, 7200)):
        assumed = client.assume_role(RoleArn=arn, RoleSessionName="work", DurationSeconds=seconds)
        lifetime = assumed["Credentials"]["Expiration"] - datetime.now(UTC)
        assert timedelta(seconds=seconds - 30) < lifetime <= timedelta(seconds=seconds)
    for client, seconds in ((chained, 899), (chained, 3601), (direct, 7201), (direct, 43201)):
        refused = refusal(client.assume_role, RoleArn=arn, RoleSessionName="work", DurationSeconds=seconds)
        assert refused == ("ValidationError", 400)


def test_a_session_policy_narrows_and_never_widens(
    system: RunningSystem, instance: Instance, make_role: MakeRole, root: str, bucket: str, admin: AdminClient
) -> None:
    arn = make_role(trusting(root), allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/*"))
    narrow = allow("s3:*", on=f"arn:aws:s3:::{bucket}/a")
    sts = instance.client("sts")
    s3 = client_of(
        system, "s3", sts.assume_role(RoleArn=arn, RoleSessionName="work", Policy=json.dumps(narrow))
    )
    assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
    code, status, message = refusal_in_full(s3.get_object, Bucket=bucket, Key="b")
    assert (code, status) == DENIED
    assert "no session policy allows the s3:GetObject action" in message
    assert refusal(s3.put_object, Bucket=bucket, Key="a", Body=b"") == DENIED
    other = json.dumps(allow("s3:GetObject", on=f"arn:aws:s3:::{bucket}/b"))
    managed = admin("iam").create_policy(PolicyName=fresh("narrow"), PolicyDocument=other)["Policy"]["Arn"]
    s3 = client_of(
        system, "s3", sts.assume_role(RoleArn=arn, RoleSessionName="work", PolicyArns=[{"arn": managed}])
    )
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == b"b"
    assert refusal(s3.get_object, Bucket=bucket, Key="a") == DENIED
    bad = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="work", Policy="{}")
    assert bad == ("MalformedPolicyDocument", 400)


@pytest.mark.parametrize("name", ["x", "a" * 65, "with space", "slash/", "ü" * 4])
def test_session_names_that_cannot_be(instance: Instance, make_role: MakeRole, root: str, name: str) -> None:
    sts = instance.client("sts", config=UNCHECKED)
    refused = refusal(sts.assume_role, RoleArn=make_role(trusting(root)), RoleSessionName=name)
    assert refused == ("ValidationError", 400)


def test_a_session_ends_with_its_role(
    system: RunningSystem, instance: Instance, make_role: MakeRole, root: str, admin: AdminClient
) -> None:
    """A role made anew under the same name is another role."""
    arn = make_role(trusting(root), allow("s3:ListAllMyBuckets"))
    s3 = client_of(system, "s3", instance.client("sts").assume_role(RoleArn=arn, RoleSessionName="work"))
    s3.list_buckets()
    name, iam = arn.rpartition("/")[2], admin("iam")
    iam.delete_role_policy(RoleName=name, PolicyName="0")
    iam.delete_role(RoleName=name)
    gone = refusal(s3.list_buckets)
    assert gone[1] in (400, 403)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trusting(root)))
    iam.put_role_policy(
        RoleName=name, PolicyName="0", PolicyDocument=json.dumps(allow("s3:ListAllMyBuckets"))
    )
    assert refusal(s3.list_buckets) == gone


def test_other_ways_to_a_session_are_not_offered(admin: AdminClient) -> None:
    assert refusal(admin("sts").get_session_token) == ("InvalidAction", 400)
    assert refusal(admin("sts").get_federation_token, Name="somebody") == ("InvalidAction", 400)


def test_transitive_tags_along_a_chain(
    system: RunningSystem, instance_of: InstanceOf, make_role: MakeRole, root: str, bucket: str
) -> None:
    """AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html#id_session-tags_role-chaining"""
    tagging = statements(
        {
            "Effect": "Allow",
            "Principal": {"AWS": root},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    )
    only_blue = allow("s3:GetObject", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}})
    instance = instance_of(allow("sts:AssumeRole", "sts:TagSession"))
    last = make_role(tagging, only_blue)
    first = make_role(tagging, allow("sts:*"))
    for team, transitive, outcome in (
        ("blue", ["Team"], None),
        ("blue", [], DENIED),
        ("red", ["Team"], DENIED),
    ):
        assumed = instance.client("sts").assume_role(
            RoleArn=first,
            RoleSessionName="work",
            Tags=[{"Key": "Team", "Value": team}],
            TransitiveTagKeys=transitive,
        )
        sts = client_of(system, "sts", assumed)
        s3 = client_of(system, "s3", sts.assume_role(RoleArn=last, RoleSessionName="work"))
        if outcome is None:
            assert s3.get_object(Bucket=bucket, Key="a")["Body"].read() == b"a"
        else:
            assert refusal(s3.get_object, Bucket=bucket, Key="a") == outcome


def test_a_key_tells_its_account(system: RunningSystem, admin: AdminClient) -> None:
    sts = admin("sts")
    assert sts.get_access_key_info(AccessKeyId=system.access_key_id)["Account"] == system.account_id
