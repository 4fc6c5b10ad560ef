"""The README stays short, and every page stands on a shelf of docs/README.md."""

import re

from tests.support.repository_texts import markdown, read

MOST_README_LINES = 140
MOST_HANDWRITTEN_PAGES = 25
MOST_CONCEPT_ROWS = 25
SHELVES = ["Start", "Use", "Operate", "Reference"]
PAGES = {name.removeprefix("docs/") for name in markdown() if re.fullmatch(r"docs/[^/]+\.md", name)}


def test_the_readme_is_at_most_140_lines() -> None:
    assert len(read("README.md").splitlines()) <= MOST_README_LINES


def test_every_page_is_on_one_of_four_shelves() -> None:
    shelves = read("docs/README.md")
    assert re.findall(r"^## (.+)$", shelves, re.MULTILINE) == SHELVES
    for page in PAGES - {"README.md"}:
        assert f"]({page})" in shelves, page


def test_there_are_at_most_25_handwritten_pages_directly_in_docs() -> None:
    written = [page for page in PAGES if not read(f"docs/{page}").startswith("<!-- Written by")]
    assert len(written) <= MOST_HANDWRITTEN_PAGES
    inside = {name for name in markdown() if name.startswith("docs/") and name.count("/") > 1}
    assert all(name.startswith("docs/decisions/") for name in inside)


def test_the_map_of_concepts_has_at_most_25_rows() -> None:
    concepts = read("docs/architecture.md").partition("## Concept → file")[2].partition("\n## ")[0]
    assert len(re.findall(r"^\| (?!concept|---)", concepts, re.MULTILINE)) <= MOST_CONCEPT_ROWS
    assert len(re.findall(r"^```text$", read("docs/architecture.md"), re.MULTILINE)) == 3
