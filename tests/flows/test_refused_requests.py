"""What is no request of any service is refused by name: never a 500, and never asked of an upstream."""

import time
from dataclasses import replace

import pytest

from tests.support.flow_fixtures import AdminClient
from tests.support.raw_http import (
    Key,
    Reply,
    Request,
    admin_key,
    authority,
    connect,
    read_reply,
    send,
    signed,
    unsigned,
)
from tests.support.running_system import RunningSystem, fresh
from tests.support.valid_requests import HOSTS_TARGET, form, put_object, target

pytestmark = pytest.mark.flow

MIB = 1024 * 1024
NOT_OFFERED_BY_DYNAMODB = ("UnknownOperationException", 400)


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("refused")
    admin("s3").create_bucket(Bucket=name)
    admin("s3").put_object(Bucket=name, Key="key", Body=b"kept")
    return name


@pytest.fixture
def key(system: RunningSystem) -> Key:
    return admin_key(system)


@pytest.mark.parametrize(
    ("service", "body", "refused"),
    [
        ("iam", b"", ("MissingAction", 400)),
        ("iam", b"Action=", ("MissingAction", 400)),
        ("iam", b"Version=2010-05-08", ("MissingAction", 400)),
        ("iam", b"Action=Nonsense&Version=2010-05-08", ("InvalidAction", 400)),
        ("iam", b"Action=ListRoles", ("InvalidAction", 400)),
        ("iam", b"Action=ListRoles&Version=2016-11-15", ("InvalidAction", 400)),
        ("iam", b"Action=ListRoles&Action=CreateUser&Version=2010-05-08", None),
        ("iam", b"Action=%ff&Version=2010-05-08", None),
        ("iam", b"Action=listroles&Version=2010-05-08", ("InvalidAction", 400)),
        ("iam", b"Action=GetRole&Version=2010-05-08", ("ValidationError", 400)),
        ("iam", b"Action=GetRole&RoleName=%00&Version=2010-05-08", ("ValidationError", 400)),
        ("iam", b"Action=CreateLoginProfile&UserName=admin&Version=2010-05-08", ("InvalidAction", 400)),
        ("sts", b"Action=GetSessionToken&Version=2011-06-15", ("InvalidAction", 400)),
        ("sts", b"Action=AssumeRoleWithWebIdentity&RoleArn=a&Version=2011-06-15", None),
        ("sts", b"Action=ListRoles&Version=2010-05-08", ("InvalidAction", 400)),
        (
            "ec2",
            b"Action=CreateVpc&CidrBlock=10.0.0.0%2F16&Version=2016-11-15",
            ("InvalidAction", 400),
        ),
        ("ec2", b"Action=Nonsense&Version=2016-11-15", ("InvalidAction", 400)),
        ("ec2", b"Action=RunInstances&Version=2016-11-15", ("MissingParameter", 400)),
        ("sqs", b"Action=Nonsense&Version=2012-11-05", ("InvalidAction", 400)),
        ("sqs", b"Action=AddPermission&Version=2012-11-05", None),
    ],
)
def test_unknown_actions(
    system: RunningSystem, key: Key, service: str, body: bytes, refused: tuple[str, int] | None
) -> None:
    reply = send(system, signed(form(system, body), key, service))
    assert 400 <= reply.status < 500
    assert reply.code
    if refused is not None:
        assert reply.refusal == refused


