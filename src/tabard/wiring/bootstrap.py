"""The first start: master key, account, keyring, the user `admin`, the images, the local host.

Every step checks first and is safe to repeat, so the next start completes an interrupted one.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tabard.administration.long_term_key import LongTermKey
from tabard.credentials.certificate_authority import CA_CERTIFICATE, new_certificate_authority
from tabard.credentials.identity_certificate import CERTIFICATE, new_identity_certificate
from tabard.credentials.keyring import new_sealing_key, open_keyring
from tabard.credentials.master_key import refuse_other_master_key
from tabard.durable_files import write_durably
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.host import Host
from tabard.model.instance import Image
from tabard.model.user import User
from tabard.names import new_access_key_id, new_resource_id, new_secret_access_key, new_unique_id
from tabard.services.ec2.instances.lifecycle import REVOKE_ON_DISASSOCIATE, SESSIONS_OUTLIVE_INSTANCES
from tabard.services.ec2.launch.images import SEEDED_IMAGES, folder_image
from tabard.services.ec2.placement import LOCAL_HOST_ID, PROCESS_DRIVER_REFUSED
from tabard.services.tabard.audit_flush import EDGES
from tabard.store.builtin_policies import administrator_access
from tabard.store.ports import Store, Transaction
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import KeyPair, LongTermKeyFile, read_long_term_key
from tabard.wiring.organization import apply_organization
from tabard.wiring.organization_file import OrganizationRefused
from tabard.wiring.settings import Settings

ADMIN = "admin"
ADMIN_USER_ID = "admin_user_id"
LOCAL_HOST = "local"
PARTITION = "aws"


class SettingsConflict(Exception):
    """A setting contradicts a permanent property of this installation."""


def bootstrap(store: Store, data_dir: DataDir, settings: Settings, *, now: datetime) -> None:
    """Complete the first start, and apply the settings that may change.

    Raises:
        SettingsConflict: the store was made for another account or region, or the organization's file is
        wrong. MasterKeyUnusable: the store was sealed under another. DataFileUnusable: a key's file is
        damaged.
    """
    _require_master_key(store, data_dir)
    # INVARIANT: a key's file is durable before its row, so that no key exists without a file.
    admin_key = _held_key(data_dir.admin_credentials, settings, chosen=_chosen_admin_key(settings))
    host_key = _held_key(data_dir.host_credentials, settings)
    root_key = _held_key(data_dir.root_credentials, settings) if settings.root_access_key else None
    with store.transaction() as tx:
        _fix_installation(tx, settings)
        if tx.installation.get(EDGES) != " ".join(settings.edge_names):
            tx.installation.put(EDGES, " ".join(settings.edge_names))
        if settings.organization_file is not None:
            _join_organization(tx, settings.organization_file, now)
        if not tx.sealing_keys.all():
            tx.sealing_keys.insert(new_sealing_key(tx.vault, now=now))
        for image in (*SEEDED_IMAGES, *_folder_images(settings, now)):
            if tx.images.get(image.image_id) is None:
                tx.images.insert(image)
        if tx.installation.get(CERTIFICATE) is None:
            for name, value in new_identity_certificate(
                tx.vault, account_id=settings.account_id, now=now
            ).items():
                tx.installation.put(name, value)
        if tx.installation.get(CA_CERTIFICATE) is None:
            for name, value in new_certificate_authority(
                tx.vault, account_id=settings.account_id, now=now
            ).items():
                tx.installation.put(name, value)
        write_durably(data_dir.ca_certificate, tx.installation.get(CA_CERTIFICATE) or "")
        write_durably(data_dir.identity_certificate, tx.installation.get(CERTIFICATE) or "")
        admin = _admin(tx, settings, now)
        if admin is not None:
            _install_key(tx, "admin_access_key_id", admin.user_id, admin_key, now)
        _install_key(tx, "local_host_access_key_id", _local_host(tx, settings, now).host_id, host_key, now)
        if root_key is not None:
            _install_key(tx, "root_access_key_id", settings.account_id, root_key, now)
        else:
            _remove_root_key(tx, settings)
    if admin_key.former_key_id:  # its rotation is complete: the former key is no longer in the store
        LongTermKeyFile(data_dir.admin_credentials).write(replace(admin_key, former_key_id=""))
    if root_key is None:
        data_dir.root_credentials.unlink(missing_ok=True)


def has_account(store: Store) -> bool:
    """Return whether a first start has made the account."""
    with store.transaction() as tx:
        return tx.installation.get("account_id") is not None


def local_host_id(tx: Transaction) -> str:
    """Return the id of the host of `tabard up`'s own agent."""
    return tx.installation.get(LOCAL_HOST_ID) or ""


def _require_master_key(store: Store, data_dir: DataDir) -> None:
    with store.transaction() as tx:
        keys = tx.sealing_keys.all()
        try:
            if keys:
                open_keyring(keys, tx.vault)
        except ValueError:
            raise refuse_other_master_key(f"the store {data_dir.database}") from None


def _fix_installation(tx: Transaction, settings: Settings) -> None:
    stored = tx.installation.get("account_id")
    if stored is not None and stored != settings.account_id:
        raise SettingsConflict(
            f"this data directory belongs to account {stored}; it cannot become {settings.account_id}"
        )
    region = tx.installation.get("region")
    if region is not None and region != settings.region:
        raise SettingsConflict(
            f"this data directory belongs to region {region}; it cannot become {settings.region}"
        )
    tx.installation.put("region", settings.region)
    tx.installation.put("account_id", settings.account_id)
    tx.installation.put("partition", PARTITION)
    tx.installation.put(PROCESS_DRIVER_REFUSED, settings.process_driver_refused)
    tx.installation.put(REVOKE_ON_DISASSOCIATE, "yes" if settings.revoke_on_disassociate else "")
    tx.installation.put(SESSIONS_OUTLIVE_INSTANCES, "" if settings.revoke_on_terminate else "yes")


