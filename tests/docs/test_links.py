"""Links lead somewhere, and nothing of one machine is in the repository."""

import re
from pathlib import PurePosixPath

import pytest

from tests.support.repository_texts import REPOSITORY, markdown, texts, without_code

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

# Written so that these lines do not match themselves.
_FOLDERS = ("home", "root", "Users", "work", "mnt", "workspace")
_MACHINE_PATH = re.compile(rf"(?<![\w.~}}\)-])/(?:{'|'.join(_FOLDERS)})/[A-Za-z0-9_]")
_REGISTRIES = re.compile(r"\b(?:pypi|pythonhosted|npmjs|crates|rubygems|proxy\.golang)[.](?:org|com|io)\b")


@pytest.mark.parametrize("name", markdown())
def test_every_relative_link_resolves(name: str) -> None:
    folder = (REPOSITORY / name).parent
    for target in _LINK.findall(without_code(markdown()[name])):
        if re.match(r"[a-z]+:", target):
            assert target.startswith("https://"), target
            continue
        path, _, anchor = target.partition("#")
        found = (folder / path).resolve() if path else REPOSITORY / name
        assert found.exists(), target
        assert found.is_relative_to(REPOSITORY), target
        if anchor:
            assert anchor in _anchors(found.read_text(encoding="utf-8")), target


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    found = [
        f"{name}: {match[0]}"
        for name, text in texts().items()
        for match in _MACHINE_PATH.finditer(text)
        if not name.startswith("LICENSE")
    ]
    assert not found


def test_no_package_registry_is_named() -> None:
    assert not [
        f"{name}: {match[0]}" for name, text in texts().items() for match in _REGISTRIES.finditer(text)
    ]


def test_decisions_are_numbered_in_a_row_and_have_every_section() -> None:
    records = {
        name: text
        for name, text in markdown().items()
        if name.startswith("docs/decisions/") and not name.endswith("README.md")
    }
    numbers = [int(PurePosixPath(name).name[:4]) for name in sorted(records)]
    assert numbers == list(range(1, len(records) + 1))
    index = markdown()["docs/decisions/README.md"]
    for name, text in records.items():
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["Context", "Decision", "Example", "Drawbacks", "Alternatives"], name
        number = PurePosixPath(name).name[:4]
        assert text.startswith(f"# {number} ")
        assert f"]({PurePosixPath(name).name})" in index


def _anchors(text: str) -> set[str]:
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in _HEADING.findall(text)}
