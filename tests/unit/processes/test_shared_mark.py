"""A change of a mark is seen by all who share it."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tabard.processes.shared_mark import SharedMark

CHANGE = (
    "import sys; from pathlib import Path; from tabard.processes.shared_mark import SharedMark; "
    "SharedMark.at(Path(sys.argv[1])).change()"
)


def test_each_process_sees_the_change_of_another(tmp_path: Path) -> None:
    path = tmp_path / "mark"
    here, beside = SharedMark.at(path), SharedMark.at(path)
    before = here.value()
    assert beside.value() == before
    beside.change()
    assert here.value() == beside.value() != before
    between = here.value()
    subprocess.run([sys.executable, "-c", CHANGE, str(path)], check=True)
    assert here.value() != between


def test_a_mark_lasts_when_its_file_is_opened_again(tmp_path: Path) -> None:
    mark = SharedMark.at(tmp_path / "mark")
    mark.change()
    assert SharedMark.at(tmp_path / "mark").value() == mark.value() != 0


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    SharedMark.at(tmp_path / "mark")
    assert stat.S_IMODE((tmp_path / "mark").stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mark").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        SharedMark.at(tmp_path / "mark")
    assert not (tmp_path / "elsewhere").exists()
