"""The tags that come along with an object: `x-amz-tagging`, in the form of a URL query.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

from urllib.parse import parse_qsl

from tabard.services.s3.errors import InvalidArgument
from tabard.wire.request import Value

_NOT_TAGS = (
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters "
    "without tag name duplicates."
)


def tags_of(tagging: Value | None) -> tuple[tuple[str, str], ...]:
    """Key and value of each tag, in order; none where there is no header.

    Raises:
        InvalidArgument: bad encoding, or a key given twice.
    Differs: keys that differ in case alone are refused as well. To condition keys they are the same, and a
        policy would see one value where the object gets the other.
    """
    if not isinstance(tagging, str) or not tagging:
        return ()
    try:
        tags = parse_qsl(tagging, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise InvalidArgument(reason=_NOT_TAGS) from None
    if len({key.lower() for key, _ in tags}) < len(tags):
        raise InvalidArgument(reason=_NOT_TAGS)
    return tuple(tags)
