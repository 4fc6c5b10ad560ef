"""A store in memory that keeps every promise of the ports, for unit tests of the rooms above.

store = MemoryStore(vault)
with store.transaction() as tx:
    tx.roles.insert(role)
store.snapshot().role_named("web")
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from tabard.model.access_key import AccessKey
from tabard.model.association import Association
from tabard.model.audit_event import AuditEvent
from tabard.model.console_output import ConsoleOutput
from tabard.model.group import Group
from tabard.model.host import Host
from tabard.model.instance import Image, Instance
from tabard.model.instance_profile import InstanceProfile
from tabard.model.join_token import JoinToken
from tabard.model.key_pair import KeyPair
from tabard.model.organization import Organization
from tabard.model.policies import ManagedPolicy
from tabard.model.revocation import Revocation
from tabard.model.role import Role
from tabard.model.sealing_key import SealingKey
from tabard.model.user import User
from tabard.store.ports import (
    AlreadyStored,
    NotStored,
    StillReferenced,
    StoreUnavailable,
    Vault,
)
from tabard.store.snapshot import RevocationKey, Snapshot
from tabard.store.snapshot_loader import Delta, load


class ClearVault:
    """A vault that hides nothing but still insists on the label; for tests alone."""

    def seal(self, plaintext: bytes, *, label: str) -> bytes:
        return label.encode() + b"\0" + plaintext

    def open(self, ciphertext: bytes, *, label: str) -> bytes:
        sealed_as, _, plaintext = ciphertext.partition(b"\0")
        if sealed_as != label.encode():
            raise ValueError(f"this was not sealed as {label!r}")
        return plaintext


@dataclass
class Tables:
    """Everything stored; a transaction works on a copy."""

    version: int = 0
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    managed_policies: dict[str, ManagedPolicy] = field(default_factory=dict)
    instance_profiles: dict[str, InstanceProfile] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    associations: dict[str, Association] = field(default_factory=dict)
    images: dict[str, Image] = field(default_factory=dict)
    hosts: dict[str, Host] = field(default_factory=dict)
    join_tokens: dict[str, JoinToken] = field(default_factory=dict)
    key_pairs: dict[str, KeyPair] = field(default_factory=dict)
    access_keys: dict[str, AccessKey] = field(default_factory=dict)
    sealing_keys: dict[int, SealingKey] = field(default_factory=dict)
    revocations: dict[RevocationKey, Revocation] = field(default_factory=dict)
    installation: dict[str, str] = field(default_factory=dict)
    organizations: dict[str, Organization] = field(default_factory=dict)
    console_outputs: dict[str, ConsoleOutput] = field(default_factory=dict)
    audit: dict[int, AuditEvent] = field(default_factory=dict)
    last_audit_number: int = 0

    def copy(self) -> "Tables":
        copied = Tables(version=self.version, last_audit_number=self.last_audit_number)
        for each in fields(self):
            if isinstance(rows := getattr(self, each.name), dict):
                setattr(copied, each.name, dict(rows))
        return copied


class Aggregate(Protocol):
    """Any of the model's aggregates."""


A = TypeVar("A", bound=Aggregate)
K = TypeVar("K", str, int)


@dataclass
class Rows(Generic[K, A]):
    """The rows of one kind: by key, with what else must be unique and what must be there."""

    tables: Tables
    rows: dict[K, A]
    key_of: Callable[[A], K]
    unique: Callable[[A], object] = lambda _: None
    check: Callable[[A], None] = lambda _: None

    def get(self, key: K, /) -> A | None:
        return self.rows.get(key)

    def all(self) -> Sequence[A]:
        return [self.rows[key] for key in sorted(self.rows)]

    def where(self, wanted: Callable[[A], bool]) -> Sequence[A]:
        return [row for row in self.all() if wanted(row)]

    def named(self, name: str, /) -> A | None:
        return next(iter(self.where(lambda row: row.name.lower() == name.lower())), None)  # type: ignore[attr-defined]

    def insert(self, row: A, /) -> None:
        if self.key_of(row) in self.rows:
            raise AlreadyStored(str(self.key_of(row)))
        self._put(row)

    def update(self, row: A, /) -> None:
        if self.key_of(row) not in self.rows:
            raise NotStored(str(self.key_of(row)))
        self._put(row)

    def delete(self, key: K, /) -> None:
        if self.rows.pop(key, None) is not None:
            self.tables.version += 1

    def _put(self, row: A) -> None:
        mark = self.unique(row)
        if mark is not None and any(
            self.unique(other) == mark for key, other in self.rows.items() if key != self.key_of(row)
        ):
            raise AlreadyStored(str(mark))
        self.check(row)
        self.rows[self.key_of(row)] = row
        self.tables.version += 1


class MemoryAccessKeys(Rows[str, AccessKey]):
    def of_owner(self, owner_id: str) -> Sequence[AccessKey]:
        return self.where(lambda key: key.owner_id == owner_id)


