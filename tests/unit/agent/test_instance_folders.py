"""The files of an instance, which the agent makes again at each start."""

import os
import stat
from pathlib import Path

import msgspec

from tabard.agent.container import TOKEN_FILE, container_environment
from tabard.agent.drivers.process.driver import EMPTY_FILE, HOME, USER_DATA, Owner, write_user_data
from tabard.agent.fresh_files import write_fresh
from tabard.agent.instance_folders import former_instances, make_folder
from tests.support.described_instance import DESIRED


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_replaced_and_never_opened_again_even_a_read_only_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_fresh(path, b"first", mode=0o400)
    with path.open("rb") as first:
        write_fresh(path, b"second", mode=0o444)
        assert os.fstat(first.fileno()).st_nlink == 0
        assert first.read() == b"first"
    assert (path.read_bytes(), mode(path)) == (b"second", 0o444)


def test_a_file_is_not_written_through_a_link_in_its_place(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "file", tmp_path / "elsewhere"
    elsewhere.write_bytes(b"mine")
    path.symlink_to(elsewhere)
    write_fresh(path, b"new", mode=0o600)
    assert (elsewhere.read_bytes(), path.read_bytes()) == (b"mine", b"new")


def test_the_umask_takes_no_permission_away(tmp_path: Path) -> None:
    former = os.umask(0o077)
    try:
        write_fresh(tmp_path / "file", b"", mode=0o444)
    finally:
        os.umask(former)
    assert mode(tmp_path / "file") == 0o444


def test_an_instances_folder_is_made_again_at_every_start(tmp_path: Path) -> None:
    directory = tmp_path / DESIRED.instance_id
    for boot_number in range(3):
        make_folder(directory, msgspec.structs.replace(DESIRED, boot_number=boot_number))
        empty = directory / EMPTY_FILE
        assert (empty.read_bytes(), mode(empty), mode(directory)) == (b"", 0o444, 0o711)
        assert former_instances(tmp_path) == [(DESIRED.instance_id, boot_number)]


def test_a_configuration_that_an_instance_filled_is_empty_at_its_next_start(tmp_path: Path) -> None:
    directory = tmp_path / DESIRED.instance_id
    make_folder(directory, DESIRED)
    (directory / EMPTY_FILE).chmod(0o600)
    (directory / EMPTY_FILE).write_text("[default]\n")
    make_folder(directory, DESIRED)
    assert (directory / EMPTY_FILE).read_bytes() == b""


def test_a_container_token_is_written_at_every_start(tmp_path: Path) -> None:
    for token in ("first", "second"):
        container_environment(tmp_path, token, endpoint="http://127.0.0.1:1", owner_uid=os.getuid())
        assert (tmp_path / TOKEN_FILE).read_text() == token
        assert mode(tmp_path / TOKEN_FILE) == 0o400


def test_user_data_is_written_into_a_home_that_its_instance_made_read_only(tmp_path: Path) -> None:
    home = tmp_path / HOME
    for content in (b"#!/bin/true\n", b"#!/bin/false\n"):
        write_user_data(home, content, Owner())
        assert (home / USER_DATA).read_bytes() == content
        (home / USER_DATA).chmod(0o500)
        home.chmod(0o555)
