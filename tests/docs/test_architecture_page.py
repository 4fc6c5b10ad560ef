"""The architecture's page names what is there, and nothing else."""

import re
import tomllib

from repository_texts import REPOSITORY, blocks, read

from tabard.edge.pipeline import Pipeline

PACKAGE = REPOSITORY / "src" / "tabard"
KEPT_PLACES = {"console", "testing"}
_FILE = re.compile(r"[a-z0-9_*/]+\.py")


def _layers() -> list[str]:
    contracts = tomllib.loads(read("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    return [str(layer).strip("()") for layer in layers]


def test_the_order_of_the_rooms_is_the_one_that_is_checked() -> None:
    stated = blocks(read("docs/architecture.md"), "")[-1].split("\n")
    assert [line for line in stated if line] == [re.sub(r"[()]", "", layer) for layer in _layers()]
    record = " ".join(blocks(read("docs/decisions/0001-the-house-and-its-order.md"), "")[0].split())
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


def test_every_file_that_is_named_exists() -> None:
    for document in ("docs/architecture.md", "CONTRIBUTING.md", "SECURITY.md"):
        for name in set(_FILE.findall(read(document))):
            found = [
                *REPOSITORY.glob(name), *PACKAGE.glob(name), *PACKAGE.rglob(name), *REPOSITORY.glob(f"**/{name}")
            ]  # fmt: skip
            assert found, f"{document}: {name}"
    for record in (REPOSITORY / "docs" / "decisions").glob("*.md"):
        for name in set(re.findall(r"`([a-z0-9_/]+\.py)`", record.read_text(encoding="utf-8"))):
            assert (
                list(REPOSITORY.glob(name))
                or list(PACKAGE.glob(name))
                or name == "wiring.py"
                or (PACKAGE / "wiring" / name).exists()
            ), f"{record.name}: {name}"


def test_the_stages_of_a_request_are_the_pipelines() -> None:
    said = [word.lower() for word in re.findall(r"^\d\. \*\*(\w+)\*\*", read("docs/architecture.md"), re.M)]
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
    methods = {name for name in vars(Pipeline) if not name.startswith("_")}
    assert {"authenticate", "resolve", "authorize", "record", "answer"} <= methods
