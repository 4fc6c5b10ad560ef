"""Whoever is not believed is told so in his service's own words; nothing of a signed request may change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.config import Config

from tests.support.flow_fixtures import AdminClient
from tests.support.raw_http import Key, Request, admin_key, send, signed, unsigned
from tests.support.running_system import RunningSystem, fresh
from tests.support.valid_requests import SERVICES, local_host, valid, with_query

pytestmark = pytest.mark.flow

Refused = tuple[str, int]

# The blueprint's table, one row for each way to be disbelieved. AWS: "Common Errors" of each service's API
# reference; https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
_QUERY: dict[str, Refused] = {
    "no key": ("MissingAuthenticationToken", 403),
    "unknown key": ("InvalidClientTokenId", 403),
    "bad signature": ("SignatureDoesNotMatch", 403),
    "body": ("SignatureDoesNotMatch", 403),
    "clock": ("SignatureDoesNotMatch", 403),
    "bad token": ("InvalidClientTokenId", 403),
    "scope": ("SignatureDoesNotMatch", 403),
    "incomplete": ("IncompleteSignature", 400),
}
CODES: dict[str, dict[str, Refused]] = {
    "iam": _QUERY,
    "sts": _QUERY,
    "sqs": _QUERY,
    "hosts": _QUERY,
    "ec2": {
        "no key": ("MissingAuthenticationToken", 403),
        "unknown key": ("AuthFailure", 401),
        "bad signature": ("AuthFailure", 401),
        "body": ("AuthFailure", 401),
        "clock": ("RequestExpired", 400),
        "bad token": ("AuthFailure", 401),
        "scope": ("AuthFailure", 401),
        "incomplete": ("IncompleteSignature", 400),
    },
    "s3": {
        "no key": ("AccessDenied", 403),
        "unknown key": ("InvalidAccessKeyId", 403),
        "bad signature": ("SignatureDoesNotMatch", 403),
        "body": ("XAmzContentSHA256Mismatch", 400),
        "clock": ("RequestTimeTooSkewed", 403),
        "bad token": ("InvalidToken", 400),
        "scope": ("AuthorizationHeaderMalformed", 400),
        "incomplete": ("AuthorizationHeaderMalformed", 400),
    },
    "dynamodb": {
        "no key": ("MissingAuthenticationTokenException", 400),
        "unknown key": ("UnrecognizedClientException", 400),
        "bad signature": ("InvalidSignatureException", 400),
        "body": ("InvalidSignatureException", 400),
        "clock": ("InvalidSignatureException", 400),
        "bad token": ("UnrecognizedClientException", 400),
        "scope": ("InvalidSignatureException", 400),
        "incomplete": ("IncompleteSignatureException", 400),
    },
}
UNKNOWN = Key(
    access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

Spoil = Callable[[Request, Key, str], Request]


def authorization(change: Callable[[str], str]) -> Spoil:
    """A signed request whose Authorization header is changed afterwards."""

    def spoil(request: Request, key: Key, service: str) -> Request:
        whole = signed(request, key, service)
        return whole.with_header("authorization", change(whole.header("authorization")))

    return spoil


def afterwards(change: Callable[[Request], Request]) -> Spoil:
    """A signed request that is changed afterwards."""
    return lambda request, key, service: change(signed(request, key, service))


def minutes_away(minutes: float) -> Spoil:
    at = timedelta(minutes=minutes)
    return lambda request, key, service: signed(request, key, service, at=datetime.now(UTC) + at)


def with_token(token: str) -> Spoil:
    return lambda request, key, service: signed(request, replace(key, session_token=token), service)


def flip_last(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


SPOILT: dict[str, tuple[str, Spoil]] = {
    "no signature": ("no key", lambda request, key, service: request),
    "empty authorization": ("no key", lambda request, *_: request.with_header("authorization", "")),
    "a key that nobody has": ("unknown key", lambda request, _, service: signed(request, UNKNOWN, service)),
    "a session's key without its token": (
        "unknown key",
        lambda request, key, service: signed(
            request, replace(key, access_key_id="ASIA" + key.access_key_id[4:]), service
        ),
    ),
    "the key in another case": (
        "unknown key",
        lambda request, key, service: signed(
            request, replace(key, access_key_id=key.access_key_id.swapcase()), service
        ),
    ),
    "another secret": (
        "bad signature",
        lambda request, key, service: signed(
            request, replace(key, secret_access_key=UNKNOWN.secret_access_key), service
        ),
    ),
    "an empty secret": (
        "bad signature",
        lambda request, key, service: signed(request, replace(key, secret_access_key=""), service),
    ),
    "another path": (
        "bad signature",
        afterwards(lambda request: replace(request, target=request.target.replace("/", "/x", 1))),
    ),
    "another query": ("bad signature", afterwards(lambda request: with_query(request, "x-id=Tampered"))),
    "another host": (
        "bad signature",
        afterwards(lambda request: request.with_header("host", "evil.example")),
    ),
    "another content type": (
        "bad signature",
        afterwards(
            lambda request: request.with_header("content-type", request.header("content-type") + ";a=b")
        ),
    ),
    "another time": (
        "bad signature",
        afterwards(
            lambda request: request.with_header(
                "x-amz-date", (datetime.now(UTC) + timedelta(seconds=40)).strftime("%Y%m%dT%H%M%SZ")
            )
        ),
    ),
    "a signed header less": ("bad signature", afterwards(lambda request: request.without("content-type"))),
    "another signature": ("bad signature", authorization(flip_last)),
    "no signature at all but zeros": ("bad signature", authorization(lambda text: text[:-64] + "0" * 64)),
    "another region": (
        "bad signature",
        authorization(lambda text: text.replace("us-east-1", "eu-west-1")),
    ),
    "a header less in the list": (
        "bad signature",
        authorization(lambda text: text.replace("content-type;", "")),
    ),
    "a header more in the list": (
        "bad signature",
        authorization(lambda text: text.replace("content-type;", "accept;content-type;")),
    ),
    "host not signed": (
        "bad signature",
        lambda request, key, service: signed(request, key, service, leave_out=("host",)),
    ),
    "another body": ("body", afterwards(lambda request: replace(request, body=request.body[:-1] + b"!"))),
    "a hash of another body": (
        "body",
        lambda request, key, service: signed(
            request.with_header("x-amz-content-sha256", "0" * 64), key, service, payload_hash="0" * 64
        ),
    ),
    "signed twenty minutes ago": ("clock", minutes_away(-20)),
    "signed in twenty minutes": ("clock", minutes_away(20)),
    "a token that is none": ("bad token", with_token("A" * 300)),
    "a token of one letter": ("bad token", with_token("A")),
    "the scope of another service": (
        "scope",
        lambda request, key, service: signed(request, key, "lambda"),
    ),
    "the scope of another day": (
        "scope",
        lambda request, key, service: signed(request, key, service, scope_date="20130524"),
    ),
    "another terminator": (
        "incomplete",
        lambda request, key, service: signed(request, key, service, terminator="aws5_request"),
    ),
    "no such day": (
        "incomplete",
        afterwards(lambda request: request.with_header("x-amz-date", "20261399T000000Z")),
    ),
    "signature version 2": (
        "incomplete",
        authorization(lambda _: "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo//yllqDzg="),
    ),
    "a password": ("incomplete", authorization(lambda _: "Basic YWRtaW46YWRtaW4=")),
    "half a signature": ("incomplete", authorization(lambda text: text[:-32])),
    "an upper-case signature": ("incomplete", authorization(lambda text: text[:-64] + "A" * 64)),
    "two credentials": (
        "incomplete",
        authorization(
            lambda text: text.replace("Credential=", "Credential=a/b/c/d/aws4_request, Credential=")
        ),
    ),
    "an elliptic signature": (
        "incomplete",
        authorization(lambda text: text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")),
    ),
    "bytes that are no ASCII": (
        "incomplete",
        authorization(lambda text: text.replace("SignedHeaders=", "SignedHeaders=é;")),
    ),
}
# What names its service by the scope alone is then a request for `lambda`, which is not offered.
OTHERWISE: dict[tuple[str, str], Refused] = {
    ("iam", "the scope of another service"): ("InvalidAction", 400),
    ("sts", "the scope of another service"): ("InvalidAction", 400),
    ("ec2", "the scope of another service"): ("InvalidAction", 400),
    ("s3", "the scope of another service"): ("UnknownOperationException", 400),
}


@pytest.fixture(scope="module")
def bucket(admin: AdminClient) -> str:
    name = fresh("spoilt")
    admin("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture(scope="module")
def requests(system: RunningSystem, bucket: str) -> dict[str, Request]:
    """One request of each service that the admin is allowed."""
    _, host_id = local_host(system)
    return {service: valid(system, service, bucket=bucket, host_id=host_id) for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_the_unspoilt_request_is_answered(
    system: RunningSystem, requests: dict[str, Request], service: str
) -> None:
    """Or the table below would prove nothing."""
    assert send(system, signed(requests[service], admin_key(system), service)).status == 200


@pytest.mark.parametrize("way", SPOILT)
@pytest.mark.parametrize("service", SERVICES)
def test_a_spoilt_request_is_refused_in_the_services_own_words(
    system: RunningSystem, requests: dict[str, Request], service: str, way: str
) -> None:
    row, spoil = SPOILT[way]
    reply = send(system, spoil(requests[service], admin_key(system), service))
    assert reply.refusal == OTHERWISE.get((service, way), CODES[service][row])
    assert reply.request_id
    assert reply.headers["server"] == "Tabard"
    if service == "sqs":
        assert reply.headers["x-amzn-query-error"].startswith(f"{reply.code};")


@pytest.mark.parametrize(
    ("service", "method", "refused"),
    [
        # A query service knows GET and POST alone: another method names no action.
        ("iam", "PUT", ("MissingAction", 400)),
        ("iam", "GET", ("MissingAction", 400)),
        ("sts", "DELETE", ("MissingAction", 400)),
        ("ec2", "PATCH", ("MissingAction", 400)),
        ("s3", "GET", ("SignatureDoesNotMatch", 403)),
        ("s3", "DELETE", ("SignatureDoesNotMatch", 403)),
        ("dynamodb", "GET", ("InvalidSignatureException", 400)),
        ("sqs", "PUT", ("SignatureDoesNotMatch", 403)),
        ("hosts", "DELETE", ("SignatureDoesNotMatch", 403)),
    ],
)
def test_another_method_is_another_request(
    system: RunningSystem, requests: dict[str, Request], service: str, method: str, refused: Refused
) -> None:
    whole = signed(requests[service], admin_key(system), service)
    assert send(system, replace(whole, method=method)).refusal == refused


@pytest.mark.parametrize("name", ["x-amz-meta-a", "x-amz-acl", "x-amz-tagging", "x-amz-copy-source"])
def test_s3_takes_no_amz_header_that_the_signature_does_not_cover(
    system: RunningSystem, requests: dict[str, Request], name: str
) -> None:
    whole = signed(requests["s3"], admin_key(system), "s3")
    reply = send(system, whole.with_header(name, "value"))
    assert reply.refusal == ("AccessDenied", 403)
    assert b"There were headers present in the request which were not signed" in reply.body


@pytest.mark.parametrize(
    ("without", "refused"),
    [
        ("x-amz-content-sha256", ("InvalidRequest", 400)),
        ("x-amz-date", ("AccessDenied", 403)),
        ("host", ("", 400)),
    ],
)
def test_s3_demands_its_own_headers(
    system: RunningSystem, requests: dict[str, Request], without: str, refused: Refused
) -> None:
    whole = signed(requests["s3"], admin_key(system), "s3", leave_out=(without,))
    assert send(system, whole.without(without)).refusal == refused


def test_a_refusal_shows_no_part_of_a_key(system: RunningSystem, requests: dict[str, Request]) -> None:
    """S3 answers the string that it signed, to help; no secret and no derived key is in it."""
    key = admin_key(system)
    for service in SERVICES:
        reply = send(system, authorization(flip_last)(requests[service], key, service))
        assert key.secret_access_key.encode() not in reply.body


PRESIGNED = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2F"
    "aws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
    + "a"
    * 64
)


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD"])
def test_presigned_urls_are_no_authentication(system: RunningSystem, bucket: str, method: str) -> None:
    """Differs: AWS accepts them; here a query string never speaks for anybody."""
    made = [
        system.client("s3", config=Config(signature_version=version)).generate_presigned_url(
            f"{method.lower()}_object", Params={"Bucket": bucket, "Key": "key"}, ExpiresIn=60
        )
        for version in ("s3v4", "s3")
    ]
    queries = [PRESIGNED, *(url.partition("?")[2] for url in made)]
    replies = [send(system, unsigned(system, method, f"/{bucket}/key?{query}")) for query in queries]
    assert [reply.status for reply in replies] == [403, 403, 501]
    assert {reply.code for reply in replies} == (
        {""} if method == "HEAD" else {"AccessDenied", "NotImplemented"}
    )
