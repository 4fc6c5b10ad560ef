"""A test or `make test-all` runs every command line of the documents and every target of the Makefile."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.document_commands import commands_of_documents, made_in_turn, make_targets
from tests.support.repository_texts import REPOSITORY, blocks, read

HERE = "here"

_FLOWS = "tests/flows/"
README = "tests/docs/test_readme_examples.py::test_the_readmes_commands_run"
EVENTS = (
    f"{_FLOWS}test_metadata_identity.py::test_what_is_announced_is_in_the_metadata_until_it_is_taken_back"
)
ENROLLED = (
    f"{_FLOWS}test_enrolled_machine.py::"
    "test_a_machine_elsewhere_has_its_role_there_alone_until_its_host_is_revoked"
)
JOIN_TOKENS = f"{_FLOWS}test_enrolled_machine.py::test_join_tokens_are_listed_and_removed"
CONTAINERS = (
    f"{_FLOWS}test_container_instances.py::"
    "test_boto3_in_a_container_gets_its_roles_keys_and_is_held_to_the_policy"
)
MACHINE = "tests/vm/test_machine.py::test_a_machine_from_its_first_boot_to_its_end"
ORGANIZATION = (
    f"{_FLOWS}test_organization.py::"
    "test_control_policies_bind_follow_each_change_and_leave_instances_their_sessions"
)
CALLERS_CREDENTIALS = (
    f"{_FLOWS}test_acting.py::"
    "test_the_callers_own_credentials_act_at_the_named_endpoint_without_a_data_directory"
)

RUN_BY: dict[str, str] = {
    "alias": README,
    "aws ec2 describe-images": CONTAINERS,
    "aws ec2 get-console-output": MACHINE,
    "aws ec2 run-instances": README,
    "aws iam add-role-to-instance-profile": README,
    "aws iam create-instance-profile": README,
    "aws iam create-role": README,
    "aws iam put-role-policy": README,
    "aws s3api create-bucket": README,
    "aws sts get-caller-identity": README,
    "eval": README,
    "pip install": "make wheel",
    "tabard admin rotate-key": f"{_FLOWS}test_acting.py::test_the_admins_key_rotates_and_commands_go_on",
    "tabard adopt --policy": f"{_FLOWS}test_tabard_adopt.py::test_a_process_is_adopted_and_left_running",
    "tabard audit --denied": f"{_FLOWS}test_tabard_audit.py::test_denials_say_why_and_can_be_had_alone",
    "tabard audit --since --principal": (
        "tests/unit/cli/test_audit_filters.py::"
        "test_each_option_narrows_the_events_and_they_are_in_order_of_time"
    ),
    "tabard env": README,
    "tabard event": EVENTS,
    "tabard event --action --in": EVENTS,
    "tabard event --cancel": EVENTS,
    "tabard event --code --in": EVENTS,
    "tabard event --complete": EVENTS,
    "tabard event --in": EVENTS,
    "tabard event --state": EVENTS,
    "tabard explain": (
        f"{_FLOWS}test_tabard_explain.py::test_a_denial_names_the_near_miss_and_the_value_that_was_wanted"
    ),
    "tabard fault --expire-now": f"{_FLOWS}test_tabard_fault.py::test_keys_are_replaced_and_ended",
    "tabard fault --imds-delay": f"{_FLOWS}test_tabard_fault.py::test_faults_last_until_they_are_ended",
    "tabard fault --rotate-now --endpoint": CALLERS_CREDENTIALS,
    "tabard host enroll": ENROLLED,
    "tabard host enroll --": ENROLLED,
    "tabard host list": ENROLLED,
    "tabard host list --profile": (
        f"{_FLOWS}test_acting.py::test_a_profile_acts_and_may_assume_a_role_of_the_system"
    ),
    "tabard host revoke": ENROLLED,
    "tabard host token --instance-profile": ENROLLED,
    "tabard host tokens": JOIN_TOKENS,
    "tabard organization apply": ORGANIZATION,
    "tabard organization remove": ORGANIZATION,
    "tabard organization show": ORGANIZATION,
    "tabard policy check": HERE,
    "tabard policy simulate --policy --action --resource": HERE,
    "tabard policy simulate --principal --action --resource": (
        "tests/unit/cli/test_policy_simulate.py::test_a_principal_of_the_system_has_its_policies"
    ),
    "tabard reset": f"{_FLOWS}test_tabard_up.py::test_an_ephemeral_system_is_found_reset_and_gone_at_the_end",
    "tabard run --allow-address --": (
        f"{_FLOWS}test_netns_instances.py::test_tabard_run_reaches_what_is_allowed_and_nothing_beside_it"
    ),
    "tabard run --driver --": (
        f"{_FLOWS}test_container_instances.py::"
        "test_tabard_run_has_a_container_with_the_current_folder_in_this_terminal"
    ),
    "tabard run --instance-profile --": f"{_FLOWS}test_tabard_run.py::test_an_instance_profile",
    "tabard run --policy --": README,
    "tabard up": README,
    "tabard up --container-images": CONTAINERS,
    "tabard up --host-address --host-port": ENROLLED,
    "tabard up --organization-file": ORGANIZATION,
    "tabard up --vm-image": MACHINE,
}
"""The test that runs each command of the documents.

