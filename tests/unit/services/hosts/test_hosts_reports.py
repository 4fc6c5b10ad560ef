"""What hosts report, and what becomes of it."""

from datetime import timedelta

import pytest

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tabard.model.association import AssociationState
from tabard.model.instance import InstanceState
from tests.support.ec2_account import HOST_ID, UNKNOWN_INSTANCE, Ec2Account

OTHER_HOST = "h-00000000000000001"


def report(ec2: Ec2Account, *reports: dict[str, object], as_: Caller | None = None) -> None:
    asked = {"HostId": HOST_ID, "Reports": list(reports)}
    assert ec2.account.call("hosts", "ReportInstances", asked, as_=as_ or ec2.account.host) == {}


def seen(instance_id: str, state: str = "running", **more: object) -> dict[str, object]:
    return {"InstanceId": instance_id, "BootNumber": 0, "RunState": state} | more


@pytest.mark.parametrize(
    ("before", "reported", "after"),
    [
        ("pending", "running", "running"),
        ("pending", "stopped", "stopped"),
        ("running", "stopping", "stopping"),
        ("stopping", "stopped", "stopped"),
        ("running", "stopped", "stopped"),
        ("running", "terminated", "terminated"),
        ("shutting-down", "terminated", "terminated"),
        ("stopped", "running", "stopped"),
        ("shutting-down", "running", "shutting-down"),
        ("terminated", "running", "terminated"),
    ],
)
def test_a_report_moves_an_instance_on_never_back(
    ec2: Ec2Account, before: str, reported: str, after: str
) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState(before))
    report(ec2, seen(instance_id, reported))
    assert ec2.instance(instance_id).state == after


@pytest.mark.parametrize(
    ("more", "code", "message"),
    [
        (
            {},
            "Client.InstanceInitiatedShutdown",
            "Client.InstanceInitiatedShutdown: Instance initiated shutdown",
        ),
        (
            {"ReasonCode": "Server.InternalError", "ReasonMessage": "It could not be started."},
            "Server.InternalError",
            "It could not be started.",
        ),
    ],
)
def test_an_instance_whose_process_has_ended_is_stopped_and_says_why(
    ec2: Ec2Account, more: dict[str, object], code: str, message: str
) -> None:
    instance_id = ec2.launch_id()
    report(ec2, seen(instance_id))
    assert ec2.instance(instance_id).state_reason_code == ""
    ec2.account.now += timedelta(seconds=5)
    report(ec2, seen(instance_id, "stopped", **more))
    stopped = ec2.instance(instance_id)
    assert (stopped.state_reason_code, stopped.state_reason_message) == (code, message)
    assert stopped.state_changed_at == ec2.account.now
    (shown,) = ec2.call("DescribeInstances")["Reservations"][0]["Instances"]
    assert shown["StateReason"] == {"Code": code, "Message": message}
    assert shown["StateTransitionReason"] == ""


