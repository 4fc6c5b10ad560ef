"""The metadata options of a running instance, on the wire, changed by boto3."""

from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.metadata_client import ask, with_token
from tests.support.refusal import refusal
from tests.support.running_system import SLEEPER, Instance, RunningSystem, until

pytestmark = pytest.mark.flow

ID_PATH = "/latest/meta-data/instance-id"
WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def ec2(admin: AdminClient) -> BaseClient:
    return admin("ec2")


@pytest.fixture(scope="module")
def instance(instance_of: InstanceOf) -> Instance:
    return instance_of()


def change(ec2: BaseClient, instance: Instance, **options: object) -> dict[str, Any]:
    answer: dict[str, Any] = ec2.modify_instance_metadata_options(InstanceId=instance.instance_id, **options)
    assert answer["InstanceMetadataOptions"]["State"] == "pending"
    return answer


def test_reads_without_a_token_come_and_go(ec2: BaseClient, instance: Instance) -> None:
    endpoint = instance.metadata_endpoint()
    assert ask(endpoint, ID_PATH)[0] == 401
    change(ec2, instance, HttpTokens="optional")
    until(lambda: ask(endpoint, ID_PATH) == (200, instance.instance_id), "version 1", seconds=WITHIN_SECONDS)
    change(ec2, instance, HttpTokens="required")
    until(lambda: ask(endpoint, ID_PATH)[0] == 401, "version 2 alone", seconds=WITHIN_SECONDS)


def test_a_disabled_endpoint_answers_403_until_it_is_enabled(ec2: BaseClient, instance: Instance) -> None:
    endpoint = instance.metadata_endpoint()
    change(ec2, instance, HttpEndpoint="disabled")
    until(lambda: ask(endpoint, ID_PATH)[0] == 403, "a disabled endpoint", seconds=WITHIN_SECONDS)
    assert ask(endpoint, "/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")[0] == 403
    assert instance.session().credentials is None
    change(ec2, instance, HttpEndpoint="enabled")
    until(lambda: ask(endpoint, ID_PATH)[0] == 401, "an enabled endpoint", seconds=WITHIN_SECONDS)
    until(lambda: instance.session().credentials, "credentials again", seconds=WITHIN_SECONDS)


def test_tags_are_shown_where_enabled(ec2: BaseClient, system: RunningSystem) -> None:
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "web 1"}]}]
    instance = system.launch(SLEEPER, instance_profile=None, TagSpecifications=tags)
    endpoint = instance.metadata_endpoint()
    assert with_token(endpoint, "/latest/meta-data/tags/instance/")[0] == 404
    change(ec2, instance, InstanceMetadataTags="enabled")
    until(
        lambda: with_token(endpoint, "/latest/meta-data/tags/instance/Name") == (200, "web 1"),
        "tags in metadata",
        seconds=WITHIN_SECONDS,
    )
    instance.terminate()


def test_the_accounts_preferences_are_those_of_launches(system: RunningSystem, ec2: BaseClient) -> None:
    """In a region of their own, so that other tests' launches see nothing of it."""
    elsewhere = system.client("ec2", region_name="eu-west-1")
    before = elsewhere.get_instance_metadata_defaults()["AccountLevel"]
    assert before == {"ManagedBy": "account"}
    elsewhere.modify_instance_metadata_defaults(HttpTokens="required", HttpPutResponseHopLimit=3)
    told = elsewhere.get_instance_metadata_defaults()["AccountLevel"]
    assert told == {"ManagedBy": "account", "HttpTokens": "required", "HttpPutResponseHopLimit": 3}
    assert ec2.get_instance_metadata_defaults()["AccountLevel"] == {"ManagedBy": "account"}
    elsewhere.modify_instance_metadata_defaults(HttpTokens="no-preference", HttpPutResponseHopLimit=-1)
    assert elsewhere.get_instance_metadata_defaults()["AccountLevel"] == {"ManagedBy": "account"}


def test_an_unknown_instance_has_no_options(ec2: BaseClient) -> None:
    refused = refusal(
        ec2.modify_instance_metadata_options, InstanceId="i-00000000000000000", HttpTokens="optional"
    )
    assert refused == ("InvalidInstanceID.NotFound", 400)
