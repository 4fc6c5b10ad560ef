"""Write the documents that follow from the code, or check that they do.

python docs/generate.py            writes docs/*.md
python docs/generate.py --check    changes nothing; ends with 1 where a document is out of date
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sources.commands import commands_page
from sources.differences import differences_page
from sources.errors import errors_page
from sources.operations import operations_page
from sources.rotation import rotation_page
from sources.settings import settings_page

REPOSITORY = Path(__file__).resolve().parents[1]

PAGES: Mapping[str, Callable[[], str]] = {
    "docs/commands.md": commands_page,
    "docs/differences-from-aws.md": lambda: differences_page(REPOSITORY),
    "docs/errors.md": errors_page,
    "docs/operations.md": operations_page,
    "docs/rotation.md": rotation_page,
    "docs/settings.md": settings_page,
}


def main(arguments: Sequence[str]) -> int:
    """Write or check every generated document; the exit status."""
    if [argument for argument in arguments if argument != "--check"]:
        print("usage: python docs/generate.py [--check]", file=sys.stderr)
        return 2
    stale = []
    for name, text in documents().items():
        path = REPOSITORY / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if "--check" not in arguments:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {name}")
    if stale and "--check" in arguments:
        print(f"out of date: {', '.join(stale)}; run: python docs/generate.py", file=sys.stderr)
        return 1
    return 0


def documents() -> Mapping[str, str]:
    """Every generated document by its path in the repository, as the code says it should be."""
    return {name: make() for name, make in PAGES.items()}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
