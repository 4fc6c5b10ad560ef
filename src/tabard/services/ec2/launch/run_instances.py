"""RunInstances: from a request to instances that wait for their host."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tabard.access.authorize import Permit
from tabard.model.instance import Image, Instance, InstanceState, MetadataOptions, ShutdownOptions
from tabard.model.instance_profile import InstanceProfile
from tabard.model.tag import Tag
from tabard.names import new_resource_id
from tabard.services.ec2.errors import (
    DryRunOperation,
    IdempotentParameterMismatch,
    InstanceLimitExceeded,
    InvalidAMIIDNotFound,
    InvalidGroupNotFound,
    InvalidKeyPairNotFound,
    InvalidParameterCombination,
    InvalidParameterValue,
    InvalidSubnetIDNotFound,
    MissingParameter,
    UnsupportedOperation,
)
from tabard.services.ec2.ids import guard_image_id
from tabard.services.ec2.instance_types import guard_instance_type
from tabard.services.ec2.instances.shutdown_options import launched_shutdown_options
from tabard.services.ec2.instances.view import instance_view
from tabard.services.ec2.launch.checks import run_instances_checks
from tabard.services.ec2.launch.images import MACHINE_IMAGE
from tabard.services.ec2.launch_request import RunInstancesRequest, decoded_user_data, guard_supported
from tabard.services.ec2.metadata.defaults import metadata_defaults
from tabard.services.ec2.metadata.options import guard_enforcement, metadata_options
from tabard.services.ec2.network.default_vpc import DefaultVpc, default_vpc, mac_address
from tabard.services.ec2.pass_role import (
    guard_specification,
    new_association,
    passed_instance_profile,
)
from tabard.services.ec2.placement import choose_host, free_addresses
from tabard.services.ec2.tag_specifications import instance_tags
from tabard.services.operation import Operation, Output, Write
from tabard.store.ports import Transaction

MAX_INSTANCES = 100
MAX_CLIENT_TOKEN_CHARACTERS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class _Launch:
    """The values that all instances of one request share."""

    image: Image
    reservation_id: str
    host_id: str
    metadata_options: MetadataOptions
    shutdown_options: ShutdownOptions
    user_data: bytes
    public_key: str
    tags: tuple[Tag, ...]
    instance_profile: InstanceProfile | None


def run_instances(permit: Permit, request: RunInstancesRequest, tx: Transaction) -> Output:
    """Launch instances, each with the instance profile that is asked for.

    Args:
        permit: proof that the caller may ec2:RunInstances on all that a launch uses, ec2:CreateTags where
            tags are asked for, and iam:PassRole on the role of the instance profile.
        request: user data is base64 of at most 16,384 bytes. A client token that was used before, with the
            same parameters, answers the instances it launched then.
    Returns:
        The reservation, its instances `pending`; their host starts them and says so.
    Raises:
        InvalidAMIID.NotFound, InvalidParameterValue (among others: no such instance profile),
        InvalidParameterCombination, MissingParameter, UnsupportedOperation (a parameter that would mislead
        if it were ignored), IdempotentParameterMismatch (400 each), DryRunOperation (412),
        InsufficientInstanceCapacity (500: no host).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html
    Differs: the key pair's public key is in the instance's metadata, and nothing else is done with it.
        MaxCount instances or none; the instance type is kept and shown, and changes nothing. A client
        token is remembered until the instances it launched are forgotten, an hour after they terminated.
    """
    if request.dry_run:
        raise DryRunOperation
    _guard_counts(request)
    guard_instance_type(request.instance_type)
    guard_supported(request)
    user_data = decoded_user_data(request.user_data)
    reservation_id = _reservation_id(permit, request)
    launched = _launched_before(permit, request, tx)
    if launched:
        if any(each.reservation_id != reservation_id or each.user_data != user_data for each in launched):
            raise IdempotentParameterMismatch
        return _reservation_view(launched, tx)
    vpc = default_vpc(account_id=permit.account_id, region=permit.region)
    _guard_network(request, vpc)
    image = _image(request, tx)
    defaults = metadata_defaults(tx.installation.get, permit.region)
    options = metadata_options(request.metadata_options, image, defaults)
    guard_enforcement(options, defaults)
    launch = _Launch(
        image=image,
        reservation_id=reservation_id,
        metadata_options=options,
        shutdown_options=launched_shutdown_options(request),
        user_data=user_data,
        public_key=_public_key(permit, request, tx),
        tags=instance_tags(
            request.tag_specifications, shown_in_metadata=options.instance_metadata_tags == "enabled"
        ),
        instance_profile=_instance_profile(permit, request, tx),
        host_id=choose_host(permit, request.placement, vpc, tx).host_id,
    )
    return _reservation_view(_insert_instances(permit, request, launch, vpc, tx), tx)


def _guard_counts(request: RunInstancesRequest) -> None:
    for parameter, count in (("minCount", request.min_count), ("maxCount", request.max_count)):
        if count < 1:
            raise InvalidParameterValue(
                reason=f"Value ({count}) for parameter {parameter} is invalid. It must be at least 1."
            )
    if request.min_count > request.max_count:
        raise InvalidParameterCombination(
            reason=f"MinCount ({request.min_count}) cannot be greater than MaxCount ({request.max_count})."
        )
    if request.max_count > MAX_INSTANCES:
        raise InstanceLimitExceeded(requested=request.max_count, limit=MAX_INSTANCES)


def _guard_network(request: RunInstancesRequest, vpc: DefaultVpc) -> None:
    """There is one subnet, one security group: any other name is unknown, as AWS says it."""
    if request.subnet_id not in (None, "", vpc.subnet_id):
        raise InvalidSubnetIDNotFound(subnet_id=request.subnet_id)
    if request.security_group_ids and request.security_groups:
        raise InvalidParameterCombination(
            reason="The parameter groupName cannot be used with the parameter groupId"
        )
    known = {
        vpc.security_group_id: request.security_group_ids,
        vpc.security_group_name: request.security_groups,
    }
    for name, groups in known.items():
        for group in groups:
            if group != name:
                raise InvalidGroupNotFound(group=group)


def _public_key(permit: Permit, request: RunInstancesRequest, tx: Transaction) -> str:
    if not request.key_name:
        return ""
    key_pair = tx.key_pairs.named(permit.region, request.key_name)
    if key_pair is None:
        raise InvalidKeyPairNotFound.of_name(request.key_name)
    return key_pair.public_key


def _image(request: RunInstancesRequest, tx: Transaction) -> Image:
    if not request.image_id:
        raise MissingParameter(parameter="ImageId")
    guard_image_id(request.image_id)
    image = tx.images.get(request.image_id)
    if image is None:
        raise InvalidAMIIDNotFound.among([request.image_id])
    if image.driver == MACHINE_IMAGE.driver:
        raise UnsupportedOperation(parameter="ImageId", reason="a machine enrolls itself: tabard host enroll")
    return image


def _instance_profile(
    permit: Permit, request: RunInstancesRequest, tx: Transaction
) -> InstanceProfile | None:
    if request.iam_instance_profile is None:
        return None
    guard_specification(request.iam_instance_profile)
    return passed_instance_profile(permit, request.iam_instance_profile, tx, decided_as="ec2:instanceprofile")


def _reservation_id(permit: Permit, request: RunInstancesRequest) -> str:
    """Return a random id; with a client token, one that follows from all parameters but the user data.

    So the reservation itself remembers what its client token was first used with. User data may hold secrets:
    no hash of it is shown, it is compared with what the instances keep.
    """
    if not request.client_token:
        return new_resource_id("r")
    parameters = msgspec.structs.replace(request, user_data=None)
    scope = f"{permit.account_id}/{permit.region}/".encode()
    return "r-" + hashlib.sha256(scope + msgspec.json.encode(parameters)).hexdigest()[:17]


def _launched_before(permit: Permit, request: RunInstancesRequest, tx: Transaction) -> Sequence[Instance]:
    """AWS: https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html"""
    token = request.client_token
    if not token:
        return ()
    if len(token) > MAX_CLIENT_TOKEN_CHARACTERS or not token.isascii():
        raise InvalidParameterValue(
            reason="Invalid value for clientToken. "
            f"It has at most {MAX_CLIENT_TOKEN_CHARACTERS} ASCII characters."
        )
    launched = [each for each in tx.instances.launched_with(token) if each.region == permit.region]
    return sorted(launched, key=lambda each: each.ami_launch_index)


def _insert_instances(
    permit: Permit, request: RunInstancesRequest, launch: _Launch, vpc: DefaultVpc, tx: Transaction
) -> Sequence[Instance]:
    instance_ids = [new_resource_id("i") for _ in range(request.max_count)]
    addresses = free_addresses(instance_ids, vpc, tx)
    instances = [
        Instance(
            instance_id=instance_id,
            reservation_id=launch.reservation_id,
            owner_account_id=permit.account_id,
            image_id=launch.image.image_id,
            host_id=launch.host_id,
            instance_type=request.instance_type,
            region=permit.region,
            availability_zone=vpc.availability_zone,
            private_ip_address=address,
            mac_address=mac_address(instance_id),
            state=InstanceState.PENDING,
            metadata_options=launch.metadata_options,
            shutdown_options=launch.shutdown_options,
            launched_at=permit.now,
            launched_by=permit.caller.arn,
            ami_launch_index=index,
            client_token=request.client_token or "",
            user_data=launch.user_data,
            key_name=request.key_name or "",
            public_key=launch.public_key,
            state_changed_at=permit.now,
            tags=launch.tags,
        )
        for index, (instance_id, address) in enumerate(zip(instance_ids, addresses, strict=True))
    ]
    for instance in instances:
        tx.instances.insert(instance)
        if launch.instance_profile is not None:
            tx.associations.insert(new_association(permit, instance, launch.instance_profile))
    return instances


def _reservation_view(instances: Sequence[Instance], tx: Transaction) -> Output:
    shown = []
    for instance in instances:
        held = [each for each in tx.associations.of_instance(instance.instance_id) if each.is_active]
        image = tx.images.get(instance.image_id)
        architecture = image.architecture if image is not None else "x86_64"
        shown.append(instance_view(instance, held[0] if held else None, architecture=architecture))
    return {
        "ReservationId": instances[0].reservation_id,
        "OwnerId": instances[0].owner_account_id,
        "Groups": [],
        "Instances": shown,
    }


OPERATIONS: tuple[Operation, ...] = (
    Write(
        RunInstancesRequest,
        run_instances_checks,
        run_instances,
        actions=("ec2:CreateTags", "ec2:RunInstances", "iam:PassRole"),
    ),
)
