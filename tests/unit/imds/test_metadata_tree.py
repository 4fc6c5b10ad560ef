"""The metadata documents, path by path."""

import json
from datetime import UTC, datetime

import msgspec
import pytest
from described_instance import FACTS, OPTIONS, PROFILE

from tabard.imds.source import CredentialsView, RefusedCredentials, ServedCredentials
from tabard.imds.tree import VERSIONS, read
from tabard.model.messages import DesiredInstance, DesiredInstanceProfile, InstanceTag

SERVED = ServedCredentials(
    association_id=PROFILE.association_id,
    role_id=PROFILE.role_id,
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token="token/EXAMPLE",
    expires_at=datetime(2026, 1, 31, 18, 0, 0, 999, tzinfo=UTC),
    last_updated=datetime(2026, 1, 31, 12, 0, 5, tzinfo=UTC),
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


def body(path: str, facts: DesiredInstance = FACTS, credentials: CredentialsView = SERVED) -> str:
    reading = read(path, facts, credentials)
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
        ("meta-data/placement", "availability-zone\nregion"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/services/partition", "aws"),
        ("meta-data/network", "interfaces/"),
        ("meta-data/network/interfaces/", "macs/"),
        ("meta-data/network/interfaces/macs/", "02:00:00:00:00:07/"),
        ("meta-data/network/interfaces/macs/02:00:00:00:00:07/vpc-id", "vpc-0123456789abcdef0"),
        ("meta-data/network/interfaces/macs/02%3A00%3a00:00:00:07/owner-id", "123456789012"),
        ("meta-data/iam", "info\nsecurity-credentials/"),
        ("meta-data/iam/security-credentials", "web-role"),
        ("meta-data/iam/security-credentials/", "web-role"),
        ("dynamic", "instance-identity/"),
        ("dynamic/instance-identity/", "document"),
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
        "/latest/meta-data/iam/security-credentials-extended",
        "/latest/meta-data/iam/security-credentials-extended/",
        "/latest/meta-data/iam/security-credentials/another-role",
        "/latest/dynamic/instance-identity/signature",
        "/latest/api/token",
    ],
)
def test_what_does_not_exist_is_404(path: str) -> None:
    assert read(path, FACTS, SERVED).status == 404


def test_the_root_lists_the_versions() -> None:
    assert body("/").split("\n") == list(VERSIONS)
    assert VERSIONS[-1] == "latest"


def test_the_listing_of_meta_data_is_sorted_and_marks_categories_with_a_slash() -> None:
    names = body("/latest/meta-data/").split("\n")
    assert names == sorted(names)
    assert {"iam/", "network/", "placement/", "services/", "ami-id"} <= set(names)
    assert "tags/" not in names


def test_every_entry_of_every_listing_can_be_read() -> None:
    facts = msgspec.structs.replace(
        FACTS,
        user_data=b"#!/bin/sh\n",
        tags=(InstanceTag(key="Name", value="web"),),
        metadata_options=msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled"),
    )
    seen = 0
    todo = ["/latest/meta-data/", "/latest/dynamic/"]
    while todo:
        path = todo.pop()
        listing = body(path, facts)
        for name in listing.split("\n"):
            seen += 1
            entry = f"{path}{name}"
            assert read(entry, facts, SERVED).status == 200, entry
            if name.endswith("/"):
                todo.append(entry)
    assert seen > 30


def test_credentials_are_laid_out_as_ec2_does() -> None:
    reading = read(ROLE_PATH, FACTS, SERVED)
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
    facts = msgspec.structs.replace(FACTS, instance_profile=None)
    for path in ("iam", "iam/", "iam/info", "iam/security-credentials/", "iam/security-credentials/web-role"):
        assert read(f"/latest/meta-data/{path}", facts, SERVED).status == 404
    assert "iam/" not in body("/latest/meta-data/", facts).split("\n")


def test_an_instance_profile_without_a_role_says_so_in_info() -> None:
    facts = msgspec.structs.replace(
        FACTS, instance_profile=msgspec.structs.replace(PROFILE, role_name="", role_id="")
    )
    info = json.loads(body("/latest/meta-data/iam/info", facts, None))
    assert info["Code"] == "Success"
    assert info["LastUpdated"] == "2026-01-31T12:00:00Z"
    assert info["Message"].startswith("Instance Profile does not contain a role.")
    assert read("/latest/meta-data/iam/security-credentials/", facts, SERVED).status == 404


