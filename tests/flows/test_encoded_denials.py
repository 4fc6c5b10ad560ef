"""EC2's denials carry their details sealed; who may sts:DecodeAuthorizationMessage reads them."""

import json

import pytest
from botocore.exceptions import ClientError

from tests.support.flow_fixtures import AdminClient, InstanceOf
from tests.support.running_system import allow

pytestmark = pytest.mark.flow


def test_a_denial_is_decoded_by_those_who_may(admin: AdminClient, instance_of: InstanceOf) -> None:
    instance = instance_of(allow("sqs:ListQueues"))
    session = instance.session()
    with pytest.raises(ClientError) as caught:
        session.client("ec2").describe_instances()
    error = caught.value.response["Error"]
    assert error["Code"] == "UnauthorizedOperation"
    assert "because no identity-based policy allows the ec2:DescribeInstances action" in error["Message"]
    encoded = error["Message"].partition("Encoded authorization failure message: ")[2]

    with pytest.raises(ClientError) as refused:
        session.client("sts").decode_authorization_message(EncodedMessage=encoded)
    assert refused.value.response["Error"]["Code"] == "AccessDenied"

    said = json.loads(admin("sts").decode_authorization_message(EncodedMessage=encoded)["DecodedMessage"])
    assert (said["allowed"], said["explicitDeny"]) == (False, False)
    assert said["context"]["action"] == "ec2:DescribeInstances"
    assert f"/{instance.instance_id}" in said["context"]["principal"]["arn"]

    with pytest.raises(ClientError) as not_ours:
        admin("sts").decode_authorization_message(EncodedMessage=encoded[:-4] + "AAAA")
    assert not_ours.value.response["Error"]["Code"] == "InvalidAuthorizationMessageException"
