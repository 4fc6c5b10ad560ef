"""Instance profiles and the role each may hold."""

import pytest

from tabard.errors import AwsError
from tabard.services.iam.instance_profiles.instance_profiles import (
    InstanceProfileRoleRequest,
    add_role_to_instance_profile,
)
from tests.support.one_account import ACCOUNT_ID, TRUSTS_EC2, Account, allow

BOTH = {"InstanceProfileName": "box", "RoleName": "web"}
NO_ROLE = "The role with name no cannot be found."
NO_INSTANCE_PROFILE = "Instance Profile no cannot be found."
BOX_ARN = f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/box"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT_ID}:role/app/web"


@pytest.fixture
def with_box(account: Account) -> Account:
    account.call("iam", "CreateInstanceProfile", {"InstanceProfileName": "box"})
    for name in ("web", "job"):
        account.call(
            "iam", "CreateRole", {"RoleName": name, "Path": "/app/", "AssumeRolePolicyDocument": TRUSTS_EC2}
        )
    return account


def test_an_instance_profile_is_made_without_a_role(account: Account) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]
    made = account.call(
        "iam", "CreateInstanceProfile", {"InstanceProfileName": "box", "Path": "/p/", "Tags": tags}
    )["InstanceProfile"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/p/box"
    assert made["InstanceProfileId"].startswith("AIPA")
    assert made["Roles"] == []
    assert made["Tags"] == tags


def test_a_role_goes_in_is_answered_and_comes_out(with_box: Account) -> None:
    with_box.call("iam", "AddRoleToInstanceProfile", BOTH)
    held = with_box.call("iam", "GetInstanceProfile", {"InstanceProfileName": "BOX"})["InstanceProfile"]
    assert [role["Arn"] for role in held["Roles"]] == [ROLE_ARN]
    found = with_box.call("iam", "ListInstanceProfilesForRole", {"RoleName": "web"})["InstanceProfiles"]
    assert [profile["Arn"] for profile in found] == [BOX_ARN]
    with_box.call("iam", "RemoveRoleFromInstanceProfile", BOTH)
    held = with_box.call("iam", "GetInstanceProfile", {"InstanceProfileName": "box"})["InstanceProfile"]
    assert held["Roles"] == []
    with_box.call("iam", "DeleteInstanceProfile", {"InstanceProfileName": "box"})


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        (
            "CreateInstanceProfile",
            {"InstanceProfileName": "Box"},
            "EntityAlreadyExists",
            "Instance Profile Box already exists.",
        ),
        ("GetInstanceProfile", {"InstanceProfileName": "no"}, "NoSuchEntity", NO_INSTANCE_PROFILE),
        ("DeleteInstanceProfile", {"InstanceProfileName": "no"}, "NoSuchEntity", NO_INSTANCE_PROFILE),
        (
            "DeleteInstanceProfile",
            {"InstanceProfileName": "box"},
            "DeleteConflict",
            "Cannot delete entity, must remove roles from instance profile first.",
        ),
        ("ListInstanceProfilesForRole", {"RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        ("ListInstanceProfiles", {"Marker": "x"}, "ValidationError", "Invalid Marker."),
        ("AddRoleToInstanceProfile", {**BOTH, "RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        (
            "AddRoleToInstanceProfile",
            {**BOTH, "InstanceProfileName": "no"},
            "NoSuchEntity",
            NO_INSTANCE_PROFILE,
        ),
        (
            "AddRoleToInstanceProfile",
            {**BOTH, "RoleName": "job"},
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ),
        (
            "AddRoleToInstanceProfile",
            BOTH,
            "LimitExceeded",
            "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
        ),
        ("RemoveRoleFromInstanceProfile", {**BOTH, "RoleName": "no"}, "NoSuchEntity", NO_ROLE),
        (
            "RemoveRoleFromInstanceProfile",
            {**BOTH, "RoleName": "job"},
            "NoSuchEntity",
            "The role with name job cannot be found in Instance Profile box.",
        ),
        (
            "RemoveRoleFromInstanceProfile",
            {**BOTH, "InstanceProfileName": "no"},
            "NoSuchEntity",
            NO_INSTANCE_PROFILE,
        ),
        (
            "TagInstanceProfile",
            {"InstanceProfileName": "no", "Tags": [{"Key": "a", "Value": "b"}]},
            "NoSuchEntity",
            NO_INSTANCE_PROFILE,
        ),
        (
            "UntagInstanceProfile",
            {"InstanceProfileName": "no", "TagKeys": ["a"]},
            "NoSuchEntity",
            NO_INSTANCE_PROFILE,
        ),
        ("ListInstanceProfileTags", {"InstanceProfileName": "no"}, "NoSuchEntity", NO_INSTANCE_PROFILE),
    ],
)
def test_refusals_of_instance_profiles(
    with_box: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    with_box.call("iam", "AddRoleToInstanceProfile", BOTH)
    with pytest.raises(AwsError) as refused:
        with_box.call("iam", operation, wire_input)
    assert (refused.value.error_code, refused.value.message) == (code, sentence)


def test_adding_a_role_needs_pass_role_on_it_to_ec2(with_box: Account) -> None:
    add = allow("iam:AddRoleToInstanceProfile", resource=BOX_ARN)
    may_add = with_box.add_user("adds", add)
    with pytest.raises(AwsError, match=f"not authorized to perform: iam:PassRole on resource: {ROLE_ARN}"):
        with_box.call("iam", "AddRoleToInstanceProfile", BOTH, as_=may_add)
    for service, is_allowed in (("lambda.amazonaws.com", False), ("ec2.amazonaws.com", True)):
        passing = allow(
            "iam:PassRole",
            resource=ROLE_ARN,
            StringEquals={"iam:PassedToService": service},
            ArnLike={"iam:AssociatedResourceArn": f"arn:aws:ec2:*:{ACCOUNT_ID}:instance/*"},
        )
        caller = with_box.add_user(f"passes-to-{service}", add, passing)
        if is_allowed:
            with_box.call("iam", "AddRoleToInstanceProfile", BOTH, as_=caller)
        else:
            with pytest.raises(AwsError, match="iam:PassRole"):
                with_box.call("iam", "AddRoleToInstanceProfile", BOTH, as_=caller)


def test_the_role_that_is_passed_is_the_role_that_was_decided_about(with_box: Account) -> None:
    request = InstanceProfileRoleRequest(instance_profile_name="box", role_name="web")
    checks = with_box.checks("iam", "AddRoleToInstanceProfile", BOTH)
    permit = with_box.permit(with_box.admin, *checks)
    with_box.call("iam", "DeleteRole", {"RoleName": "web"})
    with_box.call(
        "iam", "CreateRole", {"RoleName": "web", "Path": "/root/", "AssumeRolePolicyDocument": TRUSTS_EC2}
    )
    with with_box.store.transaction() as tx, pytest.raises(AwsError) as refused:
        add_role_to_instance_profile(permit, request, tx)
    assert refused.value.error_code == "AccessDenied"


def test_instance_profiles_are_listed_in_pages_under_a_path(with_box: Account) -> None:
    for name in ("c", "a", "B"):
        with_box.call("iam", "CreateInstanceProfile", {"InstanceProfileName": name, "Path": "/p/"})
    names: list[str] = []
    marker: dict[str, object] = {}
    while True:
        answer = with_box.call("iam", "ListInstanceProfiles", {"PathPrefix": "/p/", "MaxItems": 1, **marker})
        names += [profile["InstanceProfileName"] for profile in answer["InstanceProfiles"]]
        if not answer["IsTruncated"]:
            break
        marker = {"Marker": answer["Marker"]}
    assert names == ["a", "B", "c"]


def test_tags_of_instance_profiles_differ_by_case(with_box: Account) -> None:
    box = {"InstanceProfileName": "box"}
    with_box.call("iam", "TagInstanceProfile", {**box, "Tags": [{"Key": "a", "Value": "1"}]})
    with_box.call("iam", "TagInstanceProfile", {**box, "Tags": [{"Key": "A", "Value": "2"}]})
    assert len(with_box.call("iam", "ListInstanceProfileTags", box)["Tags"]) == 2
    with_box.call("iam", "UntagInstanceProfile", {**box, "TagKeys": ["a"]})
    held = with_box.call("iam", "GetInstanceProfile", box)["InstanceProfile"]
    assert held["Tags"] == [{"Key": "A", "Value": "2"}]
