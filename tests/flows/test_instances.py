"""Instances from their launch to their end, by plain boto3."""

import json
import sys
import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf, RunOnInstance
from tests.support.refusal import refusal, refusal_in_full
from tests.support.running_system import IMAGE_ID, SLEEPER, TRUST_EC2, RunningSystem, allow, fresh, until

pytestmark = pytest.mark.flow

QUICK = {"Delay": 1, "MaxAttempts": 30}
IDENTITY = """
import boto3, json, os, sys
session = boto3.Session()
print(json.dumps({
    "arn": session.client("sts").get_caller_identity()["Arn"],
    "method": session.get_credentials().method,
    "keys": [name for name in os.environ if "KEY" in name or "TOKEN" in name or "PROFILE" in name],
    "region": session.region_name,
}))
sys.exit(3)
"""


@pytest.fixture(scope="module")
def ec2(admin: AdminClient) -> BaseClient:
    return admin("ec2")


def described(ec2: BaseClient, instance_id: str) -> dict[str, Any]:
    found = ec2.describe_instances(InstanceIds=[instance_id])
    instance: dict[str, Any] = found["Reservations"][0]["Instances"][0]
    return instance


def metadata(endpoint: str, path: str) -> tuple[int, str]:
    """A metadata read as version 2 has it: token first."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    ask = urllib.request.Request(
        f"{endpoint}/latest/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )
    with opener.open(ask) as answer:
        token = answer.read().decode()
    headers = {"X-aws-ec2-metadata-token": token}
    try:
        with opener.open(urllib.request.Request(f"{endpoint}{path}", headers=headers)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, ""


def test_an_instance_without_keys_is_its_role_and_stops_by_itself(
    system: RunningSystem, ec2: BaseClient, run_on_instance: RunOnInstance
) -> None:
    profile = system.instance_profile_of(allow("s3:GetObject"))
    (said,) = run_on_instance(IDENTITY, instance_profile=profile)
    assert said["method"] == "iam-role"
    assert said["keys"] == []
    assert said["region"] == system.region
    arn, _, instance_id = said["arn"].rpartition("/")
    assert arn == f"arn:aws:sts::{system.account_id}:assumed-role/{profile}"
    instance = described(ec2, instance_id)
    assert instance["State"] == {"Code": 80, "Name": "stopped"}
    assert instance["StateReason"]["Code"] == "Client.InstanceInitiatedShutdown"
    assert "exit status 3" in instance["StateReason"]["Message"]


def test_an_instances_life(system: RunningSystem, ec2: BaseClient) -> None:
    profile = system.instance_profile_of()
    launched = ec2.run_instances(
        ImageId=IMAGE_ID,
        InstanceType="t3.micro",
        MinCount=2,
        MaxCount=2,
        IamInstanceProfile={"Name": profile},
        UserData=SLEEPER,
        ClientToken=fresh("token"),
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": profile}]}],
    )
    ids = [item["InstanceId"] for item in launched["Instances"]]
    assert len(set(ids)) == 2
    assert {item["State"]["Name"] for item in launched["Instances"]} == {"pending"}
    ec2.get_waiter("instance_exists").wait(InstanceIds=ids, WaiterConfig=QUICK)
    ec2.get_waiter("instance_running").wait(InstanceIds=ids, WaiterConfig=QUICK)
    instance = described(ec2, ids[0])
    assert instance["ImageId"] == IMAGE_ID
    assert instance["MetadataOptions"]["HttpTokens"] == "required"  # the image says ImdsSupport v2.0
    assert instance["IamInstanceProfile"]["Arn"].endswith(f":instance-profile/{profile}")
    assert instance["Tags"] == [{"Key": "Name", "Value": profile}]
    assert instance["PrivateIpAddress"]
    statuses = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
    assert {item["InstanceState"]["Name"] for item in statuses} == {"running"}
    ec2.get_waiter("instance_status_ok").wait(InstanceIds=ids, WaiterConfig=QUICK)
    named = ec2.describe_instances(Filters=[{"Name": "tag:Name", "Values": [profile]}])
    assert sorted(item["InstanceId"] for item in named["Reservations"][0]["Instances"]) == sorted(ids)
    ended = ec2.terminate_instances(InstanceIds=ids)["TerminatingInstances"]
    assert {item["PreviousState"]["Name"] for item in ended} == {"running"}
    assert {item["CurrentState"]["Name"] for item in ended} == {"shutting-down"}
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids, WaiterConfig=QUICK)
    assert described(ec2, ids[0])["State"] == {"Code": 48, "Name": "terminated"}


def test_what_surrounds_an_instance_is_described(system: RunningSystem, ec2: BaseClient) -> None:
    instance_id = system.launch(SLEEPER, instance_profile=None, InstanceType="t3.micro").instance_id
    instance = described(ec2, instance_id)
    (vpc,) = ec2.describe_vpcs(VpcIds=[instance["VpcId"]])["Vpcs"]
    (subnet,) = ec2.describe_subnets(SubnetIds=[instance["SubnetId"]])["Subnets"]
    groups = [group["GroupId"] for group in instance["SecurityGroups"]]
    (group,) = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    assert vpc["VpcId"] == subnet["VpcId"] == group["VpcId"]
    (zone,) = ec2.describe_availability_zones()["AvailabilityZones"]
    assert zone["ZoneName"] == subnet["AvailabilityZone"] == instance["Placement"]["AvailabilityZone"]
    regions = [region["RegionName"] for region in ec2.describe_regions()["Regions"]]
    assert zone["RegionName"] in regions
    of_this = [{"Name": "attachment.instance-id", "Values": [instance_id]}]
    (interface,) = ec2.describe_network_interfaces(Filters=of_this)["NetworkInterfaces"]
    assert interface["NetworkInterfaceId"] == instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert ec2.describe_volumes()["Volumes"] == []
    (kind,) = ec2.describe_instance_types(InstanceTypes=["t3.micro"])["InstanceTypes"]
    assert kind["BurstablePerformanceSupported"]
    (credits_,) = ec2.describe_instance_credit_specifications(InstanceIds=[instance_id])[
        "InstanceCreditSpecifications"
    ]
    assert credits_["CpuCredits"] == "unlimited"
    ec2.terminate_instances(InstanceIds=[instance_id])


def test_instances_are_described_in_pages(system: RunningSystem, ec2: BaseClient) -> None:
    tag = fresh("paged")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "set", "Value": tag}]}]
    launched = {
        system.launch("", instance_profile=None, TagSpecifications=tags).instance_id for _ in range(6)
    }
    pages = list(
        ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": "tag:set", "Values": [tag]}], PaginationConfig={"PageSize": 5}
        )
    )
    found = [item["InstanceId"] for page in pages for item in reservations(page)]
    assert sorted(found) == sorted(launched)
    assert len(pages) == 2
    ec2.terminate_instances(InstanceIds=found)


def reservations(page: dict[str, Any]) -> list[dict[str, Any]]:
    return [instance for reservation in page["Reservations"] for instance in reservation["Instances"]]


def test_the_seeded_images(ec2: BaseClient, system: RunningSystem) -> None:
    images = {image["ImageId"]: image for image in ec2.describe_images(Owners=["self"])["Images"]}
    assert IMAGE_ID in images
    for image in images.values():
        assert (image["State"], image["ImdsSupport"]) == ("available", "v2.0")
        assert image["OwnerId"] == system.account_id
    absent = refusal(ec2.describe_images, ImageIds=["ami-0123456789abcdef0"])
    assert absent == ("InvalidAMIID.NotFound", 400)


def test_the_same_client_token_launches_once(ec2: BaseClient) -> None:
    token = fresh("once")
    arguments: dict[str, Any] = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, "ClientToken": token}
    first, second = (ec2.run_instances(**arguments)["Instances"][0]["InstanceId"] for _ in range(2))
    assert first == second
    changed = refusal(ec2.run_instances, **{**arguments, "UserData": "other"})
    assert changed == ("IdempotentParameterMismatch", 400)
    ec2.terminate_instances(InstanceIds=[first])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ImageId": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"ImageId": "image"}, "InvalidAMIID.Malformed"),
        ({"IamInstanceProfile": {"Name": "no-such-profile"}}, "InvalidParameterValue"),
        ({"MinCount": 2}, "InvalidParameterCombination"),
        ({"MinCount": 0}, "InvalidParameterValue"),
        ({"UserData": "x" * 16_385}, "InvalidParameterValue"),
        ({"KeyName": "mine"}, None),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_launches_that_cannot_be(ec2: BaseClient, changes: dict[str, object], code: str | None) -> None:
    arguments = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, **changes}
    found, _, message = refusal_in_full(ec2.run_instances, **arguments)
    assert code in (None, found), message
    assert message


def test_user_data_reaches_its_instance_as_it_was_sent(
    system: RunningSystem, run_on_instance: RunOnInstance
) -> None:
    source = """
