"""Creation, import, listing and deletion of key pairs. The private key is returned once, never stored."""

import re
from collections.abc import Mapping, Sequence

from tabard.access.authorize import Permit
from tabard.model.key_pair import KeyPair, KeyType
from tabard.model.tag import Tag
from tabard.names import new_resource_id
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import (
    DryRunOperation,
    InvalidKeyPairDuplicate,
    InvalidKeyPairNotFound,
    InvalidParameterValue,
    MissingParameter,
    UnsupportedOperation,
)
from tabard.services.ec2.filters import Selectors, keep
from tabard.services.ec2.instances.view import tags_view
from tabard.services.ec2.key_pairs.requests import (
    CreateKeyPairRequest,
    DeleteKeyPairRequest,
    DescribeKeyPairsRequest,
    ImportKeyPairRequest,
    create_key_pair_checks,
    delete_key_pair_checks,
    import_key_pair_checks,
    key_pair_arn,
)
from tabard.services.ec2.key_pairs.ssh_keys import PublicKey, create_key, read_public_key
from tabard.services.ec2.tag_specifications import tags_of_kind
from tabard.services.operation import Operation, Output, Read, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

# "The name can include up to 255 ASCII characters. It can't include leading or trailing spaces."
_NAME = re.compile(r"[!-~](?:[ -~]{0,253}[!-~])?")
_KEY_TYPES: Mapping[str, KeyType] = {"rsa": "rsa", "ed25519": "ed25519"}


def create_key_pair(permit: Permit, request: CreateKeyPairRequest, tx: Transaction) -> Output:
    """Create a key pair, of 2048-bit RSA or Ed25519; the private key is in the answer, once.

    Raises:
        InvalidParameterValue, InvalidKeyPair.Duplicate, TagLimitExceeded, UnsupportedOperation (among
        others: the format ppk) (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateKeyPair.html
    Differs: the private key is only available as PEM; `puttygen` converts it to a PPK file.
    """
    key_type = _KEY_TYPES.get(request.key_type)
    if key_type is None:
        raise _not_among("KeyType", request.key_type, tuple(_KEY_TYPES))
    if request.key_format == "ppk":
        raise UnsupportedOperation(
            parameter="KeyFormat=ppk", reason="give pem, and convert the file with puttygen"
        )
    if request.key_format != "pem":
        raise _not_among("KeyFormat", request.key_format, ("pem",))
    tags = _guard_new(permit, request, tx)
    created = create_key(key_type)
    answer = _insert(permit, request.key_name, created.public, tags, tx)
    return {**answer, "KeyMaterial": created.private_key_pem}


def import_key_pair(permit: Permit, request: ImportKeyPairRequest, tx: Transaction) -> Output:
    """Import the public key of an existing key pair.

    Args:
        request: the key in OpenSSH's format; for RSA also in RFC 4716's, or base64 of DER.
    Raises:
        InvalidParameterValue, InvalidKey.Format, InvalidKeyPair.Duplicate, TagLimitExceeded,
        UnsupportedOperation (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ImportKeyPair.html
    """
    tags = _guard_new(permit, request, tx)
    return _insert(permit, request.key_name, read_public_key(request.public_key_material), tags, tx)


def describe_key_pairs(permit: Permit, request: DescribeKeyPairsRequest, snapshot: Snapshot) -> Output:
    """Describe the region's key pairs by name, by id, or all of them; in the order of names.

    Raises:
        InvalidKeyPair.NotFound, InvalidParameterValue (an unknown filter) (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeKeyPairs.html
    """
    if request.dry_run:
        raise DryRunOperation
    found = keep(_asked_for(permit, request, snapshot), request.filters, _SELECTORS, tags=lambda it: it.tags)
    return {
        "KeyPairs": [
            _view(each, public_key=request.include_public_key)
            for each in sorted(found, key=lambda each: each.name)
        ]
    }


