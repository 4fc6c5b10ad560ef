"""`tabard explain`: why one request was allowed or denied."""

import json
import subprocess
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.running_system import TABARD, Instance, RunningSystem, bare_environment, statements

pytestmark = pytest.mark.flow

READ_IF_BLUE = {
    "Sid": "Blue",
    "Effect": "Allow",
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::reports/*",
    "Condition": {"StringEquals": {"aws:PrincipalTag/team": "blue"}},
}
LIST = {"Sid": "List", "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of(statements(READ_IF_BLUE, LIST))


def explain(system: RunningSystem, request_id: str, *options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TABARD, "explain", request_id, "--data-dir", str(system.data_dir), *options],
        env=bare_environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def explained(system: RunningSystem, request_id: str) -> dict[str, Any]:
    done = explain(system, request_id, "--json")
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def denied_request(instance: Instance) -> str:
    with pytest.raises(ClientError) as caught:
        instance.client("s3").get_object(Bucket="reports", Key="a")
    request_id: str = caught.value.response["ResponseMetadata"]["RequestId"]
    return request_id


def test_a_denial_names_the_near_miss_and_the_value_that_was_wanted(
    system: RunningSystem, instance: Instance
) -> None:
    request_id = denied_request(instance)
    told = explained(system, request_id)
    assert told["outcome"] == "denied"
    [miss] = told["explanation"]["statements"]
    assert (miss["sid"], miss["applies"]) == ("Blue", False)
    assert (miss["failed"]["key"], miss["failed"]["wanted"]) == ("aws:PrincipalTag/team", ["blue"])
    assert told["explanation"]["context"]["ec2:roledelivery"] == ["2.0"]
    text = explain(system, request_id).stdout
    assert "denied: no identity-based policy allows it" in text
    assert "Condition StringEquals aws:PrincipalTag/team: wanted blue; the request's is none" in text


def test_what_was_allowed_names_the_statement(system: RunningSystem, instance: Instance) -> None:
    answer = instance.client("s3").list_buckets()
    told = explained(system, answer["ResponseMetadata"]["RequestId"])
    [decided] = told["decisions"]
    assert (decided["effect"], decided["matched"][0]["sid"]) == ("allow", "List")
    assert told["changed_since"] == []


def test_it_tells_that_the_role_was_changed_since_and_still_what_was_then(
    system: RunningSystem, instance: Instance, admin: AdminClient
) -> None:
    request_id = denied_request(instance)
    admin("iam").put_role_policy(
        RoleName=instance.instance_profile,
        PolicyName="later",
        PolicyDocument=json.dumps(statements(READ_IF_BLUE)),
    )
    told = explained(system, request_id)
    [change] = told["changed_since"]
    assert (change["change"], change["kind"], change["name"]) == ("added", "inline policy", "later")
    assert change["holder"].rpartition("/")[2] == instance.instance_profile
    assert len(told["explanation"]["statements"]) == 1


def test_an_id_that_the_audit_does_not_know_is_said_so(system: RunningSystem) -> None:
    done = explain(system, "nonsense")
    assert done.returncode == 2
    assert "has no request nonsense" in done.stderr


def test_no_session_token_and_no_secret_is_told(system: RunningSystem, instance: Instance) -> None:
    told = explain(system, denied_request(instance), "--json").stdout
    credentials = instance.session().credentials.get_frozen_credentials()
    assert credentials.secret_key not in told
    assert credentials.token not in told