def test_a_refusal_of_the_trust_policy_is_a_document_without_keys() -> None:
    document = json.loads(body(ROLE_PATH, FACTS, refused("AssumeRoleUnauthorizedAccess")))
    assert document == {
        "Code": "AssumeRoleUnauthorizedAccess",
        "Message": "EC2 cannot assume the role web-role.",
        "LastUpdated": "2026-01-31T12:00:05Z",
    }
    assert json.loads(body("/latest/meta-data/iam/info"))["Code"] == "Success"


def test_a_deleted_instance_profile_is_told_by_info() -> None:
    credentials = refused("InstanceProfileNotFound")
    assert json.loads(body("/latest/meta-data/iam/info", FACTS, credentials))["Code"] == (
        "InstanceProfileNotFound"
    )
    assert read(ROLE_PATH, FACTS, credentials).status == 404


def test_nothing_valid_to_serve_is_503_while_the_role_is_listed() -> None:
    assert read(ROLE_PATH, FACTS, None).status == 503
    assert body("/latest/meta-data/iam/security-credentials/", FACTS, None) == "web-role"


@pytest.mark.parametrize(
    "profile",
    [
        msgspec.structs.replace(PROFILE, association_id="iip-assoc-0fedcba9876543210"),
        msgspec.structs.replace(PROFILE, role_id="AROAI44QH8DHBEXAMPLE"),
    ],
)
def test_credentials_of_another_association_or_role_are_never_shown(profile: DesiredInstanceProfile) -> None:
    facts = msgspec.structs.replace(FACTS, instance_profile=profile)
    assert read(ROLE_PATH, facts, SERVED).status == 503
    assert read(ROLE_PATH, facts, refused("AssumeRoleUnauthorizedAccess")).status == 503


def test_user_data_is_given_byte_for_byte() -> None:
    facts = msgspec.structs.replace(FACTS, user_data=b"\x00\xff#!\n")
    reading = read("/latest/user-data", facts, None)
    assert (reading.document.body, reading.document.content_type) == (
        b"\x00\xff#!\n",
        "application/octet-stream",
    )
    assert "user-data" in body("/latest/", facts).split("\n")


def test_tags_are_told_only_where_enabled_and_only_where_a_path_can_hold_them() -> None:
    tags = tuple(
        InstanceTag(key=key, value=f"value of {key}")
        for key in ("Name", "team:x", "a/b", "with space", "", ".", "..", "_index")
    )
    options = msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled")
    facts = msgspec.structs.replace(FACTS, tags=tags, metadata_options=options)
    assert body("/latest/meta-data/tags/", facts) == "instance/"
    assert body("/latest/meta-data/tags/instance", facts) == "Name\nteam:x"
    assert body("/latest/meta-data/tags/instance/team:x", facts) == "value of team:x"


def test_the_identity_document_describes_the_instance() -> None:
    document = json.loads(body("/latest/dynamic/instance-identity/document"))
    assert document == {
        "accountId": "123456789012",
        "architecture": "x86_64",
        "availabilityZone": "us-east-1a",
        "billingProducts": None,
        "devpayProductCodes": None,
        "marketplaceProductCodes": None,
        "imageId": "ami-0123456789abcdef0",
        "instanceId": "i-0123456789abcdef0",
        "instanceType": "t3.micro",
        "kernelId": None,
        "pendingTime": "2026-01-31T12:00:00Z",
        "privateIp": "10.0.0.7",
        "ramdiskId": None,
        "region": "us-east-1",
        "version": "2017-09-30",
    }


def test_china_has_a_domain_of_its_own() -> None:
    facts = msgspec.structs.replace(FACTS, partition="aws-cn")
    assert body("/latest/meta-data/services/domain", facts) == "amazonaws.com.cn"


def test_no_secret_is_in_a_repr() -> None:
    for value in (SERVED, read(ROLE_PATH, FACTS, SERVED)):
        assert "wJalrXUtnFEMI" not in repr(value)
        assert "token/EXAMPLE" not in repr(value)
