"""The README's examples: every command and option exists, every document is a policy; and they run."""

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import botocore.session
import pytest
import typer
from botocore import xform_name

from tabard.cli.lazy_commands import loaded
from tabard.cli.main import app
from tabard.edge.tables import OPERATIONS
from tabard.policy import DocumentKind, parse_document
from tabard.processes.isolation import network_isolation_available
from tabard.services.ec2.launch.images import NETNS_IMAGE, PROCESS_IMAGE, SEEDED_IMAGES
from tests.support.document_commands import command_lines
from tests.support.repository_texts import blocks, markdown, read

START_SECONDS = 90.0
HANDWRITTEN = [name for name in markdown() if blocks(markdown()[name], "sh")]
TEST_OF_THE_READER = """
import boto3

def test_the_policy_allows_reading_and_nothing_else():
    s3 = boto3.client("s3")
    assert "Contents" not in s3.list_objects_v2(Bucket="reports")
    try:
        s3.put_object(Bucket="reports", Key="a", Body=b"")
    except s3.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
    else:
        raise AssertionError("it was allowed")
"""


@pytest.mark.parametrize("name", HANDWRITTEN)
def test_every_command_in_a_document_exists(name: str) -> None:
    for words in command_lines(markdown()[name]):
        match words[0]:
            case "tabard":
                _check_tabard(words[1:])
            case "aws":
                _check_aws(words[1:])
            case "make":
                assert re.search(rf"^{re.escape(words[1])}:.*## ", read("Makefile"), re.MULTILINE), words
            case "pip":
                assert words == ["pip", "install", ".[local]"]
            case "python":
                assert Path(words[1]).parts[0] == "docs"
            case _:
                assert words in (["alias", "tabard=$PWD/.venv/bin/tabard"], ["eval", "$(tabard env)"]), words


def test_the_documents_in_the_readme_are_policies() -> None:
    documents = blocks(read("README.md"), "json")
    assert documents
    for text in documents:
        trust = any("Principal" in statement for statement in json.loads(text)["Statement"])
        parse_document(text, kind=DocumentKind.TRUST if trust else DocumentKind.IDENTITY)


@pytest.mark.flow
def test_the_readmes_commands_run(tmp_path: Path) -> None:
    """In the README's order: up, its policy and trust policy, administering, run, and the AWS way."""
    readme = read("README.md")
    for text in blocks(readme, "json"):
        name = "trust.json" if "Principal" in text else "s3-read.json"
        (tmp_path / name).write_text(text, encoding="utf-8")
    aws = [line for line in _lines(readme) if line.startswith(("aws ", "eval "))]
    run = next(line for line in _lines(readme) if line.startswith("tabard run "))
    (tmp_path / "app.sh").write_text("#!/bin/sh\necho started\n", encoding="utf-8")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_reader.py").write_text(TEST_OF_THE_READER, encoding="utf-8")
    environment = _environment(tmp_path)
    with (tmp_path / "up.log").open("wb") as log:
        up = subprocess.Popen(["tabard", "up"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        _wait_until_up(up, tmp_path)
        script = "\n".join(["set -e", *aws, run])
        if not network_isolation_available():  # as the README says
            script = script.replace(NETNS_IMAGE.image_id, PROCESS_IMAGE.image_id)
        ran = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "1 passed" in ran.stdout
        running = (tmp_path / "data" / "running.json").read_text(encoding="utf-8")
        instances = Path(json.loads(running)["instances"])
        console = next(instances.glob("i-*/console.log"))
        assert console.read_text(encoding="utf-8") == "started\n"
    finally:
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=60) == 0
    shutil.rmtree(instances.parent)


def _lines(text: str) -> list[str]:
    return [line for block in blocks(text, "sh") for line in block.splitlines() if line]


def _environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "TABARD_DATA_DIR": str(folder / "data"),
        "TABARD_PORT": "0",
        "TABARD_HEALTH_PORT": "0",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _wait_until_up(up: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not (folder / "data" / "running.json").exists():
        assert up.poll() is None, (folder / "up.log").read_text(encoding="utf-8")
        assert time.monotonic() < deadline, "tabard up was not ready in time"
        time.sleep(0.05)


def _check_tabard(words: Sequence[str]) -> None:
    command = loaded(typer.main.get_command(app).commands[words[0]])  # type: ignore[attr-defined]
    if hasattr(command, "commands"):
        words = words[1:]
        command = loaded(command.commands[words[0]])
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in words[1:]:
        if word == "--":
            break
        assert not word.startswith("-") or word.partition("=")[0] in options, words


def _check_aws(words: Sequence[str]) -> None:
    service = {"s3api": "s3"}.get(words[0], words[0])
    model = botocore.session.Session().get_service_model(service)
    names = {xform_name(name, "-"): name for name in model.operation_names}
    operation = names[words[1]]
    assert operation in OPERATIONS[service], operation
    shape = model.operation_model(operation).input_shape
    members = {f"--{xform_name(name, '-')}": name for name in shape.members} if shape is not None else {}
    given = {word for word in words[2:] if word.startswith("--")}
    assert given <= members.keys(), words
    if "--image-id" in given:
        chosen = words[list(words).index("--image-id") + 1]
        assert chosen in {image.image_id for image in SEEDED_IMAGES}
