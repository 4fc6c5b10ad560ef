"""botocore signs, Tabard verifies; every mutation of what was signed is refused with the right code."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import botocore.auth
import botocore.session
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.config import Config
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.parsers import ResponseParserError
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.errors import AwsError
from tabard.sigv4.authorization import parse_authorization
from tabard.sigv4.canonical import SignedRequest
from tabard.sigv4.chunked import chunked_decoder
from tabard.sigv4.payload import PayloadKind
from tabard.sigv4.sign import Credentials, sign_request
from tabard.sigv4.verify import check_signed_headers, signature_matches, signing_key

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
TOKEN = "AQoDYXdzEJr" * 90
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
REGION = "eu-central-1"
ODD_KEYS = (
    "plain.txt",
    "photos/2026/a b+c&d=e;f,g.jpg",
    "caf\u00e9/\u65e5\u672c/\U0001f600",
    "per%cent/%41/$(x)!*'~",
    "dots/../and/./more//slashes/",
    "new\nline?and#hash",
    'secret\\path:@[]{}|^`<>"',
)


@dataclass(frozen=True, slots=True)
class Wire:
    """A request as it would have gone over the wire."""

    service: str
    request: SignedRequest
    body: bytes

    @property
    def authorization(self) -> str:
        return self.request.values["authorization"]

    @property
    def payload_hash(self) -> str:
        return self.request.values.get("x-amz-content-sha256", sha256(self.body).hexdigest())

    def with_header(self, name: str, value: str | None) -> "Wire":
        headers = [(known, old) for known, old in self.request.headers if known != name]
        if value is not None:
            headers.append((name, value))
        return replace(self, request=replace(self.request, headers=headers))


def verdict(wire: Wire, *, secret: str = SECRET, payload_hash: str | None = None) -> str:
    """The error code that the request meets on its way, or `accepted`."""
    try:
        authorization = parse_authorization(wire.request.values.get("authorization"))
        check_signed_headers(wire.request, authorization)
        matches = signature_matches(
            wire.request,
            authorization,
            signing_key(secret, authorization.scope),
            payload_hash or wire.payload_hash,
            normalize_path=wire.service != "s3",
        )
    except AwsError as refusal:
        return refusal.error_code
    return "accepted" if matches else "SignatureDoesNotMatch"


def captured(
    service: str,
    operation: str,
    parameters: dict[str, object],
    *,
    token: str | None = TOKEN,
    scheme: str = "http",
) -> Wire:
    """What botocore would send for one call; nothing is sent."""
    session = botocore.session.Session()
    client = session.create_client(
        service,
        region_name=REGION,
        endpoint_url=f"{scheme}://127.0.0.1:4599",
        aws_access_key_id="ASIAIOSFODNN7EXAMPLE" if token else "AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
    sent: list[Wire] = []

    def take(request: AWSRequest, **_: object) -> AWSResponse:
        url = urlsplit(request.url)
        headers = [
            (name.lower(), value.decode() if isinstance(value, bytes) else value)
            for name, value in request.headers.items()
        ]
        if "host" not in dict(headers):
            headers.insert(0, ("host", url.netloc))
        body = request.body.read() if hasattr(request.body, "read") else request.body or b""
        body = body.encode() if isinstance(body, str) else bytes(body)
        sent.append(Wire(service, SignedRequest(request.method, url.path, url.query, headers), body))
        return AWSResponse(request.url, 200, {}, _Nothing())

    client.meta.events.register("before-send", take)
    with suppress(ResponseParserError):  # an empty answer is none, and it does not matter
        client._make_api_call(operation, parameters)
    return sent[0]


class _Nothing:
    """The body of an empty answer."""

    def stream(self, **_: object) -> Iterator[bytes]:
        return iter(())

    def read(self, *_: object) -> bytes:
        return b""


def _calls() -> dict[str, Callable[[], Wire]]:
    calls: dict[str, Callable[[], Wire]] = {}

    def add(name: str, service: str, operation: str, **parameters: object) -> None:
        calls[name] = lambda: captured(service, operation, parameters)

    for number, key in enumerate(ODD_KEYS):
        add(f"s3-get-{number}", "s3", "GetObject", Bucket="examplebucket", Key=key)
    add(
        "s3-put",
        "s3",
        "PutObject",
        Bucket="examplebucket",
        Key="a/b",
        Body=b"content",
        Metadata={"m": "a  b"},
    )
    add(
        "s3-copy",
        "s3",
        "CopyObject",
        Bucket="examplebucket",
        Key="to",
        CopySource={"Bucket": "examplebucket", "Key": ODD_KEYS[1]},
    )
    add(
        "s3-list",
        "s3",
        "ListObjectsV2",
        Bucket="examplebucket",
        Prefix="a b/+&=%~\u00e9",
        Delimiter="/",
        StartAfter="x",
    )
    add("s3-subresource", "s3", "CreateMultipartUpload", Bucket="examplebucket", Key="big")
    add(
        "s3-delete-many",
        "s3",
        "DeleteObjects",
        Bucket="examplebucket",
        Delete={"Objects": [{"Key": key} for key in ODD_KEYS[:3]]},
    )
    add("dynamodb", "dynamodb", "GetItem", TableName="t", Key={"id": {"S": "\u00e9"}})
    add("sqs", "sqs", "SendMessage", QueueUrl="http://127.0.0.1:4599/123456789012/q", MessageBody="m")
    add("iam", "iam", "GetRole", RoleName="web")
    add("sts", "sts", "GetCallerIdentity")
    add("ec2", "ec2", "DescribeInstances", InstanceIds=["i-0123456789abcdef0"])
    return calls


CALLS = _calls()


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")


@pytest.fixture(scope="module")
def wires() -> dict[str, Wire]:
    return {}


@pytest.fixture(params=CALLS)
def wire(request: pytest.FixtureRequest, wires: dict[str, Wire]) -> Wire:
    name = request.param
    if name not in wires:
        wires[name] = CALLS[name]()
    return wires[name]


def test_what_botocore_signs_is_accepted(wire: Wire) -> None:
    assert verdict(wire) == "accepted"
    assert parse_authorization(wire.authorization).scope.service == wire.service


def test_a_long_term_key_needs_no_token() -> None:
    wire = captured("sts", "GetCallerIdentity", {}, token=None)
    assert "x-amz-security-token" not in wire.request.values
    assert verdict(wire) == "accepted"


def test_another_secret_is_refused(wire: Wire) -> None:
    assert verdict(wire, secret=SECRET[:-1] + "X") == "SignatureDoesNotMatch"


def test_another_method_is_refused(wire: Wire) -> None:
    other = "DELETE" if wire.request.method != "DELETE" else "GET"
    for method in (other, wire.request.method.lower()):
        changed = replace(wire, request=replace(wire.request, method=method))
        assert verdict(changed) == "SignatureDoesNotMatch"


def test_another_path_is_refused(wire: Wire) -> None:
    path = wire.request.raw_path
    others = {f"{path}x", f"/x{path}", f"{path}%2F", f"{path}%00", f"{path}%20"}
    if wire.service == "s3":
        others |= {f"/{path}", f"{path}/", f"{path}/..", f"/.{path}", path.replace("/", "%2F"), path[:-1]}
        others |= {path.upper(), path.replace("%20", "+"), path.replace("%25", "%")} - {path}
    for raw_path in others:
        changed = replace(wire, request=replace(wire.request, raw_path=raw_path))
        assert verdict(changed) in {"SignatureDoesNotMatch", "MalformedRequest"}, raw_path


def test_another_query_is_refused(wire: Wire) -> None:
    query = wire.request.raw_query
    others = {f"{query}&x=1" if query else "x=1", f"{query}&acl" if query else "acl"}
    parts = query.split("&") if query else []
    for number in range(len(parts)):
        others.add("&".join(parts[:number] + parts[number + 1 :]))
        others.add("&".join([*parts[:number], parts[number] + "x", *parts[number + 1 :]]))
        others.add("&".join([*parts, parts[number]]))
    for raw_query in others:
        changed = replace(wire, request=replace(wire.request, raw_query=raw_query))
        assert verdict(changed) == "SignatureDoesNotMatch", raw_query


def test_every_signed_header_changed_removed_or_repeated_is_refused(wire: Wire) -> None:
    for name in parse_authorization(wire.authorization).signed_headers:
        value = wire.request.values[name]
        headers = [*wire.request.headers, (name, value)]
        for changed in (
            wire.with_header(name, value + "x"),
            wire.with_header(name, value.swapcase() if value.swapcase() != value else value + "0"),
            wire.with_header(name, None),
            replace(wire, request=replace(wire.request, headers=headers)),
        ):
            expected = {"SignatureDoesNotMatch"}
            if name == "x-amz-date":
                # Without it, nothing says when; S3 says which header is not signed.
                expected |= {"IncompleteSignature", "AccessDenied"}
            assert verdict(changed, payload_hash=wire.payload_hash) in expected, (name, changed)


def test_another_time_of_the_same_day_is_refused(wire: Wire) -> None:
    date = wire.request.values["x-amz-date"]
    other = date[:9] + ("000000Z" if not date.endswith("000000Z") else "000001Z")
    assert verdict(wire.with_header("x-amz-date", other)) == "SignatureDoesNotMatch"


@pytest.mark.parametrize("name", ["x-amz-acl", "x-amz-copy-source-range", "x-amz-meta-x", "x-amz-website-x"])
def test_an_added_x_amz_header_is_refused(wire: Wire, name: str) -> None:
    expected = "AccessDenied" if wire.service == "s3" else "SignatureDoesNotMatch"
    assert verdict(wire.with_header(name, "v")) == expected


def test_another_body_is_refused(wire: Wire) -> None:
    other = sha256(wire.body + b"x").hexdigest()
    assert verdict(wire, payload_hash=other) == "SignatureDoesNotMatch"
    assert verdict(wire, payload_hash="UNSIGNED-PAYLOAD") == "SignatureDoesNotMatch"
    if wire.service == "s3":
        for value in (other, "UNSIGNED-PAYLOAD", *PayloadKind):
            assert verdict(wire.with_header("x-amz-content-sha256", str(value))) == "SignatureDoesNotMatch"


def test_every_digit_of_the_signature_counts(wire: Wire) -> None:
    head, signature = wire.authorization[:-64], wire.authorization[-64:]
    for at in range(64):
        digit = "0" if signature[at] != "0" else "1"
        changed = f"{head}{signature[:at]}{digit}{signature[at + 1 :]}"
        assert verdict(wire.with_header("authorization", changed)) == "SignatureDoesNotMatch"
    for changed in (wire.authorization[:-1], wire.authorization + "0", head + signature.upper()):
        assert verdict(wire.with_header("authorization", changed)) == "IncompleteSignature"
    assert verdict(wire.with_header("authorization", None)) == "MissingAuthenticationToken"


def test_every_part_of_the_scope_counts(wire: Wire) -> None:
    scope = parse_authorization(wire.authorization).scope
    year = str(int(scope.date[:4]) + 1)
    for other, expected in (
        (replace(scope, date=year + scope.date[4:]), "SignatureDoesNotMatch"),
        (replace(scope, region="us-east-1"), "SignatureDoesNotMatch"),
        (replace(scope, service="kms"), "SignatureDoesNotMatch"),
        (str(scope).replace("aws4_request", "aws4_x"), "IncompleteSignature"),
    ):
        changed = wire.authorization.replace(str(scope), str(other))
        # The key is derived for the claimed scope, as the edge does it.
        assert verdict(wire.with_header("authorization", changed)) == expected


def test_the_list_of_signed_headers_counts(wire: Wire) -> None:
    names = parse_authorization(wire.authorization).signed_headers
    for name in names:
        kept = ";".join(other for other in names if other != name)
        changed = wire.authorization.replace(";".join(names), kept)
        assert verdict(wire.with_header("authorization", changed)) in {
            "SignatureDoesNotMatch",
            "AccessDenied",
        }
    more = wire.authorization.replace(";".join(names), ";".join(sorted([*names, "user-agent"])))
    assert verdict(wire.with_header("authorization", more)) == "SignatureDoesNotMatch"
    turned = wire.authorization.replace(";".join(names), ";".join(reversed(names)))
    assert verdict(wire.with_header("authorization", turned)) == "IncompleteSignature"


def test_the_access_key_id_is_not_signed_and_chooses_the_secret(wire: Wire) -> None:
    # As with AWS: the secret is looked up by the id that is claimed, and the signature is of that secret.
    changed = wire.authorization.replace("ASIAIOSFODNN7EXAMPLE", "ASIAI44QH8DHBEXAMPLE")
    assert verdict(wire.with_header("authorization", changed), secret=SECRET[::-1]) == "SignatureDoesNotMatch"


def test_botocore_s_trailing_checksum_over_https_is_decoded() -> None:
    body = b"content" * 3000
    wire = captured("s3", "PutObject", {"Bucket": "examplebucket", "Key": "k", "Body": body}, scheme="https")
    assert wire.request.values["x-amz-content-sha256"] == PayloadKind.UNSIGNED_TRAILER
    assert verdict(wire) == "accepted"
    authorization = parse_authorization(wire.authorization)
    decoder = chunked_decoder(wire.request, authorization, signing_key(SECRET, authorization.scope))
    assert decoder is not None
    assert b"".join(decoder.feed(wire.body)) == body
    assert list(decoder.finish()) == [wire.request.values["x-amz-trailer"]]


def test_botocore_s_date_header_is_accepted_in_place_of_x_amz_date() -> None:
    request = AWSRequest("GET", "http://127.0.0.1:4599/", headers={"Date": "any"})
    SigV4Auth(BotocoreCredentials("AKIAIOSFODNN7EXAMPLE", SECRET), "iam", REGION).add_auth(request)
    headers = [
        ("host", "127.0.0.1:4599"),
        *((name.lower(), value) for name, value in request.headers.items()),
    ]
    wire = Wire("iam", SignedRequest("GET", "/", "", headers), b"")
    assert "x-amz-date" not in wire.request.values
    assert verdict(wire) == "accepted"
    assert verdict(wire.with_header("x-amz-date", "20260131T120000Z")) == "SignatureDoesNotMatch"


SIGNED = (
    ("s3", "GET", "/examplebucket/a%20b/%C3%A9", "", {}, b""),
    ("s3", "PUT", "/examplebucket/k", "", {"Content-Type": "text/plain", "x-amz-meta-a": "1  2"}, b"content"),
    ("s3", "GET", "/examplebucket", "list-type=2&prefix=a%2Fb&delimiter=%2F", {}, b""),
    ("s3", "POST", "/examplebucket/k", "uploads=", {"User-Agent": "tabard", "Expect": "100-continue"}, b""),
    (
        "sts",
        "POST",
        "/",
        "",
        {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
        b"Action=X",
    ),
    ("dynamodb", "POST", "/", "", {"X-Amz-Target": "DynamoDB_20120810.GetItem"}, b"{}"),
    ("hosts", "POST", "/a/../b//c%20d/", "", {}, b""),
    ("sqs", "POST", "/123456789012/queue", "", {"X-Amzn-Trace-Id": "Root=1"}, b"{}"),
)


@pytest.mark.parametrize(("service", "method", "path", "query", "headers", "body"), SIGNED)
@pytest.mark.parametrize("token", [None, TOKEN])
def test_tabard_signs_as_botocore_does_byte_for_byte(
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))
    url = f"http://127.0.0.1:4599{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method, url, headers=headers, data=body)
    signer = S3SigV4Auth if service == "s3" else SigV4Auth
    signer(BotocoreCredentials("ASIAIOSFODNN7EXAMPLE", SECRET, token), service, REGION).add_auth(request)
    added = sign_request(
        method=method,
        host="127.0.0.1:4599",
        raw_path=path,
        raw_query=query,
        headers=list(headers.items()),
        payload_hash=sha256(body).hexdigest(),
        credentials=Credentials(
            access_key_id="ASIAIOSFODNN7EXAMPLE", secret_access_key=SECRET, session_token=token
        ),
        region=REGION,
        service=service,
        now=NOW,
        normalize_path=service != "s3",
    )
    given_names = {name.lower() for name in headers}
    signed = {name.lower(): value for name, value in request.headers.items()}
    assert dict(added) == {name: value for name, value in signed.items() if name not in given_names}


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(key=TEXT, pairs=st.lists(st.tuples(TEXT, TEXT), max_size=3), other=TEXT)
def test_any_key_and_any_query_that_botocore_signs_is_accepted_and_no_other(
    key: str, pairs: list[tuple[str, str]], other: str
) -> None:
    path = "/examplebucket/" + quote(key, safe="/~")
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    url = f"http://127.0.0.1:4599{path}" + (f"?{query}" if query else "")
    request = AWSRequest("GET", url)
    S3SigV4Auth(BotocoreCredentials("AKIAIOSFODNN7EXAMPLE", SECRET), "s3", REGION).add_auth(request)
    headers = [
        ("host", "127.0.0.1:4599"),
        *((name.lower(), value) for name, value in request.headers.items()),
    ]
    wire = Wire("s3", SignedRequest("GET", path, query, headers), b"")
    assert verdict(wire) == "accepted"
    if other != key:
        other_path = "/examplebucket/" + quote(other, safe="/~")
        changed = replace(wire, request=replace(wire.request, raw_path=other_path))
        assert verdict(changed) == "SignatureDoesNotMatch"
