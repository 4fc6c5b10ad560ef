"""The filters of DescribeInstances: the values that each of AWS's names compares.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html
"""

from collections.abc import Callable, Iterable

from tabard.model.association import Association
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.filters import Selectors
from tabard.services.ec2.instances.listing import architecture_of
from tabard.services.ec2.instances.view import ROOT_DEVICE_NAME, transition_reason
from tabard.services.ec2.network.default_vpc import vpc_of
from tabard.services.ec2.network.interfaces import INTERFACE_SELECTORS
from tabard.store.snapshot import Snapshot

_METADATA_OPTIONS: Selectors[Instance] = {
    "metadata-options.http-endpoint": lambda it: (it.metadata_options.http_endpoint,),
    "metadata-options.http-protocol-ipv6": lambda it: (it.metadata_options.http_protocol_ipv6,),
    "metadata-options.http-put-response-hop-limit": lambda it: (
        str(it.metadata_options.http_put_response_hop_limit),
    ),
    "metadata-options.http-tokens": lambda it: (it.metadata_options.http_tokens,),
    "metadata-options.instance-metadata-tags": lambda it: (it.metadata_options.instance_metadata_tags,),
    "metadata-options.state": lambda _: ("applied",),
}


def _in_network(select: Callable[[Instance], Iterable[str]]) -> Callable[[Instance], Iterable[str]]:
    """Select from the network; a terminated instance no longer has one."""
    return lambda it: () if it.state is InstanceState.TERMINATED else select(it)


_NETWORK: Selectors[Instance] = {
    name: _in_network(select)
    for name, select in {
        "instance.group-id": INTERFACE_SELECTORS["group-id"],
        "instance.group-name": INTERFACE_SELECTORS["group-name"],
        "private-dns-name": INTERFACE_SELECTORS["private-dns-name"],
        "private-ip-address": INTERFACE_SELECTORS["private-ip-address"],
        "source-dest-check": INTERFACE_SELECTORS["source-dest-check"],
        "subnet-id": INTERFACE_SELECTORS["subnet-id"],
        "vpc-id": INTERFACE_SELECTORS["vpc-id"],
        **{f"network-interface.{name}": select for name, select in INTERFACE_SELECTORS.items()},
    }.items()
}

_ALWAYS_SO: Selectors[Instance] = {
    "ebs-optimized": lambda _: ("false",),
    "ena-support": lambda _: ("true",),
    "enclave-options.enabled": lambda _: ("false",),
    "hibernation-options.configured": lambda _: ("false",),
    "monitoring-state": lambda _: ("disabled",),
    "platform-details": lambda _: ("Linux/UNIX",),
    "root-device-name": lambda _: (ROOT_DEVICE_NAME,),
    "root-device-type": lambda _: ("ebs",),
    "tenancy": lambda _: ("default",),
    "virtualization-type": lambda _: ("hvm",),
}

_NEVER_THERE: Selectors[Instance] = dict.fromkeys(
    (
        "affinity",
        "block-device-mapping.attach-time",
        "block-device-mapping.delete-on-termination",
        "block-device-mapping.device-name",
        "block-device-mapping.status",
        "block-device-mapping.volume-id",
        "boot-mode",
        "capacity-reservation-id",
        "current-instance-boot-mode",
        "dns-name",
        "hypervisor",
        "instance-lifecycle",
        "ip-address",
        "ipv6-address",
        "kernel-id",
        "maintenance-options.auto-recovery",
        "network-interface.association.allocation-id",
        "network-interface.association.association-id",
        "network-interface.association.ip-owner-id",
        "network-interface.association.public-dns-name",
        "operator.managed",
        "operator.principal",
        "outpost-arn",
        "placement-group-name",
        "placement-partition-number",
        "platform",
        "product-code",
        "product-code.type",
        "ramdisk-id",
        "requester-id",
        "spot-instance-request-id",
        "tpm-support",
        "usage-operation",
    ),
    lambda _: (),
)
"""AWS's filters for attributes that no instance has here: they match nothing."""


def instance_selectors(snapshot: Snapshot) -> Selectors[Instance]:
    """Return the values that each filter name of DescribeInstances compares."""

    def held(instance: Instance) -> Iterable[Association]:
        association = snapshot.active_association_of(instance.instance_id)
        return () if association is None else (association,)

    def present(value: str) -> Iterable[str]:
        return (value,) if value else ()

    return {
        **_NEVER_THERE,
        **_ALWAYS_SO,
        **_METADATA_OPTIONS,
        **_NETWORK,
        "architecture": lambda it: (architecture_of(it, snapshot),),
        "availability-zone": lambda it: (it.availability_zone,),
        "availability-zone-id": lambda it: (vpc_of(it).availability_zone_id,),
        "client-token": lambda it: present(it.client_token),
        "host-id": lambda it: (it.host_id,),
        "iam-instance-profile.arn": lambda it: (each.instance_profile_arn for each in held(it)),
        "iam-instance-profile.id": lambda it: (each.instance_profile_id for each in held(it)),
        "image-id": lambda it: (it.image_id,),
        "instance-id": lambda it: (it.instance_id,),
        "instance-state-code": lambda it: (str(it.state.code),),
        "instance-state-name": lambda it: (it.state.value,),
        "instance-type": lambda it: (it.instance_type,),
        "key-name": lambda it: present(it.key_name),
        "launch-index": lambda it: (str(it.ami_launch_index),),
        "launch-time": lambda it: (it.launched_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),),
        "owner-id": lambda it: (it.owner_account_id,),
        "reason": lambda it: present(transition_reason(it)),
        "reservation-id": lambda it: (it.reservation_id,),
        "state-reason-code": lambda it: present(it.state_reason_code),
        "state-reason-message": lambda it: present(it.state_reason_message),
    }
