"""The caller of a simulation, and the condition keys that the simulation knows.

AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ContextEntry.html
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from tabard.model.group import Group
from tabard.names import ACCOUNT_ID, Arn
from tabard.policy import Multivalued, PolicyPrincipal, PrincipalKind
from tabard.policy.operands import parse_address_range, parse_base64, parse_instant, parse_number
from tabard.services.iam.errors import InvalidInput, NoSuchEntity
from tabard.services.iam.service_reference import aws_vocabulary
from tabard.services.iam.simulation.policies import entity_name, entity_of
from tabard.services.operation import Request
from tabard.store.snapshot import Snapshot

ContextKeyType = Literal[
    "string",
    "stringList",
    "numeric",
    "numericList",
    "boolean",
    "booleanList",
    "ip",
    "ipList",
    "binary",
    "binaryList",
    "date",
    "dateList",
]


class ContextEntry(Request, frozen=True, kw_only=True):
    """One condition key of the request that is simulated; types that are no list take one value."""

    context_key_name: str | None = None
    context_key_values: tuple[str, ...] = ()
    context_key_type: ContextKeyType | None = None


_READERS: Mapping[str, Callable[[str], object | None]] = {
    "string": str,
    "numeric": parse_number,
    "boolean": lambda text: text.lower() in ("true", "false") or None,
    "ip": parse_address_range,
    "binary": parse_base64,
    "date": parse_instant,
}

SESSION_NAME = "simulation"
"""The name of a simulated role's session."""


def simulated_principal(caller_arn: str | None, *, account_id: str) -> PolicyPrincipal:
    """Return the caller of a simulation; one of the account, with no name, where none is given.

    Raises:
        InvalidInput: the ARN is not that of a user, a group or a role.
    """
    if caller_arn is None:
        return PolicyPrincipal(arn="", account_id=account_id, kind=PrincipalKind.USER)
    kind, name = entity_name(caller_arn)
    arn = Arn.parse(caller_arn)
    account = arn.account_id if arn is not None else ""
    if arn is None or not ACCOUNT_ID.fullmatch(account):
        raise InvalidInput(
            reason=f"Invalid Entity Arn: {caller_arn} does not clearly define entity type and name."
        )
    if kind != "role":
        return PolicyPrincipal(arn=caller_arn, account_id=account, kind=PrincipalKind.USER)
    session_arn = f"arn:{arn.partition}:sts::{account}:assumed-role/{name}/{SESSION_NAME}"
    return PolicyPrincipal(
        arn=session_arn, account_id=account, kind=PrincipalKind.ASSUMED_ROLE, role_arn=caller_arn
    )


def caller_keys(
    caller_arn: str | None, principal: PolicyPrincipal, snapshot: Snapshot | None
) -> dict[str, tuple[str, ...]]:
    """Return the condition keys of the caller; with tags and id if the snapshot has the caller."""
    if caller_arn is None:
        return {"aws:principalaccount": (principal.account_id,)}
    kind, name = entity_name(caller_arn)
    keys: dict[str, tuple[str, ...]] = {
        "aws:principalarn": (caller_arn,),
        "aws:principalaccount": (principal.account_id,),
        "aws:principaltype": ("AssumedRole" if kind == "role" else "User",),
        "aws:principalisawsservice": ("false",),
    }
    if kind == "user":
        keys["aws:username"] = (name,)
    if snapshot is None:
        return keys
    try:
        entity = entity_of(caller_arn, snapshot)
    except NoSuchEntity:
        return keys
    if not isinstance(entity, Group):
        keys |= {f"aws:principaltag/{tag.key.lower()}": (tag.value,) for tag in entity.tags}
    if kind == "user":
        keys["aws:userid"] = (snapshot.indexes.user_ids[name.lower()],)
    return keys


def context_of(entries: Sequence[ContextEntry]) -> dict[str, tuple[str, ...]]:
    """Return the condition keys that the request gives, each checked by its type.

    A type that ends in `List` makes the key multivalued, another one single-valued.

    Raises:
        InvalidInput: no name, no value, several values for one, or one that is not of its type.
    """
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        name, values = entry.context_key_name, entry.context_key_values
        if not name or ":" not in name:
            raise InvalidInput(reason=f"{name or 'A context entry'} is not the name of a context key.")
        if name.lower() in found:
            raise InvalidInput(reason=f"The context key {name} is given twice.")
        key_type = entry.context_key_type or "stringList"
        if not values or (len(values) > 1 and not key_type.endswith("List")):
            raise InvalidInput(
                reason=f"The context key {name} of the type {key_type} takes "
                f"{'at least one value' if key_type.endswith('List') else 'one value'}, not {len(values)}."
            )
        read = _READERS[key_type.removesuffix("List")]
        for value in values:
            if read(value) is None:
                raise InvalidInput(reason=f"{value} is not a value of the type {key_type} ({name}).")
        if entry.context_key_type is None:
            found[name.lower()] = untyped_values(name, values)
        else:
            found[name.lower()] = Multivalued(values) if key_type.endswith("List") else values
    return found


def untyped_values(key: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Return the values of a key without a given type: AWS's reference has whether it is multivalued.

    A key that the reference does not know is multivalued if it has several values.
    """
    is_multivalued = aws_vocabulary().is_multivalued(key) or len(values) > 1
    return Multivalued(values) if is_multivalued else values
