"""The request of RunInstances, and the members that are refused because ignoring them would mislead.

Every member of AWS's request is declared here; a test compares the list with botocore's model.
"""

import base64
import binascii

from tabard.services.ec2.errors import InvalidParameterValue, UnsupportedOperation
from tabard.services.ec2.instance_types import UNLIMITED, is_burstable
from tabard.services.ec2.pass_role import IamInstanceProfileSpecification
from tabard.services.ec2.tag_specifications import TagSpecification
from tabard.services.operation import Request

MAX_USER_DATA_BYTES = 16384


class Placement(Request, frozen=True, kw_only=True):
    """The placement of a launch. Tenancy is `default`: only the host's id names the host."""

    availability_zone: str | None = None
    host_id: str | None = None
    tenancy: str | None = None
    affinity: str | None = None
    availability_zone_id: str | None = None
    group_id: str | None = None
    group_name: str | None = None
    host_resource_group_arn: str | None = None
    partition_number: int | None = None
    spread_domain: str | None = None


class MetadataOptionsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceMetadataOptionsRequest.html"""

    http_tokens: str | None = None
    http_put_response_hop_limit: int | None = None
    http_endpoint: str | None = None
    http_protocol_ipv6: str | None = None
    instance_metadata_tags: str | None = None


class RunInstancesRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RunInstances.html"""

    min_count: int
    max_count: int
    image_id: str | None = None
    instance_type: str = "m1.small"
    iam_instance_profile: IamInstanceProfileSpecification | None = None
    user_data: str | None = None
    metadata_options: MetadataOptionsRequest = MetadataOptionsRequest()
    placement: Placement = Placement()
    client_token: str | None = None
    tag_specifications: tuple[TagSpecification, ...] = ()
    dry_run: bool = False
    key_name: str | None = None
    subnet_id: str | None = None
    security_group_ids: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    instance_initiated_shutdown_behavior: str | None = None
    additional_info: object = None
    block_device_mappings: object = None
    capacity_reservation_specification: object = None
    cpu_options: object = None
    credit_specification: object = None
    disable_api_stop: bool = False
    disable_api_termination: bool = False
    ebs_optimized: object = None
    elastic_gpu_specification: object = None
    elastic_inference_accelerators: object = None
    enable_primary_ipv6: object = None
    enclave_options: object = None
    hibernation_options: object = None
    instance_market_options: object = None
    ipv6_address_count: object = None
    ipv6_addresses: object = None
    kernel_id: object = None
    launch_template: object = None
    license_specifications: object = None
    maintenance_options: object = None
    monitoring: object = None
    network_interfaces: object = None
    network_performance_options: object = None
    operator: object = None
    private_dns_name_options: object = None
    private_ip_address: object = None
    ramdisk_id: object = None
    secondary_interfaces: object = None


_HOST_NETWORK = "an instance uses the network of its host"
_HOST_MACHINE = "an instance shares the processors and memory of its host"
_NO_DISK = "an instance has no disks of its own"
_NOT_KEPT = "it would promise what is not kept here"

UNSUPPORTED = {
    "additional_info": "AWS reserves it",
    "block_device_mappings": _NO_DISK,
    "capacity_reservation_specification": "capacity is not reserved",
    "cpu_options": _HOST_MACHINE,
    "credit_specification": "nothing throttles an instance; CpuCredits is unlimited, of burstable types",
    "ebs_optimized": _NO_DISK,
    "elastic_gpu_specification": _HOST_MACHINE,
    "elastic_inference_accelerators": _HOST_MACHINE,
    "enable_primary_ipv6": _HOST_NETWORK,
    "enclave_options": _NOT_KEPT,
    "hibernation_options": _NOT_KEPT,
    "instance_market_options": "every instance is on demand",
    "ipv6_address_count": _HOST_NETWORK,
    "ipv6_addresses": _HOST_NETWORK,
    "kernel_id": "an instance runs on the kernel of its host",
    "launch_template": "give the parameters themselves",
    "license_specifications": "licences are not counted",
    "maintenance_options": "a failed instance is not recovered",
    "monitoring": "there is no detailed monitoring",
    "network_interfaces": _HOST_NETWORK,
    "network_performance_options": _HOST_NETWORK,
    "operator": "nobody else manages instances",
    "private_dns_name_options": _HOST_NETWORK,
    "private_ip_address": "the address is chosen by Tabard",
    "ramdisk_id": "an instance runs on the kernel of its host",
    "secondary_interfaces": _HOST_NETWORK,
}
"""Members that must ask for nothing, and why."""

UNSUPPORTED_PLACEMENT = {
    "affinity": "an instance stays on its host",
    "availability_zone_id": "give Placement.AvailabilityZone",
    "group_id": "there are no placement groups",
    "group_name": "there are no placement groups",
    "host_resource_group_arn": "give Placement.HostId",
    "partition_number": "there are no placement groups",
    "spread_domain": "there are no placement groups",
}

_ASKS_NOTHING: tuple[object, ...] = (None, "", False, 0, [], {}, {"Enabled": False}, {"Configured": False})


def guard_supported(request: RunInstancesRequest) -> None:
    """Refuse what Tabard does not do.

    Raises:
        UnsupportedOperation (400): it names the parameter and says why.
    """
    as_it_is = (
        {"credit_specification": {"CpuCredits": UNLIMITED}} if is_burstable(request.instance_type) else {}
    )
    names = dict(zip(request.__struct_fields__, request.__struct_encode_fields__, strict=True))
    for field, reason in UNSUPPORTED.items():
        asked = getattr(request, field)
        if asked not in _ASKS_NOTHING and asked != as_it_is.get(field):
            raise UnsupportedOperation(parameter=names[field], reason=reason)
    placement = request.placement
    names = dict(zip(placement.__struct_fields__, placement.__struct_encode_fields__, strict=True))
    for field, reason in UNSUPPORTED_PLACEMENT.items():
        if getattr(placement, field) not in _ASKS_NOTHING:
            raise UnsupportedOperation(parameter=f"Placement.{names[field]}", reason=reason)
    if placement.tenancy not in (None, "default"):
        raise UnsupportedOperation(
            parameter="Placement.Tenancy", reason="instances share their host; choose one by Placement.HostId"
        )


def decoded_user_data(encoded: str | None) -> bytes:
    """Return the user data as the instance reads it.

    Raises:
        InvalidParameterValue: not base64, or over 16,384 bytes.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-add-user-data.html
    """
    try:
        decoded = base64.b64decode("".join((encoded or "").split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameterValue(reason="Invalid BASE64 encoding of user data.") from None
    if len(decoded) > MAX_USER_DATA_BYTES:
        raise InvalidParameterValue(reason=f"User data is limited to {MAX_USER_DATA_BYTES} bytes")
    return decoded
