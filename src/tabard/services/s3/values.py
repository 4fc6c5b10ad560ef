"""Values that S3 refuses, whatever an upstream would accept.

They are checked after the decision: a denied caller learns nothing about them.
AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; the sentences are S3's own answers.
"""

import re
from collections.abc import Mapping
from itertools import pairwise

from tabard.access.refusals import AccessDenied
from tabard.services.s3.errors import (
    InvalidBucketOwnerAWSAccountID,
    InvalidPartOrder,
    MetadataTooLarge,
)
from tabard.wire.input_errors import InvalidArgument, InvalidRequest
from tabard.wire.request import Value

OWNERS = frozenset(("ExpectedBucketOwner", "ExpectedSourceBucketOwner"))
"""The expected bucket owner: the edge checks it, never an upstream."""

PART_NUMBERS = range(1, 10_001)
MOST_METADATA_BYTES = 2048
"""AWS: "The size of user-defined metadata is measured by taking the sum of the number of bytes in the UTF-8
encoding of each key and value." """
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_COPY_RANGE = re.compile(r"bytes=[0-9]{1,15}-[0-9]{1,15}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def check_values(operation: str, arguments: Mapping[str, Value], *, account_id: str) -> None:
    """Refuse the values that S3 refuses.

    Raises:
        InvalidArgument, InvalidRequest, InvalidPartOrder, InvalidBucketOwnerAWSAccountID,
        MetadataTooLarge (400).
        AccessDenied (403): the bucket belongs to another account than the expected one.
    """
    for member in OWNERS & arguments.keys():
        _check_owner(str(arguments[member]), account_id)
    _check_metadata(arguments.get("Metadata"))
    if "PartNumber" in arguments:
        _check_part_number(arguments["PartNumber"])
        if "Range" in arguments:
            raise InvalidRequest(reason="Cannot specify both Range header and partNumber query parameter")
    if arguments.get("EncodingType", "url") != "url":
        raise InvalidArgument(
            reason="Invalid Encoding Method specified in Request",
            name="encoding-type",
            value=str(arguments["EncodingType"]),
        )
    copied = arguments.get("CopySourceRange")
    if copied is not None and not _COPY_RANGE.fullmatch(str(copied)):
        raise InvalidArgument(
            reason="The x-amz-copy-source-range value must be of the form bytes=first-last where first and "
            "last are the zero-based offsets of the first and last bytes to copy",
            name="x-amz-copy-source-range",
            value=str(copied),
        )
    for member, value in arguments.items():
        if member.startswith("Response") and isinstance(value, str) and _CONTROL.search(value):
            # The value would become a header of the answer.
            raise InvalidArgument(reason=f"{member} has a character that no header can have")
    if operation == "CompleteMultipartUpload":
        _check_parts(arguments.get("MultipartUpload"))


def _check_owner(expected: str, account_id: str) -> None:
    if not _ACCOUNT_ID.fullmatch(expected):
        raise InvalidBucketOwnerAWSAccountID(given=expected)
    if expected != account_id:
        raise AccessDenied("s3", "Access Denied")


def _check_metadata(metadata: Value | None) -> None:
    """AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html"""
    if not isinstance(metadata, dict):
        return
    size = 0
    for name, value in metadata.items():
        size += len(name.encode()) + len(str(value).encode(errors="surrogateescape"))
    if size > MOST_METADATA_BYTES:
        raise MetadataTooLarge(members={"Size": size, "MaxSizeAllowed": MOST_METADATA_BYTES})


def _check_part_number(number: Value) -> None:
    if number not in PART_NUMBERS:
        raise InvalidArgument(
            reason="Part number must be an integer between 1 and 10000, inclusive",
            name="partNumber",
            value=str(number),
        )


def _check_parts(upload: Value | None) -> None:
    """Check that a completed upload has at least one part, each once, in order."""
    parts = upload.get("Parts") if isinstance(upload, dict) else None
    listed = parts if isinstance(parts, list) else ()
    numbers = [part.get("PartNumber") for part in listed if isinstance(part, dict)]
    if not numbers:
        raise InvalidRequest(reason="You must specify at least one part")
    for number in numbers:
        _check_part_number(number if number is not None else 0)
    if any(not isinstance(a, int) or not isinstance(b, int) or a >= b for a, b in pairwise(numbers)):
        raise InvalidPartOrder
