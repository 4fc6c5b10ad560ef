"""QEMU's command line for one instance. Pure: desired state and descriptors in, arguments out.

QEMU inherits every file open. It runs under a uid of its own and needs no permission for any path. QEMU makes
the guest's connections inside the namespace, which contains only the metadata service and the edge.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal, TypeAlias

from tabard.agent.drivers.vm.image import DiskFormat
from tabard.model.messages import DesiredInstance

Accelerator: TypeAlias = Literal["kvm", "tcg"]

TOLD_VARIABLES = (
    "AWS_ENDPOINT_URL",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_METADATA_SERVICE_NUM_ATTEMPTS",
)
"""The variables that the guest's services get, if it boots with our kernel arguments."""

_MEBIBYTES_BY_SIZE = {"nano": 512, "micro": 1024, "small": 2048, "medium": 4096}
_MOST_MEBIBYTES = 8192
_EMULATED = ("-accel", "tcg,tb-size=256")
_PROCESSOR: Mapping[Accelerator, tuple[str, ...]] = {
    "kvm": ("-accel", "kvm", *_EMULATED, "-cpu", "max"),
    # A kernel uses the instructions that it finds. Emulated AES and AVX are slower than their replacements.
    "tcg": (*_EMULATED, "-cpu", "Nehalem"),
}
"""If KVM is present but does not work, QEMU emulates. tb-size is in MiB; its default is 1 GiB."""

_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineParts:
    """The files that QEMU inherits open: the instance's disk, the image's parts, the control channel."""

    disk: int
    image_disk: int
    image_format: DiskFormat
    kernel: int | None
    initrd: int | None
    control: int

    @property
    def descriptors(self) -> tuple[int, ...]:
        """All descriptors."""
        every = (self.disk, self.image_disk, self.kernel, self.initrd, self.control)
        return tuple(one for one in every if one is not None)


def qemu_arguments(
    desired: DesiredInstance,
    parts: MachineParts,
    environment: Mapping[str, str],
    *,
    accelerator: Accelerator,
    processors: int,
) -> list[str]:
    """Return the arguments after the program's name.

    Args: environment: the guest gets those of its variables that TOLD_VARIABLES lists.
    """
    uuid = smbios_uuid(desired.instance_id)
    return [
        *("-nodefaults", "-no-user-config", "-display", "none", "-sandbox", _SANDBOX),
        *("-machine", "pc", *_PROCESSOR[accelerator]),
        *("-smp", str(processors), "-m", str(memory_mebibytes(desired.instance_type))),
        *("-smbios", f"type=1,uuid={uuid},serial={uuid}"),
        *("-smbios", f"type=2,asset={desired.instance_id}"),
        *("-add-fd", f"set=1,fd={parts.disk}", "-add-fd", f"set=2,fd={parts.image_disk}"),
        *("-blockdev", _disk(parts.image_format), "-device", "virtio-blk-pci,drive=disk"),
        *("-netdev", _network(desired)),
        *("-device", f"virtio-net-pci,netdev=network,mac={desired.mac_address},romfile="),
        *("-device", "virtio-rng-pci"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-chardev", f"socket,id=control,fd={parts.control}", "-mon", "chardev=control,mode=control"),
        *_kernel(parts, environment, accelerator),
    ]


def smbios_uuid(instance_id: str) -> str:
    """Return the uuid and serial number that tell a guest that it is an instance: they begin with `ec2`.

    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/identify_ec2_instances.html
    """
    digest = hashlib.sha256(instance_id.encode()).hexdigest()
    return f"ec2{digest[:5]}-{digest[5:9]}-4{digest[9:12]}-8{digest[12:15]}-{digest[15:27]}"


def memory_mebibytes(instance_type: str) -> int:
    """Return the memory of AWS's general-purpose types by their size, at most 8 GiB."""
    return _MEBIBYTES_BY_SIZE.get(instance_type.partition(".")[2], _MOST_MEBIBYTES)


def _disk(image_format: DiskFormat) -> str:
    """Stack the instance's own disk on the image's. File names in the disk's header are ignored."""
    image = {"driver": "file", "filename": "/dev/fdset/2", "read-only": True, "locking": "off"}
    backing: dict[str, object] = {"driver": image_format, "read-only": True, "file": image}
    if image_format == "qcow2":
        backing["backing"] = None
    own = {"driver": "file", "filename": "/dev/fdset/1", "discard": "unmap"}
    disk = {"driver": "qcow2", "node-name": "disk", "discard": "unmap", "file": own, "backing": backing}
    return json.dumps(disk)


def _network(desired: DesiredInstance) -> str:
    """Give the guest the address from its metadata by DHCP.

    AWS: the router is at the network's base plus one, the name server plus two.
    https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    """
    subnet = IPv4Network(desired.subnet_cidr_block)
    return ",".join(
        (
            "user,id=network,ipv4=on,ipv6=on",
            f"net={subnet},host={subnet[1]},dns={subnet[2]}",
            f"dhcpstart={desired.private_ip_address},hostname={desired.private_dns_name.partition('.')[0]}",
        )
    )


def _kernel(parts: MachineParts, environment: Mapping[str, str], accelerator: Accelerator) -> list[str]:
    """Boot the image's kernel. Without one, the disk boots by itself."""
    if parts.kernel is None:
        return []
    told = (f"systemd.setenv={name}={environment[name]}" for name in TOLD_VARIABLES if name in environment)
    arguments = ["-kernel", f"/proc/self/fd/{parts.kernel}"]
    if parts.initrd is not None:
        arguments += ["-initrd", f"/proc/self/fd/{parts.initrd}"]
    # An emulated processor does not speculate, and the mitigations would double the time of the boot.
    emulated = ("mitigations=off",) if accelerator == "tcg" else ()
    return [*arguments, "-append", " ".join(("root=/dev/vda", "rw", "console=ttyS0", *emulated, *told))]
