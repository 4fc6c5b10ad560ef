"""ARNs of EC2's resources, for checks."""

from tabard.names import Place


def ec2_arn(place: Place, resource: str) -> str:
    """Return `arn:aws:ec2:REGION:ACCOUNT:instance/i-…` and the like."""
    return f"arn:{place.partition}:ec2:{place.region}:{place.account_id}:{resource}"


def image_arn(place: Place, image_id: str) -> str:
    """Return an image's ARN, which names no account."""
    return f"arn:{place.partition}:ec2:{place.region}::image/{image_id}"
