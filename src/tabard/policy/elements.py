"""Syntax checks of one action, resource, principal or condition, with AWS's error messages.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements.html
"""

import re
from typing import NoReturn

from tabard.policy.conditions import parse_operator
from tabard.policy.document import Condition, MalformedPolicyDocument
from tabard.policy.operands import parse_instant

_PARTITIONS = frozenset(
    {
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws-iso",
        "aws-iso-b",
        "aws-iso-e",
        "aws-iso-f",
        "aws-eusc",
        "*",
    }
)
_VENDOR = re.compile(r"[0-9A-Za-z.-]+|\*")
_SERVICE = re.compile(r"[0-9A-Za-z.-]+")
# "service-name.amazonaws.com": every service principal's name has a dot.
_SERVICE_PRINCIPAL = re.compile(r"[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+)+")
_AWS_PRINCIPAL = re.compile(
    r"\*|[0-9]{12}"
    r"|arn:[^:*?]+:iam::[0-9]{12}:(?:root|(?:user|role)/[^*?]+)"
    r"|arn:[^:*?]+:sts::[0-9]{12}:(?:assumed-role|federated-user)/[^*?]+"
    r"|arn:[^:*?]+:iam::cloudfront:user/[^*?]+"
)
_IAM_RESOURCES = (
    "user/",
    "federated-user/",
    "role/",
    "group/",
    "instance-profile/",
    "mfa/",
    "server-certificate/",
    "policy/",
    "sms-mfa/",
    "saml-provider/",
    "oidc-provider/",
    "report/",
    "access-report/",
)
_S3_REGIONAL_RESOURCES = ("accesspoint/", "access-grants/", "async-request/", "job/", "storage-lens")


def refuse(reason: str) -> NoReturn:
    """Refuse the whole document with this message."""
    raise MalformedPolicyDocument(reason=reason)


def check_action(action: str) -> None:
    """Refuse an action that is not `*` or `vendor:name`.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_action.html
    """
    if action == "*":
        return
    vendor, colon, name = action.partition(":")
    if not colon:
        refuse("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
    if ":" in name:
        refuse("Actions/Condition can contain only one colon.")
    if not _VENDOR.fullmatch(vendor):
        refuse(f"Vendor {vendor} is not valid")


def check_resource(resource: str) -> None:
    """Refuse a resource that is not `*` or an ARN of a known partition. Check only the parts that IAM checks.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if resource == "*":
        return
    parts = resource.split(":", 5)
    if len(parts) < 2:
        refuse(f'Resource {resource} must be in ARN format or "*".')
    if parts[1] not in _PARTITIONS:
        whole = ":".join(["arn", *parts[1:], *["*"] * (6 - len(parts))])
        refuse(f'Partition "{parts[1]}" is not valid for resource "{whole}".')
    if parts[0] != "arn":
        refuse(f'Resource {resource} must be in ARN format or "*".')
    if len(parts) < 3 or (parts[2] and not _SERVICE.fullmatch(parts[2])):
        refuse("Resource vendor must be fully qualified and cannot contain regexes.")
    if len(parts) == 6:
        _check_service_arn(resource, *parts[2:])


def _check_service_arn(resource: str, service: str, region: str, account: str, name: str) -> None:
    has_region = region not in ("", "*")
    if service == "iam":
        if has_region:
            refuse(f"IAM resource {resource} cannot contain region information.")
        if name not in ("*", "root") and not name.startswith(_IAM_RESOURCES):
            refuse(f'IAM resource path must either be "*", root, or start with {", ".join(_IAM_RESOURCES)}.')
    is_global = service == "route53" or (service == "s3" and not name.startswith(_S3_REGIONAL_RESOURCES))
    if is_global and has_region:
        refuse(f"Resource {resource} can not contain region information.")
    if service == "route53" and account not in ("", "*"):
        refuse(f"Resource {resource} cannot contain an account id.")


def check_legacy_arn(resource: str) -> None:
    """Refuse an ARN without a service, and an incomplete ARN with empty parts."""
    if resource == "*":
        return
    parts = resource.split(":", 5)
    if not parts[2] or (len(parts) < 6 and "::" in resource):
        refuse("The policy failed legacy parsing")


def check_complete_arn(resource: str) -> None:
    """Refuse an ARN of fewer than six parts in a session policy.

    AWS: "session policies passed to AWS STS AssumeRole … requests do not support incomplete ARNs. Using an
    incomplete ARN in a session policy will result in a MalformedPolicyDocumentException error."
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    if resource != "*" and resource.count(":") < 5:
        refuse(f'Resource {resource} must be in ARN format or "*".')


def check_principal(principal_type: str, name: str) -> None:
    """Refuse a principal that cannot name anyone.

    "You cannot use a wildcard to match part of a principal name or ARN."

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    The operation that saves the document checks that the principal exists.
    """
    if principal_type == "AWS":
        in_partition = not name.startswith("arn:") or name.split(":", 2)[1] in _PARTITIONS
        valid = in_partition and _AWS_PRINCIPAL.fullmatch(name) is not None
    elif principal_type == "Service":
        valid = _SERVICE_PRINCIPAL.fullmatch(name) is not None
    else:
        valid = name != "" and "*" not in name and "?" not in name
    if not valid:
        refuse(f'Invalid principal in policy: "{principal_type.upper()}":"{name}"')


def check_date_operands(condition: Condition) -> None:
    """Refuse an operand of a date operator that is not a date.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html#Conditions_Date
    """
    operator = parse_operator(condition.operator)
    if operator is not None and operator.name.startswith("date"):
        for value in condition.values:
            if parse_instant(value) is None:
                refuse("The policy failed legacy parsing")