class MemoryGroups(Rows[str, Group]):
    def members(self, group_id: str) -> Sequence[User]:
        users = self.tables.users
        return [users[user_id] for user_id in sorted(users) if group_id in users[user_id].group_ids]

    def delete(self, group_id: str, /) -> None:
        if self.members(group_id):
            raise StillReferenced(group_id)
        super().delete(group_id)


class MemoryRoles(Rows[str, Role]):
    def delete(self, role_id: str, /) -> None:
        if any(profile.role_id == role_id for profile in self.tables.instance_profiles.values()):
            raise StillReferenced(role_id)
        super().delete(role_id)


class MemoryManagedPolicies(Rows[str, ManagedPolicy]):
    def is_in_use(self, arn: str) -> bool:
        bounded: list[User | Role] = [*self.tables.users.values(), *self.tables.roles.values()]
        holders = [*bounded, *self.tables.groups.values()]
        return any(arn in holder.attached_policy_arns for holder in holders) or any(
            arn == holder.permissions_boundary_arn for holder in bounded
        )

    def delete(self, arn: str, /) -> None:
        if self.is_in_use(arn):
            raise StillReferenced(arn)
        super().delete(arn)


class MemoryInstanceProfiles(Rows[str, InstanceProfile]):
    def holding(self, role_id: str) -> Sequence[InstanceProfile]:
        return self.where(lambda profile: profile.role_id == role_id)


class MemoryInstances(Rows[str, Instance]):
    def on_host(self, host_id: str) -> Sequence[Instance]:
        return self.where(lambda instance: instance.host_id == host_id)

    def launched_with(self, client_token: str) -> Sequence[Instance]:
        return self.where(lambda instance: bool(client_token) and instance.client_token == client_token)

    def delete(self, instance_id: str, /) -> None:
        if any(row.instance_id == instance_id for row in self.tables.associations.values()):
            raise StillReferenced(instance_id)
        super().delete(instance_id)


class MemoryAssociations(Rows[str, Association]):
    def of_instance(self, instance_id: str) -> Sequence[Association]:
        return self.where(lambda row: row.instance_id == instance_id)

    def with_instance_profile(self, instance_profile_id: str) -> Sequence[Association]:
        return self.where(lambda row: row.instance_profile_id == instance_profile_id)


class MemoryJoinTokens(Rows[str, JoinToken]):
    def claim(self, token_id: str, *, key_fingerprint: str, host_id: str, now: datetime) -> bool:
        token = self.rows.get(token_id)
        if token is None or token.claimed_by or token.expires_at <= now:
            return False
        self._put(replace(token, claimed_by=key_fingerprint, host_id=host_id))
        return True

    def forget_until(self, now: datetime) -> int:
        gone = [token.token_id for token in self.rows.values() if token.expires_at <= now]
        for token_id in gone:
            self.delete(token_id)
        return len(gone)


class MemoryKeyPairs(Rows[str, KeyPair]):
    def named(self, region: str, name: str) -> KeyPair | None:
        return next(iter(self.where(lambda row: (row.region, row.name) == (region, name))), None)


@dataclass
class MemoryRevocations:
    tables: Tables

    def record(self, revocation: Revocation) -> None:
        key = (revocation.subject, revocation.subject_id)
        earlier = self.tables.revocations.get(key)
        if earlier is not None:
            revocation = replace(
                revocation,
                not_before=max(revocation.not_before, earlier.not_before),
                forget_after=max(revocation.forget_after, earlier.forget_after),
            )
        self.tables.revocations[key] = revocation
        self.tables.version += 1

    def forget_until(self, now: datetime) -> int:
        gone = [key for key, mark in self.tables.revocations.items() if mark.forget_after <= now]
        for key in gone:
            del self.tables.revocations[key]
            self.tables.version += 1
        return len(gone)


@dataclass
class MemoryInstallation:
    tables: Tables

    def get(self, name: str) -> str | None:
        return self.tables.installation.get(name)

    def put(self, name: str, value: str) -> None:
        self.tables.installation[name] = value
        self.tables.version += 1


@dataclass
class MemoryOrganizations:
    tables: Tables

    def get(self) -> Organization | None:
        return next(iter(self.tables.organizations.values()), None)

    def put(self, organization: Organization) -> None:
        self.delete()
        self.tables.organizations[organization.organization_id] = organization
        self.tables.version += 1

    def delete(self) -> None:
        if self.tables.organizations:
            self.tables.organizations.clear()
            self.tables.version += 1


@dataclass
class MemoryConsoleOutputs:
    tables: Tables

    def get(self, instance_id: str) -> ConsoleOutput | None:
        return self.tables.console_outputs.get(instance_id)

    def put(self, console_output: ConsoleOutput) -> None:
        self.tables.console_outputs[console_output.instance_id] = console_output

    def delete(self, instance_id: str) -> None:
        self.tables.console_outputs.pop(instance_id, None)


