"""Values that S3 refuses are refused here, in its words, whatever an upstream would make of them."""

import pytest

from tabard.errors import AwsError
from tabard.services.s3.values import check_values

ACCOUNT_ID = "111122223333"


def outcome(operation: str, **arguments: object) -> tuple[str, int, str]:
    try:
        check_values(operation, arguments, account_id=ACCOUNT_ID)
    except AwsError as refused:
        return refused.error_code, refused.http_status, refused.message
    return "", 200, ""


def completing(*numbers: object) -> dict[str, object]:
    return {"MultipartUpload": {"Parts": [{"PartNumber": number, "ETag": "e"} for number in numbers]}}


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("UploadPart", {"PartNumber": 1}),
        ("UploadPart", {"PartNumber": 10_000}),
        ("GetObject", {"PartNumber": 2}),
        ("GetObject", {"Range": "bytes=0-1", "ResponseContentDisposition": 'attachment; filename="é"'}),
        ("ListObjectsV2", {"EncodingType": "url"}),
        ("UploadPartCopy", {"PartNumber": 1, "CopySourceRange": "bytes=0-5"}),
        ("GetObject", {"ExpectedBucketOwner": ACCOUNT_ID}),
        ("CopyObject", {"ExpectedBucketOwner": ACCOUNT_ID, "ExpectedSourceBucketOwner": ACCOUNT_ID}),
        ("CompleteMultipartUpload", completing(1, 2, 10_000)),
        ("PutObject", {"Metadata": {"name": "é" * 1022}}),
    ],
)
def test_what_s3_takes_is_taken(operation: str, arguments: dict[str, object]) -> None:
    assert outcome(operation, **arguments) == ("", 200, "")


PART_NUMBER = "Part number must be an integer between 1 and 10000, inclusive"
ORDER = "The list of parts was not in ascending order. Parts must be ordered by part number."
COPY_RANGE = "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last"


@pytest.mark.parametrize(
    ("operation", "arguments", "code", "sentence"),
    [
        *(("UploadPart", {"PartNumber": n}, "InvalidArgument", PART_NUMBER) for n in (0, -1, 10_001)),
        ("GetObject", {"PartNumber": 0}, "InvalidArgument", PART_NUMBER),
        (
            "GetObject",
            {"PartNumber": 1, "Range": "bytes=0-1"},
            "InvalidRequest",
            "Cannot specify both Range header and partNumber query parameter",
        ),
        (
            "ListObjectsV2",
            {"EncodingType": "foo"},
            "InvalidArgument",
            "Invalid Encoding Method specified in Request",
        ),
        *(
            ("UploadPartCopy", {"PartNumber": 1, "CopySourceRange": text}, "InvalidArgument", COPY_RANGE)
            for text in ("bytes=5-", "bytes=-5", "junk", "bytes=0-1,3-4")
        ),
        *(
            (
                "GetObject",
                {member: text},
                "InvalidArgument",
                f"{member} has a character that no header can have",
            )
            for member, text in (
                ("ResponseContentType", "\0"),
                ("ResponseContentDisposition", "a\r\nX: y"),
                ("ResponseCacheControl", "\x7f"),
            )
        ),
        (
            "GetObject",
            {"ExpectedBucketOwner": "abcd"},
            "InvalidBucketOwnerAWSAccountID",
            "The value of the expected bucket owner parameter must be an AWS Account ID... [abcd]",
        ),
        (
            "PutObject",
            {"Metadata": {"name": "é" * 1022, "b": ""}},
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        ),
        ("CompleteMultipartUpload", completing(), "InvalidRequest", "You must specify at least one part"),
        ("CompleteMultipartUpload", {}, "InvalidRequest", "You must specify at least one part"),
        *(
            ("CompleteMultipartUpload", completing(*numbers), "InvalidPartOrder", ORDER)
            for numbers in ((2, 1), (1, 1), (1, 3, 2))
        ),
        ("CompleteMultipartUpload", completing(0), "InvalidArgument", PART_NUMBER),
        ("CompleteMultipartUpload", completing(1, 10_001), "InvalidArgument", PART_NUMBER),
    ],
)
def test_what_s3_refuses_is_refused_in_its_words(
    operation: str, arguments: dict[str, object], code: str, sentence: str
) -> None:
    refused = outcome(operation, **arguments)
    assert refused[:2] == (code, 400)
    assert refused[2].startswith(sentence)


@pytest.mark.parametrize("member", ["ExpectedBucketOwner", "ExpectedSourceBucketOwner"])
def test_a_bucket_that_somebody_else_is_believed_to_own_is_denied(member: str) -> None:
    assert outcome("CopyObject", **{member: "999999999999"}) == ("AccessDenied", 403, "Access Denied")
