"""What is written from the code is up to date, and complete."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator

from tabard.edge.tables import OPERATIONS
from tabard.wiring.settings import Settings
from tests.support.package_contents import syntax_trees
from tests.support.repository_texts import REPOSITORY, read


def test_every_generated_document_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Those of the module, its classes and functions, and those under a name."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value


def test_every_difference_from_aws_is_told() -> None:
    told = read("docs/differences-from-aws.md")
    found = 0
    for name, tree in syntax_trees().items():
        for line in "\n".join(docstrings(tree)).splitlines():
            _, mark, said = line.partition("Differs:")
            if mark:
                found += 1
                assert said.strip() in told, f"{name}: {line.strip()}"
    assert found == sum(line.startswith("- **") for line in told.splitlines())


def test_every_operation_is_among_the_operations() -> None:
    page = read("docs/operations.md")
    for service, operations in OPERATIONS.items():
        section = re.split(rf"^## {service}$", page, flags=re.MULTILINE | re.IGNORECASE)[1].partition(
            "\n## "
        )[0]
        for name in operations:
            assert f"[{name}](" in section or f"| {name} |" in section, name


def test_every_operation_but_get_caller_identity_is_checked_for_something() -> None:
    unchecked = [line for line in read("docs/operations.md").splitlines() if line.endswith("| nothing |")]
    assert [line.partition("]")[0] for line in unchecked] == ["| [GetCallerIdentity"]


def test_every_setting_is_documented_with_its_variable() -> None:
    page = read("docs/settings.md")
    for name in Settings.model_fields:
        assert f"| `{name}` |" in page
        assert f"`TABARD_{name.upper()}`" in page
