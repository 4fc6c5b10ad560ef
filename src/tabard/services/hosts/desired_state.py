"""The desired state of a host's instances in one snapshot. Pure."""

import hashlib

import msgspec

from tabard.model.instance import Instance, InstanceState
from tabard.model.instance_events import InstanceEvents
from tabard.model.messages import (
    DesiredEvents,
    DesiredInstance,
    DesiredInstanceProfile,
    DesiredMetadataOptions,
    DesiredRunState,
    DesiredScheduledEvent,
    InstanceTag,
)
from tabard.services.ec2.network.default_vpc import SUBNET_CIDR, VPC_CIDR, network_interface_id, vpc_of
from tabard.services.hosts.faults import desired_faults
from tabard.store.snapshot import Snapshot

_FINGERPRINT_BITS = 32
_FINGERPRINT_MASK = (1 << _FINGERPRINT_BITS) - 1

_RUN_STATES: dict[InstanceState, DesiredRunState] = {
    InstanceState.PENDING: "running",
    InstanceState.RUNNING: "running",
    InstanceState.STOPPING: "stopped",
    InstanceState.STOPPED: "stopped",
    InstanceState.SHUTTING_DOWN: "terminated",
}
"""The states of instances in the desired state: a terminated instance is not in it."""


def desired_instances(snapshot: Snapshot, host_id: str) -> tuple[DesiredInstance, ...]:
    """Return the desired state of one host, in the order of instance ids."""
    placed = sorted(snapshot.instances_on_host(host_id), key=lambda instance: instance.instance_id)
    return tuple(
        _desired(instance, _RUN_STATES[instance.state], snapshot)
        for instance in placed
        if instance.state in _RUN_STATES
    )


def version_of(snapshot: Snapshot, instances: tuple[DesiredInstance, ...]) -> int:
    """Return the version of a desired state: the snapshot's version above 32 bits of the content's hash.

    It grows with the snapshot's version, so that a host never returns to the state of an outdated edge. By
    the hash, any edge knows without stored answers whether there is news for this host.
    """
    content = hashlib.sha256(msgspec.json.encode(instances)).digest()
    fingerprint = int.from_bytes(content[: _FINGERPRINT_BITS // 8], "big")
    return snapshot.version << _FINGERPRINT_BITS | fingerprint


def snapshot_version_in(version: int) -> int:
    """Return the snapshot version in a version; below zero if the host knows no state yet."""
    return version >> _FINGERPRINT_BITS


def says_the_same(version: int, known_version: int) -> bool:
    """Return whether two versions have the same content."""
    return known_version >= 0 and (version ^ known_version) & _FINGERPRINT_MASK == 0


def _desired(instance: Instance, run_state: DesiredRunState, snapshot: Snapshot) -> DesiredInstance:
    # INVARIANT: images are never removed.
    image = snapshot.images[instance.image_id]
    vpc = vpc_of(instance)
    options = instance.metadata_options
    return DesiredInstance(
        instance_id=instance.instance_id,
        run_state=run_state,
        driver=image.driver,
        image_id=instance.image_id,
        instance_type=instance.instance_type,
        reservation_id=instance.reservation_id,
        account_id=instance.owner_account_id,
        partition=snapshot.partition,
        region=instance.region,
        availability_zone=instance.availability_zone,
        availability_zone_id=vpc.availability_zone_id,
        host_id=instance.host_id,
        private_ip_address=instance.private_ip_address,
        private_dns_name=instance.private_dns_name,
        mac_address=instance.mac_address,
        vpc_id=vpc.vpc_id,
        vpc_cidr_block=str(VPC_CIDR),
        subnet_id=vpc.subnet_id,
        subnet_cidr_block=str(SUBNET_CIDR),
        network_interface_id=network_interface_id(instance.instance_id),
        security_group_id=vpc.security_group_id,
        security_group_name=vpc.security_group_name,
        ami_launch_index=instance.ami_launch_index,
        architecture=image.architecture,
        boot_number=instance.boot_number,
        launched_at=instance.launched_at,
        metadata_options=DesiredMetadataOptions(
            http_tokens=options.http_tokens,
            http_endpoint=options.http_endpoint,
            http_put_response_hop_limit=options.http_put_response_hop_limit,
            http_protocol_ipv6=options.http_protocol_ipv6,
            instance_metadata_tags=options.instance_metadata_tags,
        ),
        instance_profile=_desired_instance_profile(instance, snapshot),
        user_data=instance.user_data,
        key_name=instance.key_name,
        public_key=instance.public_key,
        tags=tuple(InstanceTag(key=tag.key, value=tag.value) for tag in instance.tags),
        faults=desired_faults(instance.faults),
        events=_desired_events(instance.events),
    )


def _desired_events(events: InstanceEvents) -> DesiredEvents:
    return DesiredEvents(
        spot_action=events.spot_action,
        spot_action_at=events.spot_action_at,
        rebalance_noticed_at=events.rebalance_noticed_at,
        target_lifecycle_state=events.target_lifecycle_state,
        scheduled=tuple(
            DesiredScheduledEvent(
                event_id=each.event_id,
                code=each.code,
                description=each.description,
                not_before=each.not_before,
                state=each.state,
                not_after=each.not_after,
            )
            for each in events.scheduled
        ),
    )


def _desired_instance_profile(instance: Instance, snapshot: Snapshot) -> DesiredInstanceProfile | None:
    association = snapshot.active_association_of(instance.instance_id)
    if association is None:
        return None
    instance_profile = snapshot.instance_profiles.get(association.instance_profile_id)
    role = (
        snapshot.roles.get(instance_profile.role_id)
        if instance_profile is not None and instance_profile.role_id
        else None
    )
    return DesiredInstanceProfile(
        association_id=association.association_id,
        instance_profile_arn=association.instance_profile_arn,
        instance_profile_id=association.instance_profile_id,
        role_name=role.name if role is not None else "",
        role_id=role.role_id if role is not None else "",
        is_deleted=instance_profile is None,
    )
