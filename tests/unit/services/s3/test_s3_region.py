"""Buckets live in one region: who signs for another, or asks for another, is told so."""

import pytest

from tabard.errors import AwsError
from tabard.services.s3.region import check_location, check_region


def outcome(constraint: str | None, home: str) -> tuple[str, str]:
    try:
        check_location(constraint, home=home)
    except AwsError as refused:
        return refused.error_code, refused.message
    return "", ""


@pytest.mark.parametrize(
    ("constraint", "home"),
    [(None, "us-east-1"), ("eu-west-1", "eu-west-1"), ("EU", "eu-west-1"), ("eu-central-1", "eu-central-1")],
)
def test_a_bucket_is_made_where_all_of_them_are(constraint: str | None, home: str) -> None:
    assert outcome(constraint, home) == ("", "")


@pytest.mark.parametrize(
    ("constraint", "home", "said"),
    [
        ("eu-west-1", "us-east-1", "The eu-west-1 location constraint"),
        ("EU", "eu-west-3", "The EU location constraint"),
        (None, "eu-west-1", "The unspecified location constraint"),
        ("Mars", "us-east-1", "The Mars location constraint"),
    ],
)
def test_a_bucket_is_made_nowhere_else(constraint: str | None, home: str, said: str) -> None:
    code, message = outcome(constraint, home)
    assert code == "IllegalLocationConstraintException"
    assert message.startswith(f"{said} is incompatible for the region specific endpoint")


@pytest.mark.parametrize("home", ["us-east-1", "eu-west-1"])
def test_us_east_1_is_never_named(home: str) -> None:
    assert outcome("us-east-1", home)[0] == "InvalidLocationConstraint"


def test_a_signature_for_another_region_learns_the_right_one() -> None:
    check_region("eu-west-1", home="eu-west-1")
    with pytest.raises(AwsError) as refused:
        check_region("us-east-1", home="eu-west-1")
    assert refused.value.error_code == "AuthorizationHeaderMalformed"
    assert refused.value.message.endswith("the region 'us-east-1' is wrong; expecting 'eu-west-1'")
    assert refused.value.members == {"Region": "eu-west-1"}
