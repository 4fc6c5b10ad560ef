"""Images: the sources of instances. Tabard seeds some, the operator adds folders; none is shared."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from tabard.access.authorize import Permit
from tabard.model.container_image import MACHINES_PROGRAMS_IMAGE_ID, container_image_id
from tabard.model.instance import Image
from tabard.model.messages import DriverName
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, InvalidAMIIDNotFound
from tabard.services.ec2.filters import Filter, Selectors, keep
from tabard.services.ec2.ids import guard_image_id
from tabard.services.ec2.pages import page
from tabard.services.operation import Operation, Output, Read, Request
from tabard.store.snapshot import Snapshot

_SEEDED_AT = datetime(2026, 11, 1, tzinfo=UTC)


def _image(
    *, image_id: str, name: str, description: str, driver: DriverName, created_at: datetime = _SEEDED_AT
) -> Image:
    """Make an image of this installation: its instances require metadata version 2 by default."""
    return Image(
        image_id=image_id,
        name=name,
        description=description,
        driver=driver,
        imds_support="v2.0",
        architecture="x86_64",
        created_at=created_at,
    )


PROCESS_IMAGE = _image(
    image_id="ami-07ab4d000000005e1",
    name="tabard-process",
    description="Runs the user data as a process of its host",
    driver="process",
)
NETNS_IMAGE = _image(
    image_id="ami-07ab4d00000000e75",
    name="tabard-netns",
    description="Runs the user data in a network namespace of its own, with metadata at 169.254.169.254",
    driver="netns",
)
CONTAINER_IMAGE = _image(
    image_id=MACHINES_PROGRAMS_IMAGE_ID,
    name="tabard-container",
    description="Runs the user data in a container with its host's programs; also one that tabard adopt took",
    driver="container",
)
VM_IMAGE = _image(
    image_id="ami-07ab4d0000000b007",
    name="tabard-vm",
    description="Boots a virtual machine from its host's image; cloud-init in it runs the user data",
    driver="vm",
)
MACHINE_IMAGE = _image(
    image_id="ami-07ab4d000000003ac",
    name="tabard-machine",
    description="A machine that enrolled itself; nothing is launched from it",
    driver="machine",
)
SEEDED_IMAGES = (NETNS_IMAGE, PROCESS_IMAGE, CONTAINER_IMAGE, VM_IMAGE, MACHINE_IMAGE)
"""The seeded images; their ids are the same in every region and installation."""


def folder_image(name: str, *, now: datetime) -> Image:
    """Make the image of an operator's folder: containers use the folder as their root.

    Raises:
        ValueError: the folder's name is not valid for an image.
    """
    return _image(
        image_id=container_image_id(name),
        name=name,
        description="Runs the user data in a container whose root is the host's folder of this name",
        driver="container",
        created_at=now,
    )


class DescribeImagesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html"""

    executable_users: tuple[str, ...] = ()
    image_ids: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()
    include_deprecated: bool = False
    include_disabled: bool = False
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False
    filters: tuple[Filter, ...] = ()


def describe_images(permit: Permit, request: DescribeImagesRequest, snapshot: Snapshot) -> Output:
    """Describe the images from which instances can be started.

    Returns:
        Those that match ids, owners and filters. The account owns every image; images are private.
    Raises:
        InvalidAMIID.NotFound, InvalidAMIID.Malformed, InvalidParameterValue (an unknown filter),
        InvalidNextToken (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
    Differs: an image has the same id in every region. Images are neither shared nor public, so that
        ExecutableUsers finds none.
    """
    if request.dry_run:
        raise DryRunOperation
    found = _asked_for(request.image_ids, snapshot.images)
    if request.executable_users:
        found = []
    if request.owners and not {"self", permit.account_id}.intersection(request.owners):
        found = []
    images, next_token = page(
        keep(found, request.filters, _selectors(permit.account_id)),
        key=lambda image: (image.image_id,),
        max_results=request.max_results,
        next_token=request.next_token,
        least=1,
    )
    answer: dict[str, object] = {"Images": [_image_view(image, permit.account_id) for image in images]}
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def _asked_for(image_ids: tuple[str, ...], images: Mapping[str, Image]) -> list[Image]:
    for image_id in image_ids:
        guard_image_id(image_id)
    missing = [image_id for image_id in image_ids if image_id not in images]
    if missing:
        raise InvalidAMIIDNotFound.among(missing)
    return [images[image_id] for image_id in dict.fromkeys(image_ids)] or list(images.values())


def _creation_date(image: Image) -> str:
    return image.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _present(value: str) -> Iterable[str]:
    return (value,) if value else ()


def _selectors(account_id: str) -> Selectors[Image]:
    return {
        "architecture": lambda image: (image.architecture,),
        "creation-date": lambda image: (_creation_date(image),),
        "description": lambda image: (image.description,),
        "image-id": lambda image: (image.image_id,),
        "image-type": lambda _: ("machine",),
        "imds-support": lambda image: _present(image.imds_support),
        "is-public": lambda _: ("false",),
        "name": lambda image: (image.name,),
        "owner-id": lambda _: (account_id,),
        "root-device-type": lambda _: ("ebs",),
        "state": lambda _: ("available",),
        "virtualization-type": lambda _: ("hvm",),
    }


def _image_view(image: Image, account_id: str) -> Output:
    view: dict[str, object] = {
        "ImageId": image.image_id,
        "Name": image.name,
        "Description": image.description,
        "ImageLocation": f"{account_id}/{image.name}",
        "OwnerId": account_id,
        "Public": False,
        "State": "available",
        "ImageType": "machine",
        "Architecture": image.architecture,
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "CreationDate": _creation_date(image),
        "PlatformDetails": "Linux/UNIX",
        "BlockDeviceMappings": [],
        "Tags": [],
    }
    if image.imds_support:
        view["ImdsSupport"] = image.imds_support
    return view


OPERATIONS: tuple[Operation, ...] = (
    Read(DescribeImagesRequest, on_everything("ec2:DescribeImages"), describe_images),
)
