"""What is written to the data directory."""

import os
import stat
from pathlib import Path

import pytest

from tabard.wiring.data_dir import read_json, write_secret_file


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
