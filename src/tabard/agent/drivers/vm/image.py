"""The image of virtual machines: a folder of the operator's, with a disk and optionally its kernel."""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

DiskFormat: TypeAlias = Literal["raw", "qcow2"]

DISKS = ("disk.raw", "disk.qcow2")
KERNEL = "vmlinuz"
INITRD = "initrd"

_QCOW2_MAGIC = b"QFI\xfb"
_QCOW2_HEADER = struct.Struct(">4sIQIIQ")
"""Magic, version, backing file's offset and length, cluster bits, size of the disk."""


class NoImage(Exception):
    """The folder is not an image. The message tells the operator why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VmImage:
    """The parts of one image. Without a kernel the disk boots by itself.

    size_bytes: of the disk as its machine sees it; version: changes with each write to the disk.
    """

    disk: Path
    disk_format: DiskFormat
    size_bytes: int
    version: str
    kernel: Path | None = None
    initrd: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedImage:
    """Descriptors of an image's parts, open for reading."""

    disk: int
    kernel: int | None
    initrd: int | None


def read_image(folder: Path) -> VmImage:
    """Read the parts of the image in a folder. Raises NoImage."""
    disks = [folder / name for name in DISKS if (folder / name).exists()]
    if len(disks) != 1:
        raise NoImage(f"{folder} has {'both' if disks else 'neither'} {DISKS[0]} {_and(disks)} {DISKS[1]}")
    kernel, initrd = (folder / name if (folder / name).exists() else None for name in (KERNEL, INITRD))
    if initrd is not None and kernel is None:
        raise NoImage(f"{folder} has {INITRD} and no {KERNEL}")
    for part in (kernel, initrd):
        # QEMU opens these two by their paths, under its own uid. It inherits the disk as a descriptor.
        if part is not None and not part.stat().st_mode & stat.S_IROTH:
            raise NoImage(f"{part} must be readable by everybody: chmod a+r")
    disk = disks[0]
    try:
        with disk.open("rb") as file:
            head = file.read(_QCOW2_HEADER.size)
            status = os.fstat(file.fileno())
    except OSError as error:
        raise NoImage(f"{disk} cannot be read: {error.strerror}") from error
    is_qcow2 = head.startswith(_QCOW2_MAGIC) and len(head) == _QCOW2_HEADER.size
    if is_qcow2 is not (disk.suffix == ".qcow2"):
        raise NoImage(f"{disk} has the wrong suffix: its first bytes decide whether it is a qcow2 file")
    size_bytes = status.st_size
    if is_qcow2:
        _, _, backing_file, _, _, size_bytes = _QCOW2_HEADER.unpack(head)
        if backing_file:
            raise NoImage(f"{disk} has a backing file: merge both with qemu-img convert")
    return VmImage(
        disk=disk,
        disk_format="qcow2" if is_qcow2 else "raw",
        size_bytes=size_bytes,
        version=f"{status.st_size} {status.st_mtime_ns}",
        kernel=kernel,
        initrd=initrd,
    )


def _and(disks: list[Path]) -> str:
    return "and" if disks else "nor"


@contextmanager
def opened(image: VmImage) -> Iterator[OpenedImage]:
    """Open the image's parts for the length of this context. Raises OSError."""
    with ExitStack() as stack:

        def to_read(path: Path) -> int:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            return descriptor

        yield OpenedImage(
            disk=to_read(image.disk),
            kernel=None if image.kernel is None else to_read(image.kernel),
            initrd=None if image.initrd is None else to_read(image.initrd),
        )
