"""The architecture's page names what is there, and nothing else."""

import re
import tomllib
from pathlib import Path

import pytest

from tabard.edge import pipeline
from tabard.edge.authenticate import Authentication
from tabard.edge.perform import Performer
from tabard.edge.pipeline import Pipeline
from tests.support.repository_texts import REPOSITORY, blocks, markdown, read

PACKAGE = REPOSITORY / "src" / "tabard"
KEPT_PLACES = {"console", "testing"}
NAMING_FILES = [name for name in markdown() if name != "docs/differences-from-aws.md"]
GONE = {"docs/decisions/0001-packages-and-their-order.md": {"wiring.py"}}
_FILE = re.compile(r"[a-z0-9_][a-z0-9_/]*\.py\b")


def _python_files() -> list[Path]:
    return [path for folder in ("src", "tests", "docs") for path in (REPOSITORY / folder).rglob("*.py")]


def _layers() -> list[str]:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [str(layer).strip("()") for layer in layers]


def test_the_order_of_the_rooms_is_the_one_that_is_checked() -> None:
    stated = blocks(read("docs/architecture.md"), "")[-1].split("\n")
    assert [line for line in stated if line] == [re.sub(r"[()]", "", layer) for layer in _layers()]
    record = " ".join(blocks(read("docs/decisions/0001-packages-and-their-order.md"), "")[0].split())
    assert record == " > ".join(re.sub(r"[()]", "", layer) for layer in _layers())


def test_every_room_is_in_the_order() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" and path.stem != "__init__"}
    there |= {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    ordered = {room.strip() for layer in _layers() for room in re.sub(r"[()]", "", layer).split("|")}
    assert there <= ordered
    assert ordered - there <= KEPT_PLACES


def test_every_room_has_a_file_among_the_concepts() -> None:
    page = read("docs/architecture.md")
    for path in PACKAGE.iterdir():
        if path.name != "__init__.py" and (path.suffix == ".py" or (path / "__init__.py").exists()):
            assert f"](../src/tabard/{path.name}" in page, path.name


@pytest.mark.parametrize("document", NAMING_FILES)
def test_every_file_that_is_named_exists(document: str) -> None:
    """By its path, or by the end of it."""
    for name in set(_FILE.findall(read(document))) - GONE.get(document, set()):
        assert any(path.as_posix().endswith(f"/{name}") for path in _python_files()), name


def test_the_stages_of_a_request_are_the_pipelines() -> None:
    page = read("docs/architecture.md")
    said = [word.lower() for word in re.findall(r"^\d\. \*\*(\w+)\*\*", page, re.MULTILINE)]
    assert said == [
        "identify",
        "authenticate",
        "parse",
        "resolve",
        "authorize",
        "perform",
        "record",
        "answer",
    ]
    for owner, stages in (
        (pipeline, {"identify", "parse"}),
        (Authentication, {"authenticate"}),
        (Pipeline, {"resolve", "authorize", "record", "answer"}),
        (Performer, {"perform"}),
    ):
        assert stages <= vars(owner).keys()
