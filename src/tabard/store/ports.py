"""The ports of the store: the only way to SQL for the rest of Tabard.

A `Transaction` is serializable: its reads stay true until it commits. When `transaction()` returns without an
exception, all its writes are durable, including its audit event. Otherwise none of them is stored.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, TypeVar

from tabard.model.access_key import AccessKey
from tabard.model.account_alias import AccountAlias
from tabard.model.association import Association
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import EVERY_EVENT, EventFilter, EventPage, EventPosition, NumberedEvents
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

K = TypeVar("K", contravariant=True)
A = TypeVar("A")


class StoreUnavailable(Exception):
    """The store is unreachable or locked at present. Nothing was written."""


class StoreDamaged(StoreUnavailable):
    """The database on disk is unreadable. This does not pass: the operator must restore a backup."""


class AlreadyStored(Exception):
    """An aggregate with this key or name exists already. Nothing was written."""


class NotStored(Exception):
    """An update names an aggregate that does not exist. Nothing was written."""


class StillReferenced(Exception):
    """One aggregate would refer to another that does not exist: a role's attached policy or boundary, a
    user's group, an instance profile's role, an association's instance. Nothing was written."""


class Aggregates(Protocol[K, A]):
    """The aggregates of one kind by key: the common part of most ports."""

    def get(self, key: K, /) -> A | None: ...
    def insert(self, aggregate: A, /) -> None: ...
    def update(self, aggregate: A, /) -> None: ...
    def delete(self, key: K, /) -> None: ...


class Users(Aggregates[str, User], Protocol):
    """IAM users by id and by name (names compare without regard to case)."""

    def named(self, name: str) -> User | None: ...


class Groups(Aggregates[str, Group], Protocol):
    """IAM groups by id and by name. A user lists its groups."""

    def named(self, name: str) -> Group | None: ...
    def members(self, group_id: str) -> Sequence[User]: ...


class AccessKeys(Aggregates[str, AccessKey], Protocol):
    """Long-term keys by id and by owner."""

    def of_owner(self, owner_id: str) -> Sequence[AccessKey]: ...


class Roles(Aggregates[str, Role], Protocol):
    """Roles, with their inline policies and attachments, by id and by name."""

    def named(self, name: str) -> Role | None: ...


class ManagedPolicies(Aggregates[str, ManagedPolicy], Protocol):
    """Managed policies, with their versions, by ARN."""

    def is_in_use(self, arn: str) -> bool:
        """Return whether it is attached to a user, group or role, or is a permissions boundary."""


class InstanceProfiles(Aggregates[str, InstanceProfile], Protocol):
    """Instance profiles by id, by name and by role."""

    def named(self, name: str) -> InstanceProfile | None: ...
    def holding(self, role_id: str) -> Sequence[InstanceProfile]: ...


class Instances(Aggregates[str, Instance], Protocol):
    """Instances by id, by host, and by the client token that launched them."""

    def on_host(self, host_id: str) -> Sequence[Instance]: ...
    def launched_with(self, client_token: str) -> Sequence[Instance]: ...


class Associations(Aggregates[str, Association], Protocol):
    """Associations by id, by instance and by instance profile."""

    def of_instance(self, instance_id: str) -> Sequence[Association]: ...
    def with_instance_profile(self, instance_profile_id: str) -> Sequence[Association]: ...


class ConsoleOutputs(Protocol):
    """Console outputs of instances. Snapshots do not contain them: no decision depends on them."""

    def get(self, instance_id: str) -> ConsoleOutput | None: ...
    def put(self, console_output: ConsoleOutput) -> None: ...
    def delete(self, instance_id: str) -> None: ...


class Images(Aggregates[str, Image], Protocol):
    """Images by id."""


class Hosts(Aggregates[str, Host], Protocol):
    """Hosts by id."""

    def all(self) -> Sequence[Host]: ...


class JoinTokens(Aggregates[str, JoinToken], Protocol):
    """Join tokens by id."""

    def claim(self, token_id: str, *, key_fingerprint: str, host_id: str, now: datetime) -> bool:
        """Use the token if it is unused and has not expired; return whether this call used it."""

    def forget_until(self, now: datetime) -> int:
        """Remove the expired tokens; return their number."""


