"""The right to learn that an object is absent.

AWS: "If you don't have the s3:ListBucket permission, Amazon S3 returns an HTTP status code 403 error"
https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
"""

from collections.abc import Mapping

from tabard.access.check import Check
from tabard.errors import AwsError
from tabard.names import Place
from tabard.services.s3.copy_source import copy_source
from tabard.wire.request import Value


def absent_object(arguments: Mapping[str, Value], error: AwsError, place: Place) -> Check | None:
    """Return the check of GetObject and HeadObject; None if the bucket is absent.

    The answer to HEAD has no code that distinguishes an absent object from an absent bucket.
    """
    return _listing(str(arguments["Bucket"]), place) if error.error_code != "NoSuchBucket" else None


def absent_source(arguments: Mapping[str, Value], error: AwsError, place: Place) -> Check | None:
    """Return the check of a copy whose source is absent; None if something else is absent."""
    if error.error_code != "NoSuchKey":
        return None
    return _listing(copy_source(arguments["CopySource"]).bucket, place)


def _listing(bucket: str, place: Place) -> Check:
    return Check(action="s3:ListBucket", resource=f"arn:{place.partition}:s3:::{bucket}")
