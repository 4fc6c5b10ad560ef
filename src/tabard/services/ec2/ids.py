"""EC2's ids: 8 or 17 hex digits after the prefix. An invalid id is Malformed, not NotFound.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/resource-ids.html
"""

import re

from tabard.services.ec2.errors import InvalidAMIIDMalformed, InvalidInstanceIDMalformed

_INSTANCE_ID = re.compile(r"i-(?:[0-9a-f]{8}|[0-9a-f]{17})")
_IMAGE_ID = re.compile(r"ami-(?:[0-9a-f]{8}|[0-9a-f]{17})")


def guard_instance_id(instance_id: str) -> None:
    """Check an instance id. Raises InvalidInstanceID.Malformed (400)."""
    if not _INSTANCE_ID.fullmatch(instance_id):
        raise InvalidInstanceIDMalformed(instance_id=instance_id)


def guard_image_id(image_id: str) -> None:
    """Check an image id. Raises InvalidAMIID.Malformed (400)."""
    if not _IMAGE_ID.fullmatch(image_id):
        raise InvalidAMIIDMalformed(image_id=image_id)
