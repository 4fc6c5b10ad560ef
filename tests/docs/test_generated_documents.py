"""What is written from the code is up to date, and complete."""

import re
import subprocess
import sys

from tabard.edge.tables import OPERATIONS
from tabard.wiring.settings import Settings
from tests.support.repository_texts import REPOSITORY, read, texts


def test_every_generated_document_is_up_to_date() -> None:
    checked = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_every_difference_from_aws_is_told() -> None:
    told = read("docs/differences-from-aws.md")
    found = 0
    for name, text in texts():
        if not name.startswith("src/"):
            continue
        for line in text.splitlines():
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
