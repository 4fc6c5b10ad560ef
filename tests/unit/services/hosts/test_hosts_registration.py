"""Register and remove hosts."""

from datetime import timedelta
from typing import Any

import pytest

from tabard.access.caller import Caller, CallerKind, caller_of_key
from tabard.errors import AwsError
from tabard.services.hosts.hosts import reap_unseen_hosts
from tests.support.ec2_account import ACCOUNT_ID, HOST_ID, REGION, Ec2Account, policy

UNKNOWN_HOST = "h-00000000000000000"


def call(ec2: Ec2Account, name: str, *, as_: Caller | None = None, **asked: object) -> dict[str, Any]:
    answer: dict[str, Any] = ec2.account.call("hosts", name, asked, as_=as_)
    return answer


def refused(ec2: Ec2Account, name: str, *, as_: Caller | None = None, **asked: object) -> tuple[str, int]:
    with pytest.raises(AwsError) as raised:
        call(ec2, name, as_=as_, **asked)
    return raised.value.error_code, raised.value.http_status


@pytest.mark.parametrize("ephemeral", [True, False])
def test_a_registered_host_has_a_key_of_its_own(ec2: Ec2Account, ephemeral: bool) -> None:
    made = call(ec2, "RegisterHost", Name="rack-1", Ephemeral=ephemeral)
    host = ec2.snapshot.hosts[made["HostId"]]
    assert made["Arn"] == host.arn == f"arn:aws:hosts:{REGION}:{ACCOUNT_ID}:host/{host.host_id}"
    assert (host.name, host.ephemeral, host.last_seen_at) == ("rack-1", ephemeral, ec2.account.now)
    (access_key,) = ec2.snapshot.access_keys_of(host.host_id)
    assert access_key.access_key_id == made["AccessKeyId"]
    secret = ec2.account.store.vault.open(access_key.sealed_secret, label=access_key.access_key_id)
    assert secret.decode() == made["SecretAccessKey"]
    caller = caller_of_key(access_key, ec2.snapshot)
    assert caller is not None
    assert (caller.kind, caller.arn) == (CallerKind.HOST, host.arn)


def test_removing_a_host_removes_all_that_was_its_own(ec2: Ec2Account) -> None:
    ec2.instance_profile("web")
    made = call(ec2, "RegisterHost", Name="rack-1")
    host_id = made["HostId"]
    there = ec2.launch_id(Placement={"HostId": host_id}, IamInstanceProfile={"Name": "web"})
    here = ec2.launch_id(Placement={"HostId": HOST_ID}, IamInstanceProfile={"Name": "web"})
    assert call(ec2, "DeregisterHost", HostId=host_id) == {}
    snapshot = ec2.snapshot
    assert list(snapshot.hosts) == [HOST_ID]
    assert list(snapshot.instances) == [here]
    assert {each.instance_id for each in snapshot.associations.values()} == {here}
    assert snapshot.access_keys_of(host_id) == ()
    for subject, subject_id in (("host", host_id), ("instance", there)):
        revoked_at = snapshot.revoked_at(subject, subject_id)
        assert revoked_at is not None
        assert revoked_at >= ec2.account.now + timedelta(hours=12)
    assert snapshot.revoked_at("instance", here) is None
    assert refused(ec2, "DeregisterHost", HostId=host_id) == ("HostNotFound", 400)


@pytest.mark.parametrize("host_id", [UNKNOWN_HOST, "h-eeeeeeeeeeeeeeeee"])
@pytest.mark.parametrize("operation", ["DeregisterHost", "ReportInstances"])
def test_a_host_that_is_not_in_this_region_is_not_found(
    ec2: Ec2Account, operation: str, host_id: str
) -> None:
    ec2.add_host("h-eeeeeeeeeeeeeeeee", region="eu-west-1")
    assert refused(ec2, operation, HostId=host_id) == ("HostNotFound", 400)


def test_hosts_are_made_and_removed_only_by_who_may(ec2: Ec2Account) -> None:
    nobody = ec2.account.add_user("nobody", policy(Action=["ec2:*", "iam:*"]))
    for caller in (nobody, ec2.account.host):
        assert refused(ec2, "RegisterHost", as_=caller, Name="x") == ("AccessDenied", 403)
        assert refused(ec2, "DeregisterHost", as_=caller, HostId=HOST_ID) == ("AccessDenied", 403)
    registrar = ec2.account.add_user(
        "registrar",
        policy(Action="hosts:RegisterHost", Resource=f"arn:aws:hosts:{REGION}:{ACCOUNT_ID}:host/*"),
    )
    assert call(ec2, "RegisterHost", as_=registrar, Name="x")
    assert refused(ec2, "DeregisterHost", as_=registrar, HostId=HOST_ID) == ("AccessDenied", 403)


def test_ephemeral_hosts_unseen_for_ten_minutes_are_removed(ec2: Ec2Account) -> None:
    ephemeral = call(ec2, "RegisterHost", Name="run", Ephemeral=True)["HostId"]
    kept = call(ec2, "RegisterHost", Name="rack-1")["HostId"]
    ec2.launch(Placement={"HostId": ephemeral})
    for minutes, gone in ((9, ()), (10, (ephemeral,)), (11, ())):
        with ec2.account.store.transaction() as tx:
            assert reap_unseen_hosts(tx, ec2.account.now + timedelta(minutes=minutes)) == gone
    assert set(ec2.snapshot.hosts) == {HOST_ID, kept}
    assert not ec2.snapshot.instances
    assert ec2.snapshot.revoked_at("host", ephemeral) is not None
