"""Encoded authorization messages in EC2's denials. Reading one requires sts:DecodeAuthorizationMessage.

AWS: https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html
and https://docs.aws.amazon.com/cli/latest/reference/sts/decode-authorization-message.html#examples
"""

import json
from collections.abc import Iterable, Mapping

from tabard.access.authorize import Decided, Denied
from tabard.access.denial_record import bounded, statement_behind
from tabard.credentials.keyring import Keyring
from tabard.credentials.sealed_message import seal_message
from tabard.names import Arn
from tabard.policy import AccessRequest, Effect, MatchedStatement

LONGEST_MESSAGE_CHARACTERS = 10_240
"""The limit of DecodeAuthorizationMessage's EncodedMessage. A longer message could never be decoded."""


def with_encoded_message(denied: Denied, keyring: Keyring) -> Denied:
    """Return the same denial with EC2's message, which ends with the sealed details."""
    encoded = seal_message(json.dumps(decoded_message(denied.denial)), keyring)
    if len(encoded) > LONGEST_MESSAGE_CHARACTERS:
        encoded = seal_message(json.dumps(decoded_message(denied.denial, whole=False)), keyring)
    return Denied(
        "ec2",
        f"You are not authorized to perform this operation. {denied.reason}. "
        f"Encoded authorization failure message: {encoded}",
        reason=denied.reason,
        denial=denied.denial,
    )


def decoded_message(denial: Decided, *, whole: bool = True) -> dict[str, object]:
    """Build the result of DecodeAuthorizationMessage: the decision, its statements and the request.

    Args:
        whole: False reduces the statements and the request to their names.
    Differs: `policy` and `policyType` name the policy of a statement. Long lists are cut to 20 entries, and
    long values to 256 characters.
    """
    request, decision = denial.request, denial.decision
    return {
        "allowed": False,
        "explicitDeny": decision.effect is Effect.EXPLICIT_DENY,
        "matchedStatements": _items(_statement(matched, denial, whole=whole) for matched in decision.matched),
        "failures": _items(()),
        "context": {
            "principal": _principal(request),
            "action": request.action,
            "resource": request.resource,
            "conditions": _items(_condition(key, values) for key, values in _context(request, whole=whole)),
        },
    }


def _items(items: Iterable[object]) -> dict[str, object]:
    return {"items": list(items)}


def _values(values: Iterable[str]) -> dict[str, object]:
    return _items({"value": value} for value in bounded(values))


def _condition(key: str, values: Iterable[str]) -> dict[str, object]:
    return {"key": key, "values": _values(values)}


def _statement(matched: MatchedStatement, denial: Decided, *, whole: bool) -> Mapping[str, object]:
    layer = denial.decision.layer
    told: dict[str, object] = {"statementId": matched.sid, "policy": matched.policy, "policyType": str(layer)}
    statement = statement_behind(matched, layer, denial.layers)
    if statement is None or not whole:
        return told
    return told | {
        "effect": statement.effect.upper(),
        "principals": _values([_principal_id(denial.request).partition(":")[0]]),
        "principalGroups": _items(()),
        ("actions" if statement.actions else "notActions"): _values(
            statement.actions or statement.not_actions
        ),
        ("notResources" if statement.not_resources else "resources"): _values(
            statement.resources or statement.not_resources
        ),
        "conditions": _items(
            _condition(condition.key, condition.values) for condition in statement.conditions
        ),
    }


def _principal_id(request: AccessRequest) -> str:
    """`AIDA…` of a user, `AROA…:session-name` of an assumed role."""
    return "".join(request.context.get("aws:userid") or ())


def _principal(request: AccessRequest) -> dict[str, str]:
    name = "".join(request.context.get("aws:username") or ())
    return {
        "id": _principal_id(request),
        **({"name": name} if name else {}),
        "arn": request.principal.arn,
    }


def _context(request: AccessRequest, *, whole: bool) -> Iterable[tuple[str, tuple[str, ...]]]:
    """Yield the condition keys, and the keys about the resource's ARN that AWS's messages have."""
    if not whole:
        return ()
    keys = dict(request.context.values)
    arn = Arn.parse(request.resource)
    if arn is not None:
        parts = {
            "aws:ARN": request.resource,
            "aws:Account": arn.account_id,
            "aws:Region": arn.region,
            "aws:Resource": arn.resource,
            "aws:Service": arn.service,
            "aws:Type": arn.resource.partition("/")[0],
        }
        keys |= {key: (value,) for key, value in parts.items()}
    return sorted(keys.items())
