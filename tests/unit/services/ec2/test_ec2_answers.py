"""Every answer fits its output shape in AWS's own model: names, types and enumerations."""

from datetime import datetime

import botocore.session
import pytest
from botocore.model import Shape

from tabard.model.instance import InstanceState
from tests.support.ec2_account import Ec2Account

MODEL = botocore.session.get_session().get_service_model("ec2")
PLAIN: dict[str, type] = {"string": str, "integer": int, "boolean": bool, "timestamp": datetime}


def assert_fits(shape: Shape, value: object, where: str) -> None:
    if shape.type_name == "structure":
        assert isinstance(value, dict), where
        for name, inner in value.items():
            assert name in shape.members, f"{where}.{name}"
            assert_fits(shape.members[name], inner, f"{where}.{name}")
    elif shape.type_name == "list":
        assert isinstance(value, list), where
        for number, inner in enumerate(value):
            assert_fits(shape.member, inner, f"{where}[{number}]")
    else:
        assert type(value) is PLAIN[shape.type_name], where
        allowed = getattr(shape, "enum", ())
        assert not allowed or value in allowed, where


@pytest.mark.parametrize("state", list(InstanceState))
@pytest.mark.parametrize(
    "operation",
    [
        "RunInstances",
        "DescribeInstances",
        "DescribeInstanceStatus",
        "DescribeImages",
        "DescribeInstanceTypes",
        "DescribeInstanceCreditSpecifications",
        "DescribeVpcs",
        "DescribeSubnets",
        "DescribeSecurityGroups",
        "DescribeNetworkInterfaces",
        "DescribeVolumes",
        "DescribeAvailabilityZones",
        "DescribeRegions",
        "TerminateInstances",
        "AssociateIamInstanceProfile",
        "DisassociateIamInstanceProfile",
        "DescribeIamInstanceProfileAssociations",
    ],
)
def test_answers_fit_awss_model(ec2: Ec2Account, operation: str, state: InstanceState) -> None:
    ec2.instance_profile("web", ec2.role("web"))
    held: dict[str, object] = {"IamInstanceProfile": {"Name": "web"}}
    launch = {
        "ImageId": next(iter(ec2.snapshot.images)),
        "MinCount": 1,
        "MaxCount": 6,
        "ClientToken": "once",
        "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}],
    } | held
    instance_id = ec2.launch(**launch)[0]["InstanceId"]
    association_id = ec2.association_of(instance_id).association_id
    bare = ec2.launch_id()
    ec2.set_state(bare, InstanceState.RUNNING)
    ec2.set_state(instance_id, state)
    asked: dict[str, dict[str, object]] = {
        "RunInstances": launch,
        "DescribeInstances": {"MaxResults": 5},
        "DescribeInstanceStatus": {"IncludeAllInstances": True, "MaxResults": 5},
        "TerminateInstances": {"InstanceIds": [instance_id, bare]},
        "AssociateIamInstanceProfile": {"InstanceId": bare} | held,
        "DisassociateIamInstanceProfile": {"AssociationId": association_id},
        "DescribeIamInstanceProfileAssociations": {"MaxResults": 5},
    }
    answer = ec2.call(operation, **asked.get(operation, {}))
    assert_fits(MODEL.operation_model(operation).output_shape, answer, operation)
    assert answer
