"""Simulations of policies: SimulateCustomPolicy, SimulatePrincipalPolicy and what they have to be given.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulateCustomPolicy.html
"""

import json
from dataclasses import replace
from typing import Any

import pytest

from tabard.access.authorize import Denied
from tabard.errors import AwsError
from tabard.model.organization import ControlPolicy, ControlType
from tabard.model.policies import InlinePolicy
from tabard.model.tag import Tag
from tabard.services.iam.errors import PolicyEvaluation
from tabard.services.iam.simulation.policies import identity_policies
from tabard.services.iam.simulation.simulate import MOST_STATEMENTS_AT_ONCE
from tests.support.aggregates import organization
from tests.support.one_account import ACCOUNT_ID, TRUSTS_EC2, Account, allow

OTHER_ACCOUNT = "999999999999"
BOB = f"arn:aws:iam::{ACCOUNT_ID}:user/bob"
OBJECT = "arn:aws:s3:::reports/a"
OTHER_OBJECT = "arn:aws:s3:::other/a"
# AWS's own example, https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-custom-policy.html
AWS_EXAMPLE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def deny(*actions: str, resource: str = "*") -> str:
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Deny", "Action": list(actions), "Resource": resource}],
        }
    )


def entry(name: str, *values: str, kind: str | None = None) -> dict[str, object]:
    typed = {} if kind is None else {"ContextKeyType": kind}
    return {"ContextKeyName": name, "ContextKeyValues": list(values), **typed}


def custom(account: Account, *policies: str, action: str = "s3:GetObject", **more: object) -> dict[str, Any]:
    """The one result of a simulation of one action."""
    [result] = results(account, *policies, ActionNames=[action], **more)
    return result


def results(account: Account, *policies: str, **more: object) -> list[dict[str, Any]]:
    answer: Any = account.call("iam", "SimulateCustomPolicy", {"PolicyInputList": list(policies), **more})
    found: list[dict[str, Any]] = answer["EvaluationResults"]
    return found


def principal(account: Account, arn: str, action: str = "s3:GetObject", **more: object) -> dict[str, Any]:
    answer: Any = account.call(
        "iam", "SimulatePrincipalPolicy", {"PolicySourceArn": arn, "ActionNames": [action], **more}
    )
    [result] = answer["EvaluationResults"]
    found: dict[str, Any] = result
    return found


def refused(account: Account, name: str, **wire_input: object) -> tuple[str, int, str]:
    with pytest.raises(AwsError) as caught:
        account.call("iam", name, wire_input)
    return caught.value.error_code, caught.value.http_status, caught.value.message


def refused_custom(account: Account, **more: object) -> str:
    given = {"PolicyInputList": [allow("s3:*")], "ActionNames": ["s3:GetObject"], **more}
    code, status, sentence = refused(account, "SimulateCustomPolicy", **given)
    assert (code, status) == ("InvalidInput", 400)
    return sentence


def test_awss_example_is_allowed_and_denied_as_aws_says(account: Account) -> None:
    later = entry("aws:CurrentTime", "2019-04-25T11:00:00Z", kind="date")
    result = custom(account, AWS_EXAMPLE, action="dynamodb:CreateBackup", ContextEntries=[later])
    assert result == {
        "EvalActionName": "dynamodb:CreateBackup",
        "EvalResourceName": "*",
        "EvalDecision": "allowed",
        "MatchedStatements": [
            {
                "SourcePolicyId": "PolicyInputList.1",
                "SourcePolicyType": "none",
                "StartPosition": {"Line": 1, "Column": 38},
                "EndPosition": {"Line": 1, "Column": 167},
            }
        ],
        "MissingContextValues": [],
    }
    earlier = entry("aws:CurrentTime", "2014-04-25T11:00:00Z", kind="date")
    result = custom(account, AWS_EXAMPLE, action="dynamodb:CreateBackup", ContextEntries=[earlier])
    assert (result["EvalDecision"], result["MatchedStatements"]) == ("implicitDeny", [])


