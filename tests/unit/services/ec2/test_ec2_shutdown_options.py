"""What may end an instance, and what becomes of one that ends by itself."""

import pytest

from tabard.model.instance import InstanceState
from tests.support.ec2_account import HOST_ID, Ec2Account

OWN_END = {
    "ReasonCode": "Client.InstanceInitiatedShutdown",
    "ReasonMessage": "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
}
PROTECTED = [
    ("DisableApiTermination", "TerminateInstances", "terminated"),
    ("DisableApiStop", "StopInstances", "stopped"),
    ("DisableApiStop", "TerminateInstances", "terminated"),
]


def state_of(ec2: Ec2Account, instance_id: str) -> InstanceState:
    return ec2.instance(instance_id).state


def report(ec2: Ec2Account, instance_id: str, run_state: str, **reason: str) -> None:
    told = {"InstanceId": instance_id, "BootNumber": 0, "RunState": run_state, **reason}
    ec2.account.call("hosts", "ReportInstances", {"HostId": HOST_ID, "Reports": [told]}, as_=ec2.account.host)


@pytest.mark.parametrize(("attribute", "operation", "what"), PROTECTED)
def test_a_protected_instance_is_neither_ended_nor_are_those_named_beside_it(
    ec2: Ec2Account, attribute: str, operation: str, what: str
) -> None:
    protected, other = ec2.launch_id(**{attribute: True}), ec2.launch_id()
    for each in (protected, other):
        ec2.set_state(each, InstanceState.RUNNING)
    name = attribute[0].lower() + attribute[1:]
    code, status, sentence = ec2.refused(operation, InstanceIds=[other, protected])
    assert (code, status) == ("OperationNotPermitted", 400)
    assert sentence.startswith(f"The instance '{protected}' may not be {what}. Modify its '{name}' ")
    assert state_of(ec2, other) is state_of(ec2, protected) is InstanceState.RUNNING


@pytest.mark.parametrize(("attribute", "operation", "what"), PROTECTED)
def test_protection_can_be_taken_away_and_given_while_the_instance_runs(
    ec2: Ec2Account, attribute: str, operation: str, what: str
) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.RUNNING)
    name = attribute[0].lower() + attribute[1:]
    for value in (True, False):
        ec2.call("ModifyInstanceAttribute", InstanceId=instance_id, **{attribute: {"Value": value}})
        told = ec2.call("DescribeInstanceAttribute", InstanceId=instance_id, Attribute=name)
        assert told[attribute] == {"Value": value}
        if value:
            assert ec2.refused(operation, InstanceIds=[instance_id])[2].find(what) > 0
    ec2.call(operation, InstanceIds=[instance_id])
    assert state_of(ec2, instance_id) is not InstanceState.RUNNING


@pytest.mark.parametrize("at_launch", [True, False])
def test_an_instance_whose_own_end_is_for_good_is_terminated_by_it(ec2: Ec2Account, at_launch: bool) -> None:
    if at_launch:
        instance_id = ec2.launch_id(InstanceInitiatedShutdownBehavior="terminate", DisableApiTermination=True)
    else:
        instance_id = ec2.launch_id()
        behavior = {"InstanceInitiatedShutdownBehavior": {"Value": "terminate"}}
        ec2.call("ModifyInstanceAttribute", InstanceId=instance_id, **behavior)
    report(ec2, instance_id, "running")
    report(ec2, instance_id, "stopped", **OWN_END)
    assert state_of(ec2, instance_id) is InstanceState.SHUTTING_DOWN
    report(ec2, instance_id, "terminated", ReasonCode="x", ReasonMessage="y")
    ended = ec2.instance(instance_id)
    assert (ended.state, ended.state_reason_code) == (InstanceState.TERMINATED, OWN_END["ReasonCode"])


@pytest.mark.parametrize("reason", [OWN_END, {"ReasonCode": "Server.InternalError", "ReasonMessage": "x"}])
def test_other_ends_stop_it(ec2: Ec2Account, reason: dict[str, str]) -> None:
    instance_id = ec2.launch_id(InstanceInitiatedShutdownBehavior="terminate")
    report(ec2, instance_id, "running")
    if reason is OWN_END:  # it ended while it was asked to stop
        ec2.call("StopInstances", InstanceIds=[instance_id])
    report(ec2, instance_id, "stopped", **reason)
    assert state_of(ec2, instance_id) is InstanceState.STOPPED