@dataclass
class MemoryAuditTrail:
    tables: Tables

    def append(self, events: Sequence[AuditEvent]) -> None:
        for event in events:
            self.tables.last_audit_number += 1
            self.tables.audit[self.tables.last_audit_number] = event

    def read(self, *, after: int, limit: int, denied_only: bool) -> Sequence[tuple[int, AuditEvent]]:
        found = [
            (number, event)
            for number, event in self.tables.audit.items()
            if number > after and (event.outcome == "denied" or not denied_only)
        ]
        return found[:limit]

    def last_number(self) -> int:
        return max(self.tables.audit, default=0)

    def find(self, request_id: str) -> AuditEvent | None:
        newest_first = reversed(self.tables.audit.values())
        return next((event for event in newest_first if event.request_id == request_id), None)

    def prune(self, *, keep: int, before: datetime | None = None) -> int:
        newest = self.last_number()
        gone = [
            number
            for number, event in self.tables.audit.items()
            if number != newest and (number <= newest - keep or (before is not None and event.at < before))
        ]
        for number in gone[:10_000]:
            del self.tables.audit[number]
        return len(gone[:10_000])


class MemoryTransaction:
    """Every port, over one copy of the tables."""

    def __init__(self, tables: Tables, vault: Vault) -> None:
        self.vault = vault
        self.users = Rows(
            tables, tables.users, lambda u: u.user_id, lambda u: u.name.lower(), self._check_user
        )
        self.groups = MemoryGroups(
            tables, tables.groups, lambda g: g.group_id, lambda g: g.name.lower(), self._check_attached
        )
        self.access_keys = MemoryAccessKeys(tables, tables.access_keys, lambda k: k.access_key_id)
        self.roles = MemoryRoles(
            tables, tables.roles, lambda r: r.role_id, lambda r: r.name.lower(), self._check_bounded
        )
        self.managed_policies = MemoryManagedPolicies(
            tables, tables.managed_policies, lambda p: p.arn, lambda p: (p.account_id, p.name.lower())
        )
        self.instance_profiles = MemoryInstanceProfiles(
            tables,
            tables.instance_profiles,
            lambda p: p.instance_profile_id,
            lambda p: p.name.lower(),
            self._check_held_role,
        )
        self.instances = MemoryInstances(tables, tables.instances, lambda i: i.instance_id)
        self.associations = MemoryAssociations(
            tables,
            tables.associations,
            lambda a: a.association_id,
            lambda a: a.instance_id if a.is_active else None,
            self._check_instance,
        )
        self.console_outputs = MemoryConsoleOutputs(tables)
        self.images = Rows(tables, tables.images, lambda i: i.image_id)
        self.hosts = Rows(tables, tables.hosts, lambda h: h.host_id)
        self.join_tokens = MemoryJoinTokens(tables, tables.join_tokens, lambda t: t.token_id)
        self.key_pairs = MemoryKeyPairs(
            tables, tables.key_pairs, lambda k: k.key_pair_id, lambda k: (k.region, k.name)
        )
        self.revocations = MemoryRevocations(tables)
        self.sealing_keys: Rows[int, SealingKey] = Rows(tables, tables.sealing_keys, lambda k: k.key_id)
        self.installation = MemoryInstallation(tables)
        self.organizations = MemoryOrganizations(tables)
        self.audit = MemoryAuditTrail(tables)
        self.tables = tables

    def _check_user(self, user: User) -> None:
        self._check_bounded(user)
        for group_id in user.group_ids:
            if group_id not in self.tables.groups:
                raise StillReferenced(group_id)

    def _check_bounded(self, holder: User | Role) -> None:
        self._check_attached(holder)
        boundary = holder.permissions_boundary_arn
        if boundary is not None and boundary not in self.tables.managed_policies:
            raise StillReferenced(boundary)

    def _check_attached(self, holder: User | Group | Role) -> None:
        for arn in holder.attached_policy_arns:
            if arn not in self.tables.managed_policies:
                raise StillReferenced(arn)

    def _check_held_role(self, profile: InstanceProfile) -> None:
        if profile.role_id is not None and profile.role_id not in self.tables.roles:
            raise StillReferenced(profile.role_id)

    def _check_instance(self, association: Association) -> None:
        if association.instance_id not in self.tables.instances:
            raise StillReferenced(association.instance_id)


class MemoryStore:
    """Satisfies `tabard.store.ports.Store`. Set `available` to False to make it go away."""

    def __init__(self, vault: Vault | None = None) -> None:
        self.vault: Vault = vault if vault is not None else ClearVault()
        self.available = True
        self._tables = Tables()
        self._serial = threading.Lock()

    @contextmanager
    def transaction(self) -> Iterator[MemoryTransaction]:
        if not self.available:
            raise StoreUnavailable("the test said so")
        with self._serial:
            tables = self._tables.copy()
            yield MemoryTransaction(tables, self.vault)
            self._tables = tables

    def snapshot(self) -> Snapshot:
        """The snapshot of everything committed."""
        tables = self._tables
        everything: Mapping[str, object] = {
            each.name: getattr(tables, each.name)
            for each in fields(tables)
            if each.name not in ("audit", "last_audit_number", "console_outputs")
        }
        return load(Delta(**everything))  # type: ignore[arg-type]

    def close(self) -> None:
        """There is nothing to let go of."""
