"""What surrounds an instance: network, zones, types. One of each, nominal, the same wherever it is told."""

from dataclasses import replace
from operator import itemgetter

import pytest

from tabard.model.instance import InstanceState
from tabard.services.ec2.network.default_vpc import USABLE_ADDRESSES, default_vpc, network_interface_id
from tests.support.described_instances import ids, wanted
from tests.support.ec2_account import ACCOUNT_ID, REGION, Ec2Account

VPC = default_vpc(account_id=ACCOUNT_ID, region=REGION)

DESCRIBED = {
    "DescribeVpcs": ("Vpcs", "VpcId", VPC.vpc_id),
    "DescribeSubnets": ("Subnets", "SubnetId", VPC.subnet_id),
    "DescribeSecurityGroups": ("SecurityGroups", "GroupId", VPC.security_group_id),
    "DescribeAvailabilityZones": ("AvailabilityZones", "ZoneName", "us-east-1a"),
}
MISSING = [
    ("DescribeVpcs", {"VpcIds": ["vpc-1"]}, "InvalidVpcID.NotFound"),
    ("DescribeSubnets", {"SubnetIds": ["subnet-1"]}, "InvalidSubnetID.NotFound"),
    ("DescribeSecurityGroups", {"GroupIds": ["sg-1"]}, "InvalidGroup.NotFound"),
    ("DescribeSecurityGroups", {"GroupNames": ["web"]}, "InvalidGroup.NotFound"),
    ("DescribeNetworkInterfaces", {"NetworkInterfaceIds": ["eni-1"]}, "InvalidNetworkInterfaceID.NotFound"),
    ("DescribeVolumes", {"VolumeIds": ["vol-1"]}, "InvalidVolume.NotFound"),
    ("DescribeAvailabilityZones", {"ZoneNames": ["us-east-1b"]}, "InvalidParameterValue"),
    ("DescribeAvailabilityZones", {"ZoneIds": ["use1-az2"]}, "InvalidParameterValue"),
    ("DescribeRegions", {"RegionNames": ["us-east-9"]}, "InvalidParameterValue"),
    ("DescribeInstanceTypes", {"InstanceTypes": ["t9.nano", "t3.micro"]}, "InvalidInstanceType"),
    ("DescribeInstanceCreditSpecifications", {"InstanceIds": ["web"]}, "InvalidInstanceID.Malformed"),
]  # fmt: skip


@pytest.mark.parametrize("operation", DESCRIBED)
def test_there_is_one_of_each_and_its_id_is_the_one_that_instances_have(
    ec2: Ec2Account, operation: str
) -> None:
    listed, member, expected = DESCRIBED[operation]
    (shown,) = ec2.call(operation)[listed]
    assert shown[member] == expected
    (launched,) = ec2.launch()
    assert (launched["VpcId"], launched["SubnetId"]) == (VPC.vpc_id, VPC.subnet_id)


@pytest.mark.parametrize(("operation", "asked", "code"), MISSING)
def test_another_is_not_found(ec2: Ec2Account, operation: str, asked: dict[str, object], code: str) -> None:
    assert ec2.refused(operation, **asked)[:2] == (code, 400)


@pytest.mark.parametrize("operation", sorted({name for name, _, _ in MISSING}))
def test_describing_is_decided_about_and_can_be_tried(ec2: Ec2Account, operation: str) -> None:
    assert ec2.refused(operation, DryRun=True)[:2] == ("DryRunOperation", 412)
    nobody = ec2.account.add_user("nobody")
    assert ec2.refused(operation, as_=nobody)[0] == "UnauthorizedOperation"


@pytest.mark.parametrize(
    ("operation", "name", "value"),
    [
        ("DescribeVpcs", "is-default", "true"),
        ("DescribeVpcs", "isDefault", "true"),
        ("DescribeVpcs", "cidr", "172.31.0.0/16"),
        ("DescribeVpcs", "owner-id", ACCOUNT_ID),
        ("DescribeSubnets", "vpc-id", VPC.vpc_id),
        ("DescribeSubnets", "default-for-az", "true"),
        ("DescribeSubnets", "availabilityZone", "us-east-1a"),
        ("DescribeSubnets", "cidr-block", "172.31.0.0/20"),
        ("DescribeSubnets", "subnet-arn", f"*:subnet/{VPC.subnet_id}"),
        ("DescribeSecurityGroups", "group-name", "default"),
        ("DescribeSecurityGroups", "vpc-id", VPC.vpc_id),
        ("DescribeAvailabilityZones", "zone-id", "use1-az1"),
        ("DescribeAvailabilityZones", "state", "available"),
        ("DescribeAvailabilityZones", "opt-in-status", "opt-in-not-required"),
    ],
)
def test_filters_find_it_or_leave_it_out(ec2: Ec2Account, operation: str, name: str, value: str) -> None:
    listed = DESCRIBED[operation][0]
    assert len(ec2.call(operation, **wanted(name, value))[listed]) == 1
    assert ec2.call(operation, **wanted(name, "no such"))[listed] == []
    assert ec2.refused(operation, **wanted("nonsense", value))[0] == "InvalidParameterValue"


