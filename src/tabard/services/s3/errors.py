"""S3's errors that the edge itself answers.

AWS: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from tabard.errors import AwsError


class NotImplementedByUpstream(AwsError):
    """A header or parameter that the upstream cannot honor is refused, never dropped."""

    code = "NotImplemented"
    status = 501
    not_offered = True
    sentence = "A header you provided implies functionality that is not implemented: {member}."


class InvalidArgument(AwsError):
    """A parameter has an invalid value."""

    code = "InvalidArgument"
    status = 400
    sentence = "{reason}"


class InvalidContinuationToken(AwsError):
    """A continuation token that no listing returned."""

    code = "InvalidArgument"
    status = 400
    sentence = "The continuation token provided is incorrect"


class NoSuchUpload(AwsError):
    """AWS: "The specified multipart upload does not exist." """

    code = "NoSuchUpload"
    status = 404
    sentence = (
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have been "
        "aborted or completed."
    )


class InvalidObjectKey(AwsError):
    """A key that the upstream would store under another name.

    Differs: AWS stores every key unchanged; the embedded store rewrites some. That could bypass a Deny on a
    prefix, so such keys are refused.
    """

    code = "InvalidArgument"
    status = 400
    sentence = "The object key is not accepted here: {reason}."


class InvalidBucketName(AwsError):
    """AWS: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"""

    code = "InvalidBucketName"
    status = 400
    sentence = "The specified bucket is not valid."


class AccessControlListNotSupported(AwsError):
    """AWS: "The bucket does not allow ACLs": the default since April 2023 (Object Ownership)."""

    code = "AccessControlListNotSupported"
    status = 400
    sentence = "The bucket does not allow ACLs"


class MissingContentLength(AwsError):
    """An upload must declare its length."""

    code = "MissingContentLength"
    status = 411
    sentence = "You must provide the Content-Length HTTP header."


class IncompleteBody(AwsError):
    """Fewer bytes arrived than declared."""

    code = "IncompleteBody"
    status = 400
    sentence = "You did not provide the number of bytes specified by the Content-Length HTTP header"


class EntityTooLarge(AwsError):
    """AWS: a single PUT or part has at most 5 GiB."""

    code = "EntityTooLarge"
    status = 400
    sentence = "Your proposed upload exceeds the maximum allowed size"


class BadDigest(AwsError):
    """The declared checksum differs from that of the received bytes."""

    code = "BadDigest"
    status = 400
    sentence = "The {algorithm} you specified did not match the calculated checksum."


class BadContentMD5(AwsError):
    """The declared Content-MD5 differs from that of the received bytes."""

    code = "BadDigest"
    status = 400
    sentence = "The Content-MD5 you specified did not match what we received."


class InvalidDigest(AwsError):
    """The declared Content-MD5 is malformed."""

    code = "InvalidDigest"
    status = 400
    sentence = "The Content-MD5 you specified was invalid."


class InvalidPartOrder(AwsError):
    """AWS: "Parts list must be specified in order by part number." """

    code = "InvalidPartOrder"
    status = 400
    sentence = "The list of parts was not in ascending order. Parts must be ordered by part number."


class MetadataTooLarge(AwsError):
    """AWS: "Your metadata headers exceed the maximum allowed metadata size": 2 KB of the user's own."""

    code = "MetadataTooLarge"
    status = 400
    sentence = "Your metadata headers exceed the maximum allowed metadata size"


class InvalidBucketOwnerAWSAccountID(AwsError):
    """The expected bucket owner is not an account id."""

    code = "InvalidBucketOwnerAWSAccountID"
    status = 400
    sentence = "The value of the expected bucket owner parameter must be an AWS Account ID... [{given}]"


class NoSuchBucket(AwsError):
    """AWS: "The specified bucket does not exist." """

    code = "NoSuchBucket"
    status = 404
    sentence = "The specified bucket does not exist"


class AuthorizationHeaderMalformed(AwsError):
    """The signature is for a region without buckets. `Region` names the right one."""

    code = "AuthorizationHeaderMalformed"
    status = 400
    sentence = "The authorization header is malformed; the region '{region}' is wrong; expecting '{home}'"


class IllegalLocationConstraint(AwsError):
    """AWS: "you are trying to access a bucket from a different Region than where the bucket exists" """

    code = "IllegalLocationConstraintException"
    status = 400
    sentence = (
        "The {location} location constraint is incompatible for the region specific endpoint this request "
        "was sent to."
    )


class InvalidLocationConstraint(AwsError):
    """AWS: "The specified location (Region) constraint is not valid." """

    code = "InvalidLocationConstraint"
    status = 400
    sentence = "The specified location-constraint is not valid"
