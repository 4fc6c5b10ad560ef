"""Taggable resources: instances and key pairs, by their ids."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance
from tabard.model.key_pair import KeyPair
from tabard.model.tag import Tag
from tabard.services.ec2.arns import ec2_arn, image_arn
from tabard.services.ec2.context import instance_check, region_context
from tabard.services.ec2.errors import (
    InvalidID,
    InvalidInstanceIDNotFound,
    InvalidKeyPairNotFound,
    MissingParameter,
    UnsupportedOperation,
)
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.key_pairs.requests import key_pair_arn, key_pair_context, key_pair_of_id
from tabard.services.operation import Facts
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

MAX_RESOURCES = 1000

_OTHER_KINDS = {
    "ami": "image",
    "eni": "network-interface",
    "h": "dedicated-host",
    "r": "reservation",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
"""Kinds of ids that exist but cannot be tagged here."""


@dataclass(frozen=True, slots=True)
class Tagging:
    """One tag of one resource."""

    resource_id: str
    resource_type: str
    tag: Tag


def taggings(snapshot: Snapshot, region: str) -> Iterator[Tagging]:
    """Yield every tag of a region's instances and key pairs."""
    for instance in snapshot.instances.values():
        if instance.region == region:
            yield from (Tagging(instance.instance_id, "instance", tag) for tag in instance.tags)
    for key_pair in snapshot.key_pairs.values():
        if key_pair.region == region:
            yield from (Tagging(key_pair.key_pair_id, "key-pair", tag) for tag in key_pair.tags)


def tagging_checks(
    action: str, resources: Sequence[str], facts: Facts, context: Mapping[str, tuple[str, ...]]
) -> list[Check]:
    """Return one check on each named resource."""
    return [_check(action, each, facts, context) for each in dict.fromkeys(resources or ("i-*",))]


def _check(action: str, resource_id: str, facts: Facts, context: Mapping[str, tuple[str, ...]]) -> Check:
    prefix = resource_id.partition("-")[0]
    if prefix == "key":
        return _key_pair_check(action, resource_id, facts, context)
    kind = _OTHER_KINDS.get(prefix)
    if kind is None:
        # An invalid id is checked like an instance that does not exist; the operation then refuses it.
        return instance_check(action, "*" if resource_id == "i-*" else resource_id, facts, context)
    arn = image_arn(facts, resource_id) if kind == "image" else ec2_arn(facts, f"{kind}/{resource_id}")
    return Check(action=action, resource=arn, context=region_context(facts) | dict(context))


def _key_pair_check(
    action: str, key_pair_id: str, facts: Facts, context: Mapping[str, tuple[str, ...]]
) -> Check:
    """Return the check on a key pair; a missing one is checked by its id in place of its name."""
    found = key_pair_of_id(key_pair_id, facts)
    of_key = {} if found is None else key_pair_context(found)
    arn = key_pair_arn(facts, key_pair_id if found is None else found.name)
    return Check(action=action, resource=arn, context=region_context(facts) | of_key | dict(context))


def named_resources(
    permit: Permit, action: str, resources: Sequence[str], tx: Transaction
) -> list[Instance | KeyPair]:
    """Find the named resources, for each of which the permit's action was decided.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidKeyPair.NotFound,
        InvalidID, UnsupportedOperation (400 each).
    """
    if not resources:
        raise MissingParameter(parameter="ResourceId")
    if len(resources) > MAX_RESOURCES:
        raise UnsupportedOperation(
            parameter="ResourceId", reason=f"one request names {MAX_RESOURCES} resources at most"
        )
    return [_named(permit, action, resource_id, tx) for resource_id in dict.fromkeys(resources)]


def _named(permit: Permit, action: str, resource_id: str, tx: Transaction) -> Instance | KeyPair:
    prefix = resource_id.partition("-")[0]
    if prefix == "key":
        key_pair = tx.key_pairs.get(resource_id)
        if key_pair is None or key_pair.region != permit.region:
            raise InvalidKeyPairNotFound.of_id(resource_id)
        permit.require(action, key_pair_arn(permit, key_pair.name))
        return key_pair
    if prefix in _OTHER_KINDS:
        raise UnsupportedOperation(parameter="ResourceId", reason="instances and key pairs alone are tagged")
    if prefix != "i":
        raise InvalidID(resource_id=resource_id)
    guard_instance_id(resource_id)
    permit.require(action, ec2_arn(permit, f"instance/{resource_id}"))
    instance = tx.instances.get(resource_id)
    if instance is None or instance.region != permit.region:
        raise InvalidInstanceIDNotFound.among([resource_id])
    return instance


def write_tags(resource: Instance | KeyPair, tags: tuple[Tag, ...], tx: Transaction) -> None:
    """Replace the tags of a resource."""
    if isinstance(resource, KeyPair):
        tx.key_pairs.update(replace(resource, tags=tags))
    else:
        tx.instances.update(replace(resource, tags=tags))
