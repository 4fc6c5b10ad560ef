"""Ids and ARNs in the forms AWS gives them."""

import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.names import (
    ASSOCIATION_ID,
    HOST_ID,
    IMAGE_ID,
    INSTANCE_ID,
    AccessKeyPrefix,
    Arn,
    ResourceIdPrefix,
    UniqueIdPrefix,
    account_of_access_key_id,
    iam_arn,
    new_access_key_id,
    new_resource_id,
    new_secret_access_key,
    new_unique_id,
)

_account_ids = st.from_regex(r"[0-9]{12}", fullmatch=True)


@pytest.mark.parametrize("prefix", get_args(UniqueIdPrefix))
def test_a_unique_id_is_21_characters_of_base32_after_its_prefix(prefix: UniqueIdPrefix) -> None:
    made = {new_unique_id(prefix) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(rf"{prefix}[A-Z2-7]{{17}}", unique_id) for unique_id in made)


@given(st.sampled_from(get_args(AccessKeyPrefix)), _account_ids)
def test_an_access_key_id_tells_its_account(prefix: AccessKeyPrefix, account_id: str) -> None:
    access_key_id = new_access_key_id(prefix, account_id)
    assert re.fullmatch(rf"{prefix}[A-Z2-7]{{16}}", access_key_id)
    assert account_of_access_key_id(access_key_id) == account_id


def test_two_access_key_ids_of_an_account_differ() -> None:
    assert len({new_access_key_id("ASIA", "123456789012") for _ in range(200)}) == 200


def test_an_access_key_id_of_awss_own_tells_its_account() -> None:
    """A published pair of a (long expired) temporary key id and its account."""
    assert account_of_access_key_id("ASIAQNZGKIQY56JQ7WML") == "029608264753"


@pytest.mark.parametrize(
    "text", ["AKIA", "AKIAQNZGKIQY56JQ", "AKIA0000000000000000", "AKIA7777777777777777", "Ä" * 20]
)
def test_what_encodes_no_account_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base64 says it in words of its own
        account_of_access_key_id(text)


def test_a_secret_access_key_is_forty_characters_of_base64() -> None:
    made = {new_secret_access_key() for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9+/]{40}", secret) for secret in made)


@pytest.mark.parametrize("prefix", get_args(ResourceIdPrefix))
def test_a_resource_id_is_17_hex_digits_after_its_prefix(prefix: ResourceIdPrefix) -> None:
    made = {new_resource_id(prefix) for _ in range(50)}
    assert len(made) == 50
    assert all(re.fullmatch(rf"{prefix}-[0-9a-f]{{17}}", resource_id) for resource_id in made)


@pytest.mark.parametrize(
    ("prefix", "pattern"),
    [("i", INSTANCE_ID), ("iip-assoc", ASSOCIATION_ID), ("ami", IMAGE_ID), ("h", HOST_ID)],
)
def test_ids_that_are_made_are_ids_that_are_accepted(
    prefix: ResourceIdPrefix, pattern: re.Pattern[str]
) -> None:
    resource_id = new_resource_id(prefix)
    assert pattern.fullmatch(resource_id)
    for other in (resource_id[:-1], f"{resource_id}0", f"{resource_id}\n", resource_id.upper()):
        assert not pattern.fullmatch(other)


@pytest.mark.parametrize(
    ("text", "arn"),
    [
        ("arn:aws:s3:::bucket/a:b", Arn("aws", "s3", "", "", "bucket/a:b")),
        (
            "arn:aws-cn:dynamodb:cn-north-1:123456789012:table/t",
            Arn("aws-cn", "dynamodb", "cn-north-1", "123456789012", "table/t"),
        ),
        ("arn:aws:iam::123456789012:role/a/b", Arn("aws", "iam", "", "123456789012", "role/a/b")),
    ],
)
def test_an_arn_is_read_and_written(text: str, arn: Arn) -> None:
    assert Arn.parse(text) == arn
    assert str(arn) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "arn",
        "arn:aws:s3::",
        "arn:aws:s3:::",
        "arn::s3:::b",
        "urn:aws:s3:::b",
        "Arn:aws:s3:::b",
        " arn:aws:s3:::b",
    ],
)
def test_what_is_no_arn_is_none(text: str) -> None:
    assert Arn.parse(text) is None


def test_an_iam_arn_has_its_path() -> None:
    assert (
        iam_arn(
            partition="aws", account_id="123456789012", kind="instance-profile", path="/team/a/", name="web"
        )
        == "arn:aws:iam::123456789012:instance-profile/team/a/web"
    )
