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
    """Says the same of a role that is not there as of one that the caller may not assume."""

    code = "AccessDenied"
    status = 403
    sentence = "User: {caller_arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"


class MultiFactorAuthenticationFailed(AwsError):
    """The request brings a device's code, and no device is known."""

    code = "AccessDenied"
    status = 403
    sentence = "MultiFactorAuthentication failed with invalid MFA one time pass code."


class InvalidRoleArn(ValidationError):
    """RoleArn is no ARN at all."""

    sentence = "{role_arn} is invalid"


class LongerThanRoleAllows(ValidationError):
    """DurationSeconds is more than the role's MaxSessionDuration."""

    sentence = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."


class LongerThanChainingAllows(ValidationError):
    """DurationSeconds is more than an hour, and the caller is an assumed role itself."""

    sentence = (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    )


class InvalidSessionInput(ValidationError):
    """A value is not acceptable for a session, though its form is."""

    sentence = "{reason}"


class InvalidSessionTags(AwsError):
    """The session tags of a request cannot be those of one session."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "{reason}"


class InvalidAccessKeyId(ValidationError):
    """The text has the form of no access key id that this installation or AWS makes."""

    sentence = "The access key ID {access_key_id} is not valid."


class InvalidAuthorizationMessageException(AwsError):
    """AWS: "the message passed to DecodeAuthorizationMessage was invalid" """

    code = "InvalidAuthorizationMessageException"
    status = 400
    sentence = "The message passed to DecodeAuthorizationMessage was invalid."
