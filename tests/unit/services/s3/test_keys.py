"""What SeaweedFS 4.48 was measured to do with each key, and what we therefore say."""

import pytest

from tabard.services.s3.keys import refused_bucket_reason, refused_key_reason, refused_prefix_reason
from tests.support.s3_keys import KEPT, REFUSED_THERE, REWRITTEN


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
