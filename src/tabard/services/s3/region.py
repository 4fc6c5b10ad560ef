"""The only region of buckets, and requests for another one.

A policy may restrict a bucket to a region by `aws:RequestedRegion`. That is the region in the signature's
scope, which the caller chooses. So it must be the bucket's region, as at S3.
"""

from tabard.services.s3.errors import (
    AuthorizationHeaderMalformed,
    IllegalLocationConstraint,
    InvalidLocationConstraint,
)

WITHOUT_CONSTRAINT = "us-east-1"
"""The region of a bucket without a location constraint; a constraint must not name it."""

_OLD_NAMES = {"EU": "eu-west-1"}


def check_region(region: str, *, home: str) -> None:
    """Check that the signature is for the region of the buckets.

    Raises:
        AuthorizationHeaderMalformed (400): it names the right region, to which SDKs then switch.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html and
        https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    if region != home:
        raise AuthorizationHeaderMalformed(region=region, home=home, members={"Region": home})


def check_location(constraint: str | None, *, home: str) -> None:
    """Check that a new bucket is in the only region of buckets.

    Raises:
        IllegalLocationConstraint (400): another region. InvalidLocationConstraint (400): us-east-1 by name.
    AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html
    Differs: an installation has one region for its buckets, its home region. AWS's us-east-1 makes them in
        any region.
    """
    if constraint == WITHOUT_CONSTRAINT:
        raise InvalidLocationConstraint(members={"LocationConstraint": constraint})
    if _OLD_NAMES.get(constraint or "", constraint or WITHOUT_CONSTRAINT) != home:
        raise IllegalLocationConstraint(location=constraint or "unspecified")
