"""ARNs of EC2's things, as the checks name them."""

from typing import Protocol


class Place(Protocol):
    """What an ARN needs to know: `Facts` and `Permit` both say it."""

    @property
    def partition(self) -> str: ...
    @property
    def account_id(self) -> str: ...
    @property
    def region(self) -> str: ...


def ec2_arn(place: Place, resource: str) -> str:
    """`arn:aws:ec2:REGION:ACCOUNT:instance/i-…` and the like."""
    return f"arn:{place.partition}:ec2:{place.region}:{place.account_id}:{resource}"


def image_arn(place: Place, image_id: str) -> str:
    """An image's ARN, which names no account."""
    return f"arn:{place.partition}:ec2:{place.region}::image/{image_id}"
