"""The id of a request: in its answer, in the logs and in the audit."""

import random
from datetime import datetime

# Unique is all that an id has to be: nothing is protected by its being unknown.
_random = random.Random()  # noqa: S311 - seeded by the system


def new_request_id(now: datetime) -> str:
    """A request id in the form of AWS's: a UUID, random but for its first eight digits, which count seconds.

    Ids of one time stand side by side in the audit's index; of random ones, each event would have the store
    write a page of its own.
    """
    seconds = int(now.timestamp()) & 0xFFFFFFFF
    text = f"{_random.getrandbits(96):024x}"
    return f"{seconds:08x}-{text[:4]}-4{text[5:8]}-a{text[9:12]}-{text[12:]}"
