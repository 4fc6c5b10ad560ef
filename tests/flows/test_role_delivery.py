"""How credentials were fetched is known of every call (`ec2:RoleDelivery`), and what there is without any."""

import json

import boto3
import pytest
from botocore.client import BaseClient

from tests.support.metadata_client import ask, with_token
from tests.support.refusal import refusal
from tests.support.running_system import SLEEPER, Instance, RunningSystem, allow, deny, until

pytestmark = pytest.mark.flow

ROLES = "/latest/meta-data/iam/security-credentials/"
NOBODY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def s3_with(system: RunningSystem, document: str) -> BaseClient:
    """A client with the keys of a credentials document."""
    told = json.loads(document)
    return boto3.client(
        "s3",
        endpoint_url=system.endpoint,
        region_name=system.region,
        aws_access_key_id=told["AccessKeyId"],
        aws_secret_access_key=told["SecretAccessKey"],
        aws_session_token=told["Token"],
    )


def launched(system: RunningSystem, profile: str | None, **options: str) -> Instance:
    return system.launch(SLEEPER, instance_profile=profile, MetadataOptions=options)


def test_a_policy_may_refuse_what_was_fetched_without_a_token(system: RunningSystem) -> None:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html, ec2:RoleDelivery."""
    first = {"NumericLessThan": {"ec2:RoleDelivery": "2.0"}}
    profile = system.instance_profile_of(allow("s3:ListAllMyBuckets"), deny("*", Condition=first))
    instance = launched(system, profile, HttpTokens="optional")
    endpoint = instance.metadata_endpoint()
    (status, without), (_, having) = ask(endpoint, ROLES + profile), with_token(endpoint, ROLES + profile)
    assert status == 200
    assert json.loads(without)["AccessKeyId"] != json.loads(having)["AccessKeyId"]
    assert refusal(s3_with(system, without).list_buckets) == ("AccessDenied", 403)
    s3_with(system, having).list_buckets()
    instance.terminate()


def test_a_trust_policy_that_refuses_is_told_in_place_of_keys_and_mended(system: RunningSystem) -> None:
    profile = system.instance_profile_of(trust=NOBODY)
    instance = launched(system, profile)
    endpoint = instance.metadata_endpoint()
    status, document = with_token(endpoint, ROLES + profile)
    told = json.loads(document)
    assert (status, told["Code"]) == (200, "AssumeRoleUnauthorizedAccess")
    assert set(told) == {"Code", "Message", "LastUpdated"}
    assert instance.session().credentials is None
    instance.terminate()


def test_without_an_instance_profile_there_are_no_credentials(system: RunningSystem) -> None:
    instance = launched(system, None)
    endpoint = instance.metadata_endpoint()
    assert with_token(endpoint, ROLES)[0] == 404
    assert with_token(endpoint, "/latest/meta-data/iam/info")[0] == 404
    until(lambda: instance.state() == "running", "it runs nevertheless")
    instance.terminate()