@pytest.mark.parametrize(
    ("service", "name", "body", "refused"),
    [
        ("dynamodb", "DynamoDB_20120810.Nonsense", b"{}", ("UnknownOperationException", 400)),
        ("dynamodb", "DynamoDB_20120810.", b"{}", ("UnknownOperationException", 400)),
        ("dynamodb", "DynamoDB_20111205.ListTables", b"{}", None),
        ("dynamodb", "DynamoDBStreams_20120810.ListStreams", b"{}", None),
        ("dynamodb", "DynamoDB_20120810.listtables", b"{}", ("UnknownOperationException", 400)),
        ("dynamodb", "AmazonSQS.ListQueues", b"{}", None),
        ("dynamodb", "DynamoDB_20120810.ExportTableToPointInTime", b"{}", None),
        ("dynamodb", "DynamoDB_20120810.ExecuteStatement", b'{"Statement":"s"}', NOT_OFFERED_BY_DYNAMODB),
        ("dynamodb", "DynamoDB_20120810.ListTables", b"", None),
        ("dynamodb", "DynamoDB_20120810.ListTables", b"{", ("SerializationException", 400)),
        ("dynamodb", "DynamoDB_20120810.ListTables", b"[]", ("SerializationException", 400)),
        ("dynamodb", "DynamoDB_20120810.ListTables", b'{"Limit":"x"}', ("SerializationException", 400)),
        ("dynamodb", "DynamoDB_20120810.ListTables", b'{"Limit":0}', ("ValidationException", 400)),
        ("dynamodb", "DynamoDB_20120810.GetItem", b"{}", ("ValidationException", 400)),
        ("dynamodb", "DynamoDB_20120810.GetItem", b"[" * 100_000, ("SerializationException", 400)),
        ("sqs", "AmazonSQS.Nonsense", b"{}", ("UnknownOperationException", 400)),
        ("sqs", "AmazonSQS.SendMessage", b"{}", None),
        ("sqs", "AmazonSQS.AddPermission", b"{}", None),
        ("hosts", f"{HOSTS_TARGET}.Nonsense", b"{}", ("UnknownOperationException", 400)),
        ("hosts", f"{HOSTS_TARGET}.RegisterHost", b"{}", ("ValidationException", 400)),
    ],
)  # fmt: skip
def test_unknown_targets(
    system: RunningSystem, key: Key, service: str, name: str, body: bytes, refused: tuple[str, int] | None
) -> None:
    reply = send(system, signed(target(system, name, body), key, service))
    if (name, body) == ("DynamoDB_20120810.ListTables", b""):
        assert reply.status in (200, 400)
        return
    assert 400 <= reply.status < 500
    assert reply.code
    if refused is not None:
        assert reply.refusal == refused


NOT_OFFERED, NO_OPERATION, NO_METHOD = (
    ("NotImplemented", 501),
    ("NotImplemented", 501),
    ("MethodNotAllowed", 405),
)


@pytest.mark.parametrize(
    ("method", "path", "refused"),
    [
        ("POST", "/", NO_METHOD),
        ("POST", "/{bucket}", NO_METHOD),
        ("POST", "/{bucket}/key", NO_METHOD),
        ("PATCH", "/{bucket}/key", NO_METHOD),
        ("OPTIONS", "/{bucket}/key", NO_METHOD),
        ("TRACE", "/{bucket}/key", NO_METHOD),
        ("PUT", "/", NO_METHOD),
        ("DELETE", "/", NO_METHOD),
        ("GET", "/{bucket}?foo", NO_OPERATION),
        ("GET", "/{bucket}/key?foo", NO_OPERATION),
        ("PUT", "/{bucket}/key?foo=bar", NO_OPERATION),
        ("DELETE", "/{bucket}/key?foo", NO_OPERATION),
        ("GET", "/{bucket}/key?Acl", NO_OPERATION),
        ("GET", "/{bucket}/key?uploadId=a&tagging", NO_OPERATION),
        ("POST", "/{bucket}?delete&foo", NO_OPERATION),
        ("GET", "/?foo", NO_OPERATION),
        ("GET", "/{bucket}?acl", NOT_OFFERED),
        ("GET", "/{bucket}/key?acl", NOT_OFFERED),
        ("PUT", "/{bucket}?policy", NOT_OFFERED),
        ("GET", "/{bucket}?policy", NOT_OFFERED),
        ("DELETE", "/{bucket}?policy", NOT_OFFERED),
        ("PUT", "/{bucket}?cors", NOT_OFFERED),
        ("GET", "/{bucket}?versions", NOT_OFFERED),
        ("GET", "/{bucket}?notification", NOT_OFFERED),
        ("GET", "/{bucket}?website", NOT_OFFERED),
        ("GET", "/{bucket}/key?tagging", NOT_OFFERED),
        ("GET", "/{bucket}/key?torrent", NOT_OFFERED),
        ("POST", "/{bucket}/key?restore", NOT_OFFERED),
        ("POST", "/{bucket}/key?select&select-type=2", NOT_OFFERED),
        ("GET", "/{bucket}/%zz", ("InvalidURI", 400)),
        ("GET", "/{bucket}/%", ("InvalidURI", 400)),
        ("GET", "/{bucket}/%ff", ("InvalidURI", 400)),
        ("GET", "/{bucket}/%c0%af", ("InvalidURI", 400)),
        ("GET", "/{bucket}/%ed%a0%80", ("InvalidURI", 400)),
        ("GET", "/{bucket}/%00", ("InvalidArgument", 400)),
        ("GET", "/{bucket}/a%00b", ("InvalidArgument", 400)),
        ("GET", "/{bucket}/a%01b", ("InvalidArgument", 400)),
        ("GET", "//{bucket}/key", ("InvalidURI", 400)),
        ("GET", "/..%2f{bucket}/key", ("InvalidBucketName", 400)),
        ("GET", "/%2e%2e/key", ("InvalidBucketName", 400)),
        ("GET", "/{bucket}%00/key", ("InvalidBucketName", 400)),
        ("GET", "/status/key", ("InvalidBucketName", 400)),
        ("GET", "/healthz/key", ("InvalidBucketName", 400)),
        ("GET", "/{bucket}?prefix=a&prefix=b&list-type=2", ("InvalidArgument", 400)),
        ("GET", "/{bucket}?list-type=2&max-keys=x", ("InvalidArgument", 400)),
        ("GET", "/{bucket}?list-type=2&max-keys=-1", ("InvalidArgument", 400)),
        ("GET", "/{bucket}?list-type=2&max-keys=99999999999999999999", ("InvalidArgument", 400)),
        ("PUT", "/{bucket}/key?partNumber=0&uploadId=a", None),
        ("PUT", "/{bucket}/key?partNumber=x&uploadId=a", ("InvalidArgument", 400)),
        ("GET", "/{bucket}/key?versionId=null", None),
        ("GET", "/{bucket}/" + "k" * 1025, ("KeyTooLongError", 400)),
    ],
)
def test_what_is_no_operation_of_s3(
    system: RunningSystem, key: Key, bucket: str, method: str, path: str, refused: tuple[str, int] | None
) -> None:
    raw = unsigned(system, method, path.replace("{bucket}", bucket))
    reply = send(system, signed(raw, key, "s3"))
    assert 400 <= reply.status <= 501
    assert reply.status != 500
    if refused is not None:
        assert reply.refusal == refused
    assert system.client("s3").get_object(Bucket=bucket, Key="key")["Body"].read() == b"kept"


