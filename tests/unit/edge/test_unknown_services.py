"""A request for a service that Tabard does not have gets one sentence, which that service's SDK reads."""

import json

import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.session import get_session
from msgspec import structs

from tabard.wire.request import RawRequest
from tabard.wire.service_model import service_model
from tabard.wire.unknown_service import ServiceNotOffered
from tests.support.edge_in_memory import EdgeInMemory
from tests.support.shape_values import ShapeValues, botocore_request

SENTENCE = (
    "This installation does not offer the service '{service}'. It offers IAM, STS, EC2, S3, DynamoDB and SQS."
)
REQUESTS = [
    ("kms", "ListKeys", "UnknownOperationException", 400),
    ("secretsmanager", "GetSecretValue", "UnknownOperationException", 400),
    ("logs", "DescribeLogGroups", "UnknownOperationException", 400),
    ("ssm", "GetParameter", "UnknownOperationException", 400),
    ("lambda", "ListFunctions", "UnknownOperationException", 400),
    ("lambda", "Invoke", "UnknownOperationException", 400),
    ("eks", "ListClusters", "UnknownOperationException", 400),
    ("sns", "ListTopics", "InvalidAction", 400),
    ("cloudformation", "ListStacks", "InvalidAction", 400),
    ("elasticloadbalancing", "DescribeLoadBalancers", "InvalidAction", 400),
    ("route53", "ListHostedZones", "InvalidAction", 400),
    ("cloudfront", "ListDistributions", "InvalidAction", 400),
    ("s3-outposts", "ListBuckets", "NotImplemented", 501),
]
MODELS = {"elasticloadbalancing": "elbv2", "s3-outposts": "s3"}


@pytest.mark.parametrize(("service", "name", "code", "status"), REQUESTS)
async def test_its_sdk_reads_the_sentence(
    edge: EdgeInMemory, service: str, name: str, code: str, status: int
) -> None:
    model_name = MODELS.get(service, service)
    model = get_session().get_service_model(model_name) if model_name != "s3" else service_model("s3")
    operation = model.operation_model(name)
    shape = operation.input_shape
    values = ShapeValues(3)
    given = {member: values.of(shape.members[member]) for member in shape.required_members} if shape else {}
    raw, body = botocore_request(operation, given)
    target = f"{raw.raw_path}?{raw.raw_query}" if raw.raw_query else raw.raw_path
    headers = [(key, value) for key, value in raw.headers if key.startswith(("content-type", "x-amz-"))]
    answer = await edge.ask(service, method=raw.method, target=target, headers=headers, body=body)
    assert isinstance(answer.body, bytes)
    parsed = create_parser(model.protocol).parse(
        {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body},
        operation.output_shape,
    )
    assert (answer.status, parsed["Error"]["Code"]) == (status, code)
    assert parsed["Error"]["Message"] == SENTENCE.format(service=service)
    event = (await edge.events())[-1]
    assert (event.outcome, event.service, event.error_code) == ("not_offered", service, code)


async def test_a_binary_protocol_is_answered_in_its_own(edge: EdgeInMemory) -> None:
    headers = (("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor"))
    answer = await edge.ask(
        "monitoring", target="/service/GraniteServiceVersion20100801/operation/ListMetrics", headers=headers,
        body=b"\xa0",
    )  # fmt: skip
    assert isinstance(answer.body, bytes)
    parser = create_parser("smithy-rpc-v2-cbor")
    told = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    error = parser.parse(told, None)["Error"]
    assert (answer.status, error["Code"]) == (400, "UnknownOperationException")
    assert error["Message"] == SENTENCE.format(service="monitoring")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_request_of_s3_signed_for_another_service_is_told_so(edge: EdgeInMemory, method: str) -> None:
    answer = await edge.ask("lambda", method=method, target="/bucket/key", headers=())
    assert isinstance(answer.body, bytes)
    assert (answer.status, dict(answer.headers)["x-amzn-errortype"]) == (400, "UnknownOperationException")
    assert bool(answer.body) == (method == "GET")
    if answer.body:
        assert json.loads(answer.body)["message"] == SENTENCE.format(service="lambda")


UNSIGNED = [
    ("/", [("x-amz-target", "TrentService.ListKeys"), ("content-type", "application/x-amz-json-1.1")]),
    ("/service/TrentService/operation/ListKeys", [("smithy-protocol", "rpc-v2-cbor")]),
]


@pytest.mark.parametrize(("target", "headers"), UNSIGNED, ids=["json", "cbor"])
async def test_an_unsigned_request_gets_the_same_sentence(
    edge: EdgeInMemory, target: str, headers: list[tuple[str, str]]
) -> None:
    """AWS's json and cbor protocols name the service in a header or the path, without any signature."""

    def unsigned(raw: RawRequest) -> RawRequest:
        return structs.replace(raw, headers=(("host", "edge.test"), *headers))

    answer = await edge.ask("kms", target=target, headers=headers, change=unsigned)
    assert isinstance(answer.body, bytes)
    assert (answer.status, dict(answer.headers)["x-amzn-errortype"]) == (400, "UnknownOperationException")
    assert SENTENCE.format(service="TrentService").encode() in answer.body


async def test_a_target_of_ours_is_still_held_to_its_own_scope(edge: EdgeInMemory) -> None:
    answer = await edge.target("kms", "DynamoDB_20120810.ListTables", {})
    assert isinstance(answer.body, bytes)
    assert b"InvalidSignatureException" in answer.body


@pytest.mark.parametrize("scope", ["a%20b", "x" * 65, "<b>", "é"])
def test_a_name_that_is_none_is_not_repeated(scope: str) -> None:
    error = ServiceNotOffered(scope, "json")
    assert error.message == SENTENCE.format(service="")