@pytest.mark.parametrize("operation", ["DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups"])
def test_they_have_no_tags(ec2: Ec2Account, operation: str) -> None:
    assert ec2.call(operation, **wanted("tag:Name", "*"))[DESCRIBED[operation][0]] == []


def test_a_subnet_says_how_many_addresses_it_still_has(ec2: Ec2Account) -> None:
    gone = ec2.launch_id()
    ec2.launch(MaxCount=2)
    ec2.set_state(gone, InstanceState.TERMINATED)
    (subnet,) = ec2.call("DescribeSubnets")["Subnets"]
    assert subnet["AvailableIpAddressCount"] == USABLE_ADDRESSES - 2


def test_an_instance_has_the_network_interface_that_its_metadata_tells(ec2: Ec2Account) -> None:
    (launched,) = ec2.launch()
    (shown,) = launched["NetworkInterfaces"]
    assert shown["NetworkInterfaceId"] == network_interface_id(launched["InstanceId"])
    assert shown["PrivateIpAddress"] == launched["PrivateIpAddress"]
    (described,) = ec2.call("DescribeNetworkInterfaces")["NetworkInterfaces"]
    assert described["Attachment"]["InstanceId"] == launched["InstanceId"]
    same = itemgetter("NetworkInterfaceId", "MacAddress", "PrivateIpAddresses", "Groups", "SubnetId", "VpcId")
    assert same(described) == same(shown)


def test_network_interfaces_are_found_by_id_and_filter_and_go_with_their_instance(ec2: Ec2Account) -> None:
    one, two = (each["InstanceId"] for each in ec2.launch(MaxCount=2))
    interface = network_interface_id(one)

    def found(**asked: object) -> list[str]:
        answer = ec2.call("DescribeNetworkInterfaces", **asked)
        return [each["Attachment"]["InstanceId"] for each in answer["NetworkInterfaces"]]

    assert found(NetworkInterfaceIds=[interface, interface]) == [one]
    assert found(**wanted("attachment.instance-id", two)) == [two]
    assert sorted(found(**wanted("vpc-id", VPC.vpc_id))) == sorted((one, two))
    ec2.set_state(one, InstanceState.TERMINATED)
    assert found() == [two]
    code = ec2.refused("DescribeNetworkInterfaces", NetworkInterfaceIds=[interface])[0]
    assert code == "InvalidNetworkInterfaceID.NotFound"


def test_there_are_no_volumes(ec2: Ec2Account) -> None:
    ec2.launch()
    assert ec2.call("DescribeVolumes") == {"Volumes": []}


def test_regions_are_awss_and_the_one_that_was_asked(ec2: Ec2Account) -> None:
    def names(answer: dict[str, list[dict[str, str]]]) -> list[str]:
        return [each["RegionName"] for each in answer["Regions"]]

    assert {"us-east-1", "eu-central-1"} <= set(names(ec2.call("DescribeRegions")))
    assert "cn-north-1" not in names(ec2.call("DescribeRegions"))
    assert "lab-1" in names(ec2.call_in("lab-1", "DescribeRegions"))
    assert names(ec2.call("DescribeRegions", RegionNames=["eu-west-1"])) == ["eu-west-1"]
    assert names(ec2.call("DescribeRegions", **wanted("region-name", "eu-west-?"))) == [
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
    ]


def test_an_instance_type_tells_what_follows_from_its_name(ec2: Ec2Account) -> None:
    asked = ["t3.micro", "m5.large", "m5.metal"]
    told = {
        each["InstanceType"]: (each["BurstablePerformanceSupported"], each["BareMetal"])
        for each in ec2.call("DescribeInstanceTypes", InstanceTypes=asked)["InstanceTypes"]
    }
    assert told == {"t3.micro": (True, False), "m5.large": (False, False), "m5.metal": (False, True)}


