"""Permissions boundaries: set, shown, enforced, asked about in conditions, and kept from being deleted."""

import pytest

from tabard.errors import AwsError
from tests.support.one_account import ACCOUNT_ID, TRUSTS_ACCOUNT, TRUSTS_EC2, Account, allow

BOUNDARY = f"arn:aws:iam::{ACCOUNT_ID}:policy/boundary"
OTHER = f"arn:aws:iam::{ACCOUNT_ID}:policy/other"
ABSENT = f"arn:aws:iam::{ACCOUNT_ID}:policy/absent"
SHOWN = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": BOUNDARY}
ROLE = {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2}
KEY = "iam:permissionsboundary"


@pytest.fixture
def bounded(account: Account) -> Account:
    """The policies `boundary` (iam:ListRoles and more) and `other`."""
    document = allow("iam:ListRoles", "sts:*", "s3:*")
    account.call("iam", "CreatePolicy", {"PolicyName": "boundary", "PolicyDocument": document})
    account.call("iam", "CreatePolicy", {"PolicyName": "other", "PolicyDocument": allow("sqs:*")})
    return account


def refusal(account: Account, operation: str, wire_input: dict[str, object]) -> tuple[str, str]:
    with pytest.raises(AwsError) as refused:
        account.call("iam", operation, wire_input)
    return refused.value.error_code, refused.value.message


def test_a_role_and_a_user_are_made_with_a_boundary_that_their_get_shows(bounded: Account) -> None:
    role = bounded.call("iam", "CreateRole", {**ROLE, "PermissionsBoundary": BOUNDARY})["Role"]
    user = bounded.call("iam", "CreateUser", {"UserName": "alice", "PermissionsBoundary": BOUNDARY})["User"]
    assert role["PermissionsBoundary"] == user["PermissionsBoundary"] == SHOWN
    assert bounded.call("iam", "GetRole", {"RoleName": "web"})["Role"]["PermissionsBoundary"] == SHOWN
    assert bounded.call("iam", "GetUser", {"UserName": "alice"})["User"]["PermissionsBoundary"] == SHOWN
    assert "PermissionsBoundary" not in bounded.call("iam", "ListRoles")["Roles"][0]


def test_boundaries_are_put_replaced_and_deleted(bounded: Account) -> None:
    bounded.call("iam", "CreateRole", ROLE)
    bounded.call("iam", "CreateUser", {"UserName": "alice"})
    for noun, name in (("Role", "web"), ("User", "alice")):
        named = {f"{noun}Name": name}
        for arn in (OTHER, BOUNDARY):
            bounded.call("iam", f"Put{noun}PermissionsBoundary", {**named, "PermissionsBoundary": arn})
        assert bounded.call("iam", f"Get{noun}", named)[noun]["PermissionsBoundary"] == SHOWN
        for _ in range(2):
            bounded.call("iam", f"Delete{noun}PermissionsBoundary", named)
        assert "PermissionsBoundary" not in bounded.call("iam", f"Get{noun}", named)[noun]