import json, os, urllib.request
base = os.environ["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
def ask(path, method="GET", **headers):
    request = urllib.request.Request(base + path, method=method, headers=headers)
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request).read().decode()
token = ask("/latest/api/token", "PUT", **{"X-aws-ec2-metadata-token-ttl-seconds": "60"})
print(json.dumps({"user-data": ask("/latest/user-data", **{"X-aws-ec2-metadata-token": token})}))
# ümlaut
"""
    (said,) = run_on_instance(source)
    assert said["user-data"] == f"#!{sys.executable}\n{source}"


def test_a_launch_passes_a_role_only_with_pass_role(system: RunningSystem, instance_of: InstanceOf) -> None:
    """AWS: iam:PassRole on the role of the instance profile, with iam:PassedToService.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    profile, other = system.instance_profile_of(), system.instance_profile_of()
    roles = f"arn:aws:iam::{system.account_id}:role"
    condition = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    launcher = instance_of(
        allow("ec2:RunInstances", "ec2:TerminateInstances", "ec2:AssociateIamInstanceProfile"),
        allow("iam:PassRole", on=f"{roles}/{profile}", Condition=condition),
    ).client("ec2")
    launch: dict[str, Any] = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1}
    code, status, message = refusal_in_full(
        launcher.run_instances, **launch, IamInstanceProfile={"Name": other}
    )
    assert (code, status) == ("UnauthorizedOperation", 403)
    assert f"iam:PassRole on resource: {roles}/{other}" in message.replace('"', "")
    # EC2 tells more in a message that only who may ask STS can read.
    decode = {"EncodedMessage": message.rpartition("Encoded authorization failure message: ")[2]}
    decoded = json.loads(system.client("sts").decode_authorization_message(**decode)["DecodedMessage"])
    assert (decoded["allowed"], decoded["explicitDeny"]) == (False, False)
    assert decoded["context"]["action"] == "iam:PassRole"
    assert decoded["context"]["resource"] == f"{roles}/{other}"
    allowed = launcher.run_instances(**launch, IamInstanceProfile={"Name": profile})["Instances"][0]
    bare = launcher.run_instances(**launch)["Instances"][0]
    association = {"InstanceId": bare["InstanceId"], "IamInstanceProfile": {"Name": other}}
    denied = refusal(launcher.associate_iam_instance_profile, **association)
    assert denied == ("UnauthorizedOperation", 403)
    system.client("ec2").get_waiter("instance_running").wait(
        InstanceIds=[bare["InstanceId"]], WaiterConfig=QUICK
    )
    launcher.associate_iam_instance_profile(
        InstanceId=bare["InstanceId"], IamInstanceProfile={"Name": profile}
    )
    launcher.terminate_instances(InstanceIds=[allowed["InstanceId"], bare["InstanceId"]])


