"""The repository's files and Markdown, as the tests of the documents read them."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

REPOSITORY = Path(__file__).resolve().parents[2]
_NOT_OURS = re.compile(r"(\..+|__pycache__|.*\.egg-info|build|dist|node_modules)")
_FENCE = re.compile(r"^```([a-z]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


@cache
def texts() -> Mapping[str, str]:
    """Every text file of the repository, by its path in it; what tools make is left out."""
    found = {}
    for path in _files(REPOSITORY):
        try:
            found[path.relative_to(REPOSITORY).as_posix()] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return MappingProxyType(found)


@cache
def markdown() -> Mapping[str, str]:
    """Every Markdown file, by its path in the repository."""
    return MappingProxyType({name: text for name, text in texts().items() if name.endswith(".md")})


def read(name: str) -> str:
    """One file, by its path in the repository."""
    return (REPOSITORY / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return [block for found, block in _FENCE.findall(text) if found == language]


def without_code(text: str) -> str:
    """Markdown without its code."""
    return _CODE.sub("", text)


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        hidden = path.name.startswith(".") and path.name not in (".ci", ".gitignore", ".github")
        if hidden or (path.is_dir() and _NOT_OURS.fullmatch(path.name) and path.name != ".ci"):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path
