"""The demo launches in a network namespace where that works, else it falls back and says why."""

from pathlib import Path

import pytest

from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces, RootNamespaces
from tabard.cli.demo_driver import demo_image
from tabard.services.ec2.launch.images import NETNS_IMAGE, PROCESS_IMAGE
from tabard.wiring.drivers import InstanceIsolation

EDGE = InsideEdge.of("http://127.0.0.1:4580")
ROOTLESS = InstanceIsolation(networks=RootlessNamespaces(EDGE, ()))
ROOT = InstanceIsolation(networks=RootNamespaces(EDGE, ()))


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """A program, below a folder that other users may not enter."""
    folder = tmp_path / "root"
    folder.mkdir(mode=0o700)
    program = folder / "python"
    program.write_text("")
    program.chmod(0o755)
    return program


def test_without_network_namespaces_the_instance_is_a_process_and_the_reason_is_theirs(python: Path) -> None:
    isolation = InstanceIsolation(networks=None, reason="this kernel allows no user namespaces")
    assert demo_image(isolation, [python]) == (PROCESS_IMAGE, "this kernel allows no user namespaces")


def test_an_instance_of_an_ordinary_user_runs_as_that_user_and_can_read_his_python(python: Path) -> None:
    assert demo_image(ROOTLESS, [python]) == (NETNS_IMAGE, "")


def test_an_instance_of_root_runs_as_another_user_who_must_be_able_to_read_python(python: Path) -> None:
    image, reason = demo_image(ROOT, [Path("/bin/sh"), python])
    assert image is PROCESS_IMAGE
    assert "could not read " in reason
    assert demo_image(ROOT, [Path("/bin/sh")]) == (NETNS_IMAGE, "")
