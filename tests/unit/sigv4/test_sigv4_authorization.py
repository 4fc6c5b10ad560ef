"""What an Authorization header must look like."""

from collections.abc import Iterator

import pytest

from tabard.errors import AwsError, RequestTooLarge
from tabard.sigv4.authorization import CLAIMS, Authorization, Scope, parse_authorization, remember_claim
from tabard.sigv4.errors import IncompleteSignature, MissingAuthenticationToken
from tabard.sigv4.layout import COVERING, LAYOUTS, layout_of_names, layout_of_text, remember_layout
from tabard.sigv4.verified_memory import VerifiedMemory

CREDENTIAL = "AKIAIOSFODNN7EXAMPLE/20260131/us-east-1/s3/aws4_request"
SIGNATURE = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
EXPECTED = Authorization(
    "AKIAIOSFODNN7EXAMPLE",
    Scope("20260131", "us-east-1", "s3"),
    layout_of_names(("host", "x-amz-date")),
    SIGNATURE,
)


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Nothing is remembered of any other test, nor for any."""
    memories = (CLAIMS, LAYOUTS, COVERING)
    for memory in memories:
        memory.clear()
    yield
    for memory in memories:
        memory.clear()


def header(
    *, credential: str = CREDENTIAL, signed_headers: str = "host;x-amz-date", signature: str = SIGNATURE
) -> str:
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed_headers}, Signature={signature}"


@pytest.mark.parametrize(
    "value",
    [
        header(),
        header().replace(", ", ","),
        f"AWS4-HMAC-SHA256 SignedHeaders=host;x-amz-date, Signature={SIGNATURE}, Credential={CREDENTIAL}",
        f"AWS4-HMAC-SHA256 Signature={SIGNATURE},Credential={CREDENTIAL} ,  SignedHeaders=host;x-amz-date",
    ],
)
def test_spaces_and_order_do_not_matter(value: str) -> None:
    assert parse_authorization(value)._replace(claim="") == EXPECTED


@pytest.mark.parametrize("value", [None, ""])
def test_no_authorization_is_a_missing_authentication_token(value: str | None) -> None:
    with pytest.raises(MissingAuthenticationToken) as caught:
        parse_authorization(value)
    assert (caught.value.error_code, caught.value.http_status) == ("MissingAuthenticationToken", 403)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("AWS4-HMAC-SHA256", "requires 'Credential' parameter. Authorization header requires 'Signature'"),
        ("AWS4-HMAC-SHA256 ", "requires 'SignedHeaders' parameter."),
        (header(signature=""), "Authorization header requires 'Signature' parameter."),
        (header(signed_headers=""), "Authorization header requires 'SignedHeaders' parameter."),
        (header(credential=""), "Authorization header requires 'Credential' parameter."),
        ("Bearer abc", "Unsupported AWS 'algorithm'"),
        (header().replace("SHA256", "SHA1"), "Unsupported AWS 'algorithm'"),
        (header().replace("AWS4", "aws4"), "Unsupported AWS 'algorithm'"),
        (header().replace("SHA256 ", "SHA256  ") + ", x", "missing equal-sign"),
        (header() + ",", "missing equal-sign"),
        (header() + ", Other=1", "a parameter other than"),
        (header() + f", Signature={SIGNATURE}", "more than one 'Signature'"),
        (header() + f", Credential={CREDENTIAL}", "more than one 'Credential'"),
        (header(signature=SIGNATURE[:-1]), "64 lower-case hex digits"),
        (header(signature=SIGNATURE + "0"), "64 lower-case hex digits"),
        (header(signature=SIGNATURE.upper()), "64 lower-case hex digits"),
        (header(credential="AKID/20260131/us-east-1/aws4_request"), "exactly 5 slash-delimited elements"),
        (header(credential="A/B/20260131/us-east-1/s3/aws4_request"), "exactly 5 slash-delimited elements"),
        (header(credential=CREDENTIAL + "/"), "exactly 5 slash-delimited elements"),
        (header(credential=CREDENTIAL.replace("aws4_request", "aws5")), "valid terminator: 'aws4_request'"),
        (header(credential=CREDENTIAL.replace("20260131", "2026131")), "a date in the form YYYYMMDD"),
        (header(credential=CREDENTIAL.replace("20260131", "٢٠٢٦٠١٣١")), "a date in the form YYYYMMDD"),
        (header(credential=CREDENTIAL.replace("us-east-1", "")), "a region"),
        (header(credential=CREDENTIAL.replace("us-east-1", "us*")), "a region"),
        (header(credential=CREDENTIAL.replace("/s3/", "/S3/")), "a service"),
        (header(credential=CREDENTIAL.replace("AKIA", "AK IA")), "an access key id"),
        (header(credential=CREDENTIAL.replace("AKIA", "A" * 129)), "an access key id"),
        (header(signed_headers="x-amz-date;host"), "must be sorted, each header once"),
        (header(signed_headers="host;host;x-amz-date"), "must be sorted, each header once"),
        (header(signed_headers="Host;x-amz-date"), "names in lower case"),
        (header(signed_headers="host;;x-amz-date"), "names in lower case"),
        (header(signed_headers="host;%s"), "names in lower case"),
        (header(signed_headers="host;a b"), "names in lower case"),
        (header(signed_headers=";".join(f"x{n:04}" for n in range(129))), "more than 128 headers"),
    ],
)
def test_an_incomplete_authorization_is_refused_with_aws_s_sentence(value: str, sentence: str) -> None:
    with pytest.raises(IncompleteSignature) as caught:
        parse_authorization(value)
    assert (caught.value.error_code, caught.value.http_status) == ("IncompleteSignature", 400)
    assert sentence in caught.value.message


def test_a_header_beyond_the_bound_is_refused_before_it_is_read() -> None:
    with pytest.raises(RequestTooLarge):
        parse_authorization(header(signed_headers="x" * 8192))


def test_the_refusal_does_not_quote_the_header() -> None:
    with pytest.raises(AwsError) as caught:
        parse_authorization(header(signature="sEcReT"))
    assert "sEcReT" not in caught.value.message


def test_a_cached_claim_parses_as_before() -> None:
    parsed = parse_authorization(header())
    remember_claim(parsed)
    assert parse_authorization(header()) == parsed
    other = "0" * 64
    assert parse_authorization(header(signature=other)).signature == other


@pytest.mark.parametrize("signature", [SIGNATURE.upper(), SIGNATURE[:-1] + " ", SIGNATURE + "0"])
def test_a_remembered_claim_does_not_excuse_a_malformed_signature(signature: str) -> None:
    remember_claim(parse_authorization(header()))
    with pytest.raises(IncompleteSignature):
        parse_authorization(header(signature=signature))


def test_a_claim_is_remembered_once_and_needs_a_text() -> None:
    remember_claim(EXPECTED)
    assert not CLAIMS
    for region in ("a", "b", "c"):
        parsed = parse_authorization(header(credential=CREDENTIAL.replace("us-east-1", region)))
        remember_claim(parsed)
        remember_claim(parsed)
    assert len(CLAIMS) == 3


def test_a_layout_is_remembered_with_the_headers_that_it_covered() -> None:
    for names in (("a",), ("b",), ("b",), ("c",)):
        remember_layout(layout_of_names(names), (*names, "unsigned"))
    assert set(LAYOUTS) == {"a", "b", "c"}
    assert COVERING == {("a", "unsigned"): "a", ("b", "unsigned"): "b", ("c", "unsigned"): "c"}
    assert layout_of_text("c") is layout_of_text("c")


def test_a_full_cache_is_cleared() -> None:
    memory = VerifiedMemory[str, int](capacity=2)
    for number, key in enumerate(("a", "b", "b", "c")):
        memory.remember(key, number)
    assert memory == {"c": 3}


@pytest.mark.parametrize("memory", [CLAIMS, LAYOUTS, COVERING])
def test_the_caches_of_verified_requests_are_bounded(memory: VerifiedMemory[object, object]) -> None:
    for number in range(memory.capacity + 1):
        memory.remember(number, number)
    assert len(memory) == 1


def test_parsing_alone_caches_nothing() -> None:
    parse_authorization(header())
    assert not CLAIMS
    assert not LAYOUTS
    assert not COVERING
