"""ARNs of EC2's things, as the checks name them."""

from tabard.names import Place


def ec2_arn(place: Place, resource: str) -> str:
    """`arn:aws:ec2:REGION:ACCOUNT:instance/i-…` and the like."""
    return f"arn:{place.partition}:ec2:{place.region}:{place.account_id}:{resource}"


def image_arn(place: Place, image_id: str) -> str:
    """An image's ARN, which names no account."""
    return f"arn:{place.partition}:ec2:{place.region}::image/{image_id}"
