"""What instances are told of their future, and how it is taken back."""

from datetime import timedelta

import pytest

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tabard.model.instance import InstanceState
from tabard.model.instance_events import NO_EVENTS, InstanceEvents
from tabard.services.hosts.desired_state import desired_instances
from tabard.services.hosts.instance_events import KEPT_EVENTS, NOTICE
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy


def put(ec2: Ec2Account, instance_id: str, event: str, *, as_: Caller | None = None, **more: object) -> str:
    asked = {"InstanceId": instance_id, "Event": event, **more}
    answer = ec2.account.call("hosts", "PutInstanceEvent", asked, as_=as_)
    return str(answer.get("EventId", ""))


def cancel(ec2: Ec2Account, instance_id: str, **more: object) -> None:
    ec2.account.call("hosts", "CancelInstanceEvents", {"InstanceId": instance_id, **more})


def events(ec2: Ec2Account, instance_id: str) -> InstanceEvents:
    return ec2.instance(instance_id).events


def test_by_default_an_instance_is_told_nothing(ec2: Ec2Account) -> None:
    assert events(ec2, ec2.launch_id()) == NO_EVENTS


def test_a_spot_interruption_is_two_minutes_ahead_unless_it_says_when(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    assert put(ec2, instance_id, "spot-interruption") == ""
    told = events(ec2, instance_id)
    assert (told.spot_action, told.spot_action_at) == ("terminate", ec2.account.now + NOTICE)
    at = ec2.account.now + timedelta(hours=1)
    put(ec2, instance_id, "spot-interruption", Action="hibernate", At=at)
    told = events(ec2, instance_id)
    assert (told.spot_action, told.spot_action_at) == ("hibernate", at)


def test_a_recommendation_and_a_lifecycle_state(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    put(ec2, instance_id, "rebalance-recommendation")
    put(ec2, instance_id, "target-lifecycle-state", LifecycleState="Terminated")
    told = events(ec2, instance_id)
    assert (told.rebalance_noticed_at, told.target_lifecycle_state) == (ec2.account.now, "Terminated")


def test_scheduled_events_add_up_and_are_bounded(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ids = [put(ec2, instance_id, "scheduled-event") for _ in range(KEPT_EVENTS + 2)]
    kept = [event.event_id for event in events(ec2, instance_id).scheduled]
    assert kept == ids[-KEPT_EVENTS:]
    assert all(each.startswith("instance-event-") for each in kept)


def test_the_status_of_the_instance_shows_what_is_scheduled(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.RUNNING)
    at = ec2.account.now + timedelta(hours=1)
    event_id = put(
        ec2, instance_id, "scheduled-event", Code="instance-stop", At=at, NotAfter=at + timedelta(hours=1)
    )
    (status,) = ec2.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert status["Events"] == [
        {
            "InstanceEventId": event_id,
            "Code": "instance-stop",
            "Description": "scheduled stop",
            "NotBefore": at,
            "NotAfter": at + timedelta(hours=1),
        }
    ]
    cancel(ec2, instance_id, Event="scheduled-event", Completed=True)
    (status,) = ec2.call("DescribeInstanceStatus")["InstanceStatuses"]
    assert status["Events"][0]["Description"] == "[Completed] scheduled stop"


@pytest.mark.parametrize(
    "kind", ["spot-interruption", "rebalance-recommendation", "target-lifecycle-state", "scheduled-event"]
)
def test_each_kind_is_taken_back_alone(ec2: Ec2Account, kind: str) -> None:
    instance_id = ec2.launch_id()
    put(ec2, instance_id, "spot-interruption")
    put(ec2, instance_id, "rebalance-recommendation")
    put(ec2, instance_id, "target-lifecycle-state", LifecycleState="Standby")
    put(ec2, instance_id, "scheduled-event")
    cancel(ec2, instance_id, Event=kind)
    told = events(ec2, instance_id)
    left = {
        "spot-interruption": told.spot_action_at is not None,
        "rebalance-recommendation": told.rebalance_noticed_at is not None,
        "target-lifecycle-state": told.target_lifecycle_state is not None,
        "scheduled-event": told.scheduled[0].state == "active",
    }
    assert left == {name: name != kind for name in left}


def test_all_are_taken_back_at_once_and_the_history_stays(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    put(ec2, instance_id, "spot-interruption")
    put(ec2, instance_id, "scheduled-event")
    cancel(ec2, instance_id, Completed=True)
    put(ec2, instance_id, "scheduled-event")
    cancel(ec2, instance_id)
    told = events(ec2, instance_id)
    assert told.spot_action_at is None
    assert [event.state for event in told.scheduled] == ["completed", "canceled"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"Event": "target-lifecycle-state"}, "InvalidInstanceEvent"),
        ({"Event": "scheduled-event", "Description": "x" * 257}, "InvalidInstanceEvent"),
        ({"Event": "scheduled-event", "NotAfter": -1}, "InvalidInstanceEvent"),
        ({"Event": "spot-interruption", "InstanceId": UNKNOWN_INSTANCE}, "InstanceNotFound"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_announcements_that_cannot_be(ec2: Ec2Account, arguments: dict[str, object], code: str) -> None:
    instance_id = ec2.launch_id()
    if arguments.get("NotAfter"):
        arguments = {**arguments, "NotAfter": ec2.account.now}
    with pytest.raises(AwsError) as refused:
        ec2.account.call("hosts", "PutInstanceEvent", {"InstanceId": instance_id, **arguments})
    assert refused.value.error_code == code
    assert events(ec2, instance_id) == NO_EVENTS


def test_nothing_is_announced_to_what_has_ended(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    ec2.set_state(instance_id, InstanceState.TERMINATED)
    for operation, more in (
        ("PutInstanceEvent", {"Event": "spot-interruption"}),
        ("CancelInstanceEvents", {}),
    ):
        with pytest.raises(AwsError) as refused:
            ec2.account.call("hosts", operation, {"InstanceId": instance_id, **more})
        assert refused.value.error_code == "InstanceNotFound"


def test_it_needs_leave_which_may_go_by_the_instances_tags(ec2: Ec2Account) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}]
    mine, theirs = ec2.launch_id(TagSpecifications=tags), ec2.launch_id()
    condition = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    caller = ec2.account.add_user("chaos", policy(Action="hosts:PutInstanceEvent", Condition=condition))
    put(ec2, mine, "spot-interruption", as_=caller)
    with pytest.raises(AwsError) as refused:
        put(ec2, theirs, "spot-interruption", as_=caller)
    assert refused.value.http_status == 403


def test_a_host_cannot_announce(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    with pytest.raises(AwsError) as refused:
        put(ec2, instance_id, "spot-interruption", as_=ec2.account.host)
    assert refused.value.http_status == 403


def test_the_desired_state_tells_it_all(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    put(ec2, instance_id, "spot-interruption", Action="stop")
    event_id = put(ec2, instance_id, "scheduled-event")
    (desired,) = desired_instances(ec2.snapshot, ec2.instance(instance_id).host_id)
    assert desired.events.spot_action == "stop"
    assert [each.event_id for each in desired.events.scheduled] == [event_id]
