"""`pip install tabard` is everything but the embedded stores; the extra `local` adds those, and boto3."""

import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.repository_texts import read

# What the extra brings: hidden from a process as if it were not installed.
EXTRA = ("boto3", "s3transfer", "moto", "flask", "flask_cors", "werkzeug", "py_partiql_parser", "docker")
# They start a system here, and give a test clients of boto3.
NEEDS_THE_EXTRA = frozenset(["tabard.testing.instance", "tabard.testing.system"])
NOT_IMPORTED = NEEDS_THE_EXTRA | {"tabard.store.migrations.env"}  # alembic alone runs that one
WITHOUT = f"""
import sys
from importlib.abc import MetaPathFinder

class Absent(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRA!r}:
            raise ModuleNotFoundError("not installed: " + name, name=name)

import importlib.util
really = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {EXTRA!r} else really(name, package)
sys.meta_path.insert(0, Absent())
"""
COMMAND_LINE = "from tabard.cli.main import app\napp()\n"
EVERY_MODULE = f"""
import pkgutil, tabard
for module in pkgutil.walk_packages(tabard.__path__, "tabard."):
    if module.name not in {sorted(NOT_IMPORTED)!r}:
        __import__(module.name)
print("imported")
"""


def without_extra(program: str, *arguments: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", WITHOUT + program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder), "TABARD_DATA_DIR": str(folder / "data")},
    )


def test_every_module_but_the_test_system_imports(tmp_path: Path) -> None:
    ran = without_extra(EVERY_MODULE, folder=tmp_path)
    assert ran.stdout == "imported\n", ran.stderr


@pytest.mark.parametrize("module", sorted(NEEDS_THE_EXTRA))
def test_the_extra_is_hidden_from_the_processes_of_these_tests(module: str, tmp_path: Path) -> None:
    """The test above can fail."""
    assert (
        "ModuleNotFoundError: not installed: boto3"
        in without_extra(f"import {module}", folder=tmp_path).stderr
    )


@pytest.mark.parametrize("command", ["up", "demo"])
def test_up_says_in_one_sentence_how_the_embedded_stores_are_installed(command: str, tmp_path: Path) -> None:
    ran = without_extra(COMMAND_LINE, command, folder=tmp_path)
    assert ran.returncode == 1
    assert ran.stdout.strip() == ""
    assert ran.stderr == (
        "tabard: the embedded stores of S3, DynamoDB and SQS are not installed; install them with: "
        "pip install 'tabard[local]' (not found: moto, flask, flask_cors, py_partiql_parser)\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_policy_is_checked_without_the_embedded_stores(tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Resource": "*"}]}')
    ran = without_extra(COMMAND_LINE, "policy", "check", str(policy), folder=tmp_path)
    assert ran.returncode == 1
    assert "MalformedPolicyDocument" in ran.stdout, ran.stderr


@pytest.mark.parametrize("extras", [frozenset(), frozenset({"local"})], ids=["tabard", "tabard[local]"])
def test_nothing_in_the_installation_pins_or_caps_boto3_or_botocore(extras: frozenset[str]) -> None:
    """An application in the same environment chooses its own version of both."""
    found = [
        (package, requirement)
        for package, requirement in requirements_of(extras)
        if requirement.name in {"boto3", "botocore"}
    ]
    assert {requirement.name for _, requirement in found} >= {"botocore"}
    for package, requirement in found:
        if package in {"boto3", "s3transfer"}:  # AWS's own: each release goes with one of botocore
            continue
        assert {specifier.operator for specifier in requirement.specifier} <= {">=", "!="}, package


def requirements_of(extras: frozenset[str]) -> list[tuple[str, Requirement]]:
    """Every requirement that installing Tabard leads to, beside the package that states it."""
    found: list[tuple[str, Requirement]] = []
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [("tabard", extras)]
    while waiting:
        package, wanted = waiting.pop()
        if (package, wanted) in seen:
            continue
        seen.add((package, wanted))
        for requirement in stated_by(package, wanted):
            found.append((package, requirement))
            waiting.append((requirement.name.lower(), frozenset(requirement.extras)))
    return found


def stated_by(package: str, extras: frozenset[str]) -> list[Requirement]:
    """The requirements of one package on this machine; Tabard's own stand in pyproject.toml."""
    if package == "tabard":
        project = tomllib.loads(read("pyproject.toml"))["project"]
        lines = [*project["dependencies"]]
        for extra in extras:
            lines += project["optional-dependencies"][extra]
        return [Requirement(line) for line in lines]
    try:
        requirements = [Requirement(line) for line in requires(package) or []]
    except PackageNotFoundError:  # of another platform
        return []
    chosen = extras or frozenset({""})
    return [
        one
        for one in requirements
        if not one.marker or any(one.marker.evaluate({"extra": x}) for x in chosen)
    ]
