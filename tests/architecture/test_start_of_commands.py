"""A command imports what it needs and no more: it stands in shells' start-up files and in editors."""

import subprocess
import sys

import pytest

# Each takes a tenth of a second or more to import.
HEAVY = frozenset(
    [
        "alembic",
        "awscrt",
        "boto3",
        "botocore",
        "moto",
        "pydantic_settings",
        "sqlalchemy",
        "structlog",
    ]
)


def loaded_by(*arguments: str) -> set[str]:
    """The heavy packages that a process holds at the end of a command."""
    program = (
        "import sys\n"
        "from tabard.cli.main import app\n"
        "try:\n"
        "    app()\n"
        "finally:\n"
        f"    print('held:', *(name for name in {sorted(HEAVY)} if name in sys.modules))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    return set(told.stdout.rpartition("held:")[2].split())


@pytest.mark.parametrize(
    "command",
    [
        ("--help",),
        ("policy", "--help"),
        ("env", "--data-dir", "/nowhere"),
        ("policy", "check", "/nowhere"),
        ("reset", "--data-dir", "/nowhere"),
    ],
    ids=" ".join,
)
def test_what_is_asked_often_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    assert not loaded_by(*command)


def test_the_audit_trail_is_read_without_what_serves_requests() -> None:
    assert loaded_by("audit", "--help") <= {"sqlalchemy", "structlog"}


def test_what_a_heavy_command_loads_is_seen() -> None:
    """The tests above can fail."""
    assert loaded_by("run", "--help") >= {"botocore", "sqlalchemy"}
