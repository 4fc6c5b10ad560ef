"""What instances write to their consoles: told by their host, read by who may."""

import base64
from datetime import timedelta

import pytest

from tabard.access.caller import Caller
from tabard.errors import AwsError
from tabard.model.console_output import MAX_CONSOLE_BYTES
from tabard.services.ec2.instances.lifecycle import remove_instance
from tabard.services.operation import StoreRead
from tests.support.ec2_account import UNKNOWN_INSTANCE, Ec2Account, policy
from tests.support.one_account import operation_named


def tell(ec2: Ec2Account, instance_id: str, output: bytes, *, as_: Caller | None = None) -> None:
    asked = {"InstanceId": instance_id, "Output": output}
    ec2.account.call("hosts", "PutConsoleOutput", asked, as_=as_ or ec2.account.host)


def test_what_the_host_told_last_is_given(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    assert ec2.call("GetConsoleOutput", InstanceId=instance_id) == {"InstanceId": instance_id}
    tell(ec2, instance_id, b"first")
    ec2.account.now += timedelta(seconds=5)
    tell(ec2, instance_id, b"\x00second\xff\n")
    answer = ec2.call("GetConsoleOutput", InstanceId=instance_id, Latest=True)
    assert base64.b64decode(answer["Output"]) == b"\x00second\xff\n"
    assert answer["Timestamp"] == ec2.account.now


def test_the_end_of_it_is_kept(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    tell(ec2, instance_id, b"a" * 10 + b"b" * MAX_CONSOLE_BYTES)
    answer = ec2.call("GetConsoleOutput", InstanceId=instance_id)
    assert base64.b64decode(answer["Output"]) == b"b" * MAX_CONSOLE_BYTES


def test_it_is_forgotten_with_its_instance(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    tell(ec2, instance_id, b"secret")
    with ec2.account.store.transaction() as tx:
        remove_instance(tx, instance_id)
        assert tx.console_outputs.get(instance_id) is None


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"InstanceId": UNKNOWN_INSTANCE}, "InvalidInstanceID.NotFound"),
        ({"InstanceId": "x"}, "InvalidInstanceID.Malformed"),
        ({"DryRun": True}, "DryRunOperation"),
    ],
    ids=str,
)
def test_what_cannot_be_given(ec2: Ec2Account, arguments: dict[str, object], code: str) -> None:
    assert ec2.refused("GetConsoleOutput", **{"InstanceId": ec2.launch_id(), **arguments})[0] == code


def test_only_its_own_host_tells_it(ec2: Ec2Account) -> None:
    instance_id = ec2.launch_id()
    everything = ec2.account.add_user("everything", policy(Action="*"))
    for caller, named in ((everything, instance_id), (ec2.account.host, UNKNOWN_INSTANCE)):
        with pytest.raises(AwsError) as refused:
            tell(ec2, named, b"forged", as_=caller)
        assert refused.value.error_code.startswith("AccessDenied")
    assert "Output" not in ec2.call("GetConsoleOutput", InstanceId=instance_id)


def test_reading_it_needs_leave(ec2: Ec2Account) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "team", "Value": "a"}]}]
    mine, theirs = ec2.launch_id(TagSpecifications=tags), ec2.launch_id()
    condition = {"StringEquals": {"ec2:ResourceTag/team": "a"}}
    caller = ec2.account.add_user("reader", policy(Action="ec2:GetConsoleOutput", Condition=condition))
    ec2.call("GetConsoleOutput", as_=caller, InstanceId=mine)
    assert ec2.refused("GetConsoleOutput", as_=caller, InstanceId=theirs)[1] == 403


def test_reading_it_is_no_change(ec2: Ec2Account) -> None:
    assert isinstance(operation_named("ec2", "GetConsoleOutput"), StoreRead)
    instance_id = ec2.launch_id()
    version = ec2.account.snapshot.version
    ec2.call("GetConsoleOutput", InstanceId=instance_id)
    assert ec2.account.snapshot.version == version
