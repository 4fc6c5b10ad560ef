"""Describe and terminate instances; images; instance status; what is forgotten when."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tabard.errors import AwsError
from tabard.model.association import AssociationState
from tabard.model.instance import InstanceState
from tabard.services.ec2.instances.lifecycle import SESSIONS_OUTLIVE_INSTANCES, purge_terminated
from tabard.services.ec2.launch.images import PROCESS_IMAGE
from tabard.services.ec2.network.default_vpc import SUBNET_CIDR, default_vpc
from tests.support.described_instances import ids, wanted
from tests.support.ec2_account import (
    ACCOUNT_ID,
    HOST_ID,
    IMAGE_ID,
    REGION,
    UNKNOWN_INSTANCE,
    Ec2Account,
    policy,
)

VPC = default_vpc(account_id=ACCOUNT_ID, region=REGION)
UNKNOWN_TOO = "i-00000001"


def test_instances_are_described_by_reservation_oldest_first(ec2: Ec2Account) -> None:
    first = [each["InstanceId"] for each in ec2.launch(MaxCount=2)]
    ec2.account.now += timedelta(seconds=1)
    second = [each["InstanceId"] for each in ec2.launch(MaxCount=2)]
    answer = ec2.call("DescribeInstances")
    assert [[each["InstanceId"] for each in held["Instances"]] for held in answer["Reservations"]] == [
        first,
        second,
    ]
    assert {held["OwnerId"] for held in answer["Reservations"]} == {ACCOUNT_ID}
    assert "NextToken" not in answer
    assert ids(ec2.call("DescribeInstances", InstanceIds=[second[1], first[0], second[1]])) == [
        first[0],
        second[1],
    ]


def test_a_described_instance_is_what_was_launched(ec2: Ec2Account) -> None:
    web = ec2.instance_profile("web")
    launched = ec2.launch(IamInstanceProfile={"Name": "web"}, ClientToken="once")
    described = ec2.call("DescribeInstances")["Reservations"][0]["Instances"]
    assert described == launched
    assert described[0]["IamInstanceProfile"] == {"Arn": web.arn, "Id": web.instance_profile_id}
    assert described[0]["ClientToken"] == "once"
    assert described[0]["LaunchTime"] == ec2.account.now


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("architecture", "x86_64"),
        ("availability-zone", "us-east-1a"),
        ("client-token", "once"),
        ("host-id", HOST_ID),
        ("iam-instance-profile.arn", "*:instance-profile/web"),
        ("iam-instance-profile.id", "AIPA*"),
        ("image-id", IMAGE_ID),
        ("instance-state-code", "16"),
        ("instance-state-name", "running"),
        ("instance-type", "t3.*"),
        ("instance.group-id", VPC.security_group_id),
        ("instance.group-name", "default"),
        ("launch-index", "0"),
        ("launch-time", "2026-01-31T*"),
        ("metadata-options.http-endpoint", "enabled"),
        ("metadata-options.http-protocol-ipv6", "disabled"),
        ("metadata-options.http-put-response-hop-limit", "2"),
        ("metadata-options.http-tokens", "required"),
        ("metadata-options.instance-metadata-tags", "disabled"),
        ("metadata-options.state", "applied"),
        ("owner-id", ACCOUNT_ID),
        ("private-dns-name", "ip-172-31-*"),
        ("private-ip-address", "172.31.*"),
        ("reservation-id", "r-*"),
        ("root-device-type", "ebs"),
        ("state-reason-code", "Client.*"),
        ("state-reason-message", "*shutdown"),
        ("subnet-id", VPC.subnet_id),
        ("tag-key", "team"),
        ("tag:team", "a"),
        ("tenancy", "default"),
        ("virtualization-type", "hvm"),
        ("vpc-id", VPC.vpc_id),
    ],
)
def test_each_filter_finds_what_has_its_value_and_nothing_else(
    ec2: Ec2Account, name: str, value: str
) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(
        ClientToken="once",
        InstanceType="t3.micro",
        IamInstanceProfile={"Name": "web"},
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}],
    )
    if name.startswith("state-reason"):
        ec2.call("TerminateInstances", InstanceIds=[instance_id])
    else:
        ec2.set_state(instance_id, InstanceState.RUNNING)
    assert ids(ec2.call("DescribeInstances", **wanted(name, "no such", value))) == [instance_id]
    assert ids(ec2.call("DescribeInstances", **wanted(name, "no such"))) == []


@pytest.mark.parametrize(
    "name", ["vpc-id", "subnet-id", "private-ip-address", "private-dns-name", "instance.group-id"]
)
def test_a_terminated_instance_has_no_network_any_more(ec2: Ec2Account, name: str) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.TERMINATED)
    assert ids(ec2.call("DescribeInstances", **wanted(name, "*"))) == []
    (shown,) = ec2.call("DescribeInstances")["Reservations"][0]["Instances"]
    assert "PrivateIpAddress" not in shown
    assert "VpcId" not in shown


def test_a_client_token_that_was_not_given_matches_nothing(ec2: Ec2Account) -> None:
    ec2.launch()
    assert ids(ec2.call("DescribeInstances", **wanted("client-token", "*"))) == []
    assert ids(ec2.call("DescribeInstances", **wanted("iam-instance-profile.arn", "*"))) == []


@pytest.mark.parametrize("operation", ["DescribeInstances", "DescribeInstanceStatus"])
@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        (
            {"InstanceIds": [UNKNOWN_INSTANCE]},
            "InvalidInstanceID.NotFound",
            f"The instance ID '{UNKNOWN_INSTANCE}' does not exist",
        ),
        (
            {"InstanceIds": [UNKNOWN_INSTANCE, UNKNOWN_TOO]},
            "InvalidInstanceID.NotFound",
            f"The instance IDs '{UNKNOWN_INSTANCE}, {UNKNOWN_TOO}' do not exist",
        ),
        ({"InstanceIds": ["web"]}, "InvalidInstanceID.Malformed", 'Invalid id: "web" (expecting "i-...")'),
        (
            {"InstanceIds": [UNKNOWN_INSTANCE], "MaxResults": 5},
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ),
        (wanted("nonsense", "x"), "InvalidParameterValue", "The filter 'nonsense' is invalid"),
        (
            {"MaxResults": 4},
            "InvalidParameterValue",
            "Value ( 4 ) for parameter maxResults is invalid. Expecting a value greater than or equal to 5.",
        ),
        (
            {"NextToken": "x"},
            "InvalidNextToken",
            "The specified NextToken is not valid. Use the token of the previous answer, unchanged.",
        ),
    ],
)
def test_what_cannot_be_described(
    ec2: Ec2Account, operation: str, asked: dict[str, object], code: str, sentence: str
) -> None:
    assert ec2.refused(operation, **asked) == (code, 400, sentence)


@pytest.mark.parametrize(
    "operation", ["DescribeInstances", "DescribeInstanceStatus", "DescribeImages", "TerminateInstances"]
)
def test_dry_run(ec2: Ec2Account, operation: str) -> None:
    asked: dict[str, object] = {"DryRun": True}
    if operation == "TerminateInstances":
        asked["InstanceIds"] = [ec2.launch_id()]
    assert ec2.refused(operation, **asked)[:2] == ("DryRunOperation", 412)
    nobody = ec2.account.add_user("nobody")
    assert ec2.refused(operation, as_=nobody, **asked)[0] == "UnauthorizedOperation"
    assert all(each.state is InstanceState.PENDING for each in ec2.snapshot.instances.values())


def test_pages_of_instances_show_each_once(ec2: Ec2Account) -> None:
    launched = [each["InstanceId"] for _ in range(3) for each in ec2.launch(MaxCount=4)]
    found: list[str] = []
    asked: dict[str, object] = {"MaxResults": 5}
    while True:
        answer = ec2.call("DescribeInstances", **asked)
        found += ids(answer)
        if "NextToken" not in answer:
            break
        asked["NextToken"] = answer["NextToken"]
    assert sorted(found) == sorted(launched)


def test_an_instance_answers_in_its_own_region_alone(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    assert ids(ec2.call_in("eu-west-1", "DescribeInstances")) == []
    for operation in ("DescribeInstances", "TerminateInstances"):
        with pytest.raises(AwsError) as raised:
            ec2.call_in("eu-west-1", operation, InstanceIds=[instance_id])
        assert raised.value.error_code == "InvalidInstanceID.NotFound"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("pending", "shutting-down"),
        ("running", "shutting-down"),
        ("stopping", "shutting-down"),
        ("stopped", "shutting-down"),
        ("shutting-down", "shutting-down"),
        ("terminated", "terminated"),
    ],
)
def test_terminating_from_each_state(ec2: Ec2Account, before: str, after: str) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(before))
    answer = ec2.call("TerminateInstances", InstanceIds=[instance_id, instance_id])
    (change,) = answer["TerminatingInstances"]
    assert change["InstanceId"] == instance_id
    assert change["PreviousState"]["Name"] == before
    assert change["CurrentState"]["Name"] == after
    assert ec2.instance(instance_id).state == after


def test_terminating_ends_the_association_and_every_session(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    ec2.call("TerminateInstances", InstanceIds=[instance_id])
    assert ec2.association_of(instance_id).state is AssociationState.DISASSOCIATED
    assert ec2.call("DescribeIamInstanceProfileAssociations")["IamInstanceProfileAssociations"] == []
    revoked_at = ec2.snapshot.revoked_at("instance", instance_id)
    assert revoked_at is not None
    assert revoked_at >= ec2.account.now + timedelta(hours=12)
    (shown,) = ec2.call("DescribeInstances")["Reservations"][0]["Instances"]
    assert "IamInstanceProfile" not in shown
    assert shown["StateReason"]["Code"] == "Client.UserInitiatedShutdown"
    assert shown["StateTransitionReason"] == "User initiated (2026-01-31 12:00:00 GMT)"


@pytest.mark.parametrize(
    ("instance_ids", "code"),
    [
        ([], "MissingParameter"),
        ([UNKNOWN_INSTANCE], "InvalidInstanceID.NotFound"),
        (["web"], "InvalidInstanceID.Malformed"),
    ],
)
def test_all_or_none_are_terminated(ec2: Ec2Account, instance_ids: list[str], code: str) -> None:
    mine = ec2.launch_id()
    asked = [mine, *instance_ids] if instance_ids else []
    assert ec2.refused("TerminateInstances", InstanceIds=asked)[:2] == (code, 400)
    assert ec2.instance(mine).state is InstanceState.PENDING


def test_each_instance_to_terminate_is_checked_by_what_it_is(ec2: Ec2Account) -> None:
    tagged = ec2.launch_id(
        InstanceType="t3.micro",
        TagSpecifications=[{"ResourceType": "instance", "Tags": [{"Key": "Team", "Value": "a"}]}],
    )
    other = ec2.launch_id()
    terminator = ec2.account.add_user(
        "terminator",
        policy(
            Action="ec2:TerminateInstances",
            Resource=f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/*",
            Condition={
                "StringEquals": {
                    "aws:ResourceTag/Team": "a",
                    "ec2:ResourceTag/Team": "a",
                    "ec2:InstanceType": "t3.micro",
                    "ec2:MetadataHttpTokens": "required",
                    "ec2:Region": REGION,
                }
            },
        ),
    )
    code, _, message = ec2.refused("TerminateInstances", as_=terminator, InstanceIds=[tagged, other])
    assert code == "UnauthorizedOperation"
    assert other in message
    assert ec2.refused("TerminateInstances", as_=terminator, InstanceIds=[UNKNOWN_INSTANCE])[0] == code
    assert ec2.call("TerminateInstances", as_=terminator, InstanceIds=[tagged])


def test_terminated_instances_are_forgotten_after_an_hour(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    gone, kept = ec2.launch_id(IamInstanceProfile={"Name": "web"}), ec2.launch_id()
    ec2.call("TerminateInstances", InstanceIds=[gone])
    ec2.set_state(gone, InstanceState.TERMINATED)
    for minutes, forgotten in ((59, 0), (61, 1), (62, 0)):
        with ec2.account.store.transaction() as tx:
            assert purge_terminated(tx, ec2.account.now + timedelta(minutes=minutes)) == forgotten
    assert list(ec2.snapshot.instances) == [kept]
    assert not ec2.snapshot.associations


def test_a_full_subnet_takes_no_more(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    addresses = [str(address) for address in SUBNET_CIDR][4:-1]
    with ec2.account.store.transaction() as tx:
        instance = tx.instances.get(instance_id)
        for number, address in enumerate(addresses):
            filler = replace(instance, instance_id=f"i-{number:017x}", private_ip_address=address)
            tx.instances.rows[filler.instance_id] = filler
    code, status, message = ec2.refused_launch()
    assert (code, status) == ("InsufficientFreeAddressesInSubnet", 400)
    assert VPC.subnet_id in message


def test_an_address_is_used_again_only_after_its_instance_has_ended(ec2: Ec2Account) -> None:
    first = ec2.launch(MaxCount=100)
    second = ec2.launch(MaxCount=100)
    assert len({each["PrivateIpAddress"] for each in first + second}) == 200


@pytest.mark.parametrize(
    ("state", "silent", "status"),
    [
        ("pending", False, "initializing"),
        ("running", False, "ok"),
        ("running", True, "impaired"),
        ("stopped", False, "not-applicable"),
    ],
)
def test_instance_status(ec2: Ec2Account, state: str, silent: bool, status: str) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(state))
    if silent:
        ec2.account.now += timedelta(minutes=4)
    running = ec2.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert [each["InstanceId"] for each in running] == ([instance_id] if state == "running" else [])
    everything = {"IncludeAllInstances": True, **wanted("instance-status.status", status)}
    (shown,) = ec2.call("DescribeInstanceStatus", **everything)["InstanceStatuses"]
    assert shown["InstanceState"]["Name"] == state
    assert shown["InstanceStatus"]["Status"] == shown["SystemStatus"]["Status"] == status
    by_state = {"IncludeAllInstances": True, **wanted("instance-state-name", "terminated")}
    assert ec2.call("DescribeInstanceStatus", **by_state)["InstanceStatuses"] == []


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, True),
        ({"ImageIds": [IMAGE_ID]}, True),
        ({"Owners": ["self"]}, True),
        ({"Owners": [ACCOUNT_ID]}, True),
        ({"Owners": ["amazon"]}, False),
        ({"ExecutableUsers": ["all"]}, False),
        (wanted("name", "tabard-*"), True),
        (wanted("imds-support", "v2.0"), True),
        (wanted("state", "available"), True),
        (wanted("image-id", IMAGE_ID), True),
        (wanted("architecture", "arm64"), False),
        (wanted("creation-date", "2026-*"), True),
        (wanted("description", "*process*"), True),
        (wanted("image-type", "machine"), True),
        (wanted("is-public", "true"), False),
        (wanted("owner-id", ACCOUNT_ID), True),
        (wanted("root-device-type", "ebs"), True),
        (wanted("virtualization-type", "hvm"), True),
    ],
)
def test_images(ec2: Ec2Account, asked: dict[str, object], found: bool) -> None:
    images = ec2.call("DescribeImages", **asked)["Images"]
    assert [each["ImageId"] for each in images] == ([IMAGE_ID] if found else [])


def test_the_process_image_says_what_it_is(ec2: Ec2Account) -> None:
    (image,) = ec2.call("DescribeImages", MaxResults=1)["Images"]
    assert image["Name"] == "tabard-process"
    assert image["ImdsSupport"] == "v2.0"
    assert image["Public"] is False
    assert image["CreationDate"] == "2026-11-01T00:00:00.000Z"


def test_pages_of_images(ec2: Ec2Account) -> None:
    with ec2.account.store.transaction() as tx:
        tx.images.insert(replace(PROCESS_IMAGE, image_id="ami-fffffffffffffffff", imds_support=""))
    first = ec2.call("DescribeImages", MaxResults=1)
    second = ec2.call("DescribeImages", MaxResults=1, NextToken=first["NextToken"])
    assert [first["Images"][0]["ImageId"], second["Images"][0]["ImageId"]] == [
        IMAGE_ID,
        "ami-fffffffffffffffff",
    ]
    assert "ImdsSupport" not in second["Images"][0]
    assert "NextToken" not in second


def test_an_image_without_imds_support_leaves_tokens_optional(ec2: Ec2Account) -> None:
    with ec2.account.store.transaction() as tx:
        tx.images.insert(replace(PROCESS_IMAGE, image_id="ami-fffffffffffffffff", imds_support=""))
    (shown,) = ec2.launch(ImageId="ami-fffffffffffffffff")
    assert shown["MetadataOptions"]["HttpTokens"] == "optional"
    assert shown["MetadataOptions"]["HttpPutResponseHopLimit"] == 1


@pytest.mark.parametrize(
    ("asked", "code", "sentence"),
    [
        ({"ImageIds": ["debian"]}, "InvalidAMIID.Malformed", 'Invalid id: "debian" (expecting "ami-...")'),
        (
            {"ImageIds": ["ami-00000000"]},
            "InvalidAMIID.NotFound",
            "The image id '[ami-00000000]' does not exist",
        ),
        (
            {"ImageIds": ["ami-00000000", "ami-00000001"]},
            "InvalidAMIID.NotFound",
            "The image ids '[ami-00000000, ami-00000001]' do not exist",
        ),
        (wanted("nonsense", "x"), "InvalidParameterValue", "The filter 'nonsense' is invalid"),
    ],
)
def test_images_that_cannot_be_described(
    ec2: Ec2Account, asked: dict[str, object], code: str, sentence: str
) -> None:
    assert ec2.refused("DescribeImages", **asked) == (code, 400, sentence)


def test_sessions_outlive_a_terminated_instance_where_the_installation_is_set_to(ec2: Ec2Account) -> None:
    kept, ended = ec2.launch_id(), ec2.launch_id()
    ec2.call("TerminateInstances", InstanceIds=[ended])
    with ec2.account.store.transaction() as tx:
        tx.installation.put(SESSIONS_OUTLIVE_INSTANCES, "yes")
    ec2.call("TerminateInstances", InstanceIds=[kept])
    assert ec2.snapshot.revoked_at("instance", ended) is not None
    assert ec2.snapshot.revoked_at("instance", kept) is None
