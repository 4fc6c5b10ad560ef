"""Lists on a terminal never cut a value, however narrow the terminal is."""

from tabard.cli.listing import table_lines

TITLES = ("HOST", "NAME", "INSTANCES")
HOST_ID = "h-0123456789abcdef0"
INSTANCE_IDS = "i-0123456789abcdef0 i-0123456789abcdef1"
ROWS = ((HOST_ID, "web", INSTANCE_IDS), ("h-0123456789abcdef1", "a-longer-name", "-"))


def test_a_row_that_fits_the_terminal_is_one_line() -> None:
    assert list(table_lines(TITLES, ROWS, width=80)) == [
        "HOST                 NAME           INSTANCES",
        f"{HOST_ID}  web            {INSTANCE_IDS}",
        "h-0123456789abcdef1  a-longer-name  -",
    ]


def test_a_narrow_terminal_gets_a_line_for_each_value_and_every_id_whole() -> None:
    assert list(table_lines(TITLES, ROWS, width=60)) == [
        f"HOST       {HOST_ID}",
        "NAME       web",
        f"INSTANCES  {INSTANCE_IDS}",
        "",
        "HOST       h-0123456789abcdef1",
        "NAME       a-longer-name",
        "INSTANCES  -",
    ]


def test_output_that_is_no_terminal_has_one_line_for_each_row() -> None:
    assert len(list(table_lines(TITLES, ROWS, width=None))) == 3


def test_a_list_without_rows_shows_its_titles() -> None:
    assert list(table_lines(TITLES, (), width=80)) == ["HOST  NAME  INSTANCES"]


def test_a_value_cannot_send_control_characters_to_the_terminal() -> None:
    assert list(table_lines(("NAME",), (("a\x1b[2Jb",),), width=None))[1] == "a\\x1b[2Jb"
