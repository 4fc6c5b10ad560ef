"""Folders that hold secrets, tried by somebody who was there before, or sits above."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tabard.agent.host_keys import HostDirectory, NotEnrolled
from tabard.private_folder import FolderNotPrivate, prepare_private_folder, remove_folder
from tabard.wiring.data_dir import DataDir, DataDirUnsafe

ANOTHER_UID = 12345


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where there is none yet."""
    return tmp_path / "data"


def give_away(path: Path) -> None:
    """Make it another user's. Skips where only root may."""
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(path, ANOTHER_UID, -1, follow_symlinks=False)


def test_a_new_folder_is_its_owners_alone_whatever_the_umask_is(folder: Path) -> None:
    before = os.umask(0)
    try:
        prepare_private_folder(folder / "within")
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "within").stat().st_mode) == 0o700


def test_what_is_ours_stays_and_is_found_again(folder: Path) -> None:
    prepare_private_folder(folder)
    (folder / "kept").write_text("kept")
    (folder / "link").symlink_to("kept")
    prepare_private_folder(folder)
    assert sorted(each.name for each in folder.iterdir()) == ["kept", "link"]


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o750, 0o701])
def test_a_folder_that_others_may_enter_is_refused(folder: Path, mode: int) -> None:
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(FolderNotPrivate, match=f"has mode {mode:04o}; it must be 0700"):
        prepare_private_folder(folder)
    assert not list(folder.iterdir())


@pytest.mark.root("gives files away")
def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    """Made beforehand, in a place where everybody may make one."""
    folder.mkdir(mode=0o700)
    give_away(folder)
    with pytest.raises(FolderNotPrivate, match=f"belongs to uid {ANOTHER_UID}"):
        prepare_private_folder(folder)


@pytest.mark.parametrize(
    "whose", ["ours", pytest.param("another's", marks=pytest.mark.root("gives files away"))]
)
def test_a_symbolic_link_is_not_followed(folder: Path, tmp_path: Path, whose: str) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    if whose == "another's":
        give_away(folder)
    with pytest.raises(FolderNotPrivate, match="is a symbolic link"):
        prepare_private_folder(folder)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_that_leads_nowhere_makes_no_folder_there(folder: Path, tmp_path: Path) -> None:
    folder.symlink_to(tmp_path / "made-for-them")
    with pytest.raises(OSError, match="File exists"):
        prepare_private_folder(folder)
    assert not (tmp_path / "made-for-them").exists()


def a_key(folder: Path) -> Path:
    path = folder / "master.key"
    path.write_bytes(bytes(32))
    path.chmod(0o600)
    return path


def a_database(folder: Path) -> Path:
    path = folder / "tabard.sqlite3"
    path.touch()
    return path


def a_link(folder: Path) -> Path:
    path = folder / "instances"
    path.symlink_to(folder.parent)
    return path


def a_folder(folder: Path) -> Path:
    path = folder / "logs"
    path.mkdir()
    return path


@pytest.mark.root("gives files away")
@pytest.mark.parametrize("plant", [a_key, a_database, a_link, a_folder])
def test_what_another_user_has_put_there_is_not_used(folder: Path, plant: Callable[[Path], Path]) -> None:
    """The folder was open once, and is closed by now: a planted key is known to who planted it."""
    folder.mkdir(mode=0o700)
    planted = plant(folder)
    give_away(planted)
    with pytest.raises(FolderNotPrivate, match=f"{planted.name} belongs to uid {ANOTHER_UID}"):
        prepare_private_folder(folder)


def test_a_folder_that_anybody_can_exchange_is_refused(folder: Path) -> None:
    """Who may write to the folder above renames it, and puts another in its place."""
    above = folder / "shared"
    above.mkdir(parents=True)
    above.chmod(0o777)
    with pytest.raises(FolderNotPrivate, match="anybody can put another folder in the place of"):
        prepare_private_folder(above / "a" / "data")
    above.chmod(0o1777)  # as /tmp: who has made a folder there renames it alone
    prepare_private_folder(above / "b" / "data")


@pytest.mark.also_as_root
def test_an_enrollment_that_others_could_have_written_is_not_gone_on_with(folder: Path) -> None:
    """It would lead the machine to an edge of theirs, with an authority of theirs."""
    with pytest.raises(NotEnrolled, match="holds no enrollment"):
        HostDirectory(folder).enrollment()
    assert not folder.exists()
    folder.mkdir(mode=0o700)
    planted = folder / "enrollment.json"
    planted.write_text('{"endpoint":"https://evil.test:1","host_id":"h-1","instance_id":"i-1","region":"r"}')
    folder.chmod(0o777)
    with pytest.raises(NotEnrolled, match="it must be 0700"):
        HostDirectory(folder).enrollment()
    folder.chmod(0o700)
    assert HostDirectory(folder).enrollment().host_id == "h-1"
    give_away(planted)
    with pytest.raises(NotEnrolled, match=f"belongs to uid {ANOTHER_UID}"):
        HostDirectory(folder).enrollment()


def test_data_directory_and_enrollment_are_such_folders(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(DataDirUnsafe, match="it must be 0700"):
        DataDir(folder).prepare()
    with pytest.raises(NotEnrolled, match="it must be 0700"):
        HostDirectory(folder).prepare()
    folder.chmod(0o700)
    before = os.umask(0)
    try:
        DataDir(folder).prepare()
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    assert set(modes.values()) == {0o700}, modes


@pytest.mark.parametrize("mode", [0o555, 0o500, 0o000])
def test_a_folder_is_removed_with_the_read_only_folders_in_it(folder: Path, mode: int) -> None:
    """Go's module cache is such a folder."""
    inner = folder / "home" / "go" / "mod"
    inner.mkdir(parents=True)
    (inner / "go.mod").write_text("module example.com")
    for each in (inner, inner.parent, inner.parents[1]):
        each.chmod(mode)
    remove_folder(folder)
    assert not folder.exists()


def test_what_a_link_names_outlives_the_folder_that_held_the_link(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    outside.chmod(0o555)
    folder.mkdir()
    (folder / "link").symlink_to(outside)
    remove_folder(folder)
    assert (outside / "kept").read_text() == "kept"
    assert stat.S_IMODE(outside.stat().st_mode) == 0o555
    outside.chmod(0o755)


def test_a_folder_that_is_not_there_is_an_error_unless_errors_are_ignored(folder: Path) -> None:
    remove_folder(folder, ignore_errors=True)
    with pytest.raises(FileNotFoundError):
        remove_folder(folder)