def delete_key_pair(permit: Permit, request: DeleteKeyPairRequest, tx: Transaction) -> Output:
    """Remove a key pair; instances that were launched with it keep its public key.

    Returns:
        Success, also if there is none.
    Raises:
        MissingParameter (400), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteKeyPair.html
    """
    if request.dry_run:
        raise DryRunOperation
    if not request.key_name and not request.key_pair_id:
        raise MissingParameter(parameter="KeyName or KeyPairId")
    if request.key_pair_id:
        found = tx.key_pairs.get(request.key_pair_id)
    else:
        found = tx.key_pairs.named(permit.region, request.key_name or "")
    if found is None or found.region != permit.region:
        return {"Return": True}
    permit.require("ec2:DeleteKeyPair", key_pair_arn(permit, found.name))
    tx.key_pairs.delete(found.key_pair_id)
    return {"Return": True, "KeyPairId": found.key_pair_id}


def _guard_new(
    permit: Permit, request: CreateKeyPairRequest | ImportKeyPairRequest, tx: Transaction
) -> tuple[Tag, ...]:
    """Check that the name is valid and free; return the tags of the new key pair."""
    if request.dry_run:
        raise DryRunOperation
    if not _NAME.fullmatch(request.key_name):
        raise InvalidParameterValue(
            reason="Invalid value for parameter keyName. It has 1 to 255 printable ASCII characters, the "
            "first and the last no space."
        )
    tags = tags_of_kind("key-pair", request.tag_specifications)
    if tx.key_pairs.named(permit.region, request.key_name) is not None:
        raise InvalidKeyPairDuplicate(key_name=request.key_name)
    return tags


def _insert(
    permit: Permit, name: str, public: PublicKey, tags: tuple[Tag, ...], tx: Transaction
) -> dict[str, object]:
    key_pair = KeyPair(
        key_pair_id=new_resource_id("key"),
        name=name,
        region=permit.region,
        account_id=permit.account_id,
        key_type=public.key_type,
        fingerprint=public.fingerprint,
        public_key=f"{public.line} {name}",
        created_at=permit.now,
        tags=tags,
    )
    tx.key_pairs.insert(key_pair)
    return {
        "KeyPairId": key_pair.key_pair_id,
        "KeyName": name,
        "KeyFingerprint": public.fingerprint,
        "Tags": tags_view(tags),
    }


def _asked_for(permit: Permit, request: DescribeKeyPairsRequest, snapshot: Snapshot) -> list[KeyPair]:
    here = {each.key_pair_id: each for each in snapshot.key_pairs.values() if each.region == permit.region}
    if not request.key_names and not request.key_pair_ids:
        return list(here.values())
    ids = {each.name: each.key_pair_id for each in here.values()}
    for name in request.key_names:
        if name not in ids:
            raise InvalidKeyPairNotFound.of_name(name)
    for key_pair_id in request.key_pair_ids:
        if key_pair_id not in here:
            raise InvalidKeyPairNotFound.of_id(key_pair_id)
    wanted = [*(ids[name] for name in request.key_names), *request.key_pair_ids]
    return [here[key_pair_id] for key_pair_id in dict.fromkeys(wanted)]


def _view(key_pair: KeyPair, *, public_key: bool) -> Output:
    view: dict[str, object] = {
        "KeyPairId": key_pair.key_pair_id,
        "KeyType": key_pair.key_type,
        "KeyName": key_pair.name,
        "KeyFingerprint": key_pair.fingerprint,
        "CreateTime": key_pair.created_at,
        "Tags": tags_view(key_pair.tags),
    }
    return {**view, "PublicKey": key_pair.public_key} if public_key else view


_SELECTORS: Selectors[KeyPair] = {
    "fingerprint": lambda it: (it.fingerprint,),
    "key-name": lambda it: (it.name,),
    "key-pair-id": lambda it: (it.key_pair_id,),
}


def _not_among(parameter: str, value: str, allowed: Sequence[str]) -> InvalidParameterValue:
    return InvalidParameterValue(
        reason=f"Invalid value '{value}' for {parameter}. Give one of: {', '.join(allowed)}."
    )


OPERATIONS: tuple[Operation, ...] = (
    Write(
        CreateKeyPairRequest,
        create_key_pair_checks,
        create_key_pair,
        actions=("ec2:CreateKeyPair", "ec2:CreateTags"),
    ),
    Write(
        ImportKeyPairRequest,
        import_key_pair_checks,
        import_key_pair,
        actions=("ec2:ImportKeyPair", "ec2:CreateTags"),
    ),
    Read(DescribeKeyPairsRequest, on_everything("ec2:DescribeKeyPairs"), describe_key_pairs),
    Write(DeleteKeyPairRequest, delete_key_pair_checks, delete_key_pair),
)
