"""The attributes of an instance, described and changed."""

import base64

import pytest

from tabard.model.instance import InstanceState
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy

SCRIPT = b"#!/bin/sh\nexit 0\n"
ENCODED = base64.b64encode(SCRIPT).decode()


@pytest.fixture
def stopped(ec2: Ec2Account) -> str:
    instance_id = ec2.launch_id(InstanceType="t3.micro", UserData=ENCODED)
    ec2.set_state(instance_id, InstanceState.STOPPED)
    return instance_id


@pytest.mark.parametrize(
    ("attribute", "told"),
    [
        ("instanceType", {"InstanceType": {"Value": "t3.micro"}}),
        ("userData", {"UserData": {"Value": ENCODED}}),
        ("kernel", {"KernelId": {}}),
        ("ramdisk", {"RamdiskId": {}}),
        ("disableApiTermination", {"DisableApiTermination": {"Value": False}}),
        ("disableApiStop", {"DisableApiStop": {"Value": False}}),
        ("instanceInitiatedShutdownBehavior", {"InstanceInitiatedShutdownBehavior": {"Value": "stop"}}),
        ("rootDeviceName", {"RootDeviceName": {"Value": "/dev/xvda"}}),
        ("blockDeviceMapping", {"BlockDeviceMappings": []}),
        ("productCodes", {"ProductCodes": []}),
        ("sourceDestCheck", {"SourceDestCheck": {"Value": True}}),
        ("ebsOptimized", {"EbsOptimized": {"Value": False}}),
        ("sriovNetSupport", {"SriovNetSupport": {"Value": "simple"}}),
        ("enaSupport", {"EnaSupport": {"Value": True}}),
        ("enclaveOptions", {"EnclaveOptions": {"Enabled": False}}),
    ],
)
def test_an_attribute_is_described(
    ec2: Ec2Account, stopped: str, attribute: str, told: dict[str, object]
) -> None:
    answer = ec2.call("DescribeInstanceAttribute", InstanceId=stopped, Attribute=attribute)
    assert answer == {"InstanceId": stopped, **told}


def test_the_groups_are_those_of_the_instance(ec2: Ec2Account, stopped: str) -> None:
    (told,) = ec2.call("DescribeInstanceAttribute", InstanceId=stopped, Attribute="groupSet")["Groups"]
    shown = ec2.call("DescribeInstances")["Reservations"][0]["Instances"][0]["SecurityGroups"]
    assert shown == [told]
    ec2.call("ModifyInstanceAttribute", InstanceId=stopped, Groups=[told["GroupId"]])
    refused = ec2.refused("ModifyInstanceAttribute", InstanceId=stopped, Groups=["sg-0123456789abcdef0"])
    assert refused[0] == "InvalidGroup.NotFound"


def test_without_user_data_there_is_no_value(ec2: Ec2Account) -> None:
    told = ec2.call("DescribeInstanceAttribute", InstanceId=ec2.launch_id(), Attribute="userData")
    assert told["UserData"] == {}


@pytest.mark.parametrize(
    "arguments",
    [
        {"UserData": {"Value": b"#!/bin/sh\n"}},
        {"Attribute": "userData", "Value": base64.b64encode(b"#!/bin/sh\n").decode()},
    ],
    ids=str,
)
def test_user_data_of_a_stopped_instance_is_changed(
    ec2: Ec2Account, stopped: str, arguments: dict[str, object]
) -> None:
    assert ec2.call("ModifyInstanceAttribute", InstanceId=stopped, **arguments) == {}
    assert ec2.instance(stopped).user_data == b"#!/bin/sh\n"


@pytest.mark.parametrize(
    "arguments",
    [{"InstanceType": {"Value": "m5.large"}}, {"Attribute": "instanceType", "Value": "m5.large"}],
    ids=str,
)
def test_the_type_of_a_stopped_instance_is_changed(
    ec2: Ec2Account, stopped: str, arguments: dict[str, object]
) -> None:
    ec2.call("ModifyInstanceAttribute", InstanceId=stopped, **arguments)
    assert ec2.instance(stopped).instance_type == "m5.large"


