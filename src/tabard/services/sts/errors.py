"""STS's errors, with AWS's sentences.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html#API_AssumeRole_Errors
"""

from tabard.errors import AwsError, ValidationError


class RootMayNotAssumeRoles(AwsError):
    """AWS: "You cannot use AWS account root user credentials to call AssumeRole." """

    code = "AccessDenied"
    status = 403
    sentence = "Roles may not be assumed by root accounts."


class MayNotAssumeRole(AwsError):
    """The same answer for a missing role as for one that the caller may not assume."""

    code = "AccessDenied"
    status = 403
    sentence = "User: {caller_arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"


class MultiFactorAuthenticationFailed(AwsError):
    """The request contains a code of an MFA device, but no device is known."""

    code = "AccessDenied"
    status = 403
    sentence = "MultiFactorAuthentication failed with invalid MFA one time pass code."


class InvalidRoleArn(ValidationError):
    """RoleArn is not an ARN."""

    sentence = "{role_arn} is invalid"


class LongerThanRoleAllows(ValidationError):
    """DurationSeconds is more than the role's MaxSessionDuration."""

    sentence = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


class LongerThanChainingAllows(ValidationError):
    """DurationSeconds is more than an hour, and the caller itself is an assumed role."""

    sentence = (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )


class InvalidSessionInput(ValidationError):
    """A well-formed value is not acceptable for a session."""

    sentence = "{reason}"


class InvalidSessionTags(AwsError):
    """The session tags of a request are not valid for one session."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "{reason}"


class InvalidAccessKeyId(ValidationError):
    """The text does not have the form of an access key id of this installation or AWS."""

    sentence = "The access key ID {access_key_id} is not valid."


class InvalidAuthorizationMessageException(AwsError):
    """AWS: "the message passed to DecodeAuthorizationMessage was invalid" """

    code = "InvalidAuthorizationMessageException"
    status = 400
    sentence = "The message passed to DecodeAuthorizationMessage was invalid."
