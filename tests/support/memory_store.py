"""A store in memory that keeps every promise of the ports, for unit tests of the rooms above.

store = MemoryStore(vault)
with store.transaction() as tx:
    tx.roles.insert(role)
store.snapshot().role_named("web")
"""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Generic, TypeVar, cast

import msgspec

from tabard.model.access_key import AccessKey
from tabard.model.account_alias import AccountAlias
from tabard.model.association import Association
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import EVERY_EVENT, EventFilter, EventPage, EventPosition, NumberedEvents
from tabard.model.console_output import ConsoleOutput
from tabard.model.group import Group
from tabard.model.instance import Instance
from tabard.model.instance_profile import InstanceProfile
from tabard.model.join_token import JoinToken
from tabard.model.key_pair import KeyPair
from tabard.model.organization import Organization
from tabard.model.policies import ManagedPolicy
from tabard.model.revocation import Revocation
from tabard.model.role import Role
from tabard.model.user import User
from tabard.store.kinds import KINDS
from tabard.store.ports import (
    AlreadyStored,
    NotStored,
    StillReferenced,
    StoreUnavailable,
    Transaction,
    Vault,
)
from tabard.store.snapshot import RevocationKey, Snapshot
from tabard.store.snapshot_loader import Delta, apply_delta, load


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
    """Everything stored, by account and field; a transaction works on a copy and notes what it writes.

    What belongs to the installation is under the account of no name.
    """

    version: int = 0
    rows: dict[tuple[str, str], dict[Any, Any]] = field(default_factory=dict)
    journal: list[tuple[str, str, Any]] = field(default_factory=list)
    console_outputs: dict[tuple[str, str], ConsoleOutput] = field(default_factory=dict)
    audit: dict[tuple[str, int], AuditEvent] = field(default_factory=dict)
    last_audit_numbers: dict[str, int] = field(default_factory=dict)

    def copy(self) -> "Tables":
        return replace(
            self,
            rows={whose: dict(rows) for whose, rows in self.rows.items()},
            journal=[],
            console_outputs=dict(self.console_outputs),
            audit=dict(self.audit),
            last_audit_numbers=dict(self.last_audit_numbers),
        )

    def of(self, account_id: str, name: str) -> dict[Any, Any]:
        """The rows of one kind, in an account where they are an account's."""
        return self.rows.setdefault(whose(account_id, name), {})

    def account_id(self) -> str:
        """The installation's account; empty before it has one."""
        found: str = self.of("", "installation").get("account_id", "")
        return found


def whose(account_id: str, name: str) -> tuple[str, str]:
    return (account_id if KIND[name].of_account else "", name)


KIND = {kind.field: kind for kind in KINDS}

A = TypeVar("A")
K = TypeVar("K")


class Rows(Generic[K, A]):
    """The rows of one kind. A subclass says what else must be unique and what must be there."""

    def __init__(self, transaction: "MemoryTransaction", name: str) -> None:
        self.transaction = transaction
        self.name = name

    @property
    def rows(self) -> dict[K, A]:
        return self.of(self.name)

    def of(self, name: str) -> dict[Any, Any]:
        """The rows of another kind in the same account."""
        return self.transaction.tables.of(self.transaction.account_id, name)

    def note(self, key: K) -> None:
        """Write the change down in the journal."""
        self.transaction.tables.journal.append((*whose(self.transaction.account_id, self.name), key))

    def key_of(self, row: A) -> K:
        key: K = KIND[self.name].rows.table.key_of(row)  # type: ignore[attr-defined]
        return key

    def unique(self, row: A) -> object:
        """What no other row may have; None for nothing."""
        return None

    def check(self, row: A) -> None:
        """Raises StillReferenced where the row names what is not there."""

    def get(self, key: K, /) -> A | None:
        return self.rows.get(key)

    def all(self) -> Sequence[A]:
        return [self.rows[key] for key in sorted(self.rows)]  # type: ignore[type-var]

    def where(self, wanted: Callable[[A], bool]) -> Sequence[A]:
        return [row for row in self.all() if wanted(row)]

    def insert(self, row: A, /) -> None:
        if self.key_of(row) in self.rows:
            raise AlreadyStored(str(self.key_of(row)))
        self.write(self.key_of(row), row)

    def update(self, row: A, /) -> None:
        if self.key_of(row) not in self.rows:
            raise NotStored(str(self.key_of(row)))
        self.write(self.key_of(row), row)

    def delete(self, key: K, /) -> None:
        if self.rows.pop(key, None) is not None:
            self.note(key)

    def write(self, key: K, row: A) -> None:
        account_id = getattr(row, "account_id", getattr(row, "owner_account_id", "aws"))
        if KIND[self.name].of_account and account_id not in ("aws", self.transaction.account_id):
            raise ValueError(f"{self.name} {key} is not of account {self.transaction.account_id!r}")
        mark = self.unique(row)
        others = (other for known, other in self.rows.items() if known != key)
        if mark is not None and any(self.unique(other) == mark for other in others):
            raise AlreadyStored(str(mark))
        self.check(row)
        self.rows[key] = row
        self.note(key)

    def require(self, name: str, *keys: str) -> None:
        """Raises StillReferenced where one of these keys of another kind is not there."""
        for key in keys:
            if key not in self.of(name):
                raise StillReferenced(key)


