"""The value of `--since` is a duration before now, or a time."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from tabard.cli.since import since_time

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("90s", NOW - timedelta(seconds=90)),
        ("7d", NOW - timedelta(days=7)),
        ("2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00+01:00", datetime(2026, 1, 31, 7, tzinfo=UTC)),
        ("2026-01-31T08:00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_duration_counts_back_from_now_and_a_time_without_a_zone_is_in_utc(
    text: str, expected: datetime
) -> None:
    assert since_time(text, now=NOW) == expected


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "2026-13-01",
        "999999d",
        "-2h",
        "2026-01-31T25:00:00Z",
        "\x1b[2J",
        "0001-01-01T00:00:00+23:00",
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as refused:
        since_time(text, now=NOW)
    assert refused.value.exit_code == 2
    said = capsys.readouterr().err
    assert said.startswith("tabard: --since ")
    assert "\x1b" not in said
    assert "such as" in said