class KeyPairs(Aggregates[str, KeyPair], Protocol):
    """Key pairs by id, and by region and name."""

    def named(self, region: str, name: str) -> KeyPair | None: ...


class Revocations(Protocol):
    """Not-before marks. A later mark on the same subject replaces an earlier one, never the reverse."""

    def record(self, revocation: Revocation) -> None: ...
    def forget_until(self, now: datetime) -> int: ...


class SealingKeys(Aggregates[int, SealingKey], Protocol):
    """The keyring, encrypted."""

    def all(self) -> Sequence[SealingKey]: ...


class Installation(Protocol):
    """Settings of this installation by name, such as the account id. Each snapshot contains all of them."""

    def get(self, name: str) -> str | None: ...
    def put(self, name: str, value: str) -> None: ...


class Organizations(Protocol):
    """The account's organization, at most one. It is written as a whole."""

    def get(self) -> Organization | None: ...
    def put(self, organization: Organization) -> None: ...
    def delete(self) -> None: ...


class AccountAliases(Aggregates[str, AccountAlias], Protocol):
    """The account's alias, keyed by itself. AlreadyStored if any account has it."""

    def all(self) -> Sequence[AccountAlias]: ...


class AuditTrail(Protocol):
    """The events of an account in the order of their commits, each with a growing number."""

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Write events, each into the audit of its account; by default the transaction's."""

    def read(self, *, after: int, limit: int, wanted: EventFilter = EVERY_EVENT) -> NumberedEvents:
        """Return the first events after a number, in the order of their numbers."""

    def page(
        self, *, limit: int, wanted: EventFilter = EVERY_EVENT, older_than: EventPosition | None = None
    ) -> EventPage:
        """Return the newest events, or the newest before a position, in the order of time."""

    def last_number(self) -> int: ...
    def find(self, request_id: str) -> AuditEvent | None: ...
    def prune(self, *, before: datetime, most_bytes: int, at_most: int) -> int:
        """Delete events older than `before`, and the oldest beyond `most_bytes`; return how many.

        One call deletes `at_most` events, so that it never holds the store for long, and never the newest.
        """


class Vault(Protocol):
    """Encrypts secrets under the master key, so that nobody can read them in a stolen store."""

    def seal(self, plaintext: bytes, *, label: str) -> bytes:
        """Encrypt. The ciphertext opens only with the same `label` (for a key's secret: the key id)."""

    def open(self, ciphertext: bytes, *, label: str) -> bytes:
        """Decrypt. Raises ValueError if ciphertext, label and master key do not belong together."""


class Transaction(Protocol):
    """Every port, in one transaction of one account. All accounts see the installation's own rows."""

    @property
    def account_id(self) -> str: ...

    vault: Vault
    users: Users
    groups: Groups
    access_keys: AccessKeys
    roles: Roles
    managed_policies: ManagedPolicies
    instance_profiles: InstanceProfiles
    instances: Instances
    associations: Associations
    console_outputs: ConsoleOutputs
    images: Images
    hosts: Hosts
    join_tokens: JoinTokens
    key_pairs: KeyPairs
    revocations: Revocations
    sealing_keys: SealingKeys
    installation: Installation
    organizations: Organizations
    account_aliases: AccountAliases
    audit: AuditTrail


class Store(Protocol):
    """The SQL store. Its methods block: call them from a worker thread."""

    def transaction(self, account_id: str = "") -> AbstractContextManager[Transaction]:
        """Begin; commit on leaving, roll back on any exception. Raises StoreUnavailable.

        Args:
            account_id: the account that the ports read and write; by default the installation's own.
        """

    def reading(self, account_id: str = "") -> AbstractContextManager[Transaction]:
        """Begin a read-only transaction, which waits for no writer. Raises StoreUnavailable."""

    def give_back_space(self) -> bool:
        """Return some unused space to the file system, in one short step.

        Returns:
            Whether more unused space is left.
        Raises:
            StoreUnavailable.
        """

    def close(self) -> None:
        """Close every connection."""
