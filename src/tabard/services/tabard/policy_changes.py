"""Changes since a decision: policies that it considered and that were added, removed or edited later.

An event identifies the text of each policy. They are compared with the texts that would apply now.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from tabard.model.audit_event import AuditEvent
from tabard.model.group import Group
from tabard.model.policies import ManagedPolicy
from tabard.model.policy_change import PolicyChange
from tabard.model.role import Role
from tabard.model.user import User
from tabard.names import Arn
from tabard.policy import CompiledPolicies, Layer, PolicySource
from tabard.store.controls import controls_of
from tabard.store.ports import Transaction
from tabard.store.snapshot import NO_POLICIES, Snapshot, default_text

_NAMES = {
    Layer.BOUNDARY: "permissions boundary",
    Layer.RESOURCE: "trust policy",
    Layer.SESSION: "session policy",
    Layer.SERVICE_CONTROL: "service control policy",
    Layer.RESOURCE_CONTROL: "resource control policy",
}
_CONTROLS = (Layer.SERVICE_CONTROL, Layer.RESOURCE_CONTROL)
_TAG = "aws:principaltag/"

Sources = Mapping[str, PolicySource]


def changes_since(tx: Transaction, event: AuditEvent) -> tuple[PolicyChange, ...]:
    """Return the later changes to the inputs of an event's decisions.

    Raises:
        StoreUnavailable.
    """
    if not event.policies:
        return ()
    holder = tx.roles.get(event.principal_id) or tx.users.get(event.principal_id)
    found = [*_of_principal(tx, event, holder), *_of_roles(tx, event), *_of_organization(tx, event)]
    return tuple(dict.fromkeys(found))


def _of_principal(tx: Transaction, event: AuditEvent, holder: Role | User | None) -> Iterator[PolicyChange]:
    if holder is None:
        yield from _of_one_that_is_gone(tx, event)
        return
    now = _snapshot_around(tx, holder)
    policies = now.identity_policies(event.principal_id)
    groups = {group.name: group.arn for group in now.groups.values()}
    for change in _compared(event, Layer.IDENTITY, policies):
        group, _, name = change.name.partition("/")
        if change.kind == "inline policy" and name:
            arn = groups.get(group, f"group {group}")
            yield PolicyChange(change=change.change, kind=change.kind, name=name, holder=arn)
        else:
            yield _held_by(holder.arn, change)
    boundary = now.permissions_boundary(event.principal_id)
    for change in _compared(event, Layer.BOUNDARY, boundary):
        yield _held_by(holder.arn, change)
    before = _sources(event, Layer.SESSION)
    session = {arn: _managed(tx, arn) for arn in before if arn.startswith("arn:")}
    after = {name: session.get(name, source) for name, source in before.items()}
    found = {name: source for name, source in after.items() if source is not None}
    yield from _differences("session policy", before, found)
    yield from _tags(event, holder)


def _of_one_that_is_gone(tx: Transaction, event: AuditEvent) -> Iterator[PolicyChange]:
    """Handle a deleted role or user. Another one with its name may exist."""
    arn = Arn.parse(event.principal_arn)
    kind, _, rest = arn.resource.partition("/") if arn is not None else ("", "", "")
    again: Role | User | None
    if kind == "assumed-role":
        kind, name = "role", rest.partition("/")[0]
        again = tx.roles.named(name)
    elif kind == "user":
        name = rest.rpartition("/")[2]
        again = tx.users.named(name)
    else:
        return
    yield PolicyChange(change="removed", kind=kind, name=name)
    if again is not None:
        yield PolicyChange(change="added", kind=kind, name=name)


def _of_roles(tx: Transaction, event: AuditEvent) -> Iterator[PolicyChange]:
    """Compare the trust policies of the requested roles."""
    for considered in event.policies:
        if considered.layer is not Layer.RESOURCE:
            continue
        role = tx.roles.named(considered.resource.rpartition("/")[2])
        before = {source.name: source for source in considered.sources}
        policies = NO_POLICIES if role is None else _snapshot_of(tx, role).trust_policy(role.role_id)
        for change in _differences("trust policy", before, _by_name(policies)):
            yield PolicyChange(change=change.change, kind="trust policy", name="", holder=considered.resource)


def _of_organization(tx: Transaction, event: AuditEvent) -> Iterator[PolicyChange]:
    # Control policies do not apply to hosts, and to calls of `tabard` only if they deny.
    recorded = any(considered.layer in _CONTROLS for considered in event.policies)
    if not recorded and (event.service in ("tabard", "hosts") or ":host/" in event.principal_arn):
        return
    controls = controls_of(tx.organizations.get(), tx.account_id)
    for layer, levels in zip(_CONTROLS, (controls.service, controls.resource), strict=True):
        now = {name: source for level in levels for name, source in _by_name(level).items()}
        for change in _differences(_NAMES[layer], _sources(event, layer), now):
            node, _, name = change.name.partition("/")
            yield PolicyChange(change=change.change, kind=change.kind, name=name, holder=node)


def _tags(event: AuditEvent, holder: Role | User) -> Iterator[PolicyChange]:
    """Compare the principal's tags that the decision used. Session tags look like those of the role."""
    if isinstance(holder, Role) and not event.instance_id:
        return
    now = {f"{_TAG}{tag.key.lower()}": tag.value for tag in holder.tags}
    before = {
        key: values[0]
        for decided in event.decisions
        for key, values in decided.context.items()
        if key.startswith(_TAG) and values
    }
    if event.explanation:
        told = json.loads(event.explanation)["context"]
        before |= {key: values[0] for key, values in told.items() if key.startswith(_TAG) and values}
        named = {**before, **now}
    else:
        named = before
    for key in sorted(named):
        old, new = before.get(key), now.get(key)
        if old != new:
            yield PolicyChange(
                change="added" if old is None else "removed" if new is None else "edited",
                kind="tag",
                name=key.removeprefix(_TAG),
                holder=holder.arn,
                before=old or "",
                after=new or "",
            )