def test_a_user_may_do_what_its_policies_and_its_boundary_both_allow(bounded: Account) -> None:
    alice = bounded.add_user("alice", allow("iam:*"))
    bounded.call("iam", "ListGroups", as_=alice)
    bounded.call("iam", "PutUserPermissionsBoundary", {"UserName": "alice", "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "ListRoles", as_=alice)
    with pytest.raises(
        AwsError, match="because no permissions boundary allows the iam:ListGroups action"
    ) as refused:
        bounded.call("iam", "ListGroups", as_=alice)
    assert refused.value.error_code == "AccessDenied"


def test_a_boundary_grants_nothing(bounded: Account) -> None:
    alice = bounded.add_user("alice")
    bounded.call("iam", "PutUserPermissionsBoundary", {"UserName": "alice", "PermissionsBoundary": BOUNDARY})
    with pytest.raises(AwsError, match="because no identity-based policy allows"):
        bounded.call("iam", "ListRoles", as_=alice)


def test_sessions_of_a_role_are_bounded_and_an_explicit_deny_is_named(bounded: Account) -> None:
    bounded.call("iam", "CreateRole", {**ROLE, "AssumeRolePolicyDocument": TRUSTS_ACCOUNT})
    bounded.call(
        "iam", "PutRolePolicy", {"RoleName": "web", "PolicyName": "p", "PolicyDocument": allow("iam:*")}
    )
    session = bounded.session("web")
    bounded.call("iam", "ListUsers", as_=session)
    bounded.call("iam", "PutRolePermissionsBoundary", {"RoleName": "web", "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "ListRoles", as_=session)
    with pytest.raises(AwsError, match="because no permissions boundary allows the iam:ListUsers action"):
        bounded.call("iam", "ListUsers", as_=session)
    deny = allow("iam:ListRoles").replace('"Allow"', '"Deny"')
    bounded.call(
        "iam", "CreatePolicyVersion", {"PolicyArn": BOUNDARY, "PolicyDocument": deny, "SetAsDefault": True}
    )
    with pytest.raises(AwsError, match="with an explicit deny in a permissions boundary"):
        bounded.call("iam", "ListRoles", as_=session)


def test_a_policy_that_bounds_something_cannot_be_deleted_and_is_counted_and_listed(bounded: Account) -> None:
    bounded.call("iam", "CreateRole", {**ROLE, "PermissionsBoundary": BOUNDARY})
    assert refusal(bounded, "DeletePolicy", {"PolicyArn": BOUNDARY}) == (
        "DeleteConflict",
        "Cannot delete a policy attached to entities.",
    )
    policy = bounded.call("iam", "GetPolicy", {"PolicyArn": BOUNDARY})["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (0, 1)

    def listed(**more: object) -> list[object]:
        found = bounded.call("iam", "ListPolicies", {"Scope": "Local", **more})["Policies"]
        return [policy["PolicyName"] for policy in found]

    assert listed(PolicyUsageFilter="PermissionsBoundary") == ["boundary"]
    assert listed(PolicyUsageFilter="PermissionsPolicy") == ["other"]
    assert listed(OnlyAttached=True) == []
    bounded.call("iam", "DeleteRolePermissionsBoundary", {"RoleName": "web"})
    bounded.call("iam", "DeletePolicy", {"PolicyArn": BOUNDARY})


def test_the_entities_of_a_policy_are_told_by_how_they_use_it(bounded: Account) -> None:
    bounded.call("iam", "CreateRole", {**ROLE, "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "CreateUser", {"UserName": "alice", "Path": "/x/", "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "CreateUser", {"UserName": "bob"})
    bounded.call("iam", "AttachUserPolicy", {"UserName": "bob", "PolicyArn": BOUNDARY})
    bounded.call("iam", "CreateGroup", {"GroupName": "devs"})
    bounded.call("iam", "AttachGroupPolicy", {"GroupName": "devs", "PolicyArn": BOUNDARY})

    def entities(**more: object) -> tuple[list[object], ...]:
        found = bounded.call("iam", "ListEntitiesForPolicy", {"PolicyArn": BOUNDARY, **more})
        return tuple(
            [entity[f"{kind}Name"] for entity in found[f"Policy{kind}s"]]
            for kind in ("Group", "Role", "User")
        )

    assert entities() == (["devs"], ["web"], ["alice", "bob"])
    assert entities(PolicyUsageFilter="PermissionsPolicy") == (["devs"], [], ["bob"])
    assert entities(PolicyUsageFilter="PermissionsBoundary") == ([], ["web"], ["alice"])
    assert entities(EntityFilter="Group") == (["devs"], [], [])
    assert entities(EntityFilter="User", PathPrefix="/x/") == ([], [], ["alice"])


@pytest.mark.parametrize(
    ("operation", "wire_input", "code", "sentence"),
    [
        (
            "CreateRole",
            {**ROLE, "PermissionsBoundary": ABSENT},
            "NoSuchEntity",
            f"Scope ARN: {ABSENT} does not exist or is not attachable.",
        ),
        (
            "CreateUser",
            {"UserName": "bob", "PermissionsBoundary": ABSENT},
            "NoSuchEntity",
            f"Scope ARN: {ABSENT} does not exist or is not attachable.",
        ),
        (
            "PutUserPermissionsBoundary",
            {"UserName": "admin", "PermissionsBoundary": "arn:aws:s3:::no-policy-at-all"},
            "InvalidInput",
            "ARN arn:aws:s3:::no-policy-at-all is not valid.",
        ),
        (
            "PutRolePermissionsBoundary",
            {"RoleName": "no", "PermissionsBoundary": BOUNDARY},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        (
            "DeleteRolePermissionsBoundary",
            {"RoleName": "no"},
            "NoSuchEntity",
            "The role with name no cannot be found.",
        ),
        (
            "PutUserPermissionsBoundary",
            {"UserName": "no", "PermissionsBoundary": BOUNDARY},
            "NoSuchEntity",
            "The user with name no cannot be found.",
        ),
        (
            "DeleteUserPermissionsBoundary",
            {"UserName": "no"},
            "NoSuchEntity",
            "The user with name no cannot be found.",
        ),
    ],
)
def test_refusals_of_boundaries(
    bounded: Account, operation: str, wire_input: dict[str, object], code: str, sentence: str
) -> None:
    assert refusal(bounded, operation, wire_input) == (code, sentence)


SETTING = [
    ("CreateRole", {**ROLE, "RoleName": "new"}),
    ("CreateUser", {"UserName": "new"}),
    ("PutRolePermissionsBoundary", {"RoleName": "web"}),
    ("PutUserPermissionsBoundary", {"UserName": "alice"}),
]
OF_THE_ENTITY = [
    (f"{verb}{noun}{what}", {f"{noun}Name": name, **more})
    for noun, name in (("Role", "web"), ("User", "alice"))
    for verb, what, more in (
        ("Attach", "Policy", {"PolicyArn": OTHER}),
        ("Detach", "Policy", {"PolicyArn": OTHER}),
        ("Put", "Policy", {"PolicyName": "p", "PolicyDocument": "{}"}),
        ("Delete", "Policy", {"PolicyName": "p"}),
        ("Delete", "PermissionsBoundary", {}),
    )
]


@pytest.mark.parametrize(("operation", "wire_input"), SETTING)
def test_the_boundary_that_a_request_sets_is_what_its_condition_sees(
    bounded: Account, operation: str, wire_input: dict[str, object]
) -> None:
    """AWS: reference_policies_iam-condition-keys.html, iam:PermissionsBoundary."""
    bounded.call("iam", "CreateRole", {**ROLE, "PermissionsBoundary": OTHER})
    bounded.call("iam", "CreateUser", {"UserName": "alice", "PermissionsBoundary": OTHER})
    (check,) = bounded.checks("iam", operation, {**wire_input, "PermissionsBoundary": BOUNDARY})
    assert check.context[KEY] == (BOUNDARY,)
    if operation.startswith("Create"):
        (check,) = bounded.checks("iam", operation, wire_input)
        assert KEY not in check.context


@pytest.mark.parametrize(("operation", "wire_input"), OF_THE_ENTITY)
def test_the_boundary_that_an_entity_has_is_what_conditions_see(
    bounded: Account, operation: str, wire_input: dict[str, object]
) -> None:
    (check,) = bounded.checks("iam", operation, wire_input)
    assert KEY not in check.context
    bounded.call("iam", "CreateRole", ROLE)
    bounded.call("iam", "CreateUser", {"UserName": "alice"})
    (check,) = bounded.checks("iam", operation, wire_input)
    assert KEY not in check.context
    bounded.call("iam", "PutRolePermissionsBoundary", {"RoleName": "web", "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "PutUserPermissionsBoundary", {"UserName": "alice", "PermissionsBoundary": BOUNDARY})
    (check,) = bounded.checks("iam", operation, wire_input)
    assert check.context[KEY] == (BOUNDARY,)


def test_a_delegated_administrator_makes_only_bounded_users(bounded: Account) -> None:
    """AWS: access_policies_boundaries.html, "Delegating responsibility to others"."""
    policy = allow("iam:CreateUser", StringEquals={"iam:PermissionsBoundary": BOUNDARY})
    maria = bounded.add_user("maria", policy)
    for more in ({}, {"PermissionsBoundary": OTHER}):
        with pytest.raises(AwsError, match="not authorized to perform: iam:CreateUser"):
            bounded.call("iam", "CreateUser", {"UserName": "zhang", **more}, as_=maria)
    bounded.call("iam", "CreateUser", {"UserName": "zhang", "PermissionsBoundary": BOUNDARY}, as_=maria)


@pytest.mark.parametrize(("operation", "wire_input"), OF_THE_ENTITY)
def test_nothing_is_done_under_another_boundary_than_the_one_decided_about(
    bounded: Account, operation: str, wire_input: dict[str, object]
) -> None:
    """Who may change policies under one boundary alone must not win a race against its removal."""
    bounded.call("iam", "CreateRole", {**ROLE, "PermissionsBoundary": BOUNDARY})
    bounded.call("iam", "CreateUser", {"UserName": "alice", "PermissionsBoundary": BOUNDARY})
    permits = [bounded.permit(bounded.admin, *bounded.checks("iam", operation, wire_input))]
    for noun, name in (("Role", "web"), ("User", "alice")):
        bounded.call("iam", f"Delete{noun}PermissionsBoundary", {f"{noun}Name": name})
    permits.append(bounded.permit(bounded.admin, *bounded.checks("iam", operation, wire_input)))
    with pytest.raises(AwsError, match="the resource changed while the request was decided"):
        bounded.perform_with("iam", operation, permits[0], wire_input)
    for noun, name in (("Role", "web"), ("User", "alice")):
        bounded.call(
            "iam",
            f"Put{noun}PermissionsBoundary",
            {f"{noun}Name": name, "PermissionsBoundary": OTHER},
        )
    with pytest.raises(AwsError, match="the resource changed while the request was decided"):
        bounded.perform_with("iam", operation, permits[1], wire_input)