A command stands here without the values that a reader replaces. HERE means a test of this file.
"""

TARGETS_RUN_BY: dict[str, str] = {
    "help": HERE,
    "clean": HERE,
    "fix": HERE,
    "unit": HERE,
    "demo": f"{_FLOWS}test_tabard_demo.py::test_the_story_is_told_whatever_its_reader_has_set",
}
"""The tests that run the targets that `make test-all` does not make in turn."""

MADE = made_in_turn("test-all")


def problem_of(test: str) -> str:
    """Say what is wrong with the name of a test; say nothing where the test exists."""
    if test == HERE:
        return ""
    if test.startswith("make "):
        return "" if test.removeprefix("make ") in MADE else f"`make test-all` does not run `{test}`"
    file, _, name = test.partition("::")
    if not (REPOSITORY / file).is_file():
        return f"there is no {file}"
    functions = {
        node.name
        for node in ast.walk(ast.parse(read(file)))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return "" if name in functions else f"{file} has no {name}"


def commands_to_check() -> dict[str, list[str]]:
    """Return each command except `make`, which has a table of its own, with the documents that hold it."""
    return {
        command: sorted({document for document, _ in uses})
        for command, uses in commands_of_documents().items()
        if command.partition(" ")[0] != "make"
    }


@pytest.mark.parametrize("command", commands_to_check())
def test_a_test_runs_each_command_of_the_documents(command: str) -> None:
    where = ", ".join(commands_to_check()[command])
    assert command in RUN_BY, (
        f"no test runs `{command}` ({where}): write one, and name it in RUN_BY of this file"
    )
    assert not problem_of(RUN_BY[command]), f"`{command}` ({where})"


def test_the_table_names_no_command_that_no_document_has() -> None:
    assert sorted(RUN_BY.keys() - commands_to_check().keys()) == []


@pytest.mark.parametrize("target", make_targets())
def test_make_test_all_or_a_test_runs_each_target_of_the_makefile(target: str) -> None:
    if target not in MADE:
        assert target in TARGETS_RUN_BY, f"no test runs `make {target}`, and `make test-all` does not"
        assert not problem_of(TARGETS_RUN_BY[target])


def test_the_table_names_no_target_that_is_missing_or_that_make_test_all_runs() -> None:
    assert TARGETS_RUN_BY.keys() <= make_targets().keys() - MADE


def run(words: list[str], folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run a command as a reader does, with the programs of this environment."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true", **more}
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def run_here() -> list[list[str]]:
    """The command lines of the documents that a test of this file runs."""
    return [
        words
        for command, uses in commands_of_documents().items()
        for _, words in uses
        if RUN_BY.get(command) == HERE
    ]


@pytest.mark.parametrize("words", run_here(), ids=" ".join)
def test_a_command_that_needs_no_system_runs_as_the_document_has_it(words: list[str], tmp_path: Path) -> None:
    for text in blocks(read("README.md"), "json"):
        (tmp_path / ("trust.json" if "Principal" in text else "s3-read.json")).write_text(text)
    done = run(words, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of this checkout, with this environment as its own: made already, and as new as can be."""
    ignored = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "*.egg-info")
    copy = tmp_path / "checkout"
    shutil.copytree(REPOSITORY, copy, ignore=ignored, symlinks=True)
    environment = copy / ".venv"
    environment.mkdir()
    for name in ("bin", "lib"):
        (environment / name).symlink_to(Path(sys.prefix) / name)
    for name in (".runtime", ".dev"):
        (environment / name).touch()
    configuration = Path(sys.prefix) / "pyvenv.cfg"
    (environment / "pyvenv.cfg").write_text(configuration.read_text() if configuration.exists() else "")
    return copy


def make(checkout: Path, *words: str) -> str:
    # No jobs of an outer make, and none of its variables.
    done = run(["make", *words], checkout, MAKEFLAGS="", MAKELEVEL="", VENV=".venv", PYTHONPATH="src")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_help_shows_every_target(checkout: Path) -> None:
    shown = make(checkout, "help")
    assert [target for target in make_targets() if f"make {target} " not in shown] == []


def test_make_clean_removes_the_environment_and_no_file_of_ours(checkout: Path) -> None:
    programs = len(list(Path(sys.executable).parent.iterdir()))
    before = {path for path in checkout.rglob("*") if ".venv" not in path.parts}
    make(checkout, "clean")
    assert set(checkout.rglob("*")) == before
    assert len(list(Path(sys.executable).parent.iterdir())) == programs


@pytest.mark.long
def test_make_unit_runs_one_part_of_the_tests(checkout: Path) -> None:
    assert " passed" in make(checkout, "unit", "T=tests/unit/test_clock.py")


@pytest.mark.long
def test_make_fix_formats_and_changes_nothing_that_is_in_order(checkout: Path) -> None:
    (checkout / "tests" / "unformatted.py").write_text("x   =  [ 1,2 ]\n")
    before = {path: path.read_bytes() for path in (checkout / "docs").rglob("*") if path.is_file()}
    make(checkout, "fix")
    assert (checkout / "tests" / "unformatted.py").read_text() == "x = [1, 2]\n"
    assert {path: path.read_bytes() for path in before} == before