def test_instance_types_come_a_hundred_at_a_time(ec2: Ec2Account) -> None:
    first = ec2.call("DescribeInstanceTypes")
    assert len(first["InstanceTypes"]) == 100
    second = ec2.call("DescribeInstanceTypes", NextToken=first["NextToken"])
    assert first["InstanceTypes"][-1]["InstanceType"] < second["InstanceTypes"][0]["InstanceType"]
    assert ec2.refused("DescribeInstanceTypes", MaxResults=101)[0] == "InvalidParameterValue"
    burstable = ec2.call("DescribeInstanceTypes", **wanted("burstable-performance-supported", "true"))
    assert {each["InstanceType"].split(".")[0] for each in burstable["InstanceTypes"]} == {
        "t1", "t2", "t3", "t3a", "t4g",
    }  # fmt: skip


def test_the_credits_of_burstable_instances_are_unlimited(ec2: Ec2Account) -> None:
    burstable = ec2.launch_id(InstanceType="t3.micro", CreditSpecification={"CpuCredits": "unlimited"})
    steady = ec2.launch_id(InstanceType="m5.large")
    expected = [{"InstanceId": burstable, "CpuCredits": "unlimited"}]
    operation = "DescribeInstanceCreditSpecifications"
    assert ec2.call(operation)["InstanceCreditSpecifications"] == expected
    assert ec2.call(operation, InstanceIds=[burstable])["InstanceCreditSpecifications"] == expected
    assert ec2.refused(operation, InstanceIds=[burstable, steady])[0] == "InvalidParameterValue"


@pytest.mark.parametrize(("instance_type", "asked"), [("t3.micro", "standard"), ("m5.large", "unlimited")])
def test_credits_that_an_instance_would_not_have_are_refused(
    ec2: Ec2Account, instance_type: str, asked: str
) -> None:
    refused = ec2.refused_launch(InstanceType=instance_type, CreditSpecification={"CpuCredits": asked})
    assert refused[0] == "UnsupportedOperation"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("availability-zone-id", "use1-az1"),
        ("monitoring-state", "disabled"),
        ("network-interface.addresses.private-ip-address", "172.31.*"),
        ("network-interface.network-interface-id", "eni-*"),
        ("network-interface.subnet-id", VPC.subnet_id),
        ("platform-details", "Linux/UNIX"),
        ("root-device-name", "/dev/xvda"),
        ("source-dest-check", "true"),
    ],
)
def test_instances_are_found_by_what_surrounds_them(ec2: Ec2Account, name: str, value: str) -> None:
    instance_id = ec2.launch_id()
    assert ids(ec2.call("DescribeInstances", **wanted(name, value))) == [instance_id]
    assert ids(ec2.call("DescribeInstances", **wanted(name, "no such"))) == []


@pytest.mark.parametrize("name", ["platform", "ip-address", "spot-instance-request-id", "dns-name"])
def test_a_filter_of_awss_for_what_no_instance_here_has_finds_nothing(ec2: Ec2Account, name: str) -> None:
    ec2.launch()
    assert ids(ec2.call("DescribeInstances", **wanted(name, "*"))) == []


def test_the_reason_of_a_state_is_found(ec2: Ec2Account) -> None:
    ended, _ = (each["InstanceId"] for each in ec2.launch(MaxCount=2))
    ec2.call("TerminateInstances", InstanceIds=[ended])
    assert ids(ec2.call("DescribeInstances", **wanted("reason", "User initiated*"))) == [ended]


def test_pages_of_network_interfaces_follow_one_another(ec2: Ec2Account) -> None:
    launched = {each["InstanceId"] for each in ec2.launch(MaxCount=7)}
    first = ec2.call("DescribeNetworkInterfaces", MaxResults=5)
    second = ec2.call("DescribeNetworkInterfaces", MaxResults=5, NextToken=first["NextToken"])
    told = first["NetworkInterfaces"] + second["NetworkInterfaces"]
    assert [len(first["NetworkInterfaces"]), len(told)] == [5, 7]
    assert {each["Attachment"]["InstanceId"] for each in told} == launched
    for instance_id in launched:
        instance = ec2.instance(instance_id)
        with ec2.account.store.transaction() as tx:
            tx.instances.update(replace(instance, instance_type="t3.micro"))
    first = ec2.call("DescribeInstanceCreditSpecifications", MaxResults=5)
    assert len(first["InstanceCreditSpecifications"]) == 5
    assert "NextToken" in first