def test_a_key_that_was_not_given_is_missing(account: Account) -> None:
    result = custom(account, AWS_EXAMPLE, action="dynamodb:CreateBackup")
    assert (result["EvalDecision"], result["MissingContextValues"]) == ("implicitDeny", ["aws:CurrentTime"])


def test_only_keys_that_the_action_and_the_resource_need_are_missing(account: Account) -> None:
    own = allow("s3:GetObject", resource="arn:aws:s3:::${aws:username}/*")
    elsewhere = allow("s3:GetObject", resource="arn:aws:s3:::other/*", StringEquals={"aws:userid": "x"})
    other_action = allow("sqs:SendMessage", StringEquals={"aws:SourceIp": "x"})
    result = custom(account, own, elsewhere, other_action, ResourceArns=[OBJECT])
    assert result["MissingContextValues"] == ["aws:username"]
    [of_resource] = result["ResourceSpecificResults"]
    assert of_resource["MissingContextValues"] == ["aws:username"]


def test_an_explicit_deny_is_the_only_statement_that_is_told(account: Account) -> None:
    result = custom(account, allow("s3:*"), deny("s3:Get*"))
    assert result["EvalDecision"] == "explicitDeny"
    assert [each["SourcePolicyId"] for each in result["MatchedStatements"]] == ["PolicyInputList.2"]


def test_every_statement_that_allows_is_told(account: Account) -> None:
    result = custom(account, allow("s3:*"), allow("s3:GetObject"))
    ids = [each["SourcePolicyId"] for each in result["MatchedStatements"]]
    assert ids == ["PolicyInputList.1", "PolicyInputList.2"]


def test_there_is_one_result_for_each_action_and_one_within_it_for_each_resource(account: Account) -> None:
    policy = allow("s3:GetObject", resource="arn:aws:s3:::reports/*")
    denial = deny("s3:PutObject", resource="arn:aws:s3:::other/*")
    get, put = results(
        account,
        policy,
        denial,
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[OBJECT, OTHER_OBJECT],
    )
    assert (get["EvalDecision"], put["EvalDecision"]) == ("implicitDeny", "explicitDeny")
    assert get["EvalResourceName"] == "arn:${Partition}:s3:::${BucketName}/${ObjectName}"
    assert [
        (each["EvalResourceName"], each["EvalResourceDecision"]) for each in get["ResourceSpecificResults"]
    ] == [(OBJECT, "allowed"), (OTHER_OBJECT, "implicitDeny")]
    # Only what contributed to the decision that is reported.
    assert get["MatchedStatements"] == []
    assert [each["SourcePolicyId"] for each in put["MatchedStatements"]] == ["PolicyInputList.2"]
    assert get["EvalDecisionDetails"] == {}
    assert "EvalDecisionDetails" not in get["ResourceSpecificResults"][0]


