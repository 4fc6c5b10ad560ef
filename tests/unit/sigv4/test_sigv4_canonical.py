"""One canonical form for every spelling of a request."""

from hashlib import sha256
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tabard.errors import MalformedRequest
from tabard.sigv4.authorization import Scope
from tabard.sigv4.canonical import (
    SignedRequest,
    canonical_headers,
    canonical_path,
    canonical_query,
    canonical_request,
    string_to_sign,
)
from tabard.sigv4.errors import IncompleteSignature, SignatureDoesNotMatch
from tabard.sigv4.layout import layout_of_names


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/bucket/photos/a-b_c.d~e", "/bucket/photos/a-b_c.d~e"),
        ("/test$file.text", "/test%24file.text"),
        ("/a%20b", "/a%20b"),
        ("/a b", "/a%20b"),
        ("/%41%7E%2d", "/A~-"),
        ("/caf%c3%a9", "/caf%C3%A9"),
        ("/café", "/caf%C3%A9"),
        ("/a+b", "/a%2Bb"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a%2fb", "/a%2Fb"),
        ("//a/../b/./c//", "//a/../b/./c//"),
        ("/100%", "/100%25"),
        ("/%zz", "/%25zz"),
        ("/line%0Abreak", "/line%0Abreak"),
        ("/line\nbreak", "/line%0Abreak"),
        ("/\udcff", "/%FF"),
    ],
)
def test_a_path_of_s3_is_encoded_once_and_not_normalized(raw: str, canonical: str) -> None:
    assert canonical_path(raw, normalize_path=False) == canonical


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", "/"),
        ("/", "/"),
        ("/a/b", "/a/b"),
        ("/a%20b", "/a%2520b"),
        ("/a b", "/a%20b"),
        ("/a/../b", "/b"),
        ("/../..", "/"),
        ("//a//./b/", "/a/b/"),
        ("/a/..", "/"),
        ("/a/b/..", "/a"),
        ("/~-._", "/~-._"),
        ("/ሴ", "/%E1%88%B4"),
        ("/a%2Fb", "/a%252Fb"),
    ],
)
def test_a_path_of_every_other_service_is_normalized_and_encoded_twice(raw: str, canonical: str) -> None:
    assert canonical_path(raw, normalize_path=True) == canonical


@pytest.mark.parametrize("normalize_path", [True, False])
def test_a_path_without_its_slash_is_refused(*, normalize_path: bool) -> None:
    with pytest.raises(MalformedRequest):
        canonical_path("bucket/key", normalize_path=normalize_path)


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [
        ("", ""),
        ("lifecycle", "lifecycle="),
        ("lifecycle=", "lifecycle="),
        ("max-keys=2&prefix=J", "max-keys=2&prefix=J"),
        ("prefix=J&max-keys=2", "max-keys=2&prefix=J"),
        ("Param-3=V3&Param=V2", "Param=V2&Param-3=V3"),
        ("a=2&a=1&a", "a=&a=1&a=2"),
        ("a-b=1&a=2&aa=3", "a=2&a-b=1&aa=3"),
        ("prefix=a/b", "prefix=a%2Fb"),
        ("prefix=a%2fb", "prefix=a%2Fb"),
        ("prefix=a+b", "prefix=a%20b"),
        ("prefix=a%2Bb", "prefix=a%2Bb"),
        ("a=b=c", "a=b%3Dc"),
        ("=v", "=v"),
        ("&a=1&&b=2&", "a=1&b=2"),
        ("%41=1", "A=1"),
        ("ሴ=bar", "%E1%88%B4=bar"),
        ("a=\udcff", "a=%FF"),
        ("a=100%", "a=100%25"),
        ("a=\x00&a=1", "a=%00&a=1"),
        ("a=1&b", "a=1&b="),
        ("a&b=1", "a=&b=1"),
        ("a=1&b&c=2", "a=1&b=&c=2"),
        ("a=%20&b", "a=%20&b="),
        ("a=%41&b=1", "a=A&b=1"),
        ("a=1&b=%2", "a=1&b=%252"),
    ],
)
def test_a_query_is_encoded_again_and_sorted(raw: str, canonical: str) -> None:
    assert canonical_query(raw) == canonical