@pytest.mark.parametrize(
    "arguments", [{"UserData": {"Value": b"x"}}, {"InstanceType": {"Value": "m5.large"}}], ids=str
)
def test_a_running_instance_keeps_them(ec2: Ec2Account, stopped: str, arguments: dict[str, object]) -> None:
    ec2.set_state(stopped, InstanceState.RUNNING)
    before = ec2.instance(stopped)
    code, _, sentence = ec2.refused("ModifyInstanceAttribute", InstanceId=stopped, **arguments)
    assert (code, "'stopped'" in sentence) == ("IncorrectInstanceState", True)
    assert ec2.instance(stopped) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "InvalidParameterCombination"),
        ({"UserData": {"Value": b""}, "InstanceType": {"Value": "m5.large"}}, "InvalidParameterCombination"),
        ({"UserData": {"Value": b"x" * 16_385}}, "InvalidParameterValue"),
        ({"Attribute": "userData", "Value": "%"}, "InvalidParameterValue"),
        ({"InstanceType": {"Value": "m5.tiny"}}, "InvalidParameterValue"),
        ({"Attribute": "color", "Value": "red"}, "InvalidParameterValue"),
        ({"Attribute": "sourceDestCheck", "Value": "maybe"}, "InvalidParameterValue"),
        ({"Attribute": "kernel", "Value": "aki-1"}, "UnsupportedOperation"),
        ({"SourceDestCheck": {"Value": False}}, "UnsupportedOperation"),
        ({"EnclaveOptions": {"Enabled": True}}, "UnsupportedOperation"),
        ({"InstanceInitiatedShutdownBehavior": {"Value": "hibernate"}}, "InvalidParameterValue"),
        ({"BlockDeviceMappings": [{"DeviceName": "sda"}]}, "UnsupportedOperation"),
        ({"InstanceId": UNKNOWN_INSTANCE, "UserData": {"Value": b""}}, "InvalidInstanceID.NotFound"),
        ({"InstanceId": "x", "UserData": {"Value": b""}}, "InvalidInstanceID.Malformed"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_changes_that_cannot_be(
    ec2: Ec2Account, stopped: str, arguments: dict[str, object], code: str
) -> None:
    before = ec2.instance(stopped)
    assert ec2.refused("ModifyInstanceAttribute", **{"InstanceId": stopped, **arguments})[0] == code
    assert ec2.instance(stopped) == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"DisableApiTermination": {"Value": False}},
        {"Attribute": "disableApiTermination", "Value": "false"},
        {"SourceDestCheck": {"Value": True}},
        {"EnclaveOptions": {"Enabled": False}},
        {"InstanceInitiatedShutdownBehavior": {"Value": "stop"}},
    ],
    ids=str,
)
def test_what_is_so_anyway_may_be_asked_for(
    ec2: Ec2Account, stopped: str, arguments: dict[str, object]
) -> None:
    before = ec2.instance(stopped)
    ec2.call("ModifyInstanceAttribute", InstanceId=stopped, **arguments)
    assert ec2.instance(stopped) == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Attribute": "color"}, "InvalidParameterValue"),
        ({"InstanceId": UNKNOWN_INSTANCE}, "InvalidInstanceID.NotFound"),
        ({"InstanceId": "x"}, "InvalidInstanceID.Malformed"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_what_cannot_be_described(
    ec2: Ec2Account, stopped: str, arguments: dict[str, object], code: str
) -> None:
    asked = {"InstanceId": stopped, "Attribute": "instanceType", **arguments}
    assert ec2.refused("DescribeInstanceAttribute", **asked)[0] == code


def test_a_policy_may_say_which_attribute(ec2: Ec2Account, stopped: str) -> None:
    condition = {"StringEquals": {"ec2:Attribute": "InstanceType", "ec2:Attribute/InstanceType": "m5.large"}}
    caller = ec2.account.add_user(
        "resizer", policy(Action="ec2:ModifyInstanceAttribute", Condition=condition)
    )
    ec2.call("ModifyInstanceAttribute", as_=caller, InstanceId=stopped, InstanceType={"Value": "m5.large"})
    for arguments in ({"InstanceType": {"Value": "t3.micro"}}, {"UserData": {"Value": b"#!/bin/sh"}}):
        assert ec2.refused("ModifyInstanceAttribute", as_=caller, InstanceId=stopped, **arguments)[1] == 403


def test_user_data_is_in_no_condition_key_and_in_no_repr(ec2: Ec2Account, stopped: str) -> None:
    asked = {"InstanceId": stopped, "UserData": {"Value": b"a secret"}}
    (check,) = ec2.account.checks("ec2", "ModifyInstanceAttribute", asked)  # type: ignore[attr-defined]
    assert "a secret" not in repr(check)
    assert check.context["ec2:attribute"] == ("UserData",)
