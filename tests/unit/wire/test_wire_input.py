"""Input that is malformed, missing or against the model's rules is refused in AWS's words."""

import json

import pytest

from tabard.errors import AwsError
from tabard.wire.form import parse_form
from tabard.wire.identify import identify, identify_service, operation_of
from tabard.wire.parse import parse_input
from tabard.wire.service_model import service_model
from tests.support.shape_values import raw_request

FORM = (("content-type", "application/x-www-form-urlencoded"),)
MESSAGE = '{"QueueUrl":"q","MessageBody":"x","MessageAttributes":%s}'
JSON = (("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "DynamoDB_20120810.GetItem"))


def refusal(service: str, operation: str, body: bytes, **raw: object) -> AwsError:
    with pytest.raises(AwsError) as caught:
        parse_input(service_model(service), operation, raw_request(**raw), body, {})
    return caught.value


@pytest.mark.parametrize(
    ("service", "operation", "body", "code", "sentence"),
    [
        (
            "iam",
            "CreateRole",
            "AssumeRolePolicyDocument=%7B%7D",
            "ValidationError",
            (
                "1 validation error detected: Value null at 'roleName' failed to satisfy constraint: "
                "Member must not be null"
            ),
        ),
        (
            "iam",
            "CreateRole",
            "AssumeRolePolicyDocument=%7B%7D&RoleName=a%20b",
            "ValidationError",
            (
                "1 validation error detected: Value 'a b' at 'roleName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [\\w+=,.@-]+"
            ),
        ),
        (
            "iam",
            "CreateRole",
            "AssumeRolePolicyDocument=%7B%7D&RoleName=a%0A",
            "ValidationError",
            (
                "1 validation error detected: Value 'a\n' at 'roleName' failed to satisfy constraint: "
                "Member must satisfy regular expression pattern: [\\w+=,.@-]+"
            ),
        ),
        (
            "iam",
            "CreateRole",
            f"AssumeRolePolicyDocument=%7B%7D&RoleName={'a' * 65}",
            "ValidationError",
            (
                f"1 validation error detected: Value '{'a' * 65}' at 'roleName' failed to satisfy "
                "constraint: Member must have length less than or equal to 64"
            ),
        ),
        (
            "iam",
            "CreateRole",
            "AssumeRolePolicyDocument=%7B%7D&RoleName=a&Tags.member.1.Key=k",
            "ValidationError",
            (
                "1 validation error detected: Value null at 'tags.1.member.value' failed to satisfy "
                "constraint: Member must not be null"
            ),
        ),
        (
            "iam",
            "UpdateAccessKey",
            "AccessKeyId=AKIAIOSFODNN7EXAMPLE&Status=On",
            "ValidationError",
            (
                "1 validation error detected: Value 'On' at 'status' failed to satisfy constraint: "
                "Member must satisfy enum value set: [Active, Inactive, Expired]"
            ),
        ),
        (
            "sts",
            "AssumeRole",
            "RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=s&DurationSeconds=899",
            "ValidationError",
            "2 validation errors detected: ",
        ),
        (
            "sts",
            "AssumeRole",
            "RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=ss&DurationSeconds=1e3",
            "MalformedInput",
            "Value '1e3' at 'DurationSeconds' is not a valid integer",
        ),
        (
            "ec2",
            "TerminateInstances",
            "",
            "MissingParameter",
            "The request must contain the parameter InstanceId",
        ),
        (
            "ec2",
            "RunInstances",
            "MinCount=1&MaxCount=x",
            "InvalidParameterValue",
            "Value (x) for parameter MaxCount is invalid. Expected a value of type integer.",
        ),
        (
            "ec2",
            "RunInstances",
            "MinCount=1&MaxCount=1&IamInstanceProfile.Nmae=x",
            "UnknownParameter",
            "The parameter IamInstanceProfile.Nmae is not recognized",
        ),
        (
            "ec2",
            "TerminateInstances",
            "InstanceId.x=i-1",
            "UnknownParameter",
            "The parameter InstanceId.x is not recognized",
        ),
        (
            "sqs",
            "SendMessage",
            '{"QueueUrl":"q"}',
            "MissingParameter",
            "The request must contain the parameter M",
        ),
        (
            "dynamodb",
            "GetItem",
            '{"Key":{}}',
            "ValidationException",
            (
                "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: "
                "Member must not be null"
            ),
        ),
        ("dynamodb", "GetItem", "[]", "SerializationException", "Start of structure"),
        ("dynamodb", "GetItem", "{", "SerializationException", "The body is not valid JSON."),
        ("dynamodb", "GetItem", '{"a":NaN}', "SerializationException", "The body is not valid JSON."),
        (
            "dynamodb",
            "GetItem",
            '{"TableName":1}',
            "SerializationException",
            "NUMBER_VALUE cannot be converted",
        ),
        ("dynamodb", "GetItem", '{"Key":[]}', "SerializationException", "Start of structure or map or list"),
        ("dynamodb", "GetItem", '{"ConsistentRead":"true"}', "SerializationException", "STRING_VALUE cannot"),
        ("dynamodb", "GetItem", '{"Key":{"k":{"B":"*"}}}', "SerializationException", "A blob is not valid"),
        ("dynamodb", "GetItem", '{"Key":{"k":null}}', "SerializationException", "Null is not a value"),
        ("dynamodb", "Query", '{"Limit":true}', "SerializationException", "TRUE_VALUE cannot"),
        ("dynamodb", "Query", '{"Limit":99999999999}', "SerializationException", "NUMBER_VALUE cannot"),
        (
            "dynamodb",
            "GetItem",
            '{"Key":{"k":' + '{"M":{"m":' * 200 + "{}" + "}}" * 200 + "}}",
            "SerializationException",
            "The JSON is nested too deeply.",
        ),
        ("dynamodb", "GetItem", "[" * 200_000, "SerializationException", "The JSON is nested too deeply."),
        ("s3", "CompleteMultipartUpload", "<a", "MalformedXML", ""),
        ("s3", "CompleteMultipartUpload", "<Delete/>", "MalformedXML", ""),
        ("s3", "DeleteObjects", "<Delete><Object><Kex>k</Kex></Object></Delete>", "MalformedXML", ""),
        ("s3", "DeleteObjects", "<Delete><Object/></Delete>", "MalformedXML", ""),
        ("s3", "DeleteObjects", "<Delete><Quiet>maybe</Quiet></Delete>", "MalformedXML", ""),
        ("s3", "DeleteObjects", "<Delete><Object><Key><b/></Key></Object></Delete>", "MalformedXML", ""),
        (
            "s3",
            "DeleteObjects",
            "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
            "MalformedXML",
            "",
        ),
        ("s3", "DeleteObjects", "<Delete><Object><Key>&#1;</Key></Object></Delete>", "MalformedXML", ""),
        ("s3", "DeleteObjects", "", "MissingRequestBodyError", ""),
        ("s3", "DeleteObjects", "<a>" * 100 + "</a>" * 100, "MalformedXML", ""),
        (
            "s3",
            "DeleteObjects",
            '<!DOCTYPE d [<!ENTITY e "x">]><Delete><Object><Key>&e;</Key></Object></Delete>',
            "MalformedXML",
            "",
        ),
        (
            "s3",
            "DeleteObjects",
            '<!DOCTYPE d SYSTEM "file:///etc/passwd"><Delete><Object><Key>k</Key></Object></Delete>',
            "MalformedXML",
            "",
        ),
    ],
)
def test_bad_input_is_refused_in_the_services_words(
    service: str, operation: str, body: str, code: str, sentence: str
) -> None:
    headers = JSON if service in ("dynamodb", "sqs") else FORM
    error = refusal(service, operation, body.encode(), headers=headers)
    assert error.error_code == code
    assert error.message.startswith(sentence)


@pytest.mark.parametrize(
    ("service", "operation", "body", "parameter"),
    [
        (
            "sqs",
            "SendMessageBatch",
            '{"QueueUrl":"q","Entries":[{"Id":"1","MessageBody":"x"},{}]}',
            "Entries.2.Id.",
        ),
        ("sqs", "SendMessage", MESSAGE % '{"a":{}}', "MessageAttributes.a.DataType."),
        ("sqs", "SendMessage", MESSAGE % '{"a":{"DataType":null}}', "MessageAttributes.a.DataType."),
        (
            "sqs-query",
            "SendMessageBatch",
            "QueueUrl=q&SendMessageBatchRequestEntry.1.MessageBody=x",
            "SendMessageBatchRequestEntry.1.Id.",
        ),
        (
            "sqs-query",
            "SendMessage",
            "QueueUrl=q&MessageBody=x&MessageAttribute.1.Name=a",
            "MessageAttribute.1.Value.DataType.",
        ),
        (
            "ec2",
            "RunInstances",
            "MinCount=1&MaxCount=1&ElasticInferenceAccelerator.1.Count=1",
            "ElasticInferenceAccelerator.1.Type",
        ),
    ],
)
def test_a_parameter_that_is_missing_deep_within_is_named(
    service: str, operation: str, body: str, parameter: str
) -> None:
    headers = JSON if service == "sqs" else FORM
    error = refusal(service.removesuffix("-query"), operation, body.encode(), headers=headers)
    assert error.error_code == "MissingParameter"
    assert error.message == f"The request must contain the parameter {parameter}"


def test_a_sensitive_value_is_never_echoed() -> None:
    body = b"UserName=u&Password=" + b"%00secret"
    error = refusal("iam", "CreateLoginProfile", body, headers=FORM)
    assert "Value at 'password' failed to satisfy constraint" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("query", "headers", "code"),
    [
        ("list-type=2&max-keys=many", (), "InvalidArgument"),
        ("list-type=2&max-keys=99999999999", (), "InvalidArgument"),
        ("list-type=2&fetch-owner=perhaps", (), "InvalidArgument"),
    ],
)
def test_bad_s3_parameters_are_invalid_arguments(
    query: str, headers: tuple[tuple[str, str], ...], code: str
) -> None:
    error = refusal("s3", "ListObjectsV2", b"", method="GET", path="/b", query=query, headers=headers)
    assert error.error_code == code


def test_the_last_of_two_equal_keys_counts() -> None:
    body = b'{"TableName":"secret","TableName":"public","Key":{"k":{"S":"v"}},"Unknown":1}'
    read = parse_input(service_model("dynamodb"), "GetItem", raw_request(headers=JSON), body, {})
    assert read == {"TableName": "public", "Key": {"k": {"S": "v"}}}


def test_unknown_parameters_of_the_query_protocol_are_left_out() -> None:
    body = b"RoleName=r&Unknown=1&Tags.member.x=2"
    read = parse_input(service_model("iam"), "GetRole", raw_request(headers=FORM), body, {})
    assert read == {"RoleName": "r"}


@pytest.mark.parametrize(
    "body", [b"RoleName=a&RoleName=b", b"RoleName=%ff", b"RoleName=\xff", b"a=1&" * 10_001]
)
def test_an_ambiguous_form_is_refused(body: bytes) -> None:
    with pytest.raises(AwsError) as caught:
        parse_form(body)
    assert caught.value.error_code == "InvalidQueryParameter"


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "scope", "expected"),
    [
        ("POST", "/", "", JSON, "dynamodb", ("dynamodb", "json")),
        ("POST", "/", "", JSON, None, ("dynamodb", "json")),
        ("POST", "/", "", (("x-amz-target", "AmazonSQS.SendMessage"),), "sqs", ("sqs", "json")),
        ("POST", "/", "", FORM, "iam", ("iam", "query")),
        ("POST", "/", "", FORM, "ec2", ("ec2", "ec2")),
        ("POST", "/", "", FORM, None, ("sts", "query")),
        ("GET", "/", "Action=ListUsers&Version=2010-05-08", (), None, ("iam", "query")),
        ("PUT", "/bucket/key", "", FORM, "s3", ("s3", "rest-xml")),
        ("GET", "/bucket/key", "", (), None, ("s3", "rest-xml")),
        ("GET", "/", "", (), "kms", ("s3", "rest-xml")),
    ],
)
def test_service_and_protocol_show_before_the_body(
    method: str,
    path: str,
    query: str,
    headers: tuple[tuple[str, str], ...],
    scope: str | None,
    expected: tuple[str, str],
) -> None:
    assert identify_service(raw_request(method, path, query, headers), scope) == expected