def test_an_error_to_head_has_no_body(system: RunningSystem, key: Key, bucket: str) -> None:
    for path, status in ((f"/{bucket}/absent", 404), (f"/{bucket}/key?foo", 501), (f"/{bucket}/%zz", 400)):
        request = signed(unsigned(system, "HEAD", path), key, "s3")
        with connect(system) as connection:
            connection.sendall(request.to_bytes() + request.with_header("connection", "close").to_bytes())
            received = b""
            while piece := connection.recv(65536):
                received += piece
        assert received.count(b"HTTP/1.1 %d " % status) == 2
        assert b"<Error>" not in received


@pytest.mark.parametrize(
    ("service", "limit_bytes"), [("iam", MIB), ("ec2", MIB), ("dynamodb", 16 * MIB), ("hosts", 16 * MIB)]
)
def test_a_body_beyond_its_bound_is_not_read(
    system: RunningSystem, key: Key, service: str, limit_bytes: int
) -> None:
    """It is refused by what it announces: nothing is sent here."""
    request = (
        form(system, b"")
        if service in ("iam", "ec2")
        else target(
            system,
            f"{HOSTS_TARGET}.RegisterHost" if service == "hosts" else "DynamoDB_20120810.ListTables",
            b"",
        )
    )
    large = signed(request, key, service).with_header("content-length", str(limit_bytes + 1))
    assert send(system, large).refusal == ("RequestEntityTooLarge", 413)


def test_an_xml_body_beyond_2_mib_is_not_read(system: RunningSystem, key: Key, bucket: str) -> None:
    body = b"<Delete>" + b" " * (2 * MIB)
    reply = send(system, signed(unsigned(system, "POST", f"/{bucket}?delete", body=body), key, "s3"))
    assert reply.refusal == ("RequestEntityTooLarge", 413)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Delete/>",
        b"<Other/>",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Delete><Object><Key>&b;</Key></Object></Delete>',
        b'<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">]><Delete><Object><Key>&b;&b;</Key></Object></Delete>',
        b"<Delete><Object><Key>\x00</Key></Object></Delete>",
        b"<Delete>" + b"<a>" * 100_000,
        b"\xff\xfe<\x00D\x00",
    ],
)
def test_xml_that_is_none(system: RunningSystem, key: Key, bucket: str, body: bytes) -> None:
    reply = send(system, signed(unsigned(system, "POST", f"/{bucket}?delete", body=body), key, "s3"))
    assert 400 <= reply.status < 500
    assert reply.code
    assert b"root:" not in reply.body


