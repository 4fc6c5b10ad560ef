"""Control policies of AWS Organizations: their scope, their syntax, and the policy that is always attached.

AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html
and …/orgs_manage_policies_rcps.html
"""

from tabard.policy.document import (
    CURRENT_VERSION,
    Document,
    DocumentKind,
    MalformedPolicyDocument,
    Principals,
    Statement,
    StatementEffect,
    require_current_version,
)
from tabard.policy.request import PolicyPrincipal

SERVICE_CONTROL_FULL_ACCESS = Document(
    kind=DocumentKind.SERVICE_CONTROL,
    version=CURRENT_VERSION,
    statements=(Statement(effect=StatementEffect.ALLOW, actions=("*",), resources=("*",)),),
)
"""AWS: "When you enable SCPs, AWS Organizations attaches an AWS managed SCP policy named FullAWSAccess to
each root, OU and account, which allows all services and actions." A customer may replace it.
"""

RESOURCE_CONTROL_FULL_ACCESS = Document(
    kind=DocumentKind.RESOURCE_CONTROL,
    version=CURRENT_VERSION,
    statements=(
        Statement(
            effect=StatementEffect.ALLOW,
            principals=Principals(aws=("*",)),
            actions=("*",),
            resources=("*",),
        ),
    ),
)
"""AWS: "RCPFullAWSAccess … is automatically attached to the organization root, every OU, and every account in
your organization, when you enable resource control policies (RCPs). You cannot detach this policy."
"""

_RESOURCE_CONTROLLED = frozenset(
    {
        "s3",
        "sts",
        "kms",
        "sqs",
        "secretsmanager",
        "cognito-identity",
        "cognito-idp",
        "dynamodb",
        "ecr",
        "logs",
        "aoss",
    }
)


def controls_resources_of(action: str) -> bool:
    """Report whether resource control policies apply to an action.

    AWS: "RCPs apply to actions for the following AWS services",
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-supported-services
    """
    return action.partition(":")[0].lower() in _RESOURCE_CONTROLLED


def is_service_linked(principal: PolicyPrincipal) -> bool:
    """Report whether the principal is a service-linked role.

    AWS: "SCPs don't affect any service-linked role"; "RCPs can't be used to restrict calls made by
    service-linked roles".
    """
    return ":role/aws-service-role/" in principal.role_arn


def require_customer_resource_control(document: Document) -> None:
    """Refuse a resource control policy that a customer may not write.

    A customer's policy may only deny, and its Action element may not be `*` alone.

    Raises:
        MalformedPolicyDocument (400).
    AWS: https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html
    """
    require_current_version(document)
    for statement in document.statements:
        # "The effect of Allow is only supported for the RCPFullAWSAccess policy."
        if statement.effect is not StatementEffect.DENY:
            raise MalformedPolicyDocument(reason="The Effect of a resource control policy must be Deny.")
        # "You can't use * by itself in the Action element of customer managed RCPs."
        if "*" in statement.actions:
            raise MalformedPolicyDocument(
                reason='The Action of a resource control policy must name a service; it cannot be "*".'
            )
