"""The next agent ends the processes that a killed agent left, and no others."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from tabard.agent.drivers.leftovers import INSTANCE_VARIABLE, end_leftovers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has /proc and pidfds")


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["/bin/sleep", "60"], env={INSTANCE_VARIABLE: "i-0123456789abcdef0"})
    yield process
    process.kill()
    process.wait()


def test_a_process_of_a_former_instance_is_killed(sleeper: "subprocess.Popen[bytes]") -> None:
    assert end_leftovers(["i-0123456789abcdef0"]) == 1
    assert sleeper.wait(timeout=5) == -9


def test_a_process_of_another_instance_lives_on(sleeper: "subprocess.Popen[bytes]") -> None:
    assert end_leftovers(["i-0fedcba9876543210"]) == 0
    assert end_leftovers([]) == 0
    assert sleeper.poll() is None
