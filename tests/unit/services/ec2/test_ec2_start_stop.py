"""Instances that are stopped, started again, and rebooted."""

from datetime import timedelta

import pytest

from tabard.model.instance import InstanceState
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy

OPERATIONS = ("StartInstances", "StopInstances", "RebootInstances")


def changes(answer: dict[str, list[dict[str, dict[str, str]]]], member: str) -> list[tuple[str, str]]:
    return [(each["PreviousState"]["Name"], each["CurrentState"]["Name"]) for each in answer[member]]


@pytest.mark.parametrize(
    ("before", "after"),
    [("running", "stopping"), ("stopping", "stopping"), ("stopped", "stopped"), ("pending", None),
     ("shutting-down", None), ("terminated", None)],
)  # fmt: skip
def test_stopping(ec2: Ec2Account, before: str, after: str | None) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(before))
    if after is None:
        code, status, sentence = ec2.refused("StopInstances", InstanceIds=[instance_id])
        assert (code, status, "stopped" in sentence) == ("IncorrectInstanceState", 400, True)
    else:
        answer = ec2.call("StopInstances", InstanceIds=[instance_id])
        assert changes(answer, "StoppingInstances") == [(before, after)]
    assert ec2.instance(instance_id).state == (after or before)


@pytest.mark.parametrize(
    ("before", "after"),
    [("stopped", "pending"), ("pending", "pending"), ("running", "running"), ("stopping", None),
     ("shutting-down", None), ("terminated", None)],
)  # fmt: skip
def test_starting(ec2: Ec2Account, before: str, after: str | None) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(before))
    if after is None:
        code, status, sentence = ec2.refused("StartInstances", InstanceIds=[instance_id])
        assert (code, status, "started" in sentence) == ("IncorrectInstanceState", 400, True)
    else:
        answer = ec2.call("StartInstances", InstanceIds=[instance_id])
        assert changes(answer, "StartingInstances") == [(before, after)]
    assert ec2.instance(instance_id).state == (after or before)
    assert ec2.instance(instance_id).boot_number == (before == "stopped")


def test_a_started_instance_is_the_same_one_launched_now(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    ec2.set_state(instance_id, InstanceState.RUNNING)
    ec2.call("StopInstances", InstanceIds=[instance_id])
    stopping = ec2.instance(instance_id)
    assert stopping.state_reason_code == "Client.UserInitiatedShutdown"
    ec2.set_state(instance_id, InstanceState.STOPPED)
    ec2.account.now += timedelta(minutes=5)
    ec2.call("StartInstances", InstanceIds=[instance_id])
    started = ec2.instance(instance_id)
    assert (started.private_ip_address, started.host_id, started.mac_address) == (
        stopping.private_ip_address,
        stopping.host_id,
        stopping.mac_address,
    )
    assert started.launched_at == ec2.account.now
    assert (started.state_reason_code, started.state_reason_message) == ("", "")
    assert ec2.association_of(instance_id).is_active
    assert ec2.snapshot.revoked_at("instance", instance_id) is None


def test_a_reboot_keeps_state_and_launch_time(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.RUNNING)
    before = ec2.instance(instance_id)
    assert ec2.call("RebootInstances", InstanceIds=[instance_id]) == {}
    after = ec2.instance(instance_id)
    assert (after.state, after.launched_at) == (before.state, before.launched_at)
    assert after.boot_number == before.boot_number + 1


@pytest.mark.parametrize("state", ["stopped", "stopping", "shutting-down", "terminated"])
def test_a_reboot_of_what_does_not_run_is_ignored(ec2: Ec2Account, state: str) -> None:
    """AWS: "Requests to reboot terminated instances are ignored." """
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(state))
    before = ec2.instance(instance_id)
    ec2.call("RebootInstances", InstanceIds=[instance_id])
    assert ec2.instance(instance_id) == before


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"InstanceIds": []}, "MissingParameter"),
        ({"InstanceIds": ["instance"]}, "InvalidInstanceID.Malformed"),
        ({"InstanceIds": [UNKNOWN_INSTANCE]}, "InvalidInstanceID.NotFound"),
        ({"InstanceIds": [UNKNOWN_INSTANCE], "DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_what_cannot_be(ec2: Ec2Account, operation: str, arguments: dict[str, object], code: str) -> None:
    assert ec2.refused(operation, **arguments)[0] == code


@pytest.mark.parametrize("operation", OPERATIONS)
def test_all_of_them_or_none(ec2: Ec2Account, operation: str) -> None:
    instance_id = ec2.launch_id()
    state = InstanceState.STOPPED if operation == "StartInstances" else InstanceState.RUNNING
    ec2.set_state(instance_id, state)
    before = ec2.instance(instance_id)
    assert ec2.refused(operation, InstanceIds=[instance_id, UNKNOWN_INSTANCE])[0].endswith("NotFound")
    assert ec2.instance(instance_id) == before


def test_what_is_not_offered_is_refused(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.RUNNING)
    hibernated = ec2.refused("StopInstances", InstanceIds=[instance_id], Hibernate=True)
    assert hibernated[0] == "UnsupportedHibernationConfiguration"
    assert ec2.refused("StartInstances", InstanceIds=[instance_id], AdditionalInfo="x")[0] == (
        "UnsupportedOperation"
    )
    ec2.call("StopInstances", InstanceIds=[instance_id], Force=True, SkipOsShutdown=True)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_policy_may_go_by_the_instances_tags(ec2: Ec2Account, operation: str) -> None:
    """AWS: ec2:ResourceTag, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html"""

    def tagged(team: str) -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": team}]}]
        instance_id = ec2.launch_id(TagSpecifications=tags)
        state = InstanceState.STOPPED if operation == "StartInstances" else InstanceState.RUNNING
        ec2.set_state(instance_id, state)
        return instance_id

    mine, theirs = tagged("a"), tagged("b")
    condition = {"StringEquals": {"ec2:ResourceTag/team": "a"}}
    caller = ec2.account.add_user("operator", policy(Action=f"ec2:{operation}", Condition=condition))
    ec2.call(operation, as_=caller, InstanceIds=[mine])
    assert ec2.refused(operation, as_=caller, InstanceIds=[mine, theirs])[1] == 403


@pytest.mark.parametrize("operation", ["StartInstances", "RebootInstances"])
def test_what_may_not_be_launched_may_not_be_started_again(ec2: Ec2Account, operation: str) -> None:
    instance_id = ec2.launch_id()
    state = InstanceState.STOPPED if operation == "StartInstances" else InstanceState.RUNNING
    ec2.set_state(instance_id, state)
    with ec2.account.store.transaction() as tx:
        tx.installation.put("process_driver_refused", "the edge listens beyond this machine")
    assert ec2.refused(operation, InstanceIds=[instance_id])[0] == "UnsupportedOperation"