def test_a_boundary_limits_and_says_so(account: Account) -> None:
    boundary = allow("s3:Get*", resource="arn:aws:s3:::reports/*")
    result = custom(
        account,
        allow("s3:*"),
        PermissionsBoundaryPolicyInputList=[boundary],
        ResourceArns=[OBJECT, OTHER_OBJECT],
    )
    assert result["EvalDecision"] == "implicitDeny"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    within, outside = result["ResourceSpecificResults"]
    assert within["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    assert outside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    [matched] = within["MatchedStatements"]
    assert matched["SourcePolicyId"] == "PolicyInputList.1"
    denied = custom(account, allow("s3:*"), PermissionsBoundaryPolicyInputList=[deny("s3:*")])
    assert (denied["EvalDecision"], denied["MatchedStatements"]) == ("explicitDeny", [])
    assert denied["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}


def test_every_level_of_an_organization_must_allow(account: Account) -> None:
    everything = {"ServiceControlPolicyInputList": [allow("*")]}
    queues = {"ServiceControlPolicyInputList": [allow("sqs:*")]}
    allowed = custom(account, allow("s3:*"), OrderedOrganizationPolicyInputList=[everything, everything])
    assert allowed["EvalDecision"] == "allowed"
    assert allowed["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}
    denied = custom(account, allow("s3:*"), OrderedOrganizationPolicyInputList=[everything, queues])
    assert (denied["EvalDecision"], denied["MatchedStatements"]) == ("implicitDeny", [])
    assert denied["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    by_both = custom(account, deny("s3:*"), OrderedOrganizationPolicyInputList=[everything, queues])
    assert by_both["EvalDecision"] == "explicitDeny"
    assert by_both["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    by_policy = custom(account, deny("s3:*"), OrderedOrganizationPolicyInputList=[everything])
    assert by_policy["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}
    assert "OrganizationsDecisionDetail" not in custom(account, allow("s3:*"))
    assert "no policy" in refused_custom(account, OrderedOrganizationPolicyInputList=[{}])


def test_the_organization_of_the_account_limits_its_principals(account: Account) -> None:
    bob = account.add_user("bob", allow("s3:*"))
    queues = ControlPolicy(name="queues", control_type=ControlType.SERVICE, document=allow("sqs:*", "iam:*"))
    with account.store.transaction() as tx:
        tx.organizations.put(organization(queues, service_control=("queues",), account_id=ACCOUNT_ID))
    denied = principal(account, bob.arn)
    assert denied["EvalDecision"] == "implicitDeny"
    assert denied["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": False}
    without = principal(account, bob.arn, PolicyExclusionList=[{"PolicyType": "scp"}])
    assert without["EvalDecision"] == "allowed"
    assert "OrganizationsDecisionDetail" not in without
    member = allow("s3:*", StringEquals={"aws:PrincipalOrgID": "o-exampleorg1"})
    given = {
        "PolicyInputList": [member],
        "PolicyExclusionList": [{"PolicyType": "scp"}, {"PolicyType": "inline"}],
    }
    assert principal(account, bob.arn, **given)["EvalDecision"] == "allowed"


RESOURCE_POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": BOB}, "Action": "s3:*", "Resource": "arn:aws:s3:::*"}
        ],
    }
)


def test_a_resource_policy_allows_whom_it_names(account: Account) -> None:
    result = custom(
        account, allow("sqs:*"), ResourcePolicy=RESOURCE_POLICY, CallerArn=BOB, ResourceArns=[OBJECT]
    )
    assert result["EvalDecision"] == "allowed"
    [matched] = result["MatchedStatements"]
    assert (matched["SourcePolicyId"], matched["SourcePolicyType"]) == ("ResourcePolicy", "resource")


@pytest.mark.parametrize("owner", [OTHER_ACCOUNT, f"arn:aws:iam::{OTHER_ACCOUNT}:root"], ids=["id", "arn"])
def test_across_accounts_both_sides_must_allow_and_the_details_say_which_does(
    account: Account, owner: str
) -> None:
    result = custom(
        account,
        allow("sqs:*"),
        ResourcePolicy=RESOURCE_POLICY,
        CallerArn=BOB,
        ResourceArns=[OBJECT],
        ResourceOwner=owner,
    )
    details = {"IAM Policy": "implicitDeny", "Resource Policy": "allowed"}
    assert (result["EvalDecision"], result["EvalDecisionDetails"]) == ("implicitDeny", details)
    [of_resource] = result["ResourceSpecificResults"]
    assert of_resource["EvalDecisionDetails"] == details


def test_across_accounts_the_boundary_is_told_and_an_organizations_denial_ends_it(account: Account) -> None:
    across = {"CallerArn": BOB, "ResourceArns": [f"arn:aws:sqs:us-east-1:{OTHER_ACCOUNT}:q"]}
    bounded = custom(
        account,
        allow("sqs:*"),
        action="sqs:SendMessage",
        PermissionsBoundaryPolicyInputList=[deny("sqs:*")],
        **across,
    )
    assert bounded["EvalDecisionDetails"] == {
        "IAM Policy": "allowed",
        "Resource Policy": "implicitDeny",
        "Permissions Boundary Policy": "explicitDeny",
    }
    levels = [{"ServiceControlPolicyInputList": [allow("s3:*")]}]
    ended = custom(
        account,
        allow("sqs:*"),
        action="sqs:SendMessage",
        OrderedOrganizationPolicyInputList=levels,
        **across,
    )
    assert ended["EvalDecisionDetails"] == {}


def test_a_simulated_role_is_a_session_of_it(account: Account) -> None:
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/web"
    policy = allow(
        "s3:GetObject", StringEquals={"aws:PrincipalArn": role, "aws:PrincipalType": "AssumedRole"}
    )
    assert custom(account, policy, CallerArn=role)["EvalDecision"] == "allowed"
    named = RESOURCE_POLICY.replace(BOB, role)
    result = custom(account, allow("sqs:*"), ResourcePolicy=named, CallerArn=role, ResourceArns=[OBJECT])
    assert result["EvalDecision"] == "allowed"


def test_variables_take_the_callers_name(account: Account) -> None:
    policy = allow("s3:GetObject", resource="arn:aws:s3:::reports/${aws:username}/*")
    mine, others = "arn:aws:s3:::reports/bob/a", "arn:aws:s3:::reports/eve/a"
    result = custom(account, policy, CallerArn=BOB, ResourceArns=[mine, others])
    decisions = [each["EvalResourceDecision"] for each in result["ResourceSpecificResults"]]
    assert decisions == ["allowed", "implicitDeny"]
    given = custom(account, policy, ContextEntries=[entry("aws:username", "eve")], ResourceArns=[others])
    assert given["EvalDecision"] == "allowed"


@pytest.mark.parametrize(
    ("kind", "values", "is_taken"),
    [
        ("string", ["a"], True),
        ("string", ["a", "b"], False),
        ("stringList", ["a", "b"], True),
        ("numeric", ["1.5"], True),
        ("numeric", ["one"], False),
        ("numericList", ["1", "x"], False),
        ("boolean", ["True"], True),
        ("boolean", ["yes"], False),
        ("booleanList", ["true", "false"], True),
        ("ip", ["203.0.113.0/24"], True),
        ("ip", ["here"], False),
        ("ipList", ["10.0.0.1", "::1"], True),
        ("binary", ["QmluYXJ5"], True),
        ("binary", ["!"], False),
        ("binaryList", ["QQ=="], True),
        ("date", ["2026-01-31T12:00:00Z"], True),
        ("date", ["soon"], False),
        ("dateList", ["2026-01-31"], True),
        ("string", [], False),
        ("stringList", [], False),
        (None, ["a", "b"], True),
    ],
)
def test_context_values_are_held_to_their_type(
    account: Account, kind: str | None, values: list[str], is_taken: bool
) -> None:
    entries = [entry("aws:PrincipalTag/x", *values, kind=kind)]
    if is_taken:
        assert custom(account, allow("s3:*"), ContextEntries=entries)["EvalDecision"] == "allowed"
    else:
        assert "aws:PrincipalTag/x" in refused_custom(account, ContextEntries=entries)


@pytest.mark.parametrize(
    ("key", "kind", "decision"),
    [
        ("aws:username", "string", "allowed"),
        ("aws:username", "stringList", "implicitDeny"),
        ("aws:username", None, "allowed"),
        ("aws:TagKeys", "string", "allowed"),
        ("aws:TagKeys", "stringList", "implicitDeny"),
        ("aws:TagKeys", None, "implicitDeny"),
        ("dynamodb:LeadingKeys", None, "implicitDeny"),
    ],
)
def test_the_type_of_a_context_entry_says_whether_its_key_is_multivalued(
    account: Account, key: str, kind: str | None, decision: str
) -> None:
    """AWS: API_ContextEntry.html, ContextKeyType. Where it is left out, AWS's reference says it."""
    entries = [entry(key, "team", kind=kind)]
    scalar = custom(account, allow("s3:*", StringEquals={key: "team"}), ContextEntries=entries)
    assert scalar["EvalDecision"] == decision
    of_a_set = {"ForAllValues:StringEquals": {key: "team"}, "Null": {key: "false"}}
    result = custom(account, allow("s3:*", **of_a_set), ContextEntries=entries)
    assert result["EvalDecision"] == "allowed"


def test_an_unknown_key_of_several_values_is_multivalued(account: Account) -> None:
    policy = allow("s3:*", StringEquals={"example:Key": "a"})
    for values, decision in ((["a"], "allowed"), (["a", "b"], "implicitDeny")):
        result = custom(account, policy, ContextEntries=[entry("example:Key", *values)])
        assert result["EvalDecision"] == decision


@pytest.mark.parametrize(
    ("given", "sentence"),
    [  # each beside a policy that allows s3:*, and the action s3:GetObject
        ({"PolicyInputList": ["{}"]}, "PolicyInputList.1: "),
        ({"ActionNames": ["s3:*"]}, "Invalid action s3:*"),
        ({"ActionNames": ["GetObject"]}, "Invalid action GetObject"),
        ({"ResourceArns": ["reports"]}, "Invalid resource reports"),
        ({"ResourcePolicy": RESOURCE_POLICY}, "CallerArn is required"),
        ({"ResourcePolicy": "{", "CallerArn": BOB}, "ResourcePolicy: "),
        (
            {"ResourcePolicy": RESOURCE_POLICY, "CallerArn": BOB, "ResourceArns": ["arn:aws:sqs:::q"]},
            "not applicable",
        ),
        ({"ResourceOwner": "somebody"}, "ResourceOwner somebody"),
        ({"CallerArn": f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i"}, "does not clearly define entity"),
        ({"CallerArn": "arn:aws:iam::1:user/bob"}, "does not clearly define entity"),
        ({"CallerArn": "ec2.amazonaws.com"}, "does not clearly define entity"),
        ({"PermissionsBoundaryPolicyInputList": [allow("*"), allow("*")]}, "only one permissions boundary"),
        ({"ContextEntries": [{"ContextKeyValues": ["a"]}]}, "A context entry is not the name"),
        ({"ContextEntries": [entry("nonsense", "a")]}, "nonsense is not the name"),
        ({"ContextEntries": [entry("aws:userid", "a"), entry("aws:UserId", "a")]}, "given twice"),
        ({"ResourceHandlingOption": "EC2-Nonsense"}, "ResourceHandlingOption EC2-Nonsense"),
        (
            {"ResourceHandlingOption": "EC2-VPC-EBS", "ResourceArns": [OBJECT]},
            "these kinds too: instance, image",
        ),
    ],
)
def test_what_is_not_acceptable_is_refused(account: Account, given: dict[str, object], sentence: str) -> None:
    assert sentence in refused_custom(account, **given)


def test_an_ec2_scenario_takes_the_resources_that_it_needs(account: Account) -> None:
    kinds = ("instance/*", "image/ami-1", "security-group/*", "network-interface/*", "subnet/*", "volume/*")
    resources = [f"arn:aws:ec2:us-east-1:{ACCOUNT_ID}:{kind}" for kind in kinds]
    result = custom(
        account,
        allow("ec2:RunInstances"),
        action="ec2:RunInstances",
        ResourceArns=resources,
        ResourceHandlingOption="EC2-VPC-EBS-Subnet",
    )
    assert result["EvalDecision"] == "allowed"
    assert result["EvalResourceName"] == "arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}"
    assert len(result["ResourceSpecificResults"]) == 6


def test_results_come_in_pages_in_the_order_of_the_actions(account: Account) -> None:
    names = [f"s3:Action{number}" for number in range(5)]
    seen: list[str] = []
    marker: dict[str, object] = {}
    while True:
        answer: Any = account.call(
            "iam",
            "SimulateCustomPolicy",
            {"PolicyInputList": [allow("s3:*")], "ActionNames": names, "MaxItems": 2, **marker},
        )
        seen += [each["EvalActionName"] for each in answer["EvaluationResults"]]
        if not answer["IsTruncated"]:
            break
        marker = {"Marker": answer["Marker"]}
    assert seen == names


def test_a_page_ends_before_it_takes_too_long(account: Account) -> None:
    resources = [f"arn:aws:s3:::b/{number}" for number in range(1000)]
    statements = [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}] * 15
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    given = {"PolicyInputList": [policy], "ActionNames": ["s3:GetObject", "s3:PutObject"]}
    answer = account.call("iam", "SimulateCustomPolicy", {**given, "ResourceArns": resources})
    assert answer["IsTruncated"] is True
    too_many = [f"arn:aws:s3:::b/{number}" for number in range(MOST_STATEMENTS_AT_ONCE // 15 + 1)]
    assert "too much at once" in refused_custom(account, **given, ResourceArns=too_many)


def with_everything(account: Account) -> None:
    """The user bob, in the group devs, with policies of every kind and a boundary."""
    account.add_user("bob", allow("s3:GetObject"), tags=(Tag("team", "blue"),))
    account.call("iam", "CreateGroup", {"GroupName": "devs"})
    account.call("iam", "AddUserToGroup", {"GroupName": "devs", "UserName": "bob"})
    account.call(
        "iam",
        "PutGroupPolicy",
        {"GroupName": "devs", "PolicyName": "in", "PolicyDocument": allow("s3:PutObject")},
    )
    for name, document in (("queues", allow("sqs:*")), ("limit", allow("s3:*", "sqs:*"))):
        account.call("iam", "CreatePolicy", {"PolicyName": name, "PolicyDocument": document})
    policy = f"arn:aws:iam::{ACCOUNT_ID}:policy"
    account.call("iam", "AttachUserPolicy", {"UserName": "bob", "PolicyArn": f"{policy}/queues"})
    account.call("iam", "AttachGroupPolicy", {"GroupName": "devs", "PolicyArn": f"{policy}/queues"})
    account.call(
        "iam",
        "PutUserPermissionsBoundary",
        {"UserName": "bob", "PermissionsBoundary": f"{policy}/limit"},
    )


def source_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(each["SourcePolicyId"], each["SourcePolicyType"]) for each in result["MatchedStatements"]]


def test_a_users_own_and_its_groups_policies_are_simulated(account: Account) -> None:
    with_everything(account)
    assert source_of(principal(account, BOB)) == [("user_bob_p1", "user")]
    assert source_of(principal(account, BOB, "s3:PutObject")) == [("group_devs_in", "group")]
    assert source_of(principal(account, BOB, "sqs:SendMessage")) == [("queues", "user-managed")]
    outside = principal(account, BOB, "ec2:StopInstances", PolicyInputList=[allow("ec2:*")])
    assert outside["EvalDecision"] == "implicitDeny"
    assert outside["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
    given = principal(
        account,
        BOB,
        "ec2:StopInstances",
        PolicyInputList=[allow("ec2:*")],
        PermissionsBoundaryPolicyInputList=[allow("ec2:*")],
    )
    assert (given["EvalDecision"], source_of(given)) == ("allowed", [("PolicyInputList.1", "none")])


def test_a_groups_and_a_roles_policies_are_simulated(account: Account) -> None:
    with_everything(account)
    group = f"arn:aws:iam::{ACCOUNT_ID}:group/devs"
    assert source_of(principal(account, group, "s3:PutObject")) == [("group_devs_in", "group")]
    assert principal(account, group, "s3:GetObject")["EvalDecision"] == "implicitDeny"
    account.call("iam", "CreateRole", {"RoleName": "web", "AssumeRolePolicyDocument": TRUSTS_EC2})
    account.call(
        "iam", "PutRolePolicy", {"RoleName": "web", "PolicyName": "app", "PolicyDocument": allow("s3:*")}
    )
    role = f"arn:aws:iam::{ACCOUNT_ID}:role/web"
    assert source_of(principal(account, role)) == [("role_web_app", "role")]
    admin = f"arn:aws:iam::{ACCOUNT_ID}:user/admin"
    assert source_of(principal(account, admin)) == [("AdministratorAccess", "aws-managed")]


def test_what_is_known_of_the_caller_is_known_to_the_simulation(account: Account) -> None:
    with_everything(account)
    user_id = account.call("iam", "GetUser", {"UserName": "bob"})["User"]["UserId"]
    blue = allow(
        "sqs:*", StringEquals={"aws:PrincipalTag/team": "blue", "aws:userid": user_id, "aws:username": "bob"}
    )
    result = principal(account, BOB, "sqs:SendMessage", PolicyInputList=[blue])
    assert ("PolicyInputList.1", "none") in source_of(result)
    # "you simulate calling the API operations as Bob, as if Bob had David's policies"
    as_eve = principal(
        account,
        BOB,
        "sqs:SendMessage",
        PolicyInputList=[blue],
        CallerArn=f"arn:aws:iam::{ACCOUNT_ID}:user/eve",
    )
    assert source_of(as_eve) == [("queues", "user-managed")]


@pytest.mark.parametrize(
    ("excluded", "action", "decision"),
    [
        ({"PolicyType": "inline"}, "s3:GetObject", "implicitDeny"),
        ({"PolicyType": "inline"}, "sqs:SendMessage", "allowed"),
        ({"PolicyType": "user-managed"}, "sqs:SendMessage", "implicitDeny"),
        ({"PolicyType": "aws-managed"}, "sqs:SendMessage", "allowed"),
        ({"PolicyType": "rcp"}, "sqs:SendMessage", "allowed"),
        ({"PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/que*"}, "sqs:SendMessage", "implicitDeny"),
        ({"PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/other"}, "sqs:SendMessage", "allowed"),
        (
            {
                "InlinePolicyIdentifier": {
                    "PolicyName": "in",
                    "AttachmentType": "group",
                    "AttachmentName": "d?v*",
                }
            },
            "s3:PutObject",
            "implicitDeny",
        ),
        (
            {"InlinePolicyIdentifier": {"PolicyName": "in", "AttachmentType": "user", "AttachmentName": "*"}},
            "s3:PutObject",
            "allowed",
        ),
    ],
)
def test_policies_can_be_left_out(
    account: Account, excluded: dict[str, object], action: str, decision: str
) -> None:
    with_everything(account)
    result = principal(account, BOB, action, PolicyExclusionList=[excluded])
    assert result["EvalDecision"] == decision


def test_the_boundary_can_be_left_out(account: Account) -> None:
    with_everything(account)
    given = {
        "PolicyInputList": [allow("ec2:*")],
        "PolicyExclusionList": [{"PolicyType": "permission-boundary"}],
    }
    result = principal(account, BOB, "ec2:StopInstances", **given)
    assert result["EvalDecision"] == "allowed"
    assert "PermissionsBoundaryDecisionDetail" not in result


@pytest.mark.parametrize(
    "excluded",
    [
        {},
        {"PolicyType": "inline", "PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/x"},
        {"PolicyArn": "arn:aws:iam::123456789012:role/not-a-policy"},
        {"PolicyArn": "arn:aws:iam::*:policy/x/y"},
        {"PolicyArn": f"arn:aws:iam::{ACCOUNT_ID}:policy/a*b*"},
        {"InlinePolicyIdentifier": {"PolicyName": "in", "AttachmentType": "group", "AttachmentName": "**"}},
    ],
)
def test_an_exclusion_that_is_malformed_is_refused(account: Account, excluded: dict[str, object]) -> None:
    with_everything(account)
    given = {"PolicySourceArn": BOB, "ActionNames": ["s3:GetObject"], "PolicyExclusionList": [excluded]}
    assert refused(account, "SimulatePrincipalPolicy", **given)[:2] == ("InvalidInput", 400)


OPERATIONS = ("SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy")


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("kind", ["user", "group", "role"])
def test_who_is_not_there_is_not_found(account: Account, name: str, kind: str) -> None:
    more = {"ActionNames": ["s3:GetObject"]} if name.startswith("Simulate") else {}
    arn = f"arn:aws:iam::{ACCOUNT_ID}:{kind}/nobody"
    assert refused(account, name, PolicySourceArn=arn, **more) == (
        "NoSuchEntity",
        404,
        f"The {kind} with name nobody cannot be found.",
    )


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_session_has_no_policies_of_its_own(account: Account, name: str) -> None:
    more = {"ActionNames": ["s3:GetObject"]} if name.startswith("Simulate") else {}
    arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/web/i-0"
    code, status, sentence = refused(account, name, PolicySourceArn=arn, **more)
    assert (code, status) == ("InvalidInput", 400)
    assert sentence == f"Invalid Entity Arn: {arn} does not clearly define entity type and name."


def test_a_policy_that_cannot_be_evaluated_is_a_failure_of_ours(account: Account) -> None:
    account.add_user("bob")
    user = account.snapshot.user_named("bob")
    assert user is not None
    damaged = [
        replace(user, inline_policies=(InlinePolicy("p", "{"),)),
        replace(user, inline_policies=(), group_ids=("AGPAGONE",)),
        replace(user, inline_policies=(), attached_policy_arns=("arn:aws:iam::aws:policy/Gone",)),
    ]
    for each in damaged:
        with pytest.raises(PolicyEvaluation) as caught:
            identity_policies(each, account.snapshot)
        assert (caught.value.error_code, caught.value.http_status) == ("PolicyEvaluation", 500)


def test_a_simulation_of_somebody_needs_leave_for_that_very_one(account: Account) -> None:
    account.add_user("bob", allow("iam:SimulatePrincipalPolicy", resource=BOB), tags=(Tag("team", "blue"),))
    bob = account.add_user("alice", allow("iam:SimulatePrincipalPolicy", resource=BOB))
    given = {"PolicySourceArn": BOB, "ActionNames": ["s3:GetObject"]}
    account.call("iam", "SimulatePrincipalPolicy", given, as_=bob)
    with pytest.raises(Denied):
        account.call(
            "iam",
            "SimulatePrincipalPolicy",
            {**given, "PolicySourceArn": BOB.replace("bob", "alice")},
            as_=bob,
        )
    [check] = account.checks("iam", "SimulatePrincipalPolicy", given)
    assert check.context == {"aws:resourcetag/team": ("blue",), "iam:resourcetag/team": ("blue",)}


def test_the_condition_keys_of_policies_are_named(account: Account) -> None:
    """The example of AWS's: cli/latest/reference/iam/get-context-keys-for-custom-policy.html"""
    policy = AWS_EXAMPLE.replace('"Resource":"*"', '"Resource":"arn:aws:s3:::${aws:username}"')
    answer = account.call("iam", "GetContextKeysForCustomPolicy", {"PolicyInputList": [policy]})
    assert list(answer["ContextKeyNames"]) == ["aws:username", "aws:CurrentTime"]
    code, status, _ = refused(account, "GetContextKeysForCustomPolicy", PolicyInputList=["{}"])
    assert (code, status) == ("InvalidInput", 400)
    account.add_user("bob", policy)
    answer = account.call(
        "iam",
        "GetContextKeysForPrincipalPolicy",
        {"PolicySourceArn": BOB, "PolicyInputList": [allow("s3:*", Bool={"aws:SecureTransport": "true"})]},
    )
    assert list(answer["ContextKeyNames"]) == [
        "aws:username",
        "aws:CurrentTime",
        "aws:SecureTransport",
    ]
