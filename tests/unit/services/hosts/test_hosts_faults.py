"""Faults on purpose: set, kept, ended, and refused out of their bounds."""

from datetime import timedelta
from typing import Any

import pytest

from tabard.errors import AwsError
from tabard.model.faults import NO_FAULTS, Faults
from tabard.services.hosts.desired_state import desired_instances
from tests.support.ec2_account import HOST_ID, Ec2Account, policy


@pytest.fixture
def instance_id(ec2: Ec2Account) -> str:
    ec2.instance_profile("web")
    return ec2.launch_id(IamInstanceProfile={"Name": "web"})


def fault(ec2: Ec2Account, instance_id: str, **asked: object) -> dict[str, Any]:
    answer: dict[str, Any] = ec2.account.call(
        "hosts", "SetInstanceFaults", {"InstanceId": instance_id, **asked}
    )
    return dict(answer["Faults"])


def refused(ec2: Ec2Account, instance_id: str, **asked: object) -> tuple[str, int]:
    with pytest.raises(AwsError) as raised:
        fault(ec2, instance_id, **asked)
    return raised.value.error_code, raised.value.http_status


def test_what_is_not_named_stays_and_zero_ends_it(ec2: Ec2Account, instance_id: str) -> None:
    fault(ec2, instance_id, MetadataDelayMilliseconds=2000, CredentialsCode="Failed")
    assert fault(ec2, instance_id, MetadataStatus=503, CredentialsCode="") == {
        "MetadataDelayMilliseconds": 2000,
        "MetadataStatus": 503,
    }
    assert fault(ec2, instance_id, ClockSkewSeconds=-60, Clear=True) == {"ClockSkewSeconds": -60}
    assert ec2.instance(instance_id).faults == Faults(clock_skew_seconds=-60)


def test_a_host_hears_of_faults_and_of_each_rotation_that_was_asked_for(
    ec2: Ec2Account, instance_id: str
) -> None:
    def told() -> object:
        (desired,) = desired_instances(ec2.snapshot, HOST_ID)
        return desired.faults and desired.faults.rotations

    assert told() is None
    fault(ec2, instance_id, RotateNow=True)
    assert told() == 1
    fault(ec2, instance_id, RotateNow=True, Clear=True)
    assert told() == 2


def test_only_expire_now_ends_the_sessions_that_are_out_and_none_that_follow(
    ec2: Ec2Account, instance_id: str
) -> None:
    fault(ec2, instance_id, RotateNow=True)
    assert ec2.snapshot.revoked_at("instance", instance_id) is None
    fault(ec2, instance_id, ExpireNow=True)
    not_before = ec2.snapshot.revoked_at("instance", instance_id)
    assert not_before is not None
    assert ec2.account.now - timedelta(seconds=1) < not_before <= ec2.account.now


@pytest.mark.parametrize(
    "asked",
    [
        {"MetadataDelayMilliseconds": -1},
        {"MetadataDelayMilliseconds": 60_001},
        {"MetadataStatus": 404},
        {"MetadataStatus": 600},
        {"ClockSkewSeconds": 86_401},
        {"ClockSkewSeconds": -86_401},
    ],
)
def test_a_fault_out_of_its_bounds_changes_nothing(
    ec2: Ec2Account, instance_id: str, asked: dict[str, int]
) -> None:
    assert refused(ec2, instance_id, **asked, ExpireNow=True) == ("InvalidFault", 400)
    assert ec2.instance(instance_id).faults == NO_FAULTS
    assert ec2.snapshot.revoked_at("instance", instance_id) is None


def test_there_is_nothing_to_go_wrong_with_what_does_not_run(ec2: Ec2Account, instance_id: str) -> None:
    ec2.call("TerminateInstances", InstanceIds=[instance_id])
    for absent in (instance_id, "i-00000000000000000"):
        assert refused(ec2, absent, RotateNow=True) == ("InstanceNotFound", 400)


def test_who_may_do_everything_on_ec2_may_not_do_this(ec2: Ec2Account, instance_id: str) -> None:
    tenant = ec2.account.add_user("tenant", policy(Action="ec2:*"))
    with pytest.raises(AwsError, match="hosts:SetInstanceFaults"):
        ec2.account.call(
            "hosts", "SetInstanceFaults", {"InstanceId": instance_id, "RotateNow": True}, as_=tenant
        )
