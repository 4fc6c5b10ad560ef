"""SQS's errors that the edge itself answers.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from tabard.errors import AwsError


class QueueDoesNotExist(AwsError):
    """AWS: "The specified queue doesn't exist"; also for a URL that is no queue's."""

    code = "QueueDoesNotExist"
    status = 400
    sentence = "The specified queue does not exist."


class UnsupportedOperation(AwsError):
    """What the upstream could not enforce is refused, never stored and ignored."""

    code = "UnsupportedOperation"
    status = 400
    sentence = "{reason}"


class InvalidAttributeValue(AwsError):
    """AWS: "A queue attribute value is invalid." """

    code = "InvalidAttributeValue"
    status = 400
    sentence = "Invalid value for the parameter {name}."


class InvalidQueueName(AwsError):
    """AWS: a name of 1 to 80 letters, digits, hyphens and underscores; `.fifo` may end it."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
