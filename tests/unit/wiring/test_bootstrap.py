"""The first start, and the next ones."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tabard.administration.long_term_key import LongTermKey
from tabard.model.access_key import AccessKey, AccessKeyStatus
from tabard.model.host import Host
from tabard.wiring.bootstrap import SettingsConflict, bootstrap, local_host_id
from tabard.wiring.data_dir import DataDir
from tabard.wiring.key_files import LongTermKeyFile, read_key
from tabard.wiring.settings import Settings
from tests.support.aggregates import host, user
from tests.support.memory_store import MemoryStore

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    made = DataDir(tmp_path / "data")
    made.prepare()
    return made


def start(store: MemoryStore, data_dir: DataDir, **given: str) -> str:
    """The id of the local host, after a start."""
    bootstrap(store, data_dir, Settings(data_dir=data_dir.path, **given), now=NOW)
    with store.transaction() as tx:
        return local_host_id(tx)


def hosts(store: MemoryStore) -> Sequence[Host]:
    with store.transaction() as tx:
        return tx.hosts.all()


def test_a_host_that_is_named_local_is_not_taken_for_the_local_host(data_dir: DataDir) -> None:
    store = MemoryStore()
    local = start(store, data_dir)
    (own,) = hosts(store)
    impostor = host("h-00000000000000000")
    with store.transaction() as tx:
        tx.hosts.delete(own.host_id)
        tx.hosts.insert(replace(impostor, name=own.name))
        tx.hosts.insert(own)
    assert start(store, data_dir) == local == own.host_id
    key = read_key(data_dir.host_credentials)
    assert key is not None
    with store.transaction() as tx:
        (access_key,) = tx.access_keys.of_owner(local)
        assert access_key.access_key_id == key.access_key_id
        assert tx.access_keys.of_owner(impostor.host_id) == []


def test_the_admin_is_who_the_first_start_made_whatever_its_name_is_now(data_dir: DataDir) -> None:
    store = MemoryStore()
    start(store, data_dir)
    (admin,) = store.snapshot().users.values()
    with store.transaction() as tx:
        tx.users.update(replace(admin, name="operator"))
    start(store, data_dir)
    assert [user.name for user in store.snapshot().users.values()] == ["operator"]


def test_a_deleted_admin_stays_deleted_and_its_key_goes_to_nobody_of_its_name(data_dir: DataDir) -> None:
    store = MemoryStore()
    start(store, data_dir)
    (admin,) = store.snapshot().users.values()
    with store.transaction() as tx:
        for key in tx.access_keys.of_owner(admin.user_id):
            tx.access_keys.delete(key.access_key_id)
        tx.users.delete(admin.user_id)
        tx.users.insert(user(name="admin"))
    start(
        store,
        data_dir,
        admin_access_key_id="AKIAIOSFODNN7EXAMPLE",
        admin_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    assert list(store.snapshot().users) == [user().user_id]
    assert store.snapshot().access_keys_of(user().user_id) == ()
    assert "AKIAIOSFODNN7EXAMPLE" not in store.snapshot().access_keys


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"region": "eu-west-1"}, "belongs to region us-east-1; it cannot become eu-west-1"),
        ({"account_id": "444455556666"}, "belongs to account 111122223333; it cannot become 444455556666"),
    ],
)
def test_what_a_system_was_made_with_it_keeps(
    data_dir: DataDir, given: dict[str, str], sentence: str
) -> None:
    store = MemoryStore()
    local = start(store, data_dir)
    with pytest.raises(SettingsConflict, match=sentence):
        start(store, data_dir, **given)
    assert start(store, data_dir) == local
    assert [each.region for each in hosts(store)] == ["us-east-1"]


def test_the_identity_certificate_is_made_once_and_lies_beside_the_store(data_dir: DataDir) -> None:
    store = MemoryStore()
    start(store, data_dir)
    first = dict(store.snapshot().installation)
    assert data_dir.identity_certificate.read_text() == first["identity_certificate"]
    data_dir.identity_certificate.unlink()
    start(store, data_dir)
    assert store.snapshot().installation["identity_certificate"] == first["identity_certificate"]
    assert data_dir.identity_certificate.read_text() == first["identity_certificate"]


def images(store: MemoryStore) -> list[tuple[str, str]]:
    return sorted((image.name, image.driver) for image in store.snapshot().images.values())


def test_each_folder_of_the_operators_is_an_image_and_stays_one(data_dir: DataDir, tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "images"
    start(store, data_dir)
    before = images(store)
    for name in ("bookworm", ".hidden"):
        (folder / name).mkdir(parents=True)
    (folder / "README").touch()
    start(store, data_dir, container_images=str(folder))
    assert images(store) == sorted([*before, ("bookworm", "container")])
    (folder / "bookworm").rmdir()
    start(store, data_dir, container_images=str(folder))
    assert images(store) == sorted([*before, ("bookworm", "container")])


@pytest.mark.parametrize(("name", "sentence"), [("with space", "names no image"), (None, "cannot be read")])
def test_folders_that_cannot_be_images_are_refused(
    data_dir: DataDir, tmp_path: Path, name: str | None, sentence: str
) -> None:
    if name is not None:
        (tmp_path / "images" / name).mkdir(parents=True)
    with pytest.raises(SettingsConflict, match=sentence):
        start(MemoryStore(), data_dir, container_images=str(tmp_path / "images"))


def keys_of_admin(store: MemoryStore) -> dict[str, str]:
    (admin,) = store.snapshot().users.values()
    with store.transaction() as tx:
        return {
            key.access_key_id: tx.vault.open(key.sealed_secret, label=key.access_key_id).decode()
            for key in tx.access_keys.of_owner(admin.user_id)
        }


def made_by_iam(store: MemoryStore, access_key_id: str) -> LongTermKey:
    """A second key of the admin's, as CreateAccessKey makes it."""
    (admin,) = store.snapshot().users.values()
    with store.transaction() as tx:
        tx.access_keys.insert(
            AccessKey(
                access_key_id=access_key_id,
                account_id="111122223333",
                owner_id=admin.user_id,
                sealed_secret=tx.vault.seal(b"another-secret", label=access_key_id),
                status=AccessKeyStatus.ACTIVE,
                created_at=NOW,
            )
        )
    return LongTermKey(access_key_id=access_key_id, secret_access_key="another-secret", issued_by_iam=True)