def _folder_images(settings: Settings, now: datetime) -> list[Image]:
    """Register the operator's image folders. An image without its folder stays: instances name it."""
    if settings.container_images is None:
        return []
    try:
        names = sorted(each.name for each in settings.container_images.iterdir() if each.is_dir())
        return [folder_image(name, now=now) for name in names if not name.startswith(".")]
    except OSError as error:
        raise SettingsConflict(f"container_images cannot be read: {error}") from error
    except ValueError as error:
        raise SettingsConflict(f"container_images: {error}") from error


def _join_organization(tx: Transaction, file: Path, now: datetime) -> None:
    try:
        apply_organization(tx, file, now=now)
    except OrganizationRefused as error:
        raise SettingsConflict(str(error)) from error


def _admin(tx: Transaction, settings: Settings, now: datetime) -> User | None:
    """Return the user that the first start made, whatever its name is now; None if it was deleted."""
    administrator = administrator_access(PARTITION)
    if tx.managed_policies.get(administrator.arn) is None:
        tx.managed_policies.insert(administrator)
    # By its id: after a rename or deletion, anybody who may create users could take the name.
    made_before = tx.installation.get(ADMIN_USER_ID)
    if made_before is not None:
        return tx.users.get(made_before)
    user = tx.users.named(ADMIN)
    if user is None:
        user = User(
            user_id=new_unique_id("AIDA"),
            name=ADMIN,
            path="/",
            partition=PARTITION,
            account_id=settings.account_id,
            created_at=now,
            attached_policy_arns=(administrator.arn,),
        )
        tx.users.insert(user)
    tx.installation.put(ADMIN_USER_ID, user.user_id)
    return user


def _local_host(tx: Transaction, settings: Settings, now: datetime) -> Host:
    # By its id: anybody who may register a host could take the name.
    local = tx.hosts.get(tx.installation.get(LOCAL_HOST_ID) or "")
    if local is None:
        local = Host(
            host_id=new_resource_id("h"),
            name=LOCAL_HOST,
            partition=PARTITION,
            region=settings.region,
            account_id=settings.account_id,
            registered_at=now,
            last_seen_at=now,
            ephemeral=False,
            registered_by="",
        )
        tx.hosts.insert(local)
        tx.installation.put(LOCAL_HOST_ID, local.host_id)
    return local


def _chosen_admin_key(settings: Settings) -> KeyPair | None:
    if not settings.admin_access_key_id:
        return None
    return KeyPair(settings.admin_access_key_id, settings.admin_secret_access_key.get_secret_value())


def _held_key(file: Path, settings: Settings, *, chosen: KeyPair | None = None) -> LongTermKey:
    """Return the key in `file`. If there is none, or another was chosen, write that one first."""
    held = read_long_term_key(file)
    if held is not None and chosen in (None, KeyPair(held.access_key_id, held.secret_access_key)):
        return held
    key = chosen or KeyPair(new_access_key_id("AKIA", settings.account_id), new_secret_access_key())
    # IAM made the former key. Delete it, because its file is replaced.
    former = held.access_key_id if held is not None and held.issued_by_iam else ""
    made = LongTermKey(
        access_key_id=key.access_key_id, secret_access_key=key.secret_access_key, former_key_id=former
    )
    LongTermKeyFile(file).write(made)
    return made


def _install_key(tx: Transaction, setting: str, owner_id: str, key: LongTermKey, now: datetime) -> None:
    """Give `owner_id` the key, once. A key that was installed and then deleted stays deleted.

    A key that IAM made exists, or was deleted. It is missing only in an emptied store, or an older backup.
    """
    installed = tx.installation.get(setting)
    stored = tx.access_keys.get(key.access_key_id)
    is_stored = (
        stored is not None and stored.owner_id == owner_id and _secret_of(tx, stored) == key.secret_access_key
    )
    was_deleted = stored is None and (
        installed == key.access_key_id
        or (key.issued_by_iam and installed is not None and tx.access_keys.get(installed) is None)
    )
    for stale in {installed, key.former_key_id, key.access_key_id}:
        if stale and not (stale == key.access_key_id and is_stored) and tx.access_keys.get(stale) is not None:
            tx.access_keys.delete(stale)
    if not is_stored and not was_deleted:
        tx.access_keys.insert(
            AccessKey(
                access_key_id=key.access_key_id,
                account_id=tx.account_id,
                owner_id=owner_id,
                sealed_secret=tx.vault.seal(key.secret_access_key.encode(), label=key.access_key_id),
                status=AccessKeyStatus.ACTIVE,
                created_at=now,
            )
        )
    if installed != key.access_key_id:
        tx.installation.put(setting, key.access_key_id)


def _secret_of(tx: Transaction, stored: AccessKey) -> str:
    return tx.vault.open(stored.sealed_secret, label=stored.access_key_id).decode()


def _remove_root_key(tx: Transaction, settings: Settings) -> None:
    """Remove the root user's key, which exists only if the operator asks for it."""
    for access_key in tx.access_keys.of_owner(settings.account_id):
        tx.access_keys.delete(access_key.access_key_id)
    tx.installation.put("root_access_key_id", "")