class Named(Rows[str, A]):
    """Rows with a name, which is unique without regard to case."""

    def unique(self, row: A) -> object:
        return row.name.lower()  # type: ignore[attr-defined]

    def named(self, name: str, /) -> A | None:
        return next(iter(self.where(lambda row: self.unique(row) == name.lower())), None)


class MemoryGroups(Named[Group]):
    def check(self, group: Group) -> None:
        self.require("managed_policies", *group.attached_policy_arns)

    def members(self, group_id: str) -> Sequence[User]:
        users: dict[str, User] = self.of("users")
        return [users[user_id] for user_id in sorted(users) if group_id in users[user_id].group_ids]

    def delete(self, group_id: str, /) -> None:
        if self.members(group_id):
            raise StillReferenced(group_id)
        super().delete(group_id)


class MemoryRoles(Named[Role]):
    def check(self, role: Role) -> None:
        self.require("managed_policies", *role.attached_policy_arns, *boundaries(role))

    def delete(self, role_id: str, /) -> None:
        if any(profile.role_id == role_id for profile in self.of("instance_profiles").values()):
            raise StillReferenced(role_id)
        super().delete(role_id)


class MemoryUsers(Named[User]):
    def check(self, user: User) -> None:
        self.require("managed_policies", *user.attached_policy_arns, *boundaries(user))
        self.require("groups", *user.group_ids)


def boundaries(holder: User | Role) -> Sequence[str]:
    return () if holder.permissions_boundary_arn is None else (holder.permissions_boundary_arn,)


class MemoryManagedPolicies(Rows[str, ManagedPolicy]):
    def unique(self, policy: ManagedPolicy) -> object:
        return policy.account_id, policy.name.lower()

    def is_in_use(self, arn: str) -> bool:
        bounded = [*self.of("users").values(), *self.of("roles").values()]
        holders = [*bounded, *self.of("groups").values()]
        return any(arn in holder.attached_policy_arns for holder in holders) or any(
            arn == holder.permissions_boundary_arn for holder in bounded
        )

    def delete(self, arn: str, /) -> None:
        if self.is_in_use(arn):
            raise StillReferenced(arn)
        super().delete(arn)


class MemoryInstanceProfiles(Named[InstanceProfile]):
    def check(self, profile: InstanceProfile) -> None:
        self.require("roles", *([] if profile.role_id is None else [profile.role_id]))

    def holding(self, role_id: str) -> Sequence[InstanceProfile]:
        return self.where(lambda profile: profile.role_id == role_id)


class MemoryInstances(Rows[str, Instance]):
    def on_host(self, host_id: str) -> Sequence[Instance]:
        return self.where(lambda instance: instance.host_id == host_id)

    def launched_with(self, client_token: str) -> Sequence[Instance]:
        return self.where(lambda instance: bool(client_token) and instance.client_token == client_token)

    def delete(self, instance_id: str, /) -> None:
        if any(row.instance_id == instance_id for row in self.of("associations").values()):
            raise StillReferenced(instance_id)
        super().delete(instance_id)


class MemoryAssociations(Rows[str, Association]):
    def unique(self, association: Association) -> object:
        return association.instance_id if association.is_active else None

    def check(self, association: Association) -> None:
        self.require("instances", association.instance_id)

    def of_instance(self, instance_id: str) -> Sequence[Association]:
        return self.where(lambda row: row.instance_id == instance_id)

    def with_instance_profile(self, instance_profile_id: str) -> Sequence[Association]:
        return self.where(lambda row: row.instance_profile_id == instance_profile_id)


class MemoryAccessKeys(Rows[str, AccessKey]):
    def of_owner(self, owner_id: str) -> Sequence[AccessKey]:
        return self.where(lambda key: key.owner_id == owner_id)


