"""DynamoDB's errors that the edge itself answers.

AWS: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from tabard.errors import AwsError


class ValidationException(AwsError):
    """A parameter has an invalid value."""

    code = "ValidationException"
    status = 400
    sentence = "{reason}"


class ResourceNotFoundException(AwsError):
    """No such table in the caller's account and region."""

    code = "ResourceNotFoundException"
    status = 400
    sentence = "Requested resource not found"
