"""SQS's errors that the edge itself answers.

AWS: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from tabard.errors import AwsError


class QueueDoesNotExist(AwsError):
    """AWS: "The specified queue doesn't exist"; also for a URL that names no queue."""

    code = "QueueDoesNotExist"
    status = 400
    sentence = "The specified queue does not exist."


class UnsupportedOperation(AwsError):
    """A setting that the upstream cannot enforce is refused, never stored and ignored."""

    code = "UnsupportedOperation"
    status = 400
    not_offered = True
    sentence = "{reason}"


class InvalidAttributeName(AwsError):
    """AWS: "The specified attribute doesn't exist." """

    code = "InvalidAttributeName"
    status = 400
    sentence = "Unknown Attribute {name}."


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


class MissingMessageBody(AwsError):
    """A message without any character."""

    code = "MissingParameter"
    status = 400
    sentence = "The request must contain the parameter MessageBody."


class InvalidMessageContents(AwsError):
    """AWS: "The message contains characters outside the allowed set." """

    code = "InvalidMessageContents"
    status = 400
    sentence = (
        "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | "
        "#xE000 to #xFFFD | #x10000 to #x10FFFF"
    )


class NotForThisQueueType(AwsError):
    """A member that only standard or only FIFO queues have."""

    code = "InvalidParameterValue"
    status = 400
    sentence = (
        "Value {value} for parameter {member} is invalid. Reason: The request include parameter that is not "
        "valid for this queue type."
    )


class InvalidMessage(AwsError):
    """A part of a message that no AWS queue accepts."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "{reason}"


class InvalidBatchEntryId(AwsError):
    """AWS: "The Id of a batch entry in a batch request doesn't abide by the specification." """

    code = "InvalidBatchEntryId"
    status = 400
    sentence = (
        "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at "
        "most 80 letters long."
    )


class BatchEntryIdsNotDistinct(AwsError):
    """AWS: "Two or more batch entries in the request have the same Id." """

    code = "BatchEntryIdsNotDistinct"
    status = 400
    sentence = "Id {entry_id} repeated."


class EmptyMessageAttribute(AwsError):
    """A message attribute without a value."""

    code = "InvalidParameterValue"
    status = 400
    sentence = "Message (user) attribute '{name}' must contain a non-empty value of type '{data_type}'."