class MemoryJoinTokens(Rows[str, JoinToken]):
    def claim(self, token_id: str, *, key_fingerprint: str, host_id: str, now: datetime) -> bool:
        token = self.rows.get(token_id)
        if token is None or token.claimed_by or token.expires_at <= now:
            return False
        self.write(token_id, replace(token, claimed_by=key_fingerprint, host_id=host_id))
        return True

    def forget_until(self, now: datetime) -> int:
        gone = [token.token_id for token in self.rows.values() if token.expires_at <= now]
        for token_id in gone:
            self.delete(token_id)
        return len(gone)


class MemoryKeyPairs(Rows[str, KeyPair]):
    def unique(self, key_pair: KeyPair) -> object:
        return key_pair.region, key_pair.name

    def named(self, region: str, name: str) -> KeyPair | None:
        return next(iter(self.where(lambda row: self.unique(row) == (region, name))), None)


class MemoryAccountAliases(Rows[str, AccountAlias]):
    def insert(self, alias: AccountAlias, /) -> None:
        everywhere = self.transaction.tables.rows.items()
        if any(name == self.name and alias.alias in rows for (_, name), rows in everywhere):
            raise AlreadyStored(alias.alias)
        super().insert(alias)


class MemoryRevocations(Rows[RevocationKey, Revocation]):
    def record(self, revocation: Revocation) -> None:
        key = (revocation.subject, revocation.subject_id)
        earlier = self.rows.get(key, revocation)
        latest = replace(
            revocation,
            not_before=max(revocation.not_before, earlier.not_before),
            forget_after=max(revocation.forget_after, earlier.forget_after),
        )
        self.write(key, latest)

    def forget_until(self, now: datetime) -> int:
        gone = [key for key, mark in self.rows.items() if mark.forget_after <= now]
        for key in gone:
            self.delete(key)
        return len(gone)


class MemoryInstallation(Rows[str, str]):
    def put(self, name: str, value: str) -> None:
        self.write(name, value)


class MemoryOrganizations(Rows[str, Organization]):
    def get(self) -> Organization | None:  # type: ignore[override]
        return next(iter(self.rows.values()), None)

    def put(self, organization: Organization) -> None:
        self.delete()
        self.write(organization.organization_id, organization)

    def delete(self) -> None:  # type: ignore[override]
        for organization_id in list(self.rows):
            super().delete(organization_id)


PORTS: dict[str, type[Rows[Any, Any]]] = {
    "account_aliases": MemoryAccountAliases,
    "users": MemoryUsers,
    "groups": MemoryGroups,
    "roles": MemoryRoles,
    "managed_policies": MemoryManagedPolicies,
    "instance_profiles": MemoryInstanceProfiles,
    "instances": MemoryInstances,
    "associations": MemoryAssociations,
    "access_keys": MemoryAccessKeys,
    "join_tokens": MemoryJoinTokens,
    "key_pairs": MemoryKeyPairs,
    "revocations": MemoryRevocations,
    "installation": MemoryInstallation,
    "organizations": MemoryOrganizations,
}
"""The kinds that have more than the methods of every port."""


@dataclass
class MemoryConsoleOutputs:
    transaction: "MemoryTransaction"

    def get(self, instance_id: str) -> ConsoleOutput | None:
        return self._all.get((self.transaction.account_id, instance_id))

    def put(self, console_output: ConsoleOutput) -> None:
        self._all[self.transaction.account_id, console_output.instance_id] = console_output

    def delete(self, instance_id: str) -> None:
        self._all.pop((self.transaction.account_id, instance_id), None)

    @property
    def _all(self) -> dict[tuple[str, str], ConsoleOutput]:
        return self.transaction.tables.console_outputs


@dataclass
class MemoryAuditTrail:
    transaction: "MemoryTransaction"

    def append(self, events: Sequence[AuditEvent]) -> None:
        for event in events:
            own = event.account_id or self.account_id
            numbers = self.tables.last_audit_numbers
            numbers[own] = numbers.get(own, 0) + 1
            self.tables.audit[own, numbers[own]] = msgspec.structs.replace(event, account_id=own)

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        return [item for item in self._own() if item[0] > after and is_wanted(item[1], wanted)][:limit]

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        found = [item for item in self._own() if is_wanted(item[1], wanted)]
        found.sort(key=in_time)
        if older_than is not None:
            found = [item for item in found if in_time(item) < (older_than.at, older_than.number)]
        events = found[-limit:]
        full = len(events) == limit
        return EventPage(events=events, next=EventPosition(*in_time(events[0])) if full else None)

    def last_number(self) -> int:
        return self.tables.last_audit_numbers.get(self.account_id, 0)

    def find(self, request_id: str) -> AuditEvent | None:
        return next((event for _, event in self._own()[::-1] if event.request_id == request_id), None)

    def prune(self, *, before: datetime, most_bytes: int, at_most: int) -> int:
        kept_bytes, surplus = 0, set()
        for number, event in self._own()[::-1]:
            kept_bytes += len(msgspec.json.encode(event))
            if kept_bytes > most_bytes:
                surplus.add(number)
        gone = [
            number
            for number, event in self._own()[:at_most]
            if number != self.last_number() and (number in surplus or event.at < before)
        ]
        for number in gone:
            del self.tables.audit[self.account_id, number]
        return len(gone)

    def _own(self) -> list[tuple[int, AuditEvent]]:
        return [
            (number, event) for (own, number), event in self.tables.audit.items() if own == self.account_id
        ]

    @property
    def account_id(self) -> str:
        return self.transaction.account_id

    @property
    def tables(self) -> Tables:
        return self.transaction.tables


