"""Errors of the `hosts` service; `AssumeRoleUnauthorizedAccess` is the mint's own."""

from tabard.errors import AwsError


class HostNotFound(AwsError):
    """No such host in this account and region."""

    code = "HostNotFound"
    status = 400
    sentence = "The host '{host_id}' does not exist in {region}."


class InvalidCertificateRequest(AwsError):
    """A certificate signing request without a valid proof; no certificate was issued."""

    code = "InvalidCertificateRequest"
    status = 400
    sentence = "The certificate signing request cannot be used: {reason}."


class JoinTokenForAnotherHost(AwsError):
    """A join token is valid only for the name for which it was made."""

    code = "JoinTokenForAnotherHost"
    status = 400
    sentence = "The join token '{token_id}' is for a machine of another name than '{host_name}'."


class JoinTokenNotFound(AwsError):
    """No such join token in this account and region, or it has expired and was removed."""

    code = "JoinTokenNotFound"
    status = 400
    sentence = "The join token '{token_id}' does not exist in {region}."


class JoinTokenUsed(AwsError):
    """A join token is valid for one key, once, until it expires."""

    code = "JoinTokenUsed"
    status = 400
    sentence = (
        "The join token '{token_id}' was used with another key, has expired, or its host was removed; "
        "ask for another one: tabard host token NAME."
    )


class InvalidInstanceEvent(AwsError):
    """An announcement with missing or superfluous members."""

    code = "InvalidInstanceEvent"
    status = 400
    sentence = "{reason}"


class InstanceNotOnHost(AwsError):
    """A report about an instance that is not placed on the host; all reports were refused."""

    code = "InstanceNotOnHost"
    status = 400
    sentence = "The instance '{instance_id}' is not placed on the host '{host_id}'; no report was taken."


class InvalidReport(AwsError):
    """A report that contradicts itself; all reports were refused."""

    code = "InvalidReport"
    status = 400
    sentence = "{reason}; no report was taken."


class InstanceNotRunning(AwsError):
    """Only pending and running instances get sessions."""

    code = "InstanceNotRunning"
    status = 400
    sentence = "The instance '{instance_id}' is {state}; only a pending or running instance gets a session."


class InstanceProfileNotAssociated(AwsError):
    """The instance has no instance profile."""

    code = "InstanceProfileNotAssociated"
    status = 400
    sentence = "The instance '{instance_id}' has no instance profile associated."


class InstanceProfileNotFound(AwsError):
    """The associated instance profile was deleted."""

    code = "InstanceProfileNotFound"
    status = 400
    sentence = (
        "Instance Profile {instance_profile_arn} cannot be found. Please see documentation at "
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
        "troubleshoot_iam-ec2.html#troubleshoot_iam-ec2_errors-info-doc."
    )


class InstanceProfileWithoutRole(AwsError):
    """The associated instance profile has no role."""

    code = "InstanceProfileWithoutRole"
    status = 400
    sentence = "The instance profile {instance_profile_arn} holds no role."


class InstanceNotFound(AwsError):
    """No such instance in this account and region, or one that is neither pending nor running."""

    code = "InstanceNotFound"
    status = 400
    sentence = "There is no pending or running instance '{instance_id}' in {region}."


class InvalidFault(AwsError):
    """A fault out of its bounds; nothing was changed."""

    code = "InvalidFault"
    status = 400
    sentence = "{reason}; nothing was changed."
