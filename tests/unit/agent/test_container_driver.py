"""Containers: podman's arguments, the lookup of images, and leftover containers."""

import asyncio
import os
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.drivers.container.driver import INSIDE, ContainerDriver, container_of
from tabard.agent.drivers.container.images import ContainerImages, machines_programs
from tabard.agent.drivers.container.podman import (
    OWN_USER_NAMESPACE,
    Root,
    container_name,
    remove_containers,
    why_not,
)
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.former_instances import end_former
from tabard.agent.drivers.process.driver import owner_of_its_own
from tabard.agent.networks.maker import NetworkMaker
from tabard.agent.networks.namespaces import InsideEdge, RootlessNamespaces, RootNamespaces
from tabard.agent.networks.network import InstanceNetwork, NoNetwork
from tabard.model.container_image import MACHINES_PROGRAMS_IMAGE_ID, container_image_id
from tabard.model.messages import DesiredInstance
from tests.support.described_instance import DESIRED

pytestmark = pytest.mark.also_as_root

EDGE = InsideEdge.of("http://127.0.0.1:4580")
GRACE = timedelta(seconds=20)
IS_ROOT = os.geteuid() == 0
ROOTLESS = RootlessNamespaces(EDGE, maker=NetworkMaker(within=OWN_USER_NAMESPACE))
NETWORKS = RootNamespaces(EDGE) if IS_ROOT else ROOTLESS


def options_of(tmp_path: Path, **environment: str) -> list[str]:
    for name in ("home", "empty-aws-config"):
        (tmp_path / name).touch()
    root = Root(folder=Path("/srv/images/minimal"))
    return container_of(
        DESIRED, root, ["run", "it"], environment=environment, directory=tmp_path, user="7:8"
    ).options()


@pytest.mark.parametrize(
    "option",
    [
        "--cap-drop=all",
        "--security-opt=no-new-privileges",
        "--read-only",
        "--network=host",  # of the podman that is started in the instance's
        "--user=7:8",
    ],
)
def test_a_container_can_neither_change_nor_escape_its_root(tmp_path: Path, option: str) -> None:
    assert option in options_of(tmp_path)


def test_a_containers_environment_names_paths_inside_it(tmp_path: Path) -> None:
    options = options_of(tmp_path, AWS_CONFIG_FILE=f"{tmp_path}/empty-aws-config", LANG="C")
    assert f"--env=AWS_CONFIG_FILE={INSIDE}/empty-aws-config" in options
    assert f"--env=TABARD_INSTANCE_ID={DESIRED.instance_id}" in options
    assert f"--volume={tmp_path}/home:{INSIDE}/home:rw" in options
    assert f"--volume={tmp_path}/empty-aws-config:{INSIDE}/empty-aws-config:ro" in options
    assert options[-4:] == ["--rootfs", "/srv/images/minimal", "run", "it"]


def test_an_image_is_the_folder_of_its_name(tmp_path: Path) -> None:
    for name in ("bookworm", "alpine-3.20", ".hidden", "no name"):
        (tmp_path / name).mkdir()
    images = ContainerImages(tmp_path, mount_points=tmp_path / "made")
    assert images.root_of(container_image_id("alpine-3.20")) == Root(folder=tmp_path / "alpine-3.20")


@pytest.mark.parametrize("folder", [True, False])
def test_an_image_that_this_host_lacks_is_not_started(tmp_path: Path, folder: bool) -> None:
    images = ContainerImages(tmp_path if folder else None, mount_points=tmp_path / "made")
    with pytest.raises(CannotStart, match="no folder for the image"):
        images.root_of(container_image_id("bookworm"))


@pytest.mark.parametrize("name", ["", "ab", "../etc", "a/b", ".hidden", "with space", "x" * 129])
def test_an_invalid_folder_name_is_no_image(name: str) -> None:
    with pytest.raises(ValueError, match="names no image"):
        container_image_id(name)