def in_time(item: tuple[int, AuditEvent]) -> tuple[datetime, int]:
    return item[1].at, item[0]


def is_wanted(event: AuditEvent, wanted: EventFilter) -> bool:
    return (
        (not wanted.outcomes or event.outcome in wanted.outcomes)
        and (wanted.since is None or event.at >= wanted.since)
        and (wanted.until is None or event.at < wanted.until)
        and wanted.instance_id in ("", event.instance_id)
        and (
            not wanted.action
            or any(
                like(action, wanted.action)
                for action in (
                    f"{event.service}:{event.operation}",
                    *(decided.action for decided in event.decisions),
                )
            )
        )
        and (
            not wanted.principal or any(like(event.principal_arn, glob) for glob in wanted.principal_globs())
        )
    )


def like(text: str, glob: str) -> bool:
    parts = map(re.escape, glob.split("*"))
    return re.fullmatch(".*".join(parts), text, re.IGNORECASE | re.DOTALL) is not None


class MemoryTransaction:
    """Every port, over one copy of the tables, for one account."""

    def __init__(
        self, tables: Tables, vault: Vault, account_id: str, journal: Sequence[tuple[int, str, str, Any]]
    ) -> None:
        self.tables = tables
        self._journal = journal
        self.vault = vault
        self._account_id = account_id
        self.console_outputs = MemoryConsoleOutputs(self)
        self.audit = MemoryAuditTrail(self)
        for kind in KINDS:
            setattr(self, kind.field, PORTS.get(kind.field, Rows)(self, kind.field))

    @property
    def account_id(self) -> str:
        self._account_id = self._account_id or self.tables.account_id()
        return self._account_id


class MemoryStore:
    """Satisfies `tabard.store.ports.Store`. Set `available` to False to make it go away."""

    def __init__(self, vault: Vault | None = None, *, account_id: str = "") -> None:
        self.vault: Vault = vault if vault is not None else ClearVault()
        self.available = True
        self._tables = Tables()
        self._journal: list[tuple[int, str, str, Any]] = []
        self._serial = threading.Lock()
        if account_id:
            with self.transaction() as tx:
                tx.installation.put("account_id", account_id)

    @contextmanager
    def transaction(self, account_id: str = "") -> Iterator[Transaction]:
        if not self.available:
            raise StoreUnavailable("the test said so")
        with self._serial:
            tables = self._tables.copy()
            yield cast(Transaction, MemoryTransaction(tables, self.vault, account_id, self._journal))
            if tables.journal:
                tables.version += 1
                self._journal += [(tables.version, *written) for written in tables.journal]
            self._tables = tables

    @contextmanager
    def reading(self, account_id: str = "") -> Iterator[Transaction]:
        if not self.available:
            raise StoreUnavailable("the test said so")
        journal = tuple(self._journal)
        yield cast(Transaction, MemoryTransaction(self._tables.copy(), self.vault, account_id, journal))

    def snapshot(self) -> Snapshot:
        """The snapshot of everything committed."""
        return self.next_snapshot()

    def next_snapshot(self, current: Snapshot | None = None, *, account_id: str = "") -> Snapshot:
        """The newest snapshot of an account, made from the current one by what was written since."""
        tables = self._tables
        account_id = account_id or tables.account_id()
        if current is None or current.account_id != account_id:
            everything = {name: tables.rows.get(whose(account_id, name), {}) for name in KIND}
            return load(Delta(tables.version, account_id, everything))
        changed: dict[str, dict[Any, Any]] = {}
        for version, owner, name, key in self._journal:
            if current.version < version <= tables.version and owner in (account_id, ""):
                changed.setdefault(name, {})[key] = tables.rows.get((owner, name), {}).get(key)
        if tables.version == current.version:
            return current
        return apply_delta(current, Delta(tables.version, account_id, changed))

    def give_back_space(self) -> bool:
        """There is no file."""
        return False

    def close(self) -> None:
        """There is nothing to let go of."""
