"""EC2's denials carry their details sealed: only who may sts:DecodeAuthorizationMessage reads them.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
"""

import json

from tabard.access.authorize import Denial, Denied
from tabard.credentials.keyring import Keyring
from tabard.credentials.sealed_message import seal_message
from tabard.policy import Effect


def with_encoded_message(denied: Denied, keyring: Keyring) -> Denied:
    """The same denial in EC2's words, its details sealed at the end."""
    encoded = seal_message(json.dumps(details(denied.denial)), keyring)
    return Denied(
        "ec2",
        f"You are not authorized to perform this operation. {denied.reason}. "
        f"Encoded authorization failure message: {encoded}",
        reason=denied.reason,
        denial=denied.denial,
    )


def details(denial: Denial) -> dict[str, object]:
    """What the message says: the decision, the statements that made it, and what was decided about."""
    request, decision = denial.request, denial.decision
    return {
        "allowed": False,
        "explicitDeny": decision.effect is Effect.EXPLICIT_DENY,
        "matchedStatements": {
            "items": [
                {"statementId": matched.sid or str(matched.index), "policy": matched.policy}
                for matched in decision.matched
            ]
        },
        "context": {
            "principal": {"arn": request.principal.arn},
            "action": request.action,
            "resource": request.resource,
            "conditions": {
                "items": [
                    {"key": key, "values": {"items": [{"value": value} for value in values]}}
                    for key, values in sorted(request.context.values.items())
                ]
            },
        },
    }
