"""What users, groups and roles alike have: inline policies and attached managed policies, in their order."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, bindparam, delete, insert, select

from tabard.model.policies import InlinePolicy
from tabard.store.rows.single_table import in_chunks
from tabard.store.schema import inline_policies, policy_attachments

_ALL_INLINE = select(inline_policies.c.owner_id, inline_policies.c.name, inline_policies.c.document).order_by(
    inline_policies.c.owner_id, inline_policies.c.position
)
_SOME_INLINE = _ALL_INLINE.where(inline_policies.c.owner_id.in_(bindparam("owners", expanding=True)))
_ALL_ATTACHED = select(policy_attachments.c.owner_id, policy_attachments.c.policy_arn).order_by(
    policy_attachments.c.owner_id, policy_attachments.c.position
)
_SOME_ATTACHED = _ALL_ATTACHED.where(policy_attachments.c.owner_id.in_(bindparam("owners", expanding=True)))
_DELETE_INLINE = delete(inline_policies).where(inline_policies.c.owner_id == bindparam("owner"))
_DELETE_ATTACHED = delete(policy_attachments).where(policy_attachments.c.owner_id == bindparam("owner"))
_INSERT_INLINE = insert(inline_policies)
_INSERT_ATTACHED = insert(policy_attachments)


class PolicyOwner(Protocol):
    """A user, a group or a role."""

    @property
    def inline_policies(self) -> tuple[InlinePolicy, ...]: ...
    @property
    def attached_policy_arns(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class OwnedPolicies:
    """The inline and the attached policies of some owners, by owner id."""

    inline: Mapping[str, tuple[InlinePolicy, ...]]
    attached: Mapping[str, tuple[str, ...]]


def read_owned(connection: Connection, owner_ids: Collection[str] | None) -> OwnedPolicies:
    """The policies of these owners, or of every owner."""
    inline: dict[str, list[InlinePolicy]] = {}
    attached: dict[str, list[str]] = {}
    chunks: Sequence[list[str] | None] = [None] if owner_ids is None else list(in_chunks(owner_ids))
    for chunk in chunks:
        parameters = None if chunk is None else {"owners": chunk}
        for owner, name, document in connection.execute(
            _ALL_INLINE if chunk is None else _SOME_INLINE, parameters
        ):
            inline.setdefault(owner, []).append(InlinePolicy(name, document))
        for owner, arn in connection.execute(_ALL_ATTACHED if chunk is None else _SOME_ATTACHED, parameters):
            attached.setdefault(owner, []).append(arn)
    return OwnedPolicies(
        {owner: tuple(found) for owner, found in inline.items()},
        {owner: tuple(found) for owner, found in attached.items()},
    )


NOTHING_OWNED = OwnedPolicies({}, {})


def write_owned(connection: Connection, owner_id: str, owner: PolicyOwner, *, stored: OwnedPolicies) -> None:
    """Make the stored policies of one owner what they are now; untouched where nothing differs."""
    if stored.inline.get(owner_id, ()) != owner.inline_policies:
        connection.execute(_DELETE_INLINE, {"owner": owner_id})
        if owner.inline_policies:
            connection.execute(
                _INSERT_INLINE,
                [
                    {"owner_id": owner_id, "name": each.name, "position": position, "document": each.document}
                    for position, each in enumerate(owner.inline_policies)
                ],
            )
    if stored.attached.get(owner_id, ()) != owner.attached_policy_arns:
        connection.execute(_DELETE_ATTACHED, {"owner": owner_id})
        if owner.attached_policy_arns:
            connection.execute(
                _INSERT_ATTACHED,
                [
                    {"owner_id": owner_id, "policy_arn": arn, "position": position}
                    for position, arn in enumerate(owner.attached_policy_arns)
                ],
            )


def delete_owned(connection: Connection, owner_id: str) -> None:
    """Remove every policy of one owner; managed policies themselves stay."""
    connection.execute(_DELETE_INLINE, {"owner": owner_id})
    connection.execute(_DELETE_ATTACHED, {"owner": owner_id})
