"""Long-term access keys of users and of the root.

AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys.html
"""

from dataclasses import dataclass, replace
from typing import Literal

from tabard.access.authorize import Permit
from tabard.access.caller import CallerKind
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.names import new_access_key_id, new_secret_access_key
from tabard.services.iam.checks import on_own_or_named_user
from tabard.services.iam.entities import user_seen
from tabard.services.iam.errors import InvalidInput, LimitExceeded, NoSuchAccessKey, NoSuchUser
from tabard.services.iam.pages import PagedRequest, page
from tabard.services.iam.quotas import ACCESS_KEYS_PER_USER
from tabard.services.iam.shapes import access_key_shape
from tabard.services.operation import Operation, Output, Read, Request, Write
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot


class CreateAccessKeyRequest(Request, frozen=True, kw_only=True):
    """Without a name: the user, or the root, who calls."""

    user_name: str | None = None


class ListAccessKeysRequest(PagedRequest, frozen=True, kw_only=True):
    """Without a name: the user, or the root, who calls."""

    user_name: str | None = None


class UpdateAccessKeyRequest(Request, frozen=True, kw_only=True):
    """Only `Active` and `Inactive` can be set."""

    access_key_id: str
    status: Literal["Active", "Inactive", "Expired"]
    user_name: str | None = None


class DeleteAccessKeyRequest(Request, frozen=True, kw_only=True):
    """Without a name: the user, or the root, who calls."""

    access_key_id: str
    user_name: str | None = None


@dataclass(frozen=True, slots=True)
class _Owner:
    """The owner of the keys in a request; the root has no user name."""

    owner_id: str
    user_name: str | None


def create_access_key(permit: Permit, request: CreateAccessKeyRequest, tx: Transaction) -> Output:
    """Make a long-term key; its secret is answered this once.

    Raises:
        NoSuchUser; LimitExceeded: there are two.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateAccessKey.html
    """
    owner = _owner_to_change(permit, tx, request.user_name, "iam:CreateAccessKey")
    if len(tx.access_keys.of_owner(owner.owner_id)) >= ACCESS_KEYS_PER_USER:
        raise LimitExceeded(quota="AccessKeysPerUser", limit=ACCESS_KEYS_PER_USER)
    access_key_id = new_access_key_id("AKIA", permit.account_id)
    secret = new_secret_access_key()
    access_key = AccessKey(
        access_key_id=access_key_id,
        account_id=permit.account_id,
        owner_id=owner.owner_id,
        sealed_secret=tx.vault.seal(secret.encode("ascii"), label=access_key_id),
        status=AccessKeyStatus.ACTIVE,
        created_at=permit.now.replace(microsecond=0),
    )
    tx.access_keys.insert(access_key)
    return {"AccessKey": {**access_key_shape(access_key, owner.user_name), "SecretAccessKey": secret}}


def list_access_keys(permit: Permit, request: ListAccessKeysRequest, snapshot: Snapshot) -> Output:
    """Return a page of a user's or the root's keys, without their secrets.

    Raises:
        NoSuchUser.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListAccessKeys.html
    """
    owner = _owner_seen(permit, snapshot, request.user_name)
    shown, truncation = page(
        snapshot.access_keys_of(owner.owner_id), lambda key: key.access_key_id, request, listing="access-keys"
    )
    return {"AccessKeyMetadata": [access_key_shape(key, owner.user_name) for key in shown], **truncation}


def update_access_key(permit: Permit, request: UpdateAccessKeyRequest, tx: Transaction) -> Output:
    """Switch a long-term key on or off.

    Raises:
        NoSuchUser, NoSuchAccessKey; InvalidInput: only AWS sets `Expired`.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateAccessKey.html
    """
    if request.status == "Expired":
        raise InvalidInput(reason="An access key can be set to Active or Inactive only.")
    access_key = _key_to_change(permit, request, tx, "iam:UpdateAccessKey")
    tx.access_keys.update(replace(access_key, status=AccessKeyStatus(request.status)))
    return {}


def delete_access_key(permit: Permit, request: DeleteAccessKeyRequest, tx: Transaction) -> Output:
    """Delete a long-term key.

    Raises:
        NoSuchUser, NoSuchAccessKey.
    AWS: https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteAccessKey.html
    """
    access_key = _key_to_change(permit, request, tx, "iam:DeleteAccessKey")
    tx.access_keys.delete(access_key.access_key_id)
    return {}


def _key_to_change(
    permit: Permit, request: UpdateAccessKeyRequest | DeleteAccessKeyRequest, tx: Transaction, action: str
) -> AccessKey:
    owner = _owner_to_change(permit, tx, request.user_name, action)
    access_key = tx.access_keys.get(request.access_key_id)
    if access_key is None or access_key.owner_id != owner.owner_id:
        raise NoSuchAccessKey(access_key_id=request.access_key_id)
    return access_key


def _owner_to_change(permit: Permit, tx: Transaction, user_name: str | None, action: str) -> _Owner:
    caller = permit.caller
    if user_name is None and caller.kind is CallerKind.ROOT:
        permit.require(action, caller.arn)
        return _Owner(caller.owner_id, None)
    user = tx.users.get(caller.owner_id) if user_name is None else tx.users.named(user_name)
    if user is None:
        raise NoSuchUser(user_name=user_name or caller.owner_id)
    permit.require(action, user.arn)
    return _Owner(user.user_id, user.name)


def _owner_seen(permit: Permit, snapshot: Snapshot, user_name: str | None) -> _Owner:
    caller = permit.caller
    if user_name is not None:
        user = user_seen(snapshot, user_name)
        return _Owner(user.user_id, user.name)
    if caller.kind is CallerKind.ROOT:
        return _Owner(caller.owner_id, None)
    own = snapshot.users.get(caller.owner_id)
    if own is None:
        raise NoSuchUser(user_name=caller.owner_id)
    return _Owner(own.user_id, own.name)


OPERATIONS: tuple[Operation, ...] = (
    Write(CreateAccessKeyRequest, on_own_or_named_user("iam:CreateAccessKey"), create_access_key),
    Read(ListAccessKeysRequest, on_own_or_named_user("iam:ListAccessKeys"), list_access_keys),
    Write(UpdateAccessKeyRequest, on_own_or_named_user("iam:UpdateAccessKey"), update_access_key),
    Write(DeleteAccessKeyRequest, on_own_or_named_user("iam:DeleteAccessKey"), delete_access_key),
)
