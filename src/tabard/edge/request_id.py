"""The id of a request, which appears in its answer, in the logs and in the audit."""

import random
from datetime import datetime

# An id must be unique. It protects nothing, so it need not be secret.
_random = random.Random()  # noqa: S311 - seeded by the system


def new_request_id(now: datetime) -> str:
    """Make a request id in AWS's form: a random UUID whose first eight digits count seconds.

    So ids of the same time are neighbors in the audit's index. With random ids, the store would write another
    page for each event.
    """
    seconds = int(now.timestamp()) & 0xFFFFFFFF
    text = f"{_random.getrandbits(96):024x}"
    return f"{seconds:08x}-{text[:4]}-4{text[5:8]}-a{text[9:12]}-{text[12:]}"
