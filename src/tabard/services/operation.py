"""A service: its operations, the checks that each needs, and its way of execution."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from tabard.access.authorize import Decided, Permit
from tabard.access.caller import Caller
from tabard.access.check import Check
from tabard.access.mint import Mint
from tabard.credentials.identity_certificate import IdentityKey
from tabard.credentials.keyring import Keyring
from tabard.errors import AwsError
from tabard.names import Place
from tabard.services.accepted_members import AcceptedMembers
from tabard.services.key_schema import Table, TableSchema
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot
from tabard.wire.request import Value

Output = Mapping[str, object]
"""An answer by AWS's member names; `wire` renders it by the operation's output shape."""


class Request(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """The typed input of one operation: `role_name` is AWS's `RoleName`."""


R = TypeVar("R", bound=msgspec.Struct)


_NO_KEYS: Mapping[Table, str] = MappingProxyType({})


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """The inputs from which checks compute the condition keys of a request.

    `partition_keys` names the partition key of each existing DynamoDB table or index in the request.
    `payload_hash` is the signed value of `x-amz-content-sha256` (S3). `signed_at` is the signed date.
    """

    caller: Caller
    snapshot: Snapshot
    partition: str
    account_id: str
    region: str
    now: datetime
    signed_at: datetime
    payload_hash: str = ""
    partition_keys: Mapping[Table, str] = _NO_KEYS


@dataclass(frozen=True, slots=True)
class Performed(Generic[R]):
    """An operation that Tabard performs.

    `actions`: the IAM actions that `checks` may check, if they are not just the one with the same name.
    `name`: the operation's name at AWS; that of `perform` in AWS's spelling if it is left out.
    """

    request: type[R]
    checks: Callable[[R, Facts], Sequence[Check]]
    perform: Callable[..., object]
    actions: tuple[str, ...] | None = field(default=None, kw_only=True)
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        words = self.perform.__name__.split("_")
        object.__setattr__(self, "name", self.name or "".join(word.capitalize() for word in words))


@dataclass(frozen=True, slots=True)
class Read(Performed[R]):
    """An operation answered from the snapshot."""

    perform: Callable[[Permit, R, Snapshot], Output]


@dataclass(frozen=True, slots=True)
class StoreRead(Performed[R]):
    """An operation answered from the store, in a read-only transaction: its data is in no snapshot."""

    perform: Callable[[Permit, R, Transaction], Output]


@dataclass(frozen=True, slots=True)
class Write(Performed[R]):
    """An operation that changes the store, in one transaction."""

    perform: Callable[[Permit, R, Transaction], Output]


@dataclass(frozen=True, slots=True)
class Minted:
    """The answer with a new session. `decided`: decisions beside those of the permit, of a trust policy."""

    output: Output = field(repr=False)
    decided: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True)
class Minting(Performed[R]):
    """An operation that makes a session."""

    perform: Callable[[Permit, R, Mint], Minted]


@dataclass(frozen=True, slots=True)
class Opening(Performed[R]):
    """An operation that opens a message sealed under the keyring."""

    perform: Callable[[Permit, R, Keyring], Output]


@dataclass(frozen=True, slots=True)
class Signing(Performed[R]):
    """An operation that signs with the installation's own certificate."""

    perform: Callable[[Permit, R, Snapshot, IdentityKey], Output]


class SnapshotSource(Protocol):
    """The source of the newest snapshot."""

    def current(self) -> Snapshot:
        """Return the newest snapshot. Raises ServiceUnavailable once it is older than the bound."""

    async def wait_beyond(self, version: int, timeout_seconds: float) -> Snapshot:
        """Return the first snapshot newer than `version`, or the current one after the timeout."""


@dataclass(frozen=True, slots=True)
class Watch(Performed[R]):
    """An operation that may wait for a change before it answers."""

    perform: Callable[[Permit, R, SnapshotSource], Awaitable[Output]]


def _nothing_to_validate(arguments: Mapping[str, Value], permit: Permit) -> None:
    """No-op: the wire and the checks cover all rules."""


class TableKeysForgetter(Protocol):
    """The part of the edge that caches the partition keys of tables."""

    def forget(self) -> None:
        """Ask the upstream again before the next decision about a table, in every edge of the machine."""


def _no_effect(table_keys: TableKeysForgetter) -> None:
    """No-op: the operation changes no cached data of the edge."""


def _absence_is_told(arguments: Mapping[str, Value], error: AwsError, place: Place) -> Check | None:
    """Return None: every caller who may call the operation may learn that something is absent."""


@dataclass(frozen=True, slots=True)
class Forward:
    """An operation that an upstream performs, from the typed input alone.

    `members`: the input members that the upstream was measured to honor; every other one is refused.
    `validate`: raises an AwsError if an allowed request breaks a rule that the upstream does not check.
    `actions`: the IAM actions that `checks` and `absence` may check, as above.
    `each_by_itself`: a denied check refuses its own part of the request, not the whole (DeleteObjects).
    `tables`: the DynamoDB tables whose partition keys `checks` needs in its facts.
    `check_keys`: raises an AwsError where an allowed request does not match the key schemas of its tables.
    `after_success`: what the edge does once the upstream has succeeded.
    `absence`: the check that a caller must pass to learn that the upstream found nothing (an error 404).
    """

    name: str
    checks: Callable[[Mapping[str, Value], Facts], Sequence[Check]]
    members: AcceptedMembers
    validate: Callable[[Mapping[str, Value], Permit], None] = _nothing_to_validate
    each_by_itself: bool = False
    actions: tuple[str, ...] | None = None
    tables: Callable[[Mapping[str, Value], Place], frozenset[Table]] | None = None
    check_keys: Callable[[Mapping[str, Value], Place, Mapping[str, TableSchema]], None] | None = None
    after_success: Callable[[TableKeysForgetter], None] = _no_effect
    absence: Callable[[Mapping[str, Value], AwsError, Place], Check | None] = _absence_is_told


Operation = (
    Read[Any]
    | StoreRead[Any]
    | Write[Any]
    | Minting[Any]
    | Opening[Any]
    | Signing[Any]
    | Watch[Any]
    | Forward
)


def actions_of(service: str, operation: Operation) -> tuple[str, ...]:
    """Return the IAM actions that the checks of an operation may name."""
    return (f"{service}:{operation.name}",) if operation.actions is None else operation.actions
