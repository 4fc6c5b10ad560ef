"""When a host has the driver of virtual machines, and what it says where it has not."""

import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from tabard.agent.drivers.container.images import ContainerImages
from tabard.agent.drivers.process.driver import Owner
from tabard.agent.drivers.unavailable import UnavailableDriver
from tabard.agent.drivers.vm.driver import VmDriver
from tabard.agent.networks.network import LoopbackPorts, NoNetwork
from tabard.cli.main import app
from tabard.services.ec2.launch.images import SEEDED_IMAGES, VM_IMAGE
from tabard.wiring.drivers import DriverChoices, InstanceIsolation, drivers_of, vm_image_refused
from tabard.wiring.process_config import AgentConfig, settings_for
from tabard.wiring.settings import Settings

NETWORKS = InstanceIsolation(networks=LoopbackPorts(uid=os.getuid()))
NO_NETWORKS = InstanceIsolation(networks=None, reason="no namespaces here")


def choices(vm_image: Path | None) -> DriverChoices:
    return DriverChoices(
        environment={},
        uid=1000,
        launch_owner=Owner(),
        hidden=(),
        outlives_agent=False,
        images=ContainerImages(None, mount_points=Path("/nowhere")),
        edge_endpoint="http://127.0.0.1:4580",
        vm_image=vm_image,
    )


@pytest.fixture
def with_qemu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("qemu-system-x86_64", "qemu-img"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("with_qemu")
def test_a_host_with_an_image_and_qemu_has_it(tmp_path: Path) -> None:
    assert isinstance(drivers_of(NETWORKS, choices(tmp_path))["vm"], VmDriver)


@pytest.mark.parametrize(
    ("isolation", "vm_image", "reason"),
    [
        (NO_NETWORKS, Path("/image"), "no namespaces here"),
        (NETWORKS, None, "it has no image of a machine: tabard up --vm-image FOLDER names one"),
        (NETWORKS, Path("/image"), "not found (Debian: apt-get install qemu-system-x86 qemu-utils)"),
    ],
)
async def test_a_host_that_has_not_says_why(
    isolation: InstanceIsolation,
    vm_image: Path | None,
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    driver = drivers_of(isolation, choices(vm_image))["vm"]
    assert isinstance(driver, UnavailableDriver)
    with pytest.raises(NoNetwork) as refused:
        await driver.open_network()
    assert reason in str(refused.value)


def test_the_setting_reaches_the_agent() -> None:
    settings = Settings(vm_image=Path("/image")).model_dump(mode="json")
    config = AgentConfig(
        **settings_for(AgentConfig, settings),
        host_id="h",
        access_key_id="a",
        secret_access_key="s",
        endpoint="e",
        directory="d",
        edge_socket="s",
    )
    assert msgspec.json.decode(msgspec.json.encode(config), type=AgentConfig).vm_image == "/image"


def test_a_folder_that_is_no_image_is_refused_at_the_start(tmp_path: Path) -> None:
    assert vm_image_refused(None) == ""
    assert vm_image_refused(tmp_path) == f"vm_image: {tmp_path} has neither disk.raw nor disk.qcow2"
    (tmp_path / "disk.raw").write_text("a disk")
    assert vm_image_refused(tmp_path) == ""


def test_every_installation_has_the_image_that_launches_machines() -> None:
    assert VM_IMAGE in SEEDED_IMAGES
    assert VM_IMAGE.driver == "vm"


def test_a_command_is_not_run_in_a_machine_and_the_sentence_says_what_is() -> None:
    done = CliRunner().invoke(app, ["run", "--driver", "vm", "--", "true"])
    assert done.exit_code == 2
    assert f"run-instances --image-id {VM_IMAGE.image_id}" in done.output