def test_what_a_user_asked_for_keeps_its_reason(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.call("TerminateInstances", InstanceIds=[instance_id])
    report(ec2, seen(instance_id, "terminated", ReasonCode="Client.Other"))
    assert ec2.instance(instance_id).state_reason_code == "Client.UserInitiatedShutdown"


def test_a_stop_that_a_user_asked_for_keeps_its_reason(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    report(ec2, seen(instance_id))
    ec2.call("StopInstances", InstanceIds=[instance_id])
    report(ec2, seen(instance_id, "stopping", ReasonCode="Client.Other"))
    report(ec2, seen(instance_id, "stopped", ReasonCode="Client.Other"))
    stopped = ec2.instance(instance_id)
    assert (stopped.state, stopped.state_reason_code) == ("stopped", "Client.UserInitiatedShutdown")


def test_a_report_of_an_earlier_boot_stops_nothing(ec2: Ec2Account) -> None:
    """The host had not heard of the start, or of the reboot, when it saw the end of the one before."""
    instance_id = ec2.launch_id()
    report(ec2, seen(instance_id, "stopped"))
    ec2.call("StartInstances", InstanceIds=[instance_id])
    report(ec2, seen(instance_id, "stopped"))
    assert ec2.instance(instance_id).state == "pending"
    report(ec2, seen(instance_id, BootNumber=1))
    assert ec2.instance(instance_id).state == "running"
    ec2.call("RebootInstances", InstanceIds=[instance_id])
    report(ec2, seen(instance_id, "stopped", BootNumber=1))
    assert ec2.instance(instance_id).state == "running"
    report(ec2, seen(instance_id, "terminated", BootNumber=1))
    assert ec2.instance(instance_id).state == "terminated"


def test_a_report_of_an_earlier_boot_still_confirms_the_association(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    report(ec2, seen(instance_id))
    ec2.call("RebootInstances", InstanceIds=[instance_id])
    report(ec2, seen(instance_id, AssociationId=ec2.association_of(instance_id).association_id))
    assert ec2.association_of(instance_id).state is AssociationState.ASSOCIATED


@pytest.mark.parametrize("ended", ["shutting-down", "terminated"])
def test_an_instance_that_its_host_ended_loses_its_sessions(ec2: Ec2Account, ended: str) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    report(ec2, seen(instance_id, ended))
    assert ec2.snapshot.revoked_at("instance", instance_id) is not None
    assert ec2.association_of(instance_id).state is AssociationState.DISASSOCIATED


@pytest.mark.parametrize(
    ("state", "serves", "after"),
    [
        ("associating", True, "associated"),
        ("associating", False, "associating"),
        ("associated", True, "associated"),
        ("associated", False, "associated"),
        ("disassociating", True, "disassociating"),
        ("disassociating", False, "disassociated"),
        ("disassociated", True, "disassociated"),
    ],
)
def test_what_a_host_serves_confirms_the_association(
    ec2: Ec2Account, state: str, serves: bool, after: str
) -> None:
    ec2.instance_profile("web")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    association_id = ec2.association_of(instance_id).association_id
    ec2.set_association_state(association_id, AssociationState(state))
    report(ec2, seen(instance_id, AssociationId=association_id) if serves else seen(instance_id))
    assert ec2.association_of(instance_id).state == after


def test_a_report_that_cannot_be_right_is_refused_whole(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST)
    ec2.instance_profile("web")
    mine = ec2.launch_id(Placement={"HostId": HOST_ID})
    other = ec2.launch_id(Placement={"HostId": OTHER_HOST}, IamInstanceProfile={"Name": "web"})
    foreign = ec2.association_of(other).association_id
    for wrong, code in (
        (seen(other), "InstanceNotOnHost"),
        (seen(other, "terminated"), "InstanceNotOnHost"),
        (seen(UNKNOWN_INSTANCE), "InstanceNotOnHost"),
        (seen(mine, "stopped"), "InvalidReport"),
        (seen(mine, AssociationId=foreign), "InvalidReport"),
        (seen(mine, AssociationId="iip-assoc-0"), "InvalidReport"),
    ):
        with pytest.raises(AwsError) as raised:
            report(ec2, *([] if "AssociationId" in wrong else [seen(mine)]), wrong)
        assert (raised.value.error_code, raised.value.http_status) == (code, 400)
        assert ec2.instance(mine).state is InstanceState.PENDING
    assert ec2.instance(other).state is InstanceState.PENDING


def test_the_end_of_a_forgotten_instance_may_be_reported(ec2: Ec2Account) -> None:
    mine = ec2.launch_id()
    report(ec2, seen(UNKNOWN_INSTANCE, "terminated"), seen(mine))
    assert ec2.instance(mine).state is InstanceState.RUNNING


def test_a_host_is_seen_whenever_it_reports_and_written_twice_a_minute(ec2: Ec2Account) -> None:
    before = ec2.snapshot
    ec2.account.now += timedelta(seconds=29)
    report(ec2)
    assert ec2.snapshot.version == before.version
    ec2.account.now += timedelta(seconds=1)
    report(ec2)
    assert ec2.snapshot.hosts[HOST_ID].last_seen_at == ec2.account.now


def test_a_host_reports_for_itself_alone(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST)
    with pytest.raises(AwsError) as raised:
        ec2.account.call("hosts", "ReportInstances", {"HostId": OTHER_HOST}, as_=ec2.account.host)
    assert raised.value.error_code == "AccessDenied"