def head_of(request: Request) -> bytes:
    return replace(request, body=b"").to_bytes()


def test_a_wrong_key_is_refused_before_the_body_is_asked_for(
    system: RunningSystem, key: Key, bucket: str
) -> None:
    """A client that waits for 100 Continue is told first whether anybody believes it."""
    plain = put_object(system, bucket, "expected", headers=(("expect", "100-continue"),))
    wrong = replace(key, secret_access_key="another")
    unknown = replace(key, access_key_id="AKIAIOSFODNN7EXAMPLE")
    for request, refused in (
        (plain, ("AccessDenied", 403)),
        (signed(plain, unknown, "s3"), ("InvalidAccessKeyId", 403)),
        (signed(plain, wrong, "s3"), ("SignatureDoesNotMatch", 403)),
        (signed(target(system, "DynamoDB_20120810.ListTables"), unknown, "dynamodb").with_header(
            "expect", "100-continue"), ("UnrecognizedClientException", 400)),
    ):  # fmt: skip
        with connect(system) as connection:
            connection.sendall(head_of(request))
            first = connection.recv(65536)
        assert first.startswith(b"HTTP/1.1 %d " % refused[1])
        assert refused[0].encode() in first
    with connect(system) as connection:
        connection.sendall(head_of(signed(plain, key, "s3")))
        assert connection.recv(65536).startswith(b"HTTP/1.1 100 Continue\r\n")
        connection.sendall(plain.body)
        assert read_reply(connection).status == 200


def test_requests_in_one_stream_are_each_decided_by_themselves(
    system: RunningSystem, key: Key, bucket: str
) -> None:
    """What one request was allowed says nothing about the next on its connection."""
    allowed = signed(unsigned(system, "GET", f"/{bucket}/key"), key, "s3")
    forged = unsigned(system, "GET", f"/{bucket}/key")
    last = allowed.with_header("connection", "close")
    with connect(system) as connection:
        connection.sendall(allowed.to_bytes() + forged.to_bytes() + last.to_bytes())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert [line.split(b" ")[1] for line in received.split(b"HTTP/1.1")[1:]] == [b"200", b"403", b"200"]


def test_a_request_hidden_in_a_refused_body_is_not_answered(
    system: RunningSystem, key: Key, bucket: str
) -> None:
    hidden = signed(unsigned(system, "GET", f"/{bucket}/key"), key, "s3").to_bytes()
    refused = signed(
        put_object(system, bucket, "smuggled", hidden), replace(key, secret_access_key="another"), "s3"
    )
    with connect(system) as connection:
        connection.sendall(refused.with_header("connection", "close").to_bytes() + hidden)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.count(b"HTTP/1.") == 1
    assert b"kept" not in received


def test_many_slow_strangers_do_not_keep_others_waiting(system: RunningSystem, key: Key, bucket: str) -> None:
    strangers = [connect(system) for _ in range(300)]
    try:
        for number, stranger in enumerate(strangers):
            stranger.sendall(b"GET /slow HTTP/1.1\r\nHost: " + str(number).encode())
        began = time.monotonic()
        assert send(system, signed(unsigned(system, "GET", f"/{bucket}/key"), key, "s3")).body == b"kept"
        assert time.monotonic() - began < 5
    finally:
        for stranger in strangers:
            stranger.close()


def test_the_edge_answers_nothing_of_its_own_on_the_services_paths(system: RunningSystem) -> None:
    for path in (
        "/",
        "/health",
        "/metrics",
        "/console",
        "/latest/meta-data/",
        "/.well-known/x",
        "/favicon.ico",
    ):
        reply: Reply = send(system, unsigned(system, "GET", path))
        assert reply.refusal in (("AccessDenied", 403), ("InvalidBucketName", 400)), path


def test_a_host_header_opens_nothing(system: RunningSystem, key: Key, bucket: str) -> None:
    for host in (
        f"{bucket}.{authority(system)}",
        "s3.upstream.tabard.internal",
        "localhost",
        "169.254.169.254",
    ):
        reply = send(system, unsigned(system, "GET", "/").with_header("host", host))
        assert reply.refusal == ("AccessDenied", 403)
