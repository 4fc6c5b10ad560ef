"""What one action, resource, principal or condition must look like, and the sentence where it does not.

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
    """Refuse the whole document with this sentence."""
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
    """Refuse a resource that is not `*` or an ARN, as far as IAM looks at it.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_resource.html
    """
    if resource == "*":
        return
    parts = resource.split(":", 5)
    if parts[0] != "arn" or len(parts) < 2:
        refuse(f'Resource {resource} must be in ARN format or "*".')
    if parts[1] not in _PARTITIONS:
        refuse(f'Partition "{parts[1]}" is not valid for resource "{resource}".')
    if len(parts) < 3 or not _SERVICE.fullmatch(parts[2]):
        refuse("Resource vendor must be fully qualified and cannot contain regexes.")
    if len(parts) < 6:
        if "::" in resource:
            refuse("The policy failed legacy parsing")
        return
    _, _, service, region, _, name = parts
    fixed_region = region not in ("", "*")
    if service == "iam":
        if fixed_region:
            refuse(f"IAM resource {resource} cannot contain region information.")
        if name != "*" and not name.startswith(_IAM_RESOURCES):
            refuse(f'IAM resource path must either be "*" or start with {", ".join(_IAM_RESOURCES)}.')
    if service == "s3" and fixed_region and not name.startswith(_S3_REGIONAL_RESOURCES):
        refuse(f"Resource {resource} can not contain region information.")


def check_principal(principal_type: str, name: str) -> None:
    """Refuse a principal that names nobody.

    "You cannot use a wildcard to match part of a principal name or ARN."

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
    Differs: whether the principal exists is not asked.
    """
    if principal_type == "AWS":
        valid = _AWS_PRINCIPAL.fullmatch(name) is not None
    else:
        valid = name != "" and "*" not in name and "?" not in name
    if not valid:
        refuse(f'Invalid principal in policy: "{principal_type.upper()}":"{name}"')


def check_condition(condition: Condition) -> None:
    """Refuse an operator that AWS does not document, and a date that is none.

    AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
    """
    operator = parse_operator(condition.operator)
    if operator is None or not condition.key:
        refuse("Syntax errors in policy.")
    if operator.name.startswith("date") and any(parse_instant(value) is None for value in condition.values):
        refuse("The policy failed legacy parsing")
