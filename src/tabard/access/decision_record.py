"""Record of decisions for the audit: the condition values they used, and the policies they considered."""

from collections.abc import Sequence
from functools import lru_cache

from tabard.access.authorize import Decided
from tabard.access.denial_record import recorded_values
from tabard.model.audit_event import ConsideredPolicies, DecidedCheck
from tabard.policy import CompiledPolicies, Layer, PolicyLayers, statement_context_keys

MOST_DECISIONS = 20
MOST_KEYS = 50
MOST_POLICIES = 50


def decision_records(decided: Sequence[Decided]) -> tuple[DecidedCheck, ...]:
    """Record each decision. The record omits decisions beyond the first 20."""
    return tuple([_record(each) for each in decided[:MOST_DECISIONS]])


def considered_policies(decided: Sequence[Decided]) -> tuple[ConsideredPolicies, ...]:
    """Identify the texts of the policies that the decisions considered, allowing, denying or neither."""
    if not decided:
        return ()
    first = decided[0].layers
    if len(decided) == 1 and first.resource is None:
        return _shared(first)
    found: dict[ConsideredPolicies, None] = {}
    for check, _, layers, _ in decided[:MOST_DECISIONS]:
        found.update(dict.fromkeys(_shared(layers._replace(resource=None))))
        if layers.resource is not None:
            found[_considered(layers.resource, Layer.RESOURCE, check.resource)] = None
    return tuple(found)


def _record(decided: Decided) -> DecidedCheck:
    check, request, layers, decision = decided
    values = request.context.values
    context = {
        key: tuple([storable(value) for value in recorded_values(key, values[key])])
        for key in _keys_of_layers(layers, check.action)
        if key in values
    }
    # Positional arguments cost half as much.
    return DecidedCheck(
        check.action, storable(check.resource), decision.effect, decision.layer, decision.matched, context
    )


def storable(text: str) -> str:
    """Replace what no UTF-8 can hold. A caller may send it; the event is written all the same."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


@lru_cache(maxsize=1024)
def _keys_of_layers(layers: PolicyLayers, action: str) -> tuple[str, ...]:
    """List the condition keys, in lower case, that the statements about an action use."""
    found: dict[str, None] = {}
    for _, policies in _by_layer(layers):
        for compiled in policies.statements:
            if compiled.covers_action(action.lower()):
                found.update(
                    dict.fromkeys(
                        key.lower() for key in statement_context_keys(compiled.statement, variables=True)
                    )
                )
    return tuple(sorted(found)[:MOST_KEYS])


@lru_cache(maxsize=1024)
def _shared(layers: PolicyLayers) -> tuple[ConsideredPolicies, ...]:
    """Return the policies that every decision about one request considers."""
    return tuple(_considered(policies, layer) for layer, policies in _by_layer(layers))


def _considered(policies: CompiledPolicies, layer: Layer, resource: str = "") -> ConsideredPolicies:
    sources = policies.sources
    return ConsideredPolicies(
        layer=layer,
        resource=storable(resource),
        sources=sources[:MOST_POLICIES],
        left_out=max(0, len(sources) - MOST_POLICIES),
    )


def _by_layer(layers: PolicyLayers) -> list[tuple[Layer, CompiledPolicies]]:
    found: list[tuple[Layer, CompiledPolicies]] = [
        *((Layer.RESOURCE_CONTROL, level) for level in layers.resource_control),
        *((Layer.SERVICE_CONTROL, level) for level in layers.service_control),
        (Layer.IDENTITY, layers.identity),
    ]
    others = (
        (Layer.RESOURCE, layers.resource),
        (Layer.BOUNDARY, layers.boundary),
        (Layer.SESSION, layers.session),
    )
    return [*found, *((layer, policies) for layer, policies in others if policies is not None)]