def test_putting_a_role_into_an_instance_profile_passes_it(
    system: RunningSystem, admin: AdminClient, instance_of: InstanceOf
) -> None:
    iam = admin("iam")
    mine, theirs = fresh("mine"), fresh("theirs")
    for name in (mine, theirs):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST_EC2))
    iam.create_instance_profile(InstanceProfileName=mine)
    limited = instance_of(
        allow("iam:AddRoleToInstanceProfile"),
        allow("iam:PassRole", on=f"arn:aws:iam::{system.account_id}:role/{mine}"),
    ).client("iam")
    denied = refusal(limited.add_role_to_instance_profile, InstanceProfileName=mine, RoleName=theirs)
    assert denied == ("AccessDenied", 403)
    limited.add_role_to_instance_profile(InstanceProfileName=mine, RoleName=mine)
    assert refusal(limited.create_role, RoleName=mine, AssumeRolePolicyDocument="{}")[0] == "AccessDenied"


def test_an_association_is_made_and_ended(
    system: RunningSystem, ec2: BaseClient, instance_of: InstanceOf, admin: AdminClient
) -> None:
    instance = instance_of()
    associations = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [instance.instance_id]}]
    )["IamInstanceProfileAssociations"]
    assert [item["State"] for item in associations] == ["associated"]
    client = instance.client("sts")
    client.get_caller_identity()
    again = refusal(
        ec2.associate_iam_instance_profile,
        InstanceId=instance.instance_id,
        IamInstanceProfile={"Name": instance.instance_profile},
    )
    assert again == ("IncorrectState", 400)
    association_id = associations[0]["AssociationId"]
    ended = ec2.disassociate_iam_instance_profile(AssociationId=association_id)
    assert ended["IamInstanceProfileAssociation"]["State"] == "disassociating"
    listing = "/latest/meta-data/iam/security-credentials/"
    until(lambda: metadata(instance.metadata_endpoint(), listing)[0] == 404, "the metadata has no role")
    assert metadata(instance.metadata_endpoint(), "/latest/meta-data/iam/info")[0] == 404
    assert metadata(instance.metadata_endpoint(), "/latest/meta-data/instance-id") == (
        200,
        instance.instance_id,
    )
    assert instance.session().credentials is None
    other = system.instance_profile_of()
    ec2.associate_iam_instance_profile(InstanceId=instance.instance_id, IamInstanceProfile={"Name": other})
    until(lambda: metadata(instance.metadata_endpoint(), listing) == (200, other), "the metadata has a role")
    arn = instance.client("sts").get_caller_identity()["Arn"]
    assert arn.endswith(f":assumed-role/{other}/{instance.instance_id}")