def test_a_start_finishes_a_rotation_that_was_cut_short(data_dir: DataDir) -> None:
    store, file = MemoryStore(), LongTermKeyFile(data_dir.admin_credentials)
    start(store, data_dir)
    former = file.read().access_key_id
    file.write(replace(made_by_iam(store, "AKIANEWEXAMPLE000000"), former_key_id=former))
    start(store, data_dir)
    assert keys_of_admin(store) == {"AKIANEWEXAMPLE000000": "another-secret"}
    assert file.read().former_key_id == ""


def test_a_rotated_key_that_somebody_deleted_stays_deleted(data_dir: DataDir) -> None:
    store, file = MemoryStore(), LongTermKeyFile(data_dir.admin_credentials)
    start(store, data_dir)
    former = file.read().access_key_id
    file.write(made_by_iam(store, "AKIANEWEXAMPLE000000"))
    with store.transaction() as tx:
        tx.access_keys.delete(former)
        tx.access_keys.delete("AKIANEWEXAMPLE000000")
    for _ in range(2):
        start(store, data_dir)
        assert keys_of_admin(store) == {}


@pytest.mark.parametrize("before", ["the rotation", "the first start"])
def test_a_rotated_key_opens_a_store_of_before(data_dir: DataDir, before: str) -> None:
    """The store was restored from a backup, or an ephemeral system was reset."""
    store, file = MemoryStore(), LongTermKeyFile(data_dir.admin_credentials)
    if before == "the rotation":
        start(store, data_dir)
    file.write(
        LongTermKey(
            access_key_id="AKIANEWEXAMPLE000000", secret_access_key="another-secret", issued_by_iam=True
        )
    )
    start(store, data_dir)
    assert keys_of_admin(store) == {"AKIANEWEXAMPLE000000": "another-secret"}


def test_a_chosen_key_takes_the_place_of_a_rotated_one(data_dir: DataDir) -> None:
    store, file = MemoryStore(), LongTermKeyFile(data_dir.admin_credentials)
    start(store, data_dir)
    former = file.read().access_key_id
    file.write(made_by_iam(store, "AKIANEWEXAMPLE000000"))
    with store.transaction() as tx:
        tx.access_keys.delete(former)
    start(
        store,
        data_dir,
        admin_access_key_id="AKIAIOSFODNN7EXAMPLE",
        admin_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    assert list(keys_of_admin(store)) == ["AKIAIOSFODNN7EXAMPLE"]
