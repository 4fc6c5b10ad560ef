"""AWS's errors for a request that is unreadable or violates its model.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html,
https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

from tabard.errors import AwsError


class MissingAction(AwsError):
    """The request names no operation."""

    code = "MissingAction"
    status = 400
    sentence = "The request is missing an action or a required parameter."


class UnknownOperationException(AwsError):
    """The target of a JSON request is not an operation of the service."""

    code = "UnknownOperationException"
    status = 400
    sentence = "The operation {operation} is not known."


class WrongServiceScope(AwsError):
    """The signature's scope names another service than the request."""

    code = "SignatureDoesNotMatch"
    status = 403
    sentence = "Credential should be scoped to correct service: '{service}'."


class InvalidQueryParameter(AwsError):
    """AWS: "The AWS query string is malformed or does not adhere to AWS standards." """

    code = "InvalidQueryParameter"
    status = 400
    sentence = "The AWS query string is malformed or does not adhere to AWS standards: {reason}"


class MalformedInput(AwsError):
    """A value in a query request does not have its type (IAM, STS, SQS)."""

    code = "MalformedInput"
    status = 400
    sentence = "Value '{value}' at '{parameter}' is not a valid {kind}"


class MissingParameter(AwsError):
    """AWS (EC2, SQS): "The request must contain the parameter X." """

    code = "MissingParameter"
    status = 400
    sentence = "The request must contain the parameter {parameter}"


class InvalidParameterValue(AwsError):
    """AWS (EC2): "A value specified in a parameter is not valid, is unsupported, or cannot be used." """

    code = "InvalidParameterValue"
    status = 400
    sentence = "Value ({value}) for parameter {parameter} is invalid. {reason}"


class UnknownParameter(AwsError):
    """AWS (EC2): "An unknown or unrecognized parameter was supplied." """

    code = "UnknownParameter"
    status = 400
    sentence = "The parameter {parameter} is not recognized"


class ValidationException(AwsError):
    """AWS (DynamoDB): the input fails to satisfy the constraints of the model."""

    code = "ValidationException"
    status = 400
    sentence = "{reason}"


class SerializationException(AwsError):
    """A JSON body does not match the operation's model."""

    code = "SerializationException"
    status = 400
    sentence = "{reason}"


class InvalidURI(AwsError):
    """AWS (S3): "The specified URI couldn't be parsed." """

    code = "InvalidURI"
    status = 400
    sentence = "Couldn't parse the specified URI."


class InvalidBucketName(AwsError):
    """AWS (S3): "The specified bucket is not valid." """

    code = "InvalidBucketName"
    status = 400
    sentence = "The specified bucket is not valid."

    def __init__(self, *, bucket: str) -> None:
        super().__init__(members={"BucketName": bucket})


class KeyTooLongError(AwsError):
    """AWS (S3): "Your key is too long." At most 1,024 bytes of UTF-8."""

    code = "KeyTooLongError"
    status = 400
    sentence = "Your key is too long"


class MethodNotAllowed(AwsError):
    """AWS (S3): "The specified method is not allowed against this resource." """

    code = "MethodNotAllowed"
    status = 405
    sentence = "The specified method is not allowed against this resource."


class UnsupportedS3Request(AwsError):
    """AWS (S3): "A header that you provided implies functionality that is not implemented." """

    code = "NotImplemented"
    status = 501
    sentence = "{reason}"


class InvalidArgument(AwsError):
    """AWS (S3): "Invalid Argument", with the argument's name and value."""

    code = "InvalidArgument"
    status = 400
    sentence = "{reason}"

    def __init__(self, *, reason: str, name: str = "", value: str = "") -> None:
        super().__init__(
            members={"ArgumentName": name, "ArgumentValue": value} if name else {}, reason=reason
        )


class InvalidRequest(AwsError):
    """AWS (S3): "Invalid Request", for several reasons."""

    code = "InvalidRequest"
    status = 400
    sentence = "{reason}"


class MalformedXML(AwsError):
    """AWS (S3): the XML is not well formed or does not validate against the published schema."""

    code = "MalformedXML"
    status = 400
    sentence = "The XML you provided was not well-formed or did not validate against our published schema"


class MissingRequestBodyError(AwsError):
    """AWS (S3): "This happens when the user sends an empty XML document as a request." """

    code = "MissingRequestBodyError"
    status = 400
    sentence = "Request body is empty."
