"""Container images: the link between a host's folder and an image id."""

import hashlib
import re

MACHINES_PROGRAMS_IMAGE_ID = "ami-07ab4d00000000c07"
"""The name of the image with the host's own programs."""

CONTAINER_IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,127}")
"""EC2's rule for image names, restricted to names of visible folders."""


def container_image_id(name: str) -> str:
    """Return the image id of a folder with this name. It is the same on every host, without coordination.

    Raises:
        ValueError: the name is not valid for an image.
    """
    if not CONTAINER_IMAGE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} names no image: 3 to 128 letters, digits, '.', '_' and '-', a letter first"
        )
    return "ami-" + hashlib.sha256(f"container/{name}".encode()).hexdigest()[:17]
