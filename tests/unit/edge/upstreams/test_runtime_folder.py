"""Sockets lie in a folder of ours alone, whose path is short enough."""

import os
from pathlib import Path

import pytest

from tabard.edge.upstreams.runtime_folder import (
    LONGEST_SOCKET_NAME_BYTES,
    SOCKET_PATH_LIMIT_BYTES,
    RuntimeFolderUnsafe,
    runtime_folder,
    socket_path,
)


def test_the_folder_is_made_private_and_stays(tmp_path: Path) -> None:
    with runtime_folder(tmp_path / "r") as folder:
        assert folder == tmp_path / "r"
        assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.is_dir()


def test_a_folder_of_ours_that_is_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "r").mkdir()
    (tmp_path / "r").chmod(0o755)
    with runtime_folder(tmp_path / "r") as folder:
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_path_too_long_for_a_socket_becomes_a_temporary_folder(tmp_path: Path) -> None:
    long = tmp_path / ("x" * SOCKET_PATH_LIMIT_BYTES)
    with runtime_folder(long) as folder:
        assert folder != long
        assert folder.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(folder)) + 1 + LONGEST_SOCKET_NAME_BYTES <= SOCKET_PATH_LIMIT_BYTES
    assert not folder.exists()


def test_a_symbolic_link_is_not_taken_for_the_folder(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "r").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeFolderUnsafe), runtime_folder(tmp_path / "r"):
        pass


def test_a_socket_is_not_put_into_a_folder_that_others_may_enter(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with pytest.raises(RuntimeFolderUnsafe, match="open to other users"):
        socket_path(tmp_path, "s3.sock")


def test_a_socket_whose_path_is_too_long_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    with pytest.raises(ValueError, match="longer than"):
        socket_path(tmp_path, "s" * SOCKET_PATH_LIMIT_BYTES)