@pytest.mark.parametrize(
    ("method", "path", "query", "headers", "scope", "code"),
    [
        ("POST", "/", "", JSON, "s3", "SignatureDoesNotMatch"),
        ("POST", "/", "", JSON, "sqs", "SignatureDoesNotMatch"),
        ("GET", "/bucket/key", "", (), "kms", "UnknownOperationException"),
        ("POST", "/", "", JSON, "kms", "SignatureDoesNotMatch"),
        ("POST", "/", "", FORM, "kms", "InvalidAction"),
        (
            "POST",
            "/",
            "",
            (("x-amz-target", "DynamoDB_20120810.Nope"),),
            "dynamodb",
            "UnknownOperationException",
        ),
        ("POST", "/", "", (), "dynamodb", "UnknownOperationException"),
        ("POST", "/", "", (("x-amz-target", "Other.GetItem"),), "dynamodb", "UnknownOperationException"),
        ("DELETE", "/", "", (), "iam", "MissingAction"),
        ("GET", "/", "Action=Nope&Version=2010-05-08", (), "iam", "InvalidAction"),
        ("GET", "/", "Action=ListUsers", (), "iam", "InvalidAction"),
        ("GET", "/", "Action=ListUsers&Version=2011-06-15", (), "iam", "InvalidAction"),
        ("GET", "/", "", (), "iam", "MissingAction"),
        ("POST", "/bucket", "", (), "s3", "MethodNotAllowed"),
        ("GET", "/bucket", "unknown", (), "s3", "NotImplemented"),
    ],
)
def test_what_cannot_be_identified_is_refused(
    method: str, path: str, query: str, headers: tuple[tuple[str, str], ...], scope: str, code: str
) -> None:
    with pytest.raises(AwsError) as caught:
        identify(raw_request(method, path, query, headers), scope)
    assert caught.value.error_code == code


@pytest.mark.parametrize(
    ("query", "headers", "body", "code"),
    [
        ("", FORM, b"Version=2010-05-08", "MissingAction"),
        ("", FORM, b"Action=GetCallerIdentity&Version=2011-06-15", "InvalidAction"),
        ("", (), b"Action=ListUsers&Version=2010-05-08", "InvalidQueryParameter"),
        ("Action=ListUsers", FORM, b"Action=ListUsers&Version=2010-05-08", "InvalidQueryParameter"),
    ],
)
def test_an_operation_in_a_form_has_one_reading(
    query: str, headers: tuple[tuple[str, str], ...], body: bytes, code: str
) -> None:
    raw = raw_request("POST", "/", query, headers)
    with pytest.raises(AwsError) as caught:
        operation_of(identify(raw, "iam"), raw, body)
    assert caught.value.error_code == code


def test_every_model_compiles_for_every_operation() -> None:
    for service in ("iam", "sts", "dynamodb", "sqs", "hosts"):
        model = service_model(service)
        for name in model.operation_names:
            try:
                parse_input(
                    model, name, raw_request(headers=FORM), b"{}" if model.protocol == "json" else b"", {}
                )
            except AwsError as error:
                json.dumps(error.message)