def _compared(event: AuditEvent, layer: Layer, now: CompiledPolicies | None) -> Iterator[PolicyChange]:
    before, after = _sources(event, layer), {} if now is None else _by_name(now)
    if any(each.left_out for each in event.policies if each.layer is layer):
        after = {name: source for name, source in after.items() if name in before}
    yield from _differences(_NAMES.get(layer, ""), before, after)


def _differences(kind: str, before: Sources, after: Sources) -> Iterator[PolicyChange]:
    """Compare texts. A new version with the same text is no change."""
    for name in dict.fromkeys((*before, *after)):
        old, new = before.get(name), after.get(name)
        if old is not None and new is not None and old.digest == new.digest:
            continue
        yield PolicyChange(
            change="added" if old is None else "removed" if new is None else "edited",
            kind=kind or ("managed policy" if name.startswith("arn:") else "inline policy"),
            name=name,
            before="" if old is None else old.version_id,
            after="" if new is None else new.version_id,
        )


def _held_by(holder: str, change: PolicyChange) -> PolicyChange:
    return PolicyChange(
        change=change.change,
        kind=change.kind,
        name=change.name,
        holder=holder,
        before=change.before,
        after=change.after,
    )


def _sources(event: AuditEvent, layer: Layer) -> dict[str, PolicySource]:
    considered = (each for each in event.policies if each.layer is layer)
    return {source.name: source for each in considered for source in each.sources}


def _by_name(policies: CompiledPolicies) -> dict[str, PolicySource]:
    return {source.name: source for source in policies.sources}


def _managed(tx: Transaction, arn: str) -> PolicySource | None:
    policy = tx.managed_policies.get(arn)
    return None if policy is None else default_text(policy).source


def _snapshot_around(tx: Transaction, holder: Role | User) -> Snapshot:
    """Make a snapshot of one principal and its policies, which compiles them like a decision."""
    ids = () if isinstance(holder, Role) else holder.group_ids
    return _snapshot_of(tx, holder, *filter(None, map(tx.groups.get, ids)))


def _snapshot_of(tx: Transaction, *holders: Role | User | Group) -> Snapshot:
    return Snapshot(
        version=0,
        account_id=tx.account_id,
        partition=holders[0].partition,
        users={each.user_id: each for each in holders if isinstance(each, User)},
        groups={each.group_id: each for each in holders if isinstance(each, Group)},
        roles={each.role_id: each for each in holders if isinstance(each, Role)},
        managed_policies={policy.arn: policy for policy in _attached(tx, holders)},
    )


def _attached(tx: Transaction, holders: Iterable[Role | User | Group]) -> Iterator[ManagedPolicy]:
    for holder in holders:
        boundary = None if isinstance(holder, Group) else holder.permissions_boundary_arn
        for arn in (*holder.attached_policy_arns, *([boundary] if boundary else [])):
            policy = tx.managed_policies.get(arn)
            if policy is not None:
                yield policy
