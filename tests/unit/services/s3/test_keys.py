"""What SeaweedFS 4.48 was measured to do with each key, and what we therefore say."""

import pytest

from tabard.services.s3.keys import refused_bucket_reason, refused_key_reason, refused_prefix_reason

KEPT = (
    "a", "a/b", "A", "a..b", "a...", "...", ".a", "..a", "a/...", "a/..b/c", "a/.b", "a/b.", ".versions",
    "a/.versions", "a.versions", "uploads/x", "a.uploads/b", "filer", "etc", ".system", "a/.directory",
    "a%2Fb", "a%2fb", "%2e%2e/a", "a%", "a%zz", "a%00b", "a%20b", "a%5Cb",
    "a b", " a", "a ", "a/ b", "a b/c+d", "a+b", " ", "\t", "\n", "a\nb", "a\rb", "a\n/b\n",
    "a\x7fb", "a\x85b",
    "a?b", "a#b", "a&b;c", "a:b", "a=b", "a@b", "a'b", 'a"b', "a<b>", "a|b", "a*b", "a[b]", "a{b}",
    "a^b", "a`b",
    "a~b", "a$b", "a!b", "a(b)", "a,b", "]]>", "C:", "é", "e\u0301", "\u212b", "日本", "😀",
    "a\u2028b", "\ufeffa",
    "\u202ea", "\ufffd", "\u00a0", "\u0130", "\U0010ffff",
    "x" * 255, "é" * 127, "/".join(["x" * 200] * 5), "a/" * 511 + "ab",
)  # fmt: skip

# key: what the store made of it
REWRITTEN = {
    "secret//x": "secret/x",
    "/secret/x": "secret/x",
    "//x": "x",
    "a//": "a/",
    "secret\\x": "secret/x",
    "\\x": "x",
    "a\\": "a/",
    "a/\\b": "a/b",
    "C:\\x": "C:/x",
    "/": "the bucket itself",
    "//": "the bucket itself",
    "a/": "content lost; deleted by deleting `a`",
    "a/b/": "content lost; deleted by deleting `a/b`",
    "a\x01b": "listed as a\ufffdb",
    "a\x0bb": "listed as a\ufffdb",
    "a\x1fb": "listed as a\ufffdb",
    "a\ufffeb": "listed as a\ufffdb",
    "a\uffffb": "listed as a\ufffdb",
    ".uploads/x": "not listed",
    "a/.uploads/b": "not listed",
    ".uploads": "in the way of every multipart upload",
    "a.versions/b": "not listed",
    "p/q.versions/z": "not listed",
    ".versions/a": "not listed",
}
REFUSED_THERE = (
    ".", "..", "./a", "../a", "a/.", "a/..", "a/./b", "a/../b", "a/../../b", "..\\a", "a\\..\\b",
    "\x00", "a\x00b",
    "\ud800", "x" * 256, "x" * 1025, "é" * 128, "a/" * 512 + "a",
)  # fmt: skip


@pytest.mark.parametrize("key", KEPT)
def test_a_key_that_the_store_keeps_is_not_refused(key: str) -> None:
    assert refused_key_reason(key) is None


@pytest.mark.parametrize("key", REWRITTEN)
def test_a_key_that_the_store_would_keep_under_another_name_or_hide_is_refused(key: str) -> None:
    assert refused_key_reason(key) is not None


@pytest.mark.parametrize("key", ["", *REFUSED_THERE])
def test_a_key_that_the_store_refuses_is_refused_in_our_own_words(key: str) -> None:
    assert refused_key_reason(key) is not None


@pytest.mark.parametrize(
    "prefix", ["", "public/", "public", "a/b", "a b/", "%2e%2e", "é/", "a.versions/", "x/.up"]
)
def test_a_prefix_may_be_empty_or_end_with_a_slash(prefix: str) -> None:
    assert refused_prefix_reason(prefix) is None


@pytest.mark.parametrize(
    "prefix",
    [
        "/",
        "//",
        "secret//",
        "/secret",
        "/secret/",
        "secret\\",
        "public/../secret/",
        "./secret",
        "..",
        "a\x00",
    ],
)
def test_a_prefix_that_the_store_reads_as_another_is_refused(prefix: str) -> None:
    assert refused_prefix_reason(prefix) is not None


def test_a_reason_reads_as_the_end_of_a_sentence() -> None:
    assert refused_key_reason("secret//x") == "has two slashes in a row, which the store reads as one"


def test_a_bucket_named_as_a_path_of_the_stores_own_is_refused() -> None:
    assert [name for name in ("health", "healthz", "status", "metrics") if refused_bucket_reason(name)] == [
        "healthz",
        "status",
    ]