def test_a_role_is_swapped_in_the_instance_profile(
    system: RunningSystem, admin: AdminClient, instance_of: InstanceOf
) -> None:
    instance, other = instance_of(), system.instance_profile_of(allow("s3:ListAllMyBuckets"))
    assert refusal(instance.client("s3").list_buckets) == ("AccessDenied", 403)
    iam, profile = admin("iam"), instance.instance_profile
    iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=profile)
    iam.add_role_to_instance_profile(InstanceProfileName=profile, RoleName=other)
    listing = "/latest/meta-data/iam/security-credentials/"
    until(lambda: metadata(instance.metadata_endpoint(), listing) == (200, other), "the other role is there")
    instance.client("s3").list_buckets()


def test_associations_are_described_in_pages(system: RunningSystem, ec2: BaseClient) -> None:
    profile = system.instance_profile_of()
    instances = [system.launch("", instance_profile=profile).instance_id for _ in range(3)]
    pages = ec2.get_paginator("describe_iam_instance_profile_associations").paginate(
        Filters=[{"Name": "instance-id", "Values": instances}], PaginationConfig={"PageSize": 5}
    )
    found = [item["InstanceId"] for page in pages for item in page["IamInstanceProfileAssociations"]]
    assert sorted(found) == sorted(instances)
    ec2.terminate_instances(InstanceIds=instances)


def test_what_is_not_offered_is_refused(ec2: BaseClient) -> None:
    assert refusal(ec2.describe_snapshots) == ("InvalidAction", 400)
    assert refusal(ec2.create_vpc, CidrBlock="10.0.0.0/16") == ("InvalidAction", 400)
