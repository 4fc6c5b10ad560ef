"""The master key is kept where only its owner reads it, and nothing in a stolen store opens without it."""

import os
import re
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabard.credentials.master_key import (
    SYSTEMD_CREDENTIAL,
    MasterKey,
    MasterKeyUnusable,
    create_master_key,
    keep_master_key,
    read_master_key,
    read_master_key_bytes,
    read_systemd_master_key_bytes,
    refuse_other_master_key,
    systemd_master_key_path,
)

VAULT = MasterKey.from_bytes(bytes(range(32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "master.key"


@given(st.binary(max_size=100), st.text(max_size=20))
def test_a_ciphertext_opens_only_under_its_label(secret: bytes, label: str) -> None:
    sealed = VAULT.seal(secret, label=label)
    assert VAULT.open(sealed, label=label) == secret
    with pytest.raises(ValueError, match="does not open under this master key"):
        VAULT.open(sealed, label=label + "x")


def test_two_ciphertexts_of_one_text_differ() -> None:
    assert VAULT.seal(b"secret", label="x") != VAULT.seal(b"secret", label="x")


def test_a_stolen_store_opens_under_no_other_master_key() -> None:
    sealed = VAULT.seal(b"secret", label="AKIAIOSFODNN7EXAMPLE")
    assert b"secret" not in sealed
    with pytest.raises(ValueError, match="does not open under this master key"):
        MasterKey.from_bytes(bytes(32)).open(sealed, label="AKIAIOSFODNN7EXAMPLE")


def test_every_changed_byte_of_a_ciphertext_is_detected() -> None:
    sealed = VAULT.seal(b"secret", label="x")
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        with pytest.raises(ValueError, match="does not open"):
            VAULT.open(altered, label="x")
    for length in range(len(sealed)):
        with pytest.raises(ValueError, match="does not open"):
            VAULT.open(sealed[:length], label="x")


@pytest.mark.parametrize(("size", "comparison"), [(0, "fewer"), (31, "fewer"), (33, "more"), (64, "more")])
def test_a_key_has_32_bytes(path: Path, size: int, comparison: str) -> None:
    path.touch(mode=0o600)
    path.write_bytes(bytes(size))
    with pytest.raises(MasterKeyUnusable, match=f"this one has {comparison}"):
        read_master_key(path)


def test_a_new_key_is_random_durable_and_readable_only_by_its_owner(path: Path) -> None:
    created = create_master_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    assert list(path.parent.iterdir()) == [path]
    sealed = created.seal(b"secret", label="x")
    assert read_master_key(path).open(sealed, label="x") == b"secret"
    other = create_master_key(path.with_name("other.key"))
    with pytest.raises(ValueError, match="does not open"):
        other.open(sealed, label="x")


def test_a_loose_umask_does_not_open_the_file(path: Path) -> None:
    before = os.umask(0)
    try:
        create_master_key(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_existing_key_is_never_replaced(path: Path) -> None:
    first = create_master_key(path)
    content = path.read_bytes()
    second = create_master_key(path)
    assert path.read_bytes() == content
    assert second.open(first.seal(b"secret", label="x"), label="x") == b"secret"
    assert list(path.parent.iterdir()) == [path]


def test_of_many_creators_one_wins_and_all_read_the_same_key(path: Path) -> None:
    together = threading.Barrier(8)
    made: list[MasterKey] = []

    def create() -> None:
        together.wait()
        made.append(create_master_key(path))

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sealed = read_master_key(path).seal(b"secret", label="x")
    assert [key.open(sealed, label="x") for key in made] == [b"secret"] * 8
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601, 0o610, 0o777])
def test_a_key_that_others_can_access_is_refused(path: Path, mode: int) -> None:
    create_master_key(path)
    path.chmod(mode)
    with pytest.raises(MasterKeyUnusable, match=re.escape(f"has mode {mode:04o}; it must be 0600")):
        read_master_key(path)
    path.chmod(0o400)
    read_master_key(path)


def test_a_key_of_another_user_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_master_key(path)
    owner = path.stat().st_uid
    if owner == 0:
        os.chown(path, 4711, -1)
        owner = 4711
    else:
        monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(MasterKeyUnusable, match=rf"belongs to another user \(uid {owner}\)"):
        read_master_key(path)


def test_a_missing_key_is_reported_as_missing(path: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="cannot be opened: No such file or directory"):
        read_master_key(path)


def test_a_link_is_not_followed(path: Path) -> None:
    create_master_key(path)
    link = path.with_name("link.key")
    link.symlink_to(path)
    with pytest.raises(MasterKeyUnusable, match="cannot be opened"):
        read_master_key(link)


def test_a_special_file_is_refused_without_waiting(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(MasterKeyUnusable, match="is not a plain file"):
        read_master_key(path)
    folder = path.with_name("folder")
    folder.mkdir(0o700)
    with pytest.raises(MasterKeyUnusable, match="is not a plain file"):
        read_master_key(folder)


def test_systemd_can_provide_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert systemd_master_key_path() is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert systemd_master_key_path() is None
    (tmp_path / SYSTEMD_CREDENTIAL).write_bytes(bytes(32))
    assert systemd_master_key_path() == tmp_path / SYSTEMD_CREDENTIAL


def test_a_systemd_credential_has_the_right_size_or_is_refused_by_name(tmp_path: Path) -> None:
    """Its owner and mode are systemd's, which nobody else can set."""
    credential = tmp_path / SYSTEMD_CREDENTIAL
    credential.write_bytes(bytes(32))
    credential.chmod(0o440)
    assert read_systemd_master_key_bytes(credential) == bytes(32)
    credential.unlink()  # read-only by now
    credential.write_bytes(bytes(31))
    with pytest.raises(MasterKeyUnusable, match=r"tabard-master-key is damaged \(a master key has 32 bytes"):
        read_systemd_master_key_bytes(credential)
    credential.unlink()
    with pytest.raises(MasterKeyUnusable, match="cannot be opened: No such file or directory; put the"):
        read_systemd_master_key_bytes(credential)


def test_a_damaged_key_is_refused_with_its_path(path: Path) -> None:
    path.write_bytes(bytes(33))
    path.chmod(0o600)
    with pytest.raises(MasterKeyUnusable, match=re.escape(f"{path} is damaged (a master key has 32 bytes")):
        read_master_key(path)


def test_a_key_is_written_unless_another_exists(path: Path) -> None:
    assert keep_master_key(path, b"k" * 32)
    assert keep_master_key(path, b"k" * 32)
    assert not keep_master_key(path, b"x" * 32)
    assert read_master_key_bytes(path) == b"k" * 32
    assert path.stat().st_mode & 0o777 == 0o600


def test_another_installations_key_is_reported_as_such() -> None:
    assert "does not open the store: it is another installation's" in str(
        refuse_other_master_key("the store")
    )
