"""The one region that buckets live in here, and who asks for another.

A policy may hold a bucket to a region by `aws:RequestedRegion`. That is the region of the signature's scope,
which a caller chooses: so it must be the region where the bucket is, as it must at S3.
"""

from tabard.services.s3.errors import (
    AuthorizationHeaderMalformed,
    IllegalLocationConstraint,
    InvalidLocationConstraint,
)

WITHOUT_CONSTRAINT = "us-east-1"
"""Where a bucket comes into being that names no location; none may name this region."""

_OLD_NAMES = {"EU": "eu-west-1"}


def check_region(region: str, *, home: str) -> None:
    """The signature is for the region of the buckets.

    Raises:
        AuthorizationHeaderMalformed (400): it names the right region, which SDKs turn to by themselves.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html and
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    if region != home:
        raise AuthorizationHeaderMalformed(region=region, home=home, members={"Region": home})


def check_location(constraint: str | None, *, home: str) -> None:
    """A new bucket is to be where all of them are.

    Raises:
        IllegalLocationConstraint (400): another region. InvalidLocationConstraint (400): us-east-1 by name.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    Differs: an installation has one region for its buckets, its home region, where AWS's us-east-1 makes them
        anywhere.
    """
    if constraint == WITHOUT_CONSTRAINT:
        raise InvalidLocationConstraint(members={"LocationConstraint": constraint})
    if _OLD_NAMES.get(constraint or "", constraint or WITHOUT_CONSTRAINT) != home:
        raise IllegalLocationConstraint(location=constraint or "unspecified")
