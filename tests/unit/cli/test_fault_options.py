"""`tabard fault`'s options, without a system."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tabard.cli.main import app


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "name a fault"),
        (("--imds-delay", "2"), "'2' is not a duration"),
        (("--clock-skew", "1w"), "'1w' is not a duration"),
        (("--imds-delay", "00"), "'00' is not a duration"),
        (("--imds-status", "404"), "--imds-status"),
        (("--rotate-now",), "no tabard is running"),
    ],
)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    done = CliRunner().invoke(
        app, ["fault", "i-0123456789abcdef0", *options, "--data-dir", str(tmp_path / "none")]
    )
    assert (done.exit_code, sentence in done.output) == (2, True), done.output
    assert "Traceback" not in done.output
