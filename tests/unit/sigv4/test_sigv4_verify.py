"""Keys, the rule of what must be signed, and the cache that takes only what was proven."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tabard.errors import AwsError
from tabard.sigv4.authorization import Authorization, Scope, parse_authorization
from tabard.sigv4.canonical import SignedRequest
from tabard.sigv4.errors import HeadersNotSigned, IncompleteSignature, SignatureDoesNotMatch
from tabard.sigv4.layout import layout_of_names
from tabard.sigv4.mismatch import mismatch_details
from tabard.sigv4.sign import Credentials, sign_request
from tabard.sigv4.verify import (
    check_signed_headers,
    signature_matches,
    signing_key,
)

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CREDENTIALS = Credentials(access_key_id="AKIAIOSFODNN7EXAMPLE", secret_access_key=SECRET)
NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=UTC)
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def signed(
    *extra: tuple[str, str], service: str = "s3", credentials: Credentials = CREDENTIALS
) -> tuple[SignedRequest, Authorization]:
    added = sign_request(
        method="GET",
        host="127.0.0.1:4599",
        raw_path="/bucket/key",
        raw_query="list-type=2",
        headers=extra,
        payload_hash=EMPTY,
        credentials=credentials,
        region="us-east-1",
        service=service,
        now=NOW,
        normalize_path=service != "s3",
    )
    headers = [("host", "127.0.0.1:4599"), *extra, *added]
    return SignedRequest("GET", "/bucket/key", "list-type=2", headers), parse_authorization(added[-1][1])


def matches(request: SignedRequest, authorization: Authorization, *, service: str = "s3") -> bool:
    key = signing_key(SECRET, authorization.scope)
    return signature_matches(request, authorization, key, EMPTY, normalize_path=service != "s3")


def test_a_signing_key_makes_the_hmac_of_the_derived_key() -> None:
    scope = Scope("20260131", "us-east-1", "iam")
    key = f"AWS4{SECRET}".encode()
    for part in ("20260131", "us-east-1", "iam", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    made = signing_key(SECRET, scope)
    assert made.signature(b"text") == hmac.digest(key, b"text", "sha256").hex()
    assert made.signature(b"") == hmac.digest(key, b"", "sha256").hex()
    assert made.signature(b"text") == hmac.digest(key, b"text", "sha256").hex()
    assert repr(made) == "SigningKey(scope='20260131/us-east-1/iam/aws4_request')"


def test_a_right_signature_matches_again_and_again() -> None:
    request, authorization = signed()
    assert matches(request, authorization)
    assert matches(request, authorization)


def test_another_key_does_not_match() -> None:
    request, authorization = signed()
    other = signing_key(SECRET + "x", authorization.scope)
    assert not signature_matches(request, authorization, other, EMPTY, normalize_path=False)


def test_a_scope_of_another_day_than_the_request_does_not_match() -> None:
    request, authorization = signed()
    scope = replace(authorization.scope, date="20260130")
    assert not matches(request, authorization._replace(scope=scope))


def test_a_signed_header_that_was_removed_does_not_match() -> None:
    request, authorization = signed(("range", "bytes=0-9"))
    headers = [(name, value) for name, value in request.headers if name != "range"]
    assert not matches(replace(request, headers=headers), authorization)


def test_headers_that_a_hop_changes_may_be_unsigned() -> None:
    request, authorization = signed(("user-agent", "probe"), ("x-amzn-trace-id", "Root=1"))
    more = [*request.headers, ("accept", "*/*"), ("foo-x-amz-bar", "1"), ("content-type", "text/plain")]
    changed = replace(request, headers=more)
    check_signed_headers(changed, authorization)
    assert matches(changed, authorization)


@pytest.mark.parametrize(
    "name",
    [
        "x-amz-security-token",
        "x-amz-copy-source",
        "x-amz-meta-owner",
        "x-amz-acl",
        "x-amz-target",
        "x-amz-trailer",
    ],
)
@pytest.mark.parametrize("service", ["s3", "dynamodb"])
def test_an_unsigned_x_amz_header_is_refused(name: str, service: str) -> None:
    request, authorization = signed(service=service)
    added = replace(request, headers=[*request.headers, (name, "v")])
    assert matches(request, authorization, service=service)
    assert not matches(added, authorization, service=service)
    with pytest.raises(AwsError) as caught:
        check_signed_headers(added, authorization)
    if service == "s3":
        assert isinstance(caught.value, HeadersNotSigned)
        assert (caught.value.error_code, caught.value.names) == ("AccessDenied", (name,))
        assert caught.value.members == {"HeadersNotSigned": name}
    else:
        assert isinstance(caught.value, SignatureDoesNotMatch)
        assert f"'{name}' must be a 'SignedHeader'" in caught.value.message


@pytest.mark.parametrize("service", ["s3", "sts"])
def test_an_unsigned_host_is_refused(service: str) -> None:
    request, authorization = signed(service=service)
    names = tuple(name for name in authorization.signed_headers if name != "host")
    authorization = authorization._replace(layout=layout_of_names(names))
    assert not matches(request, authorization, service=service)
    with pytest.raises(SignatureDoesNotMatch, match="'Host' or ':authority' must be a 'SignedHeader'"):
        check_signed_headers(request, authorization)


def test_a_date_that_counts_must_be_signed() -> None:
    request = SignedRequest("GET", "/", "", [("host", "h"), ("date", "Sat, 31 Jan 2026 12:00:00 GMT")])
    authorization = Authorization(
        "AKID", Scope("20260131", "us-east-1", "iam"), layout_of_names(("host",)), "0" * 64
    )
    with pytest.raises(SignatureDoesNotMatch, match="'date' must be a 'SignedHeader'"):
        check_signed_headers(request, authorization)
    check_signed_headers(request, authorization._replace(layout=layout_of_names(("date", "host"))))


def test_a_request_without_a_date_is_refused() -> None:
    request = SignedRequest("GET", "/", "", [("host", "h")])
    authorization = Authorization(
        "AKID", Scope("20260131", "us-east-1", "iam"), layout_of_names(("date", "host")), "0" * 64
    )
    with pytest.raises(IncompleteSignature):
        check_signed_headers(request, authorization)
    with pytest.raises(IncompleteSignature):
        matches(request, authorization, service="iam")


def test_mismatch_details_equal_those_of_s3() -> None:
    session = replace(CREDENTIALS, session_token="AQoDYXdzEJr")
    request, authorization = signed(credentials=session)
    details = mismatch_details(request, authorization, EMPTY, normalize_path=False)
    members = details.members()
    assert members["CanonicalRequest"].startswith("GET\n/bucket/key\nlist-type=2\nhost:127.0.0.1:4599\n")
    assert members["StringToSign"].startswith("AWS4-HMAC-SHA256\n20260131T120000Z\n20260131/us-east-1/s3/")
    assert members["StringToSignBytes"].startswith("41 57 53 34")
    assert members["CanonicalRequestBytes"].startswith("47 45 54 0a")
    assert members["SignatureProvided"] == authorization.signature
    assert members["AWSAccessKeyId"] == "AKIAIOSFODNN7EXAMPLE"
    assert (
        signing_key(SECRET, authorization.scope).signature(details.string_to_sign) == authorization.signature
    )
    assert "AQoDYXdzEJr" not in repr(details)


def test_no_repr_holds_a_secret() -> None:
    session = replace(CREDENTIALS, session_token="AQoDYXdzEJr")
    request, authorization = signed(credentials=session)
    key = signing_key(SECRET, authorization.scope)
    for value in (session, request, key):
        assert SECRET not in repr(value)
        assert "AQoDYXdzEJr" not in repr(value)


def test_the_headers_to_send_replace_those_given() -> None:
    stale = [
        ("X-Amz-Date", "20200101T000000Z"),
        ("Authorization", "old"),
        ("HOST", "other"),
        ("Range", "bytes=0-1"),
    ]
    added = sign_request(
        method="GET",
        host="h",
        raw_path="/",
        raw_query="",
        headers=stale,
        payload_hash=EMPTY,
        credentials=CREDENTIALS,
        region="us-east-1",
        service="s3",
        now=NOW,
        normalize_path=False,
    )
    assert [name for name, _ in added] == ["x-amz-date", "x-amz-content-sha256", "authorization"]
    request = SignedRequest("GET", "/", "", [("host", "h"), ("range", "bytes=0-1"), *added])
    authorization = parse_authorization(added[-1][1])
    assert authorization.signed_headers == ("host", "range", "x-amz-content-sha256", "x-amz-date")
    assert matches(request, authorization)
