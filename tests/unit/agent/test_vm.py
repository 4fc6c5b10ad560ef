"""The driver of virtual machines, with test programs in place of QEMU's."""

import asyncio
import json
import os
import signal
import socket
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tabard.agent.agent_handover import MetadataState, RunningInstance
from tabard.agent.drivers.driver import CannotStart, ExitStatus, Running
from tabard.agent.drivers.process.driver import Owner
from tabard.agent.drivers.vm.driver import DISK, VmDriver, accelerator_for, qemu_missing
from tabard.agent.drivers.vm.image import DiskFormat, NoImage, read_image
from tabard.agent.drivers.vm.power_button import PowerButton
from tabard.agent.drivers.vm.qemu import (
    Accelerator,
    MachineParts,
    memory_mebibytes,
    qemu_arguments,
    smbios_uuid,
)
from tabard.agent.networks.network import InstanceNetwork, LoopbackPorts
from tests.support.described_instance import DESIRED

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="QEMU's process is held by a pidfd")

GRACE = timedelta(seconds=10)
NO_GRACE = timedelta(seconds=0.2)
NETWORK = InstanceNetwork(metadata=())
PLACED = msgspec.structs.replace(DESIRED, private_ip_address="172.31.0.7", driver="vm")
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://169.254.169.253",
    "AWS_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": "/x",
}
PARTS = MachineParts(disk=3, image_disk=4, image_format="raw", kernel=5, initrd=6, control=7)

# Tells what it was given, then does as QEMU does with a guest that listens, or with one that does not.
QEMU = """#!{python} -I
import json, os, socket, sys
arguments = sys.argv[1:]
def value(option, key):
    for name, text in zip(arguments, arguments[1:]):
        pairs = dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
        if name == option and key in pairs:
            yield pairs[key]
disk, image = [int(fd) for fd in value("-add-fd", "fd")]
control = socket.socket(fileno=[int(fd) for fd in value("-chardev", "fd")][0])
os.pwrite(disk, b"written", 0)
try:
    os.write(image, b"never")
    image_is = "writable"
except OSError:
    image_is = os.pread(image, 5, 0).decode()
kernel = open(arguments[arguments.index("-kernel") + 1]).read()
print(json.dumps({{"image": image_is, "kernel": kernel, "variables": sorted(os.environ),
    "descriptors": len(os.listdir("/proc/self/fd"))}}), flush=True)
heard = b""
while True:
    heard += control.recv(4096)
    if b"system_powerdown" in heard and {listens}:
        print("goodbye", heard.count(b"qmp_capabilities"), flush=True)
        sys.exit(0)
"""
QEMU_IMG = """#!/bin/sh
[ "$1 $2 $3 $4" = "create -q -f qcow2" ] || exit 9
echo "$6" > "$5"
"""


def script(path: Path, content: str) -> str:
    path.write_text(content)
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    folder = tmp_path / "image"
    folder.mkdir()
    for name, content in (("disk.raw", "image"), ("vmlinuz", "kernel"), ("initrd", "initrd")):
        (folder / name).write_text(content)
    return folder


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "instance").mkdir()
    return tmp_path / "instance"


def driver_of(image: Path, *, listens: bool = True, outlives_agent: bool = False, **more: str) -> VmDriver:
    programs = {
        "qemu": script(image.parent / "qemu", QEMU.format(python=sys.executable, listens=listens)),
        "qemu_img": script(image.parent / "qemu-img", QEMU_IMG),
    }
    return VmDriver(
        image,
        LoopbackPorts(uid=os.getuid()),
        base_environment={"PATH": os.environ["PATH"], "AWS_SECRET_ACCESS_KEY": "decoy"},
        outlives_agent=outlives_agent,
        **{**programs, **more},
    )


async def start(driver: VmDriver, directory: Path) -> Running:
    return await driver.start(PLACED, NETWORK, ENVIRONMENT, directory)


