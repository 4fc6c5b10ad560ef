"""What is written to the data directory."""

import os
import stat
from pathlib import Path

import pytest

from tabard.wiring.data_dir import DataDir, ephemeral_pointer, find_running, read_json, write_secret_file


def test_a_secret_file_is_durable_under_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after the rename must not bring back the draft: the folder is synced too, and last."""
    path = tmp_path / "admin.json"
    synced: list[tuple[bool, bool]] = []

    def fsync(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    write_secret_file(path, {"access_key_id": "AKIAIOSFODNN7EXAMPLE"})
    assert synced == [(False, False), (True, True)]
    assert read_json(path) == {"access_key_id": "AKIAIOSFODNN7EXAMPLE"}
    assert [each.name for each in tmp_path.iterdir()] == ["admin.json"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def running(path: Path) -> tuple[DataDir, int]:
    """A data directory as a running system has it, and the descriptor of its lock."""
    data_dir = DataDir(path)
    data_dir.prepare()
    write_secret_file(data_dir.running, {})
    return data_dir, data_dir.lock()


@pytest.mark.parametrize("is_given", [True, False])
def test_a_command_finds_the_system_on_its_data_directory_else_the_ephemeral_one_started_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_given: bool
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    place = tmp_path / "tabard"
    asked = place if is_given else None
    assert find_running(asked) is None
    ephemeral, lock = running(tmp_path / "ephemeral")
    write_secret_file(ephemeral_pointer(place), {"data_dir": str(ephemeral.path)})
    assert find_running(asked) == ephemeral
    assert find_running(tmp_path / "another") is None
    kept, other_lock = running(place)
    assert find_running(asked) == kept
    os.close(other_lock)
    assert find_running(asked) == ephemeral
    os.close(lock)
    assert find_running(asked) is None


def test_an_ephemeral_system_is_found_by_a_relative_path_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert ephemeral_pointer(Path("data")) == ephemeral_pointer(tmp_path / "data")
    monkeypatch.chdir(tmp_path.parent)
    assert ephemeral_pointer(tmp_path).parent == tmp_path.parent
