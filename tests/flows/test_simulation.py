"""boto3 and the AWS CLI simulate policies on the real system, and what they are told is what then happens."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.refusal import refusal
from tests.support.running_system import TABARD, Instance, RunningSystem, allow, bare_environment, statements

pytestmark = pytest.mark.flow

AWS = str(Path(sys.executable).with_name("aws"))


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(
        statements(
            {"Sid": "List", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"},
            {"Sid": "Never", "Effect": "Deny", "Action": "sqs:*", "Resource": "*"},
        )
    )


def role_arn(system: RunningSystem, instance: Instance) -> str:
    return f"arn:aws:iam::{system.account_id}:role/{instance.instance_profile}"


def test_a_roles_simulation_tells_what_its_instances_may(
    system: RunningSystem, admin: AdminClient, instance: Instance
) -> None:
    actions = ["s3:ListAllMyBuckets", "s3:CreateBucket", "sqs:ListQueues"]
    answer = admin("iam").simulate_principal_policy(
        PolicySourceArn=role_arn(system, instance), ActionNames=actions
    )
    told = {result["EvalActionName"]: result for result in answer["EvaluationResults"]}
    assert [told[action]["EvalDecision"] for action in actions] == ["allowed", "implicitDeny", "explicitDeny"]
    [matched] = told["sqs:ListQueues"]["MatchedStatements"]
    assert matched["SourcePolicyType"] == "role"
    assert matched["StartPosition"]["Line"] == 1
    instance.client("s3").list_buckets()
    assert refusal(instance.client("s3").create_bucket, Bucket="not-allowed")[0] == "AccessDenied"
    assert refusal(instance.client("sqs").list_queues)[0] == "AccessDenied"


def test_results_are_paginated(admin: AdminClient) -> None:
    paginator = admin("iam").get_paginator("simulate_custom_policy")
    pages = paginator.paginate(
        PolicyInputList=[json.dumps(allow("s3:*"))],
        ActionNames=[f"s3:Get{number}" for number in range(7)],
        PaginationConfig={"PageSize": 3},
    )
    seen = [len(page["EvaluationResults"]) for page in pages]
    assert seen == [3, 3, 1]


def test_every_detail_comes_through_the_protocol(admin: AdminClient) -> None:
    caller = "arn:aws:iam::111122223333:user/bob"
    resource_policy = statements(
        {"Effect": "Allow", "Principal": {"AWS": caller}, "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}
    )
    answer = admin("iam").simulate_custom_policy(
        PolicyInputList=[
            json.dumps(allow("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "true"}}))
        ],
        PermissionsBoundaryPolicyInputList=[json.dumps(allow("s3:*"))],
        OrderedOrganizationPolicyInputList=[{"ServiceControlPolicyInputList": [json.dumps(allow("*"))]}],
        ActionNames=["s3:GetObject"],
        ResourceArns=["arn:aws:s3:::b/k"],
        ResourcePolicy=json.dumps(resource_policy),
        ResourceOwner="arn:aws:iam::999999999999:root",
        CallerArn=caller,
        ContextEntries=[
            {
                "ContextKeyName": "aws:PrincipalTag/team",
                "ContextKeyValues": ["blue"],
                "ContextKeyType": "string",
            }
        ],
    )
    [result] = answer["EvaluationResults"]
    assert result["EvalDecision"] == "implicitDeny"
    assert result["EvalDecisionDetails"] == {
        "IAM Policy": "implicitDeny",
        "Resource Policy": "allowed",
        "Permissions Boundary Policy": "allowed",
    }
    assert result["OrganizationsDecisionDetail"] == {"AllowedByOrganizations": True}
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
    [of_resource] = result["ResourceSpecificResults"]
    assert of_resource["MissingContextValues"] == ["aws:SecureTransport"]


def test_a_simulation_can_ask_what_it_has_to_be_given(system: RunningSystem, admin: AdminClient) -> None:
    policy = json.dumps(allow("s3:*", on="arn:aws:s3:::${aws:username}"))
    named = admin("iam").get_context_keys_for_custom_policy(PolicyInputList=[policy])
    assert named["ContextKeyNames"] == ["aws:username"]
    own = admin("iam").get_context_keys_for_principal_policy(
        PolicySourceArn=f"arn:aws:iam::{system.account_id}:user/admin", PolicyInputList=[policy]
    )
    assert own["ContextKeyNames"] == ["aws:username"]


def test_errors_are_awss(system: RunningSystem, admin: AdminClient) -> None:
    iam = admin("iam")
    with pytest.raises(iam.exceptions.InvalidInputException):
        iam.simulate_custom_policy(PolicyInputList=["{}"], ActionNames=["s3:GetObject"])
    with pytest.raises(iam.exceptions.NoSuchEntityException):
        iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{system.account_id}:user/nobody", ActionNames=["s3:GetObject"]
        )


def test_who_may_not_simulate_is_denied(system: RunningSystem, instance: Instance) -> None:
    with pytest.raises(ClientError, match="iam:SimulatePrincipalPolicy"):
        instance.client("iam").simulate_principal_policy(
            PolicySourceArn=role_arn(system, instance), ActionNames=["s3:GetObject"]
        )


def test_the_aws_cli_simulates(system: RunningSystem) -> None:
    def aws(*arguments: str) -> Any:  # noqa: ANN401 - what JSON holds
        done = subprocess.run(
            [AWS, "iam", *arguments, "--output", "json"],
            env={**system.admin_environment(), "AWS_PAGER": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    policy = json.dumps(allow("dynamodb:*", Condition={"DateLessThan": {"aws:CurrentTime": "2030-01-01"}}))
    names = aws("get-context-keys-for-custom-policy", "--policy-input-list", policy)
    assert names == {"ContextKeyNames": ["aws:CurrentTime"]}
    told = aws(
        "simulate-custom-policy",
        "--policy-input-list",
        policy,
        "--action-names",
        "dynamodb:CreateBackup",
        "--context-entries",
        "ContextKeyName='aws:CurrentTime',ContextKeyValues='2026-01-31T12:00:00Z',ContextKeyType=date",
    )
    [result] = told["EvaluationResults"]
    assert (result["EvalDecision"], result["EvalResourceName"]) == ("allowed", "*")
    keys = aws(
        "get-context-keys-for-principal-policy",
        "--policy-source-arn",
        f"arn:aws:iam::{system.account_id}:user/admin",
    )
    assert keys == {"ContextKeyNames": []}


def test_tabard_policy_simulate_says_why(system: RunningSystem, instance: Instance) -> None:
    def simulate(action: str, *options: str) -> "subprocess.CompletedProcess[str]":
        principal = f"role/{instance.instance_profile}"
        return subprocess.run(
            [
                *(*TABARD, "policy", "simulate", "--data-dir", str(system.data_dir)),
                *("--principal", principal, "--action", action, *options),
            ],
            env=bare_environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    allowed = simulate("s3:ListAllMyBuckets")
    assert (allowed.returncode, "allowed by statement 0 List" in allowed.stdout) == (0, True), allowed.stderr
    denied = simulate("sqs:ListQueues", "--json")
    (told,) = json.loads(denied.stdout)["decisions"]
    assert (denied.returncode, told["effect"], told["matched"][0]["sid"]) == (1, "explicit-deny", "Never")
