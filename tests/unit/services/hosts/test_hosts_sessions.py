"""Sessions of instances: who gets them, and when there is none."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tabard.access.caller import Caller
from tabard.credentials.keyring import open_keyring
from tabard.credentials.token import open_token
from tabard.errors import AwsError
from tabard.model.association import AssociationState
from tabard.model.instance import InstanceState
from tests.support.ec2_account import ACCOUNT_ID, HOST_ID, REGION, UNKNOWN_INSTANCE, Ec2Account, policy

OTHER_HOST = "h-00000000000000001"


def session(ec2: Ec2Account, instance_id: str, *, delivery: str = "2.0", as_: Caller | None = None) -> Any:  # noqa: ANN401 - an answer, looked into at will
    asked = {"InstanceId": instance_id, "RoleDelivery": delivery}
    return ec2.account.call("hosts", "GetInstanceSession", asked, as_=as_ or ec2.account.host)


def refused(ec2: Ec2Account, instance_id: str, *, as_: Caller | None = None) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as raised:
        session(ec2, instance_id, as_=as_)
    return raised.value.error_code, raised.value.http_status, raised.value.message


def with_role(ec2: Ec2Account, **more: str) -> str:
    ec2.instance_profile("web", ec2.role("web", **more))
    return ec2.launch_id(IamInstanceProfile={"Name": "web"})


@pytest.mark.parametrize("delivery", ["1.0", "2.0"])
@pytest.mark.parametrize("state", ["pending", "running"])
def test_a_session_of_the_role_that_the_instance_profile_holds(
    ec2: Ec2Account, state: str, delivery: str
) -> None:
    instance_id = with_role(ec2)
    ec2.set_state(instance_id, InstanceState(state))
    ec2.account.now += timedelta(microseconds=1)
    made = session(ec2, instance_id, delivery=delivery)
    role = ec2.snapshot.role_named("web")
    instance = ec2.instance(instance_id)
    assert role is not None
    assert (made["RoleName"], made["RoleId"]) == ("web", role.role_id)
    assert made["AssociationId"] == ec2.association_of(instance_id).association_id
    assert made["LastUpdated"] == ec2.account.now.replace(microsecond=0)
    assert made["Expiration"] - made["LastUpdated"] == timedelta(hours=6)
    assert made["LifetimeSeconds"] == 6 * 3600 - 1
    opened = open_token(
        made["SessionToken"],
        open_keyring(ec2.snapshot.sealing_keys.values(), ec2.account.store.vault),
    )
    assert opened.access_key_id == made["AccessKeyId"]
    assert opened.secret_access_key == made["SecretAccessKey"]
    assert opened.session_name == instance_id
    assert opened.instance is not None
    assert opened.instance.instance_id == instance_id
    assert opened.instance.host_id == HOST_ID
    assert opened.instance.role_delivery == delivery
    assert opened.instance.vpc_id.startswith("vpc-")
    assert opened.instance.private_ip_address == instance.private_ip_address


def test_the_role_is_the_one_held_now(ec2: Ec2Account) -> None:
    instance_id = with_role(ec2)
    other = ec2.role("other")
    held = ec2.snapshot.instance_profile_named("web")
    assert held is not None
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.update(replace(held, role_id=other.role_id))
    assert session(ec2, instance_id)["RoleName"] == "other"


@pytest.mark.parametrize("state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_no_session_for_an_instance_that_does_not_run(ec2: Ec2Account, state: str) -> None:
    instance_id = with_role(ec2)
    ec2.set_state(instance_id, InstanceState(state))
    code, status, message = refused(ec2, instance_id)
    assert (code, status) == ("InstanceNotRunning", 400)
    assert f"is {state};" in message


@pytest.mark.parametrize("state", ["disassociating", "disassociated"])
def test_no_session_without_an_active_association(ec2: Ec2Account, state: str) -> None:
    instance_id = with_role(ec2)
    ec2.set_association_state(ec2.association_of(instance_id).association_id, AssociationState(state))
    for each in (instance_id, ec2.launch_id()):
        assert refused(ec2, each) == (
            "InstanceProfileNotAssociated",
            400,
            f"The instance '{each}' has no instance profile associated.",
        )


def test_no_session_without_a_role(ec2: Ec2Account) -> None:
    held = ec2.instance_profile("empty")
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "empty"})
    assert refused(ec2, instance_id) == (
        "InstanceProfileWithoutRole",
        400,
        f"The instance profile {held.arn} holds no role.",
    )


def test_no_session_once_the_instance_profile_is_gone(ec2: Ec2Account) -> None:
    held = ec2.instance_profile("web", ec2.role("web"))
    instance_id = ec2.launch_id(IamInstanceProfile={"Name": "web"})
    with ec2.account.store.transaction() as tx:
        tx.instance_profiles.delete(held.instance_profile_id)
    code, status, message = refused(ec2, instance_id)
    assert (code, status) == ("InstanceProfileNotFound", 400)
    assert held.arn in message


def test_no_session_of_a_role_that_does_not_trust_ec2(ec2: Ec2Account) -> None:
    instance_id = with_role(ec2, trust_policy=policy(Principal={"Service": "lambda.amazonaws.com"}))
    code, status, message = refused(ec2, instance_id)
    assert (code, status) == ("AssumeRoleUnauthorizedAccess", 403)
    assert message.startswith("EC2 cannot assume the role web. Please see documentation at https://docs.aws")


def test_another_hosts_instance_is_denied_in_the_words_for_one_that_does_not_exist(ec2: Ec2Account) -> None:
    ec2.add_host(OTHER_HOST)
    ec2.instance_profile("web", ec2.role("web"))
    other = ec2.launch_id(IamInstanceProfile={"Name": "web"}, Placement={"HostId": OTHER_HOST})
    code, status, message = refused(ec2, other)
    assert (code, status) == ("AccessDenied", 403)
    unknown = refused(ec2, UNKNOWN_INSTANCE)
    assert unknown == (code, status, message.replace(other, UNKNOWN_INSTANCE))


def test_no_policy_makes_a_user_a_host(ec2: Ec2Account) -> None:
    instance_id = with_role(ec2)
    arn = f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/*"
    pretender = ec2.account.add_user("pretender", policy(Action="hosts:*", Resource=arn))
    for caller in (ec2.account.admin, pretender):
        code, status, message = refused(ec2, instance_id, as_=caller)
        assert (code, status) == ("AccessDenied", 403)
        assert (
            "because only the host that an instance is placed on is given what is the instance's" in message
        )
        assert refused(ec2, UNKNOWN_INSTANCE, as_=caller) == (
            code,
            status,
            message.replace(instance_id, UNKNOWN_INSTANCE),
        )


def test_the_condition_names_the_host_of_the_instance(ec2: Ec2Account) -> None:
    instance_id = with_role(ec2)
    found = ec2.account.checks  # type: ignore[attr-defined]
    for each, host_id in ((instance_id, HOST_ID), (UNKNOWN_INSTANCE, "")):
        (check,) = found("hosts", "GetInstanceSession", {"InstanceId": each, "RoleDelivery": "2.0"})
        assert check.context == {"hosts:instancehostid": (host_id,)}
        assert check.resource == f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{each}"
