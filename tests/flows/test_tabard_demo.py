"""`tabard demo`: every step it prints is true, whatever the user's environment sets; it leaves nothing."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3
import pytest

from tabard.cli.demo_driver import demo_image
from tabard.services.ec2.launch.images import NETNS_IMAGE
from tabard.wiring.drivers import instance_isolation
from tests.support.process_tree import PROC, alive, children_of
from tests.support.running_system import TABARD, bare_environment, until

pytestmark = pytest.mark.flow

DEAD_PROXY = "http://127.0.0.1:9"
# What a developer's or a company's machine may well have set.
IN_THE_WAY = {
    "AWS_PROFILE": "no-such-profile",
    "AWS_CONFIG_FILE": "/no-such-file",
    "AWS_ENDPOINT_URL_SQS": DEAD_PROXY,
    "HTTP_PROXY": DEAD_PROXY,
    "http_proxy": DEAD_PROXY,
    "TABARD_EPHEMERAL": "true",
    "TABARD_REGION": "eu-west-1",
    "TABARD_PORT": "1",
}


class Demo:
    """A demo in a process group and a folder of its own."""

    def __init__(self, folder: Path, **variables: str) -> None:
        (folder / "tmp").mkdir()
        self.folder = folder
        own = {"TMPDIR": str(folder / "tmp"), "XDG_DATA_HOME": str(folder / "xdg")}
        with (folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*TABARD, "demo"],
                env=bare_environment(**own, **variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return (self.folder / "output").read_text(encoding="utf-8")

    def until_said(self, words: str) -> None:
        def has_said() -> bool:
            assert self.process.poll() is None, self.said
            return words in self.said

        until(has_said, f"the demo says {words!r}", seconds=90)

    def ended(self) -> int:
        return self.process.wait(120)


@contextmanager
def demo(folder: Path, **variables: str) -> Iterator[Demo]:
    """A demo that is over with the block, however that ends."""
    one = Demo(folder, **variables)
    try:
        yield one
    finally:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def sdk_finds_its_role() -> tuple[str, str]:
    """The lines that say where the instance runs, and where its SDK finds the role: as this machine can."""
    isolation = asyncio.run(instance_isolation("http://127.0.0.1:4580"))
    image, reason = demo_image(isolation, (Path(sys.executable), Path(boto3.__file__)))
    if image is NETNS_IMAGE:
        return "driver            netns:", "iam-role at http://169.254.169.254, nothing configured"
    return (
        f"driver            process, because netns does not work here: {reason}",
        "at http://127.0.0.1:",
    )


def test_the_story_is_told_whatever_its_reader_has_set(tmp_path: Path) -> None:
    with demo(tmp_path, **IN_THE_WAY) as story:
        assert story.ended() == 0, story.said
    for words in (
        "which ec2.amazonaws.com may assume",
        *sdk_finds_its_role(),
        "found by          iam-role at http://",
        "allowed  s3 PutObject, GetObject",
        "allowed  dynamodb PutItem, GetItem",
        "allowed  sqs SendMessage, ReceiveMessage",
        "because no identity-based policy allows the s3:PutObject action",
        "failed: 0",
        "same key, same client, same session",
        "with the same key as before: ExpiredToken",
        "Nothing is left running",
    ):
        assert words in story.said
    assert list((tmp_path / "tmp").iterdir()) == []
    assert not (tmp_path / "xdg").exists()


@pytest.mark.skipif(not PROC.joinpath("self/stat").exists(), reason="processes are looked up in /proc")
def test_ctrl_c_ends_everything_even_when_pressed_twice(tmp_path: Path) -> None:
    with demo(tmp_path) as story:
        story.until_said("3  The operator launches an instance")
        below = children_of(story.process.pid)
        assert len(below) > 3
        os.killpg(story.process.pid, signal.SIGINT)  # what a terminal does
        os.killpg(story.process.pid, signal.SIGINT)
        assert story.ended() == 130, story.said
    assert "Traceback" not in story.said
    assert alive(below) == []
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.skipif(not PROC.joinpath("self/stat").exists(), reason="processes are looked up in /proc")
def test_a_step_that_does_not_happen_is_told_and_is_status_1(tmp_path: Path) -> None:
    """Here the whole system goes away in the middle."""
    with demo(tmp_path) as story:
        story.until_said("4  The SDK finds its role")
        below = children_of(story.process.pid)
        (up,) = (pid for pid, command in below.items() if "up" in command and "--parent-pid" not in command)
        os.kill(up, signal.SIGKILL)
        assert story.ended() == 1, story.said
    assert "The demo failed:" in story.said
    assert "Traceback" not in story.said
    assert "Every step succeeded" not in story.said
    if sys.platform == "linux":
        until(lambda: not alive(below), "nothing is left running")
    # What was killed could not remove the folder of its sockets, where that had to be elsewhere.
    assert list((tmp_path / "tmp").glob("tabard-demo-*")) == []