def said(directory: Path) -> list[str]:
    console = directory / "console.log"
    return console.read_text().splitlines() if console.exists() else []


def open_files() -> list[str]:
    """Those of images and instances that this process has open."""
    links = []
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own
            links.append(str(one.readlink()))
    return [link for link in links if link.endswith(("disk.raw", "vmlinuz", "initrd", DISK))]


async def eventually(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - a file tells nobody when it changes
            await asyncio.sleep(0.01)


async def test_qemu_inherits_open_files_and_no_others(image: Path, directory: Path) -> None:
    """What it may write is the instance's own disk; what is the agent's own does not reach it."""
    running = await start(driver_of(image), directory)
    await eventually(lambda: said(directory))
    found = json.loads(said(directory)[0])
    assert (found["image"], found["kernel"]) == ("image", "kernel")
    assert found["variables"] == ["LC_CTYPE", "PATH", "TABARD_INSTANCE_ID"]
    assert found["descriptors"] == 3 + len(PARTS.descriptors) + 1  # and the listing's own
    assert (directory / DISK).read_bytes().startswith(b"written")
    assert (directory / DISK).stat().st_mode & 0o777 == 0o600
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus(code=0)
    assert open_files() == []


async def test_stopping_presses_the_power_button_and_waits_for_the_guest(
    image: Path, directory: Path
) -> None:
    running = await start(driver_of(image), directory)
    await running.stop(GRACE)
    assert await running.wait() == ExitStatus(code=0)
    assert said(directory)[-1] == "goodbye 1"


async def test_a_guest_that_ignores_the_power_button_is_killed_after_its_grace(
    image: Path, directory: Path
) -> None:
    running = await start(driver_of(image, listens=False), directory)
    await eventually(lambda: said(directory))
    await running.stop(NO_GRACE)
    assert await running.wait() == ExitStatus(signal_number=signal.SIGTERM)


async def test_a_guest_that_is_given_time_can_be_hurried(image: Path, directory: Path) -> None:
    running = await start(driver_of(image, listens=False), directory)
    await eventually(lambda: said(directory))
    patient = asyncio.create_task(running.stop(timedelta(hours=1)))
    await running.stop(NO_GRACE)
    await asyncio.wait_for(patient, 20)
    assert await running.wait() == ExitStatus(signal_number=signal.SIGTERM)


async def test_the_disk_survives_a_stop_and_start(image: Path, directory: Path) -> None:
    driver = driver_of(image)
    await (await start(driver, directory)).stop(GRACE)
    (directory / DISK).write_text("what it had")
    again = await start(driver, directory)
    await again.stop(GRACE)
    assert (directory / DISK).read_text() == "written had"


async def test_a_disk_is_never_used_with_another_image(image: Path, directory: Path) -> None:
    driver = driver_of(image)
    await (await start(driver, directory)).stop(GRACE)
    os.utime(image / "disk.raw", (1, 1))
    with pytest.raises(CannotStart, match="has changed since this instance's disk was made from it"):
        await start(driver, directory)


def kept_instance(process: tuple[int, ...]) -> RunningInstance:
    return RunningInstance(
        boot_number=0, metadata=MetadataState(desired=PLACED), network=NETWORK, token_key=b"", process=process
    )


async def test_the_next_agent_adopts_a_machine_and_its_power_button(image: Path, directory: Path) -> None:
    driver = driver_of(image, outlives_agent=True)
    started = await start(driver, directory)
    assert started.descriptors is not None
    kept = kept_instance(tuple(os.dup(one) for one in started.descriptors))
    await eventually(lambda: said(directory))
    adopted = driver_of(image, outlives_agent=True).adopt(kept, directory)
    assert adopted is not None
    await adopted.stop(GRACE)
    assert await adopted.wait() == ExitStatus(is_known=False)
    assert await started.wait() == ExitStatus(code=0)
    assert said(directory)[-1] == "goodbye 1"


async def test_a_machine_that_has_ended_is_not_adopted(image: Path, directory: Path) -> None:
    driver = driver_of(image, outlives_agent=True)
    started = await start(driver, directory)
    assert started.descriptors is not None
    process = tuple(os.dup(one) for one in started.descriptors)
    await started.stop(GRACE)
    kept = kept_instance(process)
    assert driver.adopt(kept, directory) is None
    kept.close()


@pytest.mark.parametrize(
    ("programs", "reason"),
    [
        ({"qemu": "no-such-qemu"}, "no-such-qemu is not installed"),
        ({"qemu_img": "/bin/false"}, "the instance's disk cannot be made"),
        ({"qemu_img": "/no/such/program"}, "No such file"),
    ],
)
async def test_a_failed_start_gives_the_reason(
    image: Path, directory: Path, programs: dict[str, str], reason: str
) -> None:
    with pytest.raises(CannotStart, match=reason):
        await start(driver_of(image, **programs), directory)
    assert open_files() == []


async def test_a_disk_that_was_half_made_is_made_again(image: Path, directory: Path) -> None:
    (directory / f"{DISK}.new").write_text("half")
    await (await start(driver_of(image), directory)).stop(GRACE)
    assert (directory / DISK).exists()
    assert not (directory / f"{DISK}.new").exists()


async def test_a_missing_image_is_the_instances_state_reason(image: Path, directory: Path) -> None:
    (image / "disk.raw").unlink()
    with pytest.raises(CannotStart, match=r"has neither disk\.raw nor disk\.qcow2"):
        await start(driver_of(image), directory)


def qcow2(*, size_bytes: int, backing_file: int = 0) -> bytes:
    head = b"QFI\xfb" + (3).to_bytes(4) + backing_file.to_bytes(8) + bytes(4) + (16).to_bytes(4)
    return head + size_bytes.to_bytes(8)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "has neither disk.raw nor disk.qcow2"),
        ({"disk.raw": b"", "disk.qcow2": b""}, "has both disk.raw and disk.qcow2"),
        ({"disk.raw": b"x", "initrd": b"x"}, "has initrd and no vmlinuz"),
        ({"disk.raw": qcow2(size_bytes=1)}, "has the wrong suffix"),
        ({"disk.qcow2": b"x"}, "has the wrong suffix"),
        ({"disk.qcow2": b"QFI\xfb"}, "has the wrong suffix"),
        ({"disk.qcow2": qcow2(size_bytes=1, backing_file=512)}, "has a backing file"),
    ],
)
def test_folders_that_are_no_image(tmp_path: Path, files: dict[str, bytes], reason: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(NoImage) as refused:
        read_image(tmp_path)
    assert reason in str(refused.value)


def test_a_kernel_that_qemus_user_cannot_read_is_refused(image: Path) -> None:
    (image / "vmlinuz").chmod(0o600)
    with pytest.raises(NoImage, match="must be readable by everybody"):
        read_image(image)


def test_a_disk_alone_is_an_image_and_boots_by_itself(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").write_bytes(qcow2(size_bytes=5 << 30))
    image = read_image(tmp_path)
    assert (image.disk_format, image.size_bytes, image.kernel, image.initrd) == ("qcow2", 5 << 30, None, None)


def options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    yield from ((name, value) for name, value in pairwise(arguments) if name[0] == "-")


def arguments_of(
    *, accelerator: Accelerator = "tcg", image_format: DiskFormat = "raw", kernel: int | None = 5
) -> dict[str, str]:
    made = MachineParts(
        disk=3, image_disk=4, image_format=image_format, kernel=kernel, initrd=kernel and 6, control=7
    )
    return dict(options(qemu_arguments(PLACED, made, ENVIRONMENT, accelerator=accelerator, processors=2)))


def test_the_guest_gets_the_address_in_its_metadata() -> None:
    network = arguments_of()["-netdev"]
    assert "net=172.31.0.0/20,host=172.31.0.1,dns=172.31.0.2,dhcpstart=172.31.0.7" in network
    assert "hostfwd" not in network


def test_the_guest_gets_only_the_edges_variables() -> None:
    told = arguments_of()["-append"].split()
    assert [one for one in told if "setenv" in one] == [
        "systemd.setenv=AWS_ENDPOINT_URL=http://169.254.169.253",
        "systemd.setenv=AWS_REGION=eu-west-1",
    ]


def test_a_disk_with_a_boot_loader_needs_no_kernel() -> None:
    assert not {"-kernel", "-initrd", "-append"} & set(arguments_of(kernel=None))


def test_qemu_can_neither_start_processes_nor_change_its_uid() -> None:
    assert {"elevateprivileges=deny", "spawn=deny", "resourcecontrol=deny"} <= set(
        arguments_of()["-sandbox"].split(",")
    )


def test_file_names_in_a_disks_header_are_ignored() -> None:
    """A guest that took over its QEMU could write any header."""
    disk: dict[str, Any] = json.loads(arguments_of(image_format="qcow2")["-blockdev"])
    assert disk["file"]["filename"] == "/dev/fdset/1"
    assert disk["backing"]["file"]["filename"] == "/dev/fdset/2"
    assert disk["backing"]["read-only"] is disk["backing"]["file"]["read-only"] is True
    assert disk["backing"]["backing"] is None


def test_only_an_emulated_guest_boots_without_mitigations() -> None:
    assert "mitigations=off" in arguments_of(accelerator="tcg")["-append"]
    assert "mitigations" not in arguments_of(accelerator="kvm")["-append"]


def test_the_uuid_tells_a_guest_that_it_is_an_instance() -> None:
    one, other = smbios_uuid("i-0123456789abcdef0"), smbios_uuid("i-0123456789abcdef1")
    assert one.startswith("ec2")
    assert one != other
    assert str(uuid.UUID(one)) == one


@pytest.mark.parametrize(
    ("instance_type", "mebibytes"),
    [("t3.nano", 512), ("t2.micro", 1024), ("t3.small", 2048), ("m7i.metal-48xl", 8192), ("odd", 8192)],
)
def test_memory_follows_from_the_instance_type(instance_type: str, mebibytes: int) -> None:
    assert memory_mebibytes(instance_type) == mebibytes


def test_another_user_gets_kvm_only_where_everybody_does(tmp_path: Path) -> None:
    device = tmp_path / "kvm"
    used_by = partial(accelerator_for, device=device)
    assert used_by(Owner()) == "tcg"
    device.touch(0o660)
    assert (used_by(Owner()), used_by(Owner(7, 7))) == ("kvm", "tcg")
    device.chmod(0o666)
    assert used_by(Owner(7, 7)) == "kvm"


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    script(tmp_path / "qemu-img", "#!/bin/sh\n")
    assert qemu_missing().startswith("qemu-system-x86_64 not found (Debian: apt-get install qemu-system-x86")
    script(tmp_path / "qemu-system-x86_64", "#!/bin/sh\n")
    assert not qemu_missing()


async def test_the_power_button_of_an_ended_machine_does_nothing() -> None:
    ours, of_qemu = socket.socketpair()
    button = PowerButton(ours)
    of_qemu.close()
    await asyncio.sleep(0)
    button.press()
    button.close()


async def test_qemus_output_is_read_so_that_it_never_blocks() -> None:
    ours, of_qemu = socket.socketpair()
    of_qemu.setblocking(False)
    button = PowerButton(ours)
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        await loop.sock_sendall(of_qemu, b"{}\n" * 1_000_000)  # more than any socket holds
    button.connect()
    button.press()
    assert await loop.sock_recv(of_qemu, 100) == (
        b'{"execute": "qmp_capabilities"}\n{"execute": "system_powerdown"}\n'
    )
    button.close()
    of_qemu.close()
