"""No file grows beyond what one can hold in mind; past it, it is split by noun."""

from tests.support.package_contents import SOURCE

LONGEST = 400
NAMES_THAT_SAY_NOTHING = {"utils", "helpers", "common", "misc", "manager", "base", "core"}


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert len(lengths) > 100
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}


def test_no_room_and_no_file_has_a_name_that_says_nothing() -> None:
    assert [path for path in SOURCE.rglob("*") if path.stem in NAMES_THAT_SAY_NOTHING] == []
