"""Join tokens, enrollment, and the keys of enrolled hosts."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tabard.access.caller import Caller, CallerKind
from tabard.access.machine_callers import authenticate_host, authenticate_join_token
from tabard.agent.host_keys import NewKey, new_key
from tabard.credentials.certificate_authority import read_certificate_request
from tabard.errors import AwsError
from tabard.model.client_certificate import ClientCertificate
from tabard.model.host import Host
from tabard.services.ec2.launch.images import MACHINE_IMAGE
from tests.support.ec2_account import Ec2Account
from tests.support.one_account import NOW, TRUSTS_EC2, allow

FIRST, SECOND = new_key("there"), new_key("there")


def call(ec2: Ec2Account, name: str, *, as_: Caller | None = None, **asked: object) -> dict[str, Any]:
    answer: dict[str, Any] = ec2.account.call("hosts", name, asked, as_=as_)
    return answer


def refused(ec2: Ec2Account, name: str, *, as_: Caller | None = None, **asked: object) -> str:
    with pytest.raises(AwsError) as raised:
        call(ec2, name, as_=as_, **asked)
    return raised.value.error_code


def join_token(ec2: Ec2Account, **more: object) -> dict[str, Any]:
    return call(ec2, "CreateJoinToken", HostName="there", **more)


def bearer(ec2: Ec2Account, token: dict[str, Any]) -> Caller:
    caller, _ = authenticate_join_token(
        token["JoinTokenId"], token["Secret"], snapshot=ec2.account.snapshot, now=ec2.account.now
    )
    return caller


def enrolling(token: dict[str, Any], key: NewKey = FIRST, *, name: str = "there") -> dict[str, str]:
    return {
        "JoinTokenId": token["JoinTokenId"],
        "JoinTokenSecret": token["Secret"],
        "HostName": name,
        "CertificateRequest": key.certificate_request,
    }


def enroll(ec2: Ec2Account, token: dict[str, Any], key: NewKey = FIRST) -> dict[str, Any]:
    return call(ec2, "EnrollHost", as_=bearer(ec2, token), **enrolling(token, key))


def fingerprint(key: NewKey) -> str:
    return read_certificate_request(key.certificate_request).fingerprint


def host_with(ec2: Ec2Account, enrolled: dict[str, Any], key: NewKey) -> Caller:
    certificate = ClientCertificate(
        host_id=enrolled["HostId"],
        key_fingerprint=fingerprint(key),
        not_after=datetime.max.replace(tzinfo=NOW.tzinfo),
    )
    caller, _ = authenticate_host(certificate, snapshot=ec2.account.snapshot, now=ec2.account.now)
    return caller


def stored(ec2: Ec2Account, enrolled: dict[str, Any]) -> Host:
    return ec2.account.snapshot.hosts[enrolled["HostId"]]


def test_a_join_token_is_kept_as_a_hash(ec2: Ec2Account) -> None:
    token = join_token(ec2)
    kept = ec2.account.snapshot.join_tokens[token["JoinTokenId"]]
    assert token["Secret"] not in repr(kept)
    assert token["Secret"] != kept.secret_hash
    assert kept.arn == token["Arn"]
    assert kept.expires_at == token["Expiration"] == NOW + timedelta(hours=1)
    assert len(token["CaFingerprint"]) == 64


def test_a_machine_becomes_a_host_with_one_instance(ec2: Ec2Account) -> None:
    enrolled = enroll(ec2, join_token(ec2))
    host = stored(ec2, enrolled)
    instance = ec2.account.snapshot.instances[enrolled["InstanceId"]]
    assert (host.name, host.key_fingerprint, host.is_enrolled) == ("there", fingerprint(FIRST), True)
    assert (instance.host_id, instance.image_id) == (host.host_id, MACHINE_IMAGE.image_id)
    assert "BEGIN CERTIFICATE" in enrolled["Certificate"]
    caller = host_with(ec2, enrolled, FIRST)
    assert (caller.kind, caller.owner_id) == (CallerKind.HOST, host.host_id)
    call(ec2, "ReportInstances", as_=caller, HostId=host.host_id)


def test_of_two_keys_with_one_token_the_first_wins_and_asks_again_as_often_as_it_likes(
    ec2: Ec2Account,
) -> None:
    token = join_token(ec2)
    enrolled = enroll(ec2, token)
    assert refused(ec2, "EnrollHost", as_=bearer(ec2, token), **enrolling(token, SECOND)) == "JoinTokenUsed"
    again = enroll(ec2, token)
    assert [again[name] for name in ("HostId", "InstanceId")] == [
        enrolled[name] for name in ("HostId", "InstanceId")
    ]
    assert len([host for host in ec2.account.snapshot.hosts.values() if host.is_enrolled]) == 1


def test_a_token_of_a_host_that_was_removed_or_has_another_key_is_used_up(ec2: Ec2Account) -> None:
    token = join_token(ec2)
    enrolled = enroll(ec2, token)
    call(
        ec2,
        "RenewHostCertificate",
        as_=host_with(ec2, enrolled, FIRST),
        HostId=enrolled["HostId"],
        CertificateRequest=SECOND.certificate_request,
    )
    call(ec2, "ReportInstances", as_=host_with(ec2, enrolled, SECOND), HostId=enrolled["HostId"])
    assert refused(ec2, "EnrollHost", as_=bearer(ec2, token), **enrolling(token)) == "JoinTokenUsed"
    call(ec2, "DeregisterHost", HostId=enrolled["HostId"])
    assert refused(ec2, "EnrollHost", as_=bearer(ec2, token), **enrolling(token)) == "JoinTokenUsed"


def test_a_token_is_for_one_name_and_for_its_bearer_alone(ec2: Ec2Account) -> None:
    """Even the administrator, who may `hosts:*`, enrolls nothing without the secret."""
    token, another = join_token(ec2), join_token(ec2)
    caller = bearer(ec2, token)
    assert (
        refused(ec2, "EnrollHost", as_=caller, **enrolling(token, name="here")) == "JoinTokenForAnotherHost"
    )
    assert refused(ec2, "EnrollHost", as_=caller, **enrolling(another)) == "AccessDenied"
    assert refused(ec2, "EnrollHost", **enrolling(token)) == "AccessDenied"
    assert refused(ec2, "CreateJoinToken", as_=caller, HostName="there") == "AccessDenied"
    with pytest.raises(AwsError) as raised:
        ec2.account.call("sts", "GetCallerIdentity", {}, as_=caller)
    assert raised.value.error_code == "AccessDenied"


def test_a_request_that_proves_nothing_leaves_the_token_unused(ec2: Ec2Account) -> None:
    token = join_token(ec2)
    spoilt = enrolling(token) | {"CertificateRequest": "none"}
    assert refused(ec2, "EnrollHost", as_=bearer(ec2, token), **spoilt) == "InvalidCertificateRequest"
    assert enroll(ec2, token)["HostId"]


def test_a_token_that_expires_on_the_way_is_refused(ec2: Ec2Account) -> None:
    token = join_token(ec2, LifetimeSeconds=60)
    caller = bearer(ec2, token)
    ec2.account.now += timedelta(seconds=60)
    assert refused(ec2, "EnrollHost", as_=caller, **enrolling(token)) == "JoinTokenUsed"
    with ec2.account.store.transaction() as tx:
        tx.join_tokens.forget_until(ec2.account.now)
    assert refused(ec2, "EnrollHost", as_=caller, **enrolling(token)) == "AccessDenied"


def test_the_role_of_the_instance_profile_has_to_be_passed(ec2: Ec2Account) -> None:
    account = ec2.account
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    account.call("iam", "CreateInstanceProfile", {"InstanceProfileName": "box"})
    account.call("iam", "AddRoleToInstanceProfile", {"InstanceProfileName": "box", "RoleName": "web"})
    helper = account.add_user("helper", allow("hosts:*"))
    asked = {"HostName": "there", "InstanceProfileName": "box"}
    assert refused(ec2, "CreateJoinToken", as_=helper, **asked) == "AccessDenied"
    assert (
        refused(ec2, "CreateJoinToken", HostName="there", InstanceProfileName="nil")
        == "InvalidParameterValue"
    )
    token = call(ec2, "CreateJoinToken", **asked)
    enrolled = enroll(ec2, token)
    association = account.snapshot.active_association_of(enrolled["InstanceId"])
    assert association is not None
    assert association.instance_profile_arn.endswith("/box")


def test_an_instance_profile_that_is_gone_by_then_lets_nobody_enroll(ec2: Ec2Account) -> None:
    account = ec2.account
    account.call("iam", "CreateInstanceProfile", {"InstanceProfileName": "box"})
    token = join_token(ec2, InstanceProfileName="box")
    account.call("iam", "DeleteInstanceProfile", {"InstanceProfileName": "box"})
    assert refused(ec2, "EnrollHost", as_=bearer(ec2, token), **enrolling(token)) == "InstanceProfileNotFound"
    assert not [host for host in account.snapshot.hosts.values() if host.is_enrolled]


def test_both_keys_are_the_hosts_until_it_reports_under_the_new_one(ec2: Ec2Account) -> None:
    """An answer that is lost on the way to the host locks nobody out."""
    enrolled = enroll(ec2, join_token(ec2))
    host_id = enrolled["HostId"]
    for key in (FIRST, SECOND):
        request = key.certificate_request
        renewed = call(
            ec2,
            "RenewHostCertificate",
            as_=host_with(ec2, enrolled, FIRST),
            HostId=host_id,
            CertificateRequest=request,
        )
        assert "BEGIN CERTIFICATE" in renewed["Certificate"]
    call(ec2, "ReportInstances", as_=host_with(ec2, enrolled, FIRST), HostId=host_id)
    assert stored(ec2, enrolled).next_key_fingerprint == fingerprint(SECOND)
    call(ec2, "ReportInstances", as_=host_with(ec2, enrolled, SECOND), HostId=host_id)
    host = stored(ec2, enrolled)
    assert (host.key_fingerprint, host.next_key_fingerprint) == (fingerprint(SECOND), "")
    with pytest.raises(AwsError) as raised:
        host_with(ec2, enrolled, FIRST)
    assert raised.value.error_code == "InvalidClientTokenId"


def test_a_certificate_goes_to_its_host_alone(ec2: Ec2Account) -> None:
    enrolled, other = enroll(ec2, join_token(ec2)), enroll(ec2, join_token(ec2), SECOND)
    asked = {"HostId": enrolled["HostId"], "CertificateRequest": SECOND.certificate_request}
    assert refused(ec2, "RenewHostCertificate", **asked) == "AccessDenied"
    assert refused(ec2, "RenewHostCertificate", as_=host_with(ec2, other, SECOND), **asked) == "AccessDenied"
    by_key = ec2.account.host
    asked["HostId"] = by_key.owner_id
    assert refused(ec2, "RenewHostCertificate", as_=by_key, **asked) == "HostNotFound"


def test_a_host_that_is_removed_is_no_host_at_once(ec2: Ec2Account) -> None:
    enrolled = enroll(ec2, join_token(ec2))
    call(ec2, "DeregisterHost", HostId=enrolled["HostId"])
    with pytest.raises(AwsError) as raised:
        host_with(ec2, enrolled, FIRST)
    assert raised.value.error_code == "HostRemoved"
    snapshot = ec2.account.snapshot
    assert enrolled["InstanceId"] not in snapshot.instances
    assert snapshot.revoked_at("host", enrolled["HostId"]) is not None
    assert snapshot.revoked_at("instance", enrolled["InstanceId"]) is not None


def test_nothing_is_launched_on_an_enrolled_machine_nor_from_its_image(ec2: Ec2Account) -> None:
    enrolled = enroll(ec2, join_token(ec2))
    with ec2.account.store.transaction() as tx:
        tx.images.insert(MACHINE_IMAGE)
    once = {"MinCount": 1, "MaxCount": 1}
    for asked, code in (
        ({"ImageId": MACHINE_IMAGE.image_id}, "UnsupportedOperation"),
        (
            {"ImageId": "ami-07ab4d000000005e1", "Placement": {"HostId": enrolled["HostId"]}},
            "InvalidHostId.NotFound",
        ),
    ):
        with pytest.raises(AwsError) as raised:
            ec2.account.call("ec2", "RunInstances", asked | once)
        assert raised.value.error_code == code


def test_hosts_are_listed_with_what_is_placed_on_them(ec2: Ec2Account) -> None:
    enrolled = enroll(ec2, join_token(ec2))
    by_id = {host["HostId"]: host for host in call(ec2, "DescribeHosts")["Hosts"]}
    mine = by_id.pop(enrolled["HostId"])
    assert (mine["Enrolled"], mine["KeyFingerprint"]) == (True, fingerprint(FIRST))
    assert list(mine["InstanceIds"]) == [enrolled["InstanceId"]]
    assert not any(host["Enrolled"] for host in by_id.values())


def test_join_tokens_are_listed_without_their_secrets_and_removed(ec2: Ec2Account) -> None:
    """A used one says what came of it; removing it leaves the host, and nobody enrolls with it any more."""
    used, unused = join_token(ec2), join_token(ec2, LifetimeSeconds=60)
    enrolled = enroll(ec2, used)
    listed = call(ec2, "DescribeJoinTokens")["JoinTokens"]
    assert [(each["JoinTokenId"], each["HostId"]) for each in listed] == [
        (unused["JoinTokenId"], ""),
        (used["JoinTokenId"], enrolled["HostId"]),
    ]
    assert unused["Secret"] not in repr(listed)
    caller = bearer(ec2, unused)
    for token in (used, unused):
        call(ec2, "DeleteJoinToken", JoinTokenId=token["JoinTokenId"])
    assert not call(ec2, "DescribeJoinTokens")["JoinTokens"]
    assert refused(ec2, "EnrollHost", as_=caller, **enrolling(unused)) == "AccessDenied"
    assert stored(ec2, enrolled).is_enrolled
    assert refused(ec2, "DeleteJoinToken", JoinTokenId=unused["JoinTokenId"]) == "JoinTokenNotFound"
    assert refused(ec2, "DescribeJoinTokens", as_=caller) == "AccessDenied"


def test_a_machine_that_changes_its_key_twice_before_it_reports_is_not_locked_out(ec2: Ec2Account) -> None:
    """It was stopped each time: what it has kept is the second key, and the answer with the third is lost."""
    enrolled = enroll(ec2, join_token(ec2))
    third = new_key("there")
    for now_held, wanted in ((FIRST, SECOND), (SECOND, third)):
        call(
            ec2,
            "RenewHostCertificate",
            as_=host_with(ec2, enrolled, now_held),
            HostId=enrolled["HostId"],
            CertificateRequest=wanted.certificate_request,
        )
    for held in (SECOND, third):
        call(ec2, "ReportInstances", as_=host_with(ec2, enrolled, held), HostId=enrolled["HostId"])
    with pytest.raises(AwsError) as raised:
        host_with(ec2, enrolled, FIRST)
    assert raised.value.error_code == "InvalidClientTokenId"
