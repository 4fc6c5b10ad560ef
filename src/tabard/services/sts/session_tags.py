"""Session tags.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_session-tags.html
"""

from collections.abc import Sequence

from tabard.services.iam.tags import RESERVED_PREFIX, TagInput
from tabard.services.sts.errors import InvalidSessionInput


def requested_session_tags(inputs: Sequence[TagInput]) -> tuple[tuple[str, str], ...]:
    """The tags of the session to be made; their keys are one key whatever their case.

    Raises:
        InvalidSessionInput: a key comes twice, or a key or value begins with the reserved `aws:`.
    """
    if len({tag.key.lower() for tag in inputs}) != len(inputs):
        raise InvalidSessionInput(
            reason="Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    for tag in inputs:
        if tag.key.lower().startswith(RESERVED_PREFIX) or tag.value.lower().startswith(RESERVED_PREFIX):
            raise InvalidSessionInput(
                reason=f"The session tag {tag.key!r} uses the reserved prefix aws: in its key or value."
            )
    return tuple((tag.key, tag.value) for tag in inputs)