def test_the_machines_programs_come_from_its_existing_folders(tmp_path: Path) -> None:
    machine, made = tmp_path / "machine", tmp_path / "made"
    for folder in ("usr", "etc/ssl/certs", "etc/ssh", "home/somebody", "lib64"):
        (machine / folder).mkdir(parents=True)
    (machine / "bin").symlink_to("usr/bin")
    for _ in range(2):
        root = machines_programs(made, machine)
        assert [mount.target for mount in root.mounts] == ["/usr", "/lib64", "/etc/ssl/certs"]
        assert not any(mount.writable for mount in root.mounts)
        assert "localhost" in (made / "etc" / "hosts").read_text()
        assert (made / "bin").readlink() == Path("usr/bin")
        assert stat.S_IMODE(made.stat().st_mode) == 0o755


def test_a_missing_podman_is_reported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert why_not() == "podman is not installed"


# With podman


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An instance's folder; the fixture removes its container afterwards."""
    directory = tmp_path / DESIRED.instance_id
    directory.mkdir()
    (directory / "empty-aws-config").touch()
    yield directory
    if not why_not():
        remove_containers([DESIRED.instance_id])


def driver_of(folder: Path) -> ContainerDriver:
    images = ContainerImages(None, mount_points=folder.parent / "programs")
    return ContainerDriver(NETWORKS, root_of=images.root_of, owner_of=owner_of_its_own if IS_ROOT else None)


def desired(script: str) -> DesiredInstance:
    return msgspec.structs.replace(
        DESIRED, user_data=script.encode(), driver="container", image_id=MACHINES_PROGRAMS_IMAGE_ID
    )


async def opened(driver: ContainerDriver) -> InstanceNetwork:
    if reason := why_not():
        pytest.skip(reason)
    try:
        return await driver.open_network()
    except NoNetwork as error:
        pytest.skip(f"no network for a container here: {error}")


async def started(driver: ContainerDriver, folder: Path, script: str) -> tuple[InstanceNetwork, Running]:
    network = await opened(driver)
    try:
        return network, await driver.start(desired(script), network, driver.base_environment, folder)
    except CannotStart as error:
        network.close()
        pytest.skip(f"podman makes no containers here: {error}")


def containers() -> list[str]:
    said = subprocess.run(
        ["podman", "ps", "--all", "--format={{.Names}}"], capture_output=True, text=True, check=True
    ).stdout
    return [name for name in said.split() if name == container_name(DESIRED.instance_id)]


async def test_a_container_ends_on_request_and_reports_its_status(folder: Path) -> None:
    network, running = await started(
        driver_of(folder), folder, "#!/bin/sh\ntrap 'exit 5' TERM\necho up\nid -u\nsleep 600 & wait\n"
    )
    async with asyncio.timeout(20):
        while len(said(folder)) < 2:  # noqa: ASYNC110 - it tells nobody else
            await asyncio.sleep(0.01)
    assert containers() == [container_name(DESIRED.instance_id)]
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus(code=5)
    uid = owner_of_its_own(DESIRED.instance_id).uid if IS_ROOT else 0
    assert said(folder) == ["up", str(uid)]
    assert containers() == []
    network.close()


async def test_a_container_that_an_agent_left_behind_is_ended_by_the_next(folder: Path) -> None:
    network, running = await started(driver_of(folder), folder, "#!/bin/sh\nexec sleep 600\n")
    end_former(folder.parent, [DESIRED.instance_id])
    assert containers() == []
    await running.wait()
    network.close()


async def test_a_failed_container_start_gives_the_reason_and_leaves_nothing(folder: Path) -> None:
    driver = driver_of(folder)
    network, running = await started(driver, folder, "#!/bin/sh\nexit 0\n")
    await running.wait()
    (folder / "empty").mkdir()
    empty = ContainerDriver(NETWORKS, root_of=lambda _: Root(folder=folder / "nowhere"), owner_of=None)
    with pytest.raises(CannotStart, match="nowhere"):
        await empty.start(desired("#!/bin/sh\n"), network, driver.base_environment, folder)
    assert containers() == []
    network.close()


def said(folder: Path) -> list[str]:
    console = folder / "console.log"
    return console.read_text().split() if console.exists() else []


async def test_user_data_that_is_no_script_is_not_run(tmp_path: Path) -> None:
    driver = driver_of(tmp_path / "i")
    running = await driver.start(desired("key: value"), InstanceNetwork(metadata=()), {}, tmp_path)
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus()
