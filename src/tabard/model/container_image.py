"""Images that containers are launched from: how a host's folder and an image id belong together."""

import hashlib
import re

MACHINES_PROGRAMS_IMAGE_ID = "ami-07ab4d00000000c07"
"""The container that has its host's own programs."""

CONTAINER_IMAGE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,127}")
"""As EC2 has names of images, as far as they can name a folder that is not hidden."""


def container_image_id(name: str) -> str:
    """The id of the image that a folder of this name is: the same on every host, so that none needs be told.

    Raises:
        ValueError: it is not a name for an image.
    """
    if not CONTAINER_IMAGE_NAME.fullmatch(name):
        raise ValueError(
            f"{name!r} names no image: 3 to 128 letters, digits, '.', '_' and '-', a letter first"
        )
    return "ami-" + hashlib.sha256(f"container/{name}".encode()).hexdigest()[:17]
