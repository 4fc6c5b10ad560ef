"""The metadata documents, path by path."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from tabard.imds.meta_data import meta_data
from tabard.imds.source import CredentialsView, RefusedCredentials, RemovedRole, ServedCredentials
from tabard.imds.tree import VERSIONS, Reading, documents_of
from tabard.imds.tree import read as read_documents
from tabard.model.messages import (
    DesiredEvents,
    DesiredInstance,
    DesiredInstanceProfile,
    DesiredScheduledEvent,
    GetInstanceIdentityResult,
    InstanceTag,
)
from tests.support.described_instance import DESIRED, IDENTITY, OPTIONS, PROFILE

SERVED = ServedCredentials(
    association_id=PROFILE.association_id,
    role_id=PROFILE.role_id,
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token="token/EXAMPLE",
    expires_at=datetime(2026, 1, 31, 18, 0, 0, 999, tzinfo=UTC),
    last_updated=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
)
WITHOUT_A_ROLE = msgspec.structs.replace(
    DESIRED, instance_profile=msgspec.structs.replace(PROFILE, role_name="", role_id="")
)
ROLE_PATH = "/latest/meta-data/iam/security-credentials/web-role"


def refused(code: str) -> RefusedCredentials:
    return RefusedCredentials(
        association_id=PROFILE.association_id,
        role_id=PROFILE.role_id,
        code=code,
        message="EC2 cannot assume the role web-role.",
        last_updated=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
    )


def read(
    path: str,
    instance: DesiredInstance,
    credentials: CredentialsView,
    identity: GetInstanceIdentityResult | None = IDENTITY,
) -> Reading:
    return read_documents(path, documents_of(instance, credentials, identity))


def body(path: str, instance: DesiredInstance = DESIRED, credentials: CredentialsView = SERVED) -> str:
    reading = read(path, instance, credentials)
    assert reading.status == 200, path
    return reading.document.body.decode()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta-data/ami-id", "ami-0123456789abcdef0"),
        ("meta-data/ami-launch-index", "0"),
        ("meta-data/ami-manifest-path", "(unknown)"),
        ("meta-data/hostname", "ip-10-0-0-7.us-east-1.compute.internal"),
        ("meta-data/local-hostname", "ip-10-0-0-7.us-east-1.compute.internal"),
        ("meta-data/local-ipv4", "10.0.0.7"),
        ("meta-data/mac", "02:00:00:00:00:07"),
        ("meta-data/instance-id", "i-0123456789abcdef0"),
        ("meta-data/instance-type", "t3.micro"),
        ("meta-data/instance-action", "none"),
        ("meta-data/instance-life-cycle", "on-demand"),
        ("meta-data/reservation-id", "r-0123456789abcdef0"),
        ("meta-data/profile", "default-hvm"),
        ("meta-data/placement/availability-zone", "us-east-1a"),
        ("meta-data/placement/availability-zone/", "us-east-1a"),
        ("meta-data/placement/region", "us-east-1"),
        ("meta-data/placement", "availability-zone\navailability-zone-id\nhost-id\nregion"),
        ("meta-data/placement/availability-zone-id", "use1-az1"),
        ("meta-data/placement/host-id", "h-0123456789abcdef0"),
        ("meta-data/block-device-mapping", "ami\nroot"),
        ("meta-data/block-device-mapping/root", "/dev/xvda"),
        ("meta-data/security-groups", "default"),
        ("meta-data/system", "nitro"),
        ("meta-data/events", "maintenance/"),
        ("meta-data/events/maintenance/", "history\nscheduled"),
        ("meta-data/events/maintenance/history", "[]"),
        ("meta-data/events/maintenance/scheduled", "[]"),
        ("meta-data/identity-credentials", "ec2/"),
        ("meta-data/identity-credentials/ec2/", "info"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/interface-id", "eni-0123456789abcdef0"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/device-number", "0"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/network-card", "0"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/security-group-ids", "sg-0123456789abcdef0"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/security-groups", "default"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/subnet-ipv4-cidr-block", "172.31.0.0/20"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/vpc-ipv4-cidr-block", "172.31.0.0/16"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/vpc-ipv4-cidr-blocks", "172.31.0.0/16"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/services/partition", "aws"),
        ("meta-data/network", "interfaces/"),
        ("meta-data/network/interfaces/", "macs/"),
        ("meta-data/network/interfaces/macs/", "02:00:00:00:00:07/"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/vpc-id", "vpc-0123456789abcdef0"),
        ("meta-data/network/interfaces/macs/02%3A00%3a00:00:00:07/owner-id", "123456789012"),
        ("meta-data/iam", "info\nsecurity-credentials/\nsecurity-credentials-extended/"),
        ("meta-data/iam/security-credentials", "web-role"),
        ("meta-data/iam/security-credentials/", "web-role"),
        ("meta-data/iam/security-credentials-extended", "web-role"),
        ("meta-data/iam/security-credentials-extended/", "web-role"),
        ("dynamic", "fws/\ninstance-identity/"),
        ("dynamic/fws/instance-monitoring", "disabled"),
        ("dynamic/instance-identity/", "document\npkcs7\nrsa2048\nsignature"),
        ("dynamic/instance-identity/document", IDENTITY.document),
        ("dynamic/instance-identity/signature", "c2ln"),
        ("dynamic/instance-identity/pkcs7", "cGtjczc="),
        ("dynamic/instance-identity/rsa2048", "cnNh"),
        ("", "dynamic\nmeta-data"),
        ("/", "dynamic\nmeta-data"),
    ],
)
def test_every_version_tells_a_value_without_a_trailing_newline(path: str, value: str) -> None:
    for version in ("latest", "2021-03-23", "1.0"):
        assert body(f"/{version}/{path}".replace("//", "/")) == value


@pytest.mark.parametrize(
    "path",
    [
        "",
        "latest/meta-data",
        "/2099-01-01/meta-data/",
        "//latest/meta-data/",
        "/latest//meta-data/",
        "/latest/meta-data//",
        "/latest/meta-data/ami-id//",
        "/latest/meta-data/../user-data",
        "/latest/meta-data/nonsense",
        "/latest/meta-data/ami-id/more",
        "/latest/meta-data/%ff",
        "/latest/meta-data%2Fami-id",
        "/latest/META-DATA/",
        "/latest/user-data",
        "/latest/meta-data/tags/instance",
        "/latest/meta-data/iam/security-credentials-extended/another-role",
        "/latest/meta-data/autoscaling/target-lifecycle-state",
        "/latest/meta-data/events/recommendations/rebalance",
        "/latest/meta-data/identity-credentials/ec2/security-credentials/ec2-instance",
        "/latest/meta-data/public-ipv4",
        "/latest/meta-data/public-keys/",
        "/latest/meta-data/spot/instance-action",
        "/latest/meta-data/spot/termination-time",
        "/latest/meta-data/iam/security-credentials/another-role",
        "/latest/dynamic/instance-identity/certificate",
        "/latest/api/token",
    ],
)
def test_what_does_not_exist_is_404(path: str) -> None:
    assert read(path, DESIRED, SERVED).status == 404


def test_the_root_lists_the_versions() -> None:
    assert body("/").split("\n") == list(VERSIONS)
    assert VERSIONS[-1] == "latest"


def test_the_listing_of_meta_data_is_sorted_and_marks_categories_with_a_slash() -> None:
    names = body("/latest/meta-data/").split("\n")
    assert names == sorted(names)
    assert {"iam/", "network/", "placement/", "services/", "ami-id"} <= set(names)
    assert "tags/" not in names


def test_meta_data_has_as_many_categories_as_it_lists() -> None:
    categories = meta_data(DESIRED, SERVED)
    assert len(categories) == len(list(categories)) > 10


def test_every_entry_of_every_listing_can_be_read() -> None:
    instance = msgspec.structs.replace(
        DESIRED,
        user_data=b"#!/bin/sh\n",
        tags=(InstanceTag(key="Name", value="web"),),
        metadata_options=msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled"),
    )
    seen = 0
    todo = ["/latest/meta-data/", "/latest/dynamic/"]
    while todo:
        path = todo.pop()
        listing = body(path, instance)
        for name in listing.split("\n"):
            seen += 1
            entry = f"{path}{name}"
            assert read(entry, instance, SERVED).status == 200, entry
            if name.endswith("/"):
                todo.append(entry)
    assert seen > 50


def test_a_public_key_is_listed_by_its_name_and_read_by_its_number() -> None:
    key = "ssh-ed25519 AAAA my key"
    instance = msgspec.structs.replace(DESIRED, key_name="my key", public_key=key)
    assert "public-keys/" in body("/latest/meta-data/", instance).split("\n")
    for slash in ("", "/"):
        assert body(f"/latest/meta-data/public-keys{slash}", instance) == "0=my key"
        assert body(f"/latest/meta-data/public-keys/0{slash}", instance) == "openssh-key"
        assert body(f"/latest/meta-data/public-keys/0/openssh-key{slash}", instance) == key
    assert read("/latest/meta-data/public-keys/1/openssh-key", instance, SERVED).status == 404


def test_credentials_are_laid_out_as_ec2_does() -> None:
    reading = read(ROLE_PATH, DESIRED, SERVED)
    assert reading.document.content_type == "text/plain"
    assert reading.document.body.decode() == (
        "{\n"
        '  "Code" : "Success",\n'
        '  "LastUpdated" : "2026-01-31T12:00:05Z",\n'
        '  "Type" : "AWS-HMAC",\n'
        '  "AccessKeyId" : "ASIAIOSFODNN7EXAMPLE",\n'
        '  "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",\n'
        '  "Token" : "token/EXAMPLE",\n'
        '  "Expiration" : "2026-01-31T18:00:00Z"\n'
        "}"
    )


def test_info_names_the_instance_profile() -> None:
    assert json.loads(body("/latest/meta-data/iam/info")) == {
        "Code": "Success",
        "LastUpdated": "2026-01-31T12:00:05Z",
        "InstanceProfileArn": "arn:aws:iam::123456789012:instance-profile/web",
        "InstanceProfileId": "AIPAIOSFODNN7EXAMPLE",
    }


def test_without_an_instance_profile_there_is_no_iam_category() -> None:
    instance = msgspec.structs.replace(DESIRED, instance_profile=None)
    for path in ("iam", "iam/", "iam/info", "iam/security-credentials/", "iam/security-credentials/web-role"):
        assert read(f"/latest/meta-data/{path}", instance, SERVED).status == 404
    assert "iam/" not in body("/latest/meta-data/", instance).split("\n")


def removed_role(association_id: str = PROFILE.association_id) -> RemovedRole:
    return RemovedRole(association_id=association_id, removed_at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC))


def test_an_instance_profile_whose_role_was_removed_says_so_in_info() -> None:
    info = json.loads(body("/latest/meta-data/iam/info", WITHOUT_A_ROLE, removed_role()))
    assert info["Code"] == "Success"
    assert info["LastUpdated"] == "2026-01-31T12:00:00Z"
    assert info["Message"].startswith("Instance Profile does not contain a role.")
    assert body("/latest/meta-data/iam/", WITHOUT_A_ROLE, removed_role()) == "info"
    for credentials in (removed_role(), SERVED):
        path = "/latest/meta-data/iam/security-credentials/"
        assert read(path, WITHOUT_A_ROLE, credentials).status == 404


@pytest.mark.parametrize("credentials", [None, SERVED, removed_role("iip-assoc-0fedcba9876543210")])
def test_an_instance_profile_that_never_held_a_role_has_no_iam_category(credentials: CredentialsView) -> None:
    for path in ("iam", "iam/", "iam/info", "iam/security-credentials/", "iam/security-credentials/web-role"):
        assert read(f"/latest/meta-data/{path}", WITHOUT_A_ROLE, credentials).status == 404
    listing = body("/latest/meta-data/", WITHOUT_A_ROLE, credentials).split("\n")
    assert "iam/" not in listing
    assert "identity-credentials/" in listing


def test_a_refusal_of_the_trust_policy_is_a_document_without_keys() -> None:
    document = json.loads(body(ROLE_PATH, DESIRED, refused("AssumeRoleUnauthorizedAccess")))
    assert document == {
        "Code": "AssumeRoleUnauthorizedAccess",
        "Message": "EC2 cannot assume the role web-role.",
        "LastUpdated": "2026-01-31T12:00:05Z",
    }
    assert json.loads(body("/latest/meta-data/iam/info"))["Code"] == "Success"


def test_a_deleted_instance_profile_is_told_by_info() -> None:
    gone = msgspec.structs.replace(PROFILE, role_name="", role_id="", is_deleted=True)
    instance = msgspec.structs.replace(DESIRED, instance_profile=gone)
    info = json.loads(body("/latest/meta-data/iam/info", instance, None))
    assert info["Code"] == "InstanceProfileNotFound"
    assert gone.instance_profile_arn in info["Message"]
    assert body("/latest/meta-data/iam/", instance, None) == "info"
    assert read(ROLE_PATH, instance, SERVED).status == 404


def test_nothing_valid_to_serve_is_503_while_the_role_is_listed() -> None:
    assert read(ROLE_PATH, DESIRED, None).status == 503
    assert body("/latest/meta-data/iam/security-credentials/", DESIRED, None) == "web-role"


@pytest.mark.parametrize(
    "profile",
    [
        msgspec.structs.replace(PROFILE, association_id="iip-assoc-0fedcba9876543210"),
        msgspec.structs.replace(PROFILE, role_id="AROAI44QH8DHBEXAMPLE"),
    ],
)
def test_credentials_of_another_association_or_role_are_never_shown(profile: DesiredInstanceProfile) -> None:
    instance = msgspec.structs.replace(DESIRED, instance_profile=profile)
    assert read(ROLE_PATH, instance, SERVED).status == 503
    assert read(ROLE_PATH, instance, refused("AssumeRoleUnauthorizedAccess")).status == 503


def test_user_data_is_given_byte_for_byte() -> None:
    instance = msgspec.structs.replace(DESIRED, user_data=b"\x00\xff#!\n")
    reading = read("/latest/user-data", instance, None)
    assert (reading.document.body, reading.document.content_type) == (
        b"\x00\xff#!\n",
        "application/octet-stream",
    )
    assert "user-data" in body("/latest/", instance).split("\n")


def test_tags_are_told_only_where_enabled_and_only_where_a_path_can_hold_them() -> None:
    tags = tuple(
        InstanceTag(key=key, value=f"value of {key}")
        for key in ("Name", "team:x", "a/b", "with space", "", ".", "..", "_index")
    )
    options = msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled")
    instance = msgspec.structs.replace(DESIRED, tags=tags, metadata_options=options)
    assert body("/latest/meta-data/tags/", instance) == "instance/"
    assert body("/latest/meta-data/tags/instance", instance) == "Name\nteam:x"
    assert body("/latest/meta-data/tags/instance/team:x", instance) == "value of team:x"


def test_without_a_signed_document_the_identity_is_listed_and_503() -> None:
    documents = documents_of(DESIRED, SERVED, None)
    for name in ("document", "pkcs7", "rsa2048", "signature"):
        assert read_documents(f"/latest/dynamic/instance-identity/{name}", documents).status == 503
    listing = read_documents("/latest/dynamic/instance-identity/", documents)
    assert listing.document.body == b"document\npkcs7\nrsa2048\nsignature"


def test_the_extended_credentials_are_the_same_with_the_accounts_id() -> None:
    """What newer SDKs ask before `security-credentials`."""
    plain = json.loads(body(ROLE_PATH))
    extended = json.loads(body("/latest/meta-data/iam/security-credentials-extended/web-role"))
    assert extended == {**plain, "AccountId": "123456789012"}


def test_the_identity_of_the_instance_names_its_account() -> None:
    assert json.loads(body("/latest/meta-data/identity-credentials/ec2/info")) == {
        "Code": "Success",
        "LastUpdated": "2026-01-31T12:00:00Z",
        "AccountId": "123456789012",
    }


AT = datetime(2026, 1, 31, 12, 2, 3, tzinfo=UTC)


def announced(**events: object) -> DesiredInstance:
    return msgspec.structs.replace(DESIRED, events=DesiredEvents(**events))


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_a_spot_interruption_is_told(action: str) -> None:
    """AWS: termination-time "is present only if the Spot Instance has been marked for termination"."""
    instance = announced(spot_action=action, spot_action_at=AT)
    told = body("/latest/meta-data/spot/instance-action", instance)
    assert told == f'{{"action": "{action}", "time": "2026-01-31T12:02:03Z"}}'
    assert "spot/" in body("/latest/meta-data/", instance).split("\n")
    termination = read("/latest/meta-data/spot/termination-time", instance, None)
    if action == "terminate":
        assert termination.document.body == b"2026-01-31T12:02:03Z"
    else:
        assert termination.status == 404


def test_a_rebalance_recommendation_is_told() -> None:
    instance = announced(rebalance_noticed_at=AT)
    told = body("/latest/meta-data/events/recommendations/rebalance", instance)
    assert told == '{"noticeTime": "2026-01-31T12:02:03Z"}'
    assert body("/latest/meta-data/events/", instance) == "maintenance/\nrecommendations/"


def test_the_target_lifecycle_state_is_told() -> None:
    instance = announced(target_lifecycle_state="Terminated")
    assert body("/latest/meta-data/autoscaling/target-lifecycle-state", instance) == "Terminated"
    assert "autoscaling/" in body("/latest/meta-data/", instance).split("\n")


def test_scheduled_events_are_told_until_they_are_over_and_then_are_history() -> None:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html"""
    reboot = DesiredScheduledEvent(
        event_id="instance-event-0d59937288b749b32",
        code="system-reboot",
        description="scheduled reboot",
        not_before=AT,
        not_after=datetime(2026, 1, 31, 14, tzinfo=UTC),
        state="active",
    )
    stop = msgspec.structs.replace(reboot, code="instance-stop", not_after=None)
    over = [msgspec.structs.replace(reboot, state=state) for state in ("completed", "canceled")]
    instance = announced(scheduled=(over[0], reboot, over[1], stop))
    scheduled = json.loads(body("/latest/meta-data/events/maintenance/scheduled", instance))
    assert scheduled[0] == {
        "NotBefore": "31 Jan 2026 12:02:03 GMT",
        "Code": "system-reboot",
        "Description": "scheduled reboot",
        "EventId": "instance-event-0d59937288b749b32",
        "NotAfter": "31 Jan 2026 14:00:00 GMT",
        "State": "active",
    }
    assert [(event["Code"], "NotAfter" in event) for event in scheduled] == [
        ("system-reboot", True),
        ("instance-stop", False),
    ]
    history = json.loads(body("/latest/meta-data/events/maintenance/history", instance))
    assert [(event["State"], event["Description"]) for event in history] == [
        ("completed", "[Completed] scheduled reboot"),
        ("canceled", "[Canceled] scheduled reboot"),
    ]


def test_china_has_a_domain_of_its_own() -> None:
    instance = msgspec.structs.replace(DESIRED, partition="aws-cn")
    assert body("/latest/meta-data/services/domain", instance) == "amazonaws.com.cn"


def test_no_secret_is_in_a_repr() -> None:
    for value in (SERVED, read(ROLE_PATH, DESIRED, SERVED)):
        assert "wJalrXUtnFEMI" not in repr(value)
        assert "token/EXAMPLE" not in repr(value)


def test_there_are_as_many_categories_as_are_listed() -> None:
    categories = meta_data(DESIRED, SERVED)
    assert len(categories) == len(body("/latest/meta-data/").split("\n"))
