"""Whether the policies that decided a request have been changed since.

The store's journal says which aggregate was written at which version; an event says at which version it was
decided. A write may have changed something else of a role than its policies: it was written, this says.
"""

from collections.abc import Iterator

from tabard.model.audit_event import AuditEvent, ChangedSince
from tabard.model.group import Group
from tabard.model.role import Role
from tabard.model.user import User
from tabard.names import Arn
from tabard.store.ports import Transaction

_Part = tuple[str, str, str | None]
"""What a decision rested on: ARN, name of its kind, and key; no key where it is not there any more."""


def changed_since(tx: Transaction, event: AuditEvent) -> ChangedSince:
    """What has been written, since an event, of all that the decision about it rested on.

    Raises:
        StoreUnavailable.
    """
    written = tx.changed_since(event.snapshot_version)
    if written is None:
        return ChangedSince(is_known=False)
    names = [name for name, kind, key in _rested_on(event, tx) if key is None or key in written.get(kind, ())]
    # What an organization says is asked about every request.
    if "organization" in written:
        names.append("the organization")
    return ChangedSince(tuple(dict.fromkeys(names)))


def _rested_on(event: AuditEvent, tx: Transaction) -> Iterator[_Part]:
    for decided in event.decisions:
        for matched in decided.matched:
            if matched.policy.startswith("arn:"):
                yield matched.policy, "managed-policy", matched.policy
        if decided.action.startswith("sts:"):
            yield from _of_principal(decided.resource, tx)
    yield from _of_principal(event.principal_arn, tx)


def _of_principal(text: str, tx: Transaction) -> Iterator[_Part]:
    arn = Arn.parse(text)
    kind, _, rest = arn.resource.partition("/") if arn is not None else ("", "", "")
    if kind in ("role", "assumed-role"):
        role = tx.roles.named(rest.partition("/")[0] if kind == "assumed-role" else rest.rpartition("/")[2])
        if role is None:
            yield text, "role", None
        else:
            yield role.arn, "role", role.role_id
            yield from _attached_to(role)
    elif kind == "user":
        user = tx.users.named(rest.rpartition("/")[2])
        if user is None:
            yield text, "user", None
        else:
            yield user.arn, "user", user.user_id
            yield from _attached_to(user)
            for group in filter(None, map(tx.groups.get, user.group_ids)):
                yield group.arn, "group", group.group_id
                yield from _attached_to(group)


def _attached_to(holder: Role | User | Group) -> Iterator[_Part]:
    boundary = None if isinstance(holder, Group) else holder.permissions_boundary_arn
    for arn in (*holder.attached_policy_arns, *([boundary] if boundary else [])):
        yield arn, "managed-policy", arn