@pytest.mark.parametrize("part", ["a", "%20", "a%20", "a=1&", "=&", "a=%41&"])
def test_a_query_that_is_nearly_canonical_to_its_end_takes_linear_time(part: str) -> None:
    """A pattern that could match one text in two ways would not end on these."""
    raw = part * (60_000 // len(part)) + "!"
    assert canonical_query(canonical_query(raw)) == canonical_query(raw)


@pytest.mark.parametrize("part", ["a", "/", "%20", "a%20", "/%41"])
def test_a_path_that_is_nearly_canonical_to_its_end_takes_linear_time(part: str) -> None:
    raw = "/" + part * (60_000 // len(part)) + "!"
    canonical = canonical_path(raw, normalize_path=False)
    assert canonical == "/" + part.replace("%41", "A") * (60_000 // len(part)) + "%21"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=6), st.text(max_size=6)), max_size=5))
def test_a_canonical_query_does_not_change_except_its_order(pairs: list[tuple[str, str]]) -> None:
    try:
        encoded = [(quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs]
    except UnicodeEncodeError:
        return
    canonical = "&".join(f"{name}={value}" for name, value in sorted(encoded))
    assert canonical_query("&".join(f"{name}={value}" for name, value in encoded)) == canonical
    assert canonical_query(canonical) == canonical


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("aZ~/%2Ff4. +é\n"), max_size=12).map(lambda text: f"/{text}"))
def test_a_canonical_path_of_s3_means_what_the_raw_one_means(raw: str) -> None:
    canonical = canonical_path(raw, normalize_path=False)
    assert unquote_to_bytes(canonical) == unquote_to_bytes(raw)
    assert canonical_path(canonical, normalize_path=False) == canonical


@pytest.mark.parametrize(
    ("value", "canonical"),
    [
        ("plain", "plain"),
        ("one two", "one two"),
        (" lead", "lead"),
        ("trail ", "trail"),
        ("a  b   c", "a b c"),
        ("a\tb", "a b"),
        ("a\n  b", "a b"),
        ("a\nx-amz-acl:public", "a x-amz-acl:public"),
        ("a\rb", "a b"),
        ("a\vb\fc", "a b c"),
        ("key: value", "key: value"),
        ("", ""),
        ("caf\u00e9", "caf\u00e9"),
    ],
)
def test_blanks_of_header_values_are_trimmed_and_joined(value: str, canonical: str) -> None:
    block = canonical_headers({"a": value, "host": "h"}, layout_of_names(("a", "host")))
    assert block == f"a:{canonical}\nhost:h\n\na;host\n"


def test_one_signed_header_is_enough_for_the_form() -> None:
    assert canonical_headers({"host": "h"}, layout_of_names(("host",))) == "host:h\n\nhost\n"


def test_repeated_headers_are_joined_by_commas_in_their_order() -> None:
    request = SignedRequest("GET", "/", "", [("host", "h"), ("x", " v2 "), ("x", "v1"), ("x", "v2")])
    assert request.values["x"] == "v2,v1,v2"
    assert b"\nx:v2,v1,v2\n" in canonical_request(request, ("host", "x"), "HASH", normalize_path=False)


def test_the_canonical_request_has_its_six_parts() -> None:
    request = SignedRequest("GET", "/a b", "z=1&a=2", (("host", "h"), ("x-amz-date", "20260131T000000Z")))
    made = canonical_request(request, ("host", "x-amz-date"), "HASH", normalize_path=False)
    assert made == b"GET\n/a%20b\na=2&z=1\nhost:h\nx-amz-date:20260131T000000Z\n\nhost;x-amz-date\nHASH"
    text = string_to_sign("20260131T000000Z", Scope("20260131", "eu-west-1", "s3"), made)
    assert text.decode() == (
        "AWS4-HMAC-SHA256\n20260131T000000Z\n20260131/eu-west-1/s3/aws4_request\n" + sha256(made).hexdigest()
    )


def test_bytes_that_are_not_utf_8_are_signed_as_they_came() -> None:
    value = b"caf\xe9".decode(errors="surrogateescape")
    request = SignedRequest("GET", "/", "", [("host", value)])
    assert b"host:caf\xe9\n" in canonical_request(request, ("host",), "HASH", normalize_path=True)


def test_a_missing_signed_header_is_refused() -> None:
    request = SignedRequest("GET", "/", "", [("host", "h")])
    with pytest.raises(SignatureDoesNotMatch, match="no header 'range'"):
        canonical_request(request, ("host", "range"), "HASH", normalize_path=False)


def test_a_method_that_could_carry_a_line_is_refused() -> None:
    request = SignedRequest("GET\n/x", "/", "", [("host", "h")])
    with pytest.raises(MalformedRequest):
        canonical_request(request, ("host",), "HASH", normalize_path=False)


def test_unsorted_names_are_refused() -> None:
    request = SignedRequest("GET", "/", "", [("host", "h"), ("a", "b")])
    with pytest.raises(IncompleteSignature):
        canonical_request(request, ("host", "a"), "HASH", normalize_path=False)


def test_a_repr_holds_neither_headers_nor_query() -> None:
    shown = repr(SignedRequest("GET", "/", "X-Amz-Security-Token=q1", [("x-amz-security-token", "t1")]))
    assert "q1" not in shown
    assert "t1" not in shown
