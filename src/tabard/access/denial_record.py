"""Record of a denial. It can explain the denial later, even after the policies have changed.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
"""

import json
from collections.abc import Iterable, Mapping

from tabard.access.authorize import Decided
from tabard.policy import (
    AccessRequest,
    CompiledPolicies,
    Finding,
    Layer,
    MatchedStatement,
    PolicyLayers,
    RequestContext,
    Statement,
    explain,
    missing_set_operator,
)

MOST_STATEMENTS = 20
MOST_VALUES = 20
LONGEST_VALUE_CHARACTERS = 256
NOT_RECORDED = ("(not recorded)",)

# INVARIANT: no secret in the audit. A page's address may carry one in its query.
_NEVER_RECORDED = frozenset({"aws:referer"})
_NEARNESS = {"Condition": 0, "Principal": 1, "Resource": 2, "Action": 3}


def denial_record_json(denial: Decided) -> str:
    """Write the record of a denial as JSON. See `denial_record_of`."""
    return json.dumps(denial_record_of(denial.request, denial.layers), separators=(",", ":"))


def denial_record_of(request: AccessRequest, layers: PolicyLayers) -> dict[str, object]:
    """Decide again. Record the request, its condition keys, and the statements that applied or nearly did.

    Returns:
        `statements` begins with the statements that apply, with the conditions that held. The near misses
        follow, nearest first: statements in which a condition, the principal or the resource failed. The
        record omits statements about other actions and statements beyond the first 20. `left_out` counts
        them. `context` has the condition keys that the decision used.
    """
    explanation = explain(request, layers)
    context = request.context
    near = [finding for finding in explanation.findings if _nearness(finding) < _NEARNESS["Action"]]
    near.sort(key=_nearness)
    kept = near[:MOST_STATEMENTS]
    return {
        **explanation.as_json(),
        "statements": [_statement(finding, layers, context) for finding in kept],
        "left_out": len(explanation.findings) - len(kept),
        "context": {key: recorded_values(key, values) for key, values in sorted(context.values.items())},
    }


def statement_behind(matched: MatchedStatement, layer: Layer, layers: PolicyLayers) -> Statement | None:
    """Find the statement to which a decision or a finding refers."""
    for policies in _of_layer(layer, layers):
        for compiled in policies.statements:
            if compiled.matched == matched:
                return compiled.statement
    return None


def bounded(values: Iterable[str]) -> list[str]:
    """Limit the number of values and the length of each."""
    found = list(values)
    kept = [
        value if len(value) <= LONGEST_VALUE_CHARACTERS else f"{value[:LONGEST_VALUE_CHARACTERS]}…"
        for value in found[:MOST_VALUES]
    ]
    return kept if len(found) == len(kept) else [*kept, f"… and {len(found) - len(kept)} more"]


def _of_layer(layer: Layer, layers: PolicyLayers) -> Iterable[CompiledPolicies]:
    if layer is Layer.SERVICE_CONTROL:
        return layers.service_control
    if layer is Layer.RESOURCE_CONTROL:
        return layers.resource_control
    one = {
        Layer.IDENTITY: layers.identity,
        Layer.RESOURCE: layers.resource,
        Layer.BOUNDARY: layers.boundary,
        Layer.SESSION: layers.session,
    }[layer]
    return () if one is None else (one,)


def _nearness(finding: Finding) -> int:
    return -1 if finding.failure is None else _NEARNESS[finding.failure.element]


def _statement(finding: Finding, layers: PolicyLayers, context: RequestContext) -> Mapping[str, object]:
    failure, matched = finding.failure, finding.statement
    told: dict[str, object] = {
        "layer": str(finding.layer),
        "policy": matched.policy,
        "sid": matched.sid,
        "index": matched.index,
        "effect": str(finding.effect),
        "applies": finding.applies,
    }
    if failure is None:
        statement = statement_behind(matched, finding.layer, layers)
        conditions = () if statement is None else statement.conditions
        return told | {
            "failed": None,
            "held": [
                {
                    "operator": condition.operator,
                    "key": condition.key,
                    "wanted": bounded(condition.values),
                    "actual": _actual(condition.key, context.get(condition.key)),
                    "reason": missing_set_operator(condition, context.get(condition.key)),
                }
                for condition in conditions
            ],
        }
    return told | {
        "failed": {
            "element": failure.element,
            "operator": failure.operator,
            "key": failure.key,
            "wanted": bounded(failure.wanted),
            "actual": _actual(failure.key, failure.actual),
            "reason": failure.reason,
        }
    }


def _actual(key: str, values: Iterable[str] | None) -> list[str] | None:
    return None if values is None else recorded_values(key, values)


def recorded_values(key: str, values: Iterable[str]) -> list[str]:
    """Return the values of a condition key as the audit has them: limited, and none that may be secret."""
    return list(NOT_RECORDED) if key.lower() in _NEVER_RECORDED else bounded(values)
