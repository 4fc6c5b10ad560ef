"""Which instances a Describe operation is about."""

from collections.abc import Iterable, Sequence

from tabard.access.authorize import Permit
from tabard.model.association import Association
from tabard.model.instance import Instance, InstanceState
from tabard.services.ec2.default_vpc import default_vpc
from tabard.services.ec2.errors import InvalidInstanceIDNotFound, InvalidParameterCombination
from tabard.services.ec2.filters import Selectors
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.pages import Key
from tabard.store.snapshot import Snapshot


def asked_for(
    instance_ids: Sequence[str], permit: Permit, snapshot: Snapshot, *, max_results: int | None
) -> list[Instance]:
    """The instances of these ids, or every instance of the region.

    Raises:
        InvalidInstanceID.NotFound, InvalidInstanceID.Malformed;
        InvalidParameterCombination: ids with MaxResults.
    """
    here = {
        instance.instance_id: instance
        for instance in snapshot.instances.values()
        if instance.region == permit.region
    }
    if not instance_ids:
        return list(here.values())
    if max_results is not None:
        raise InvalidParameterCombination(
            reason="The parameter instancesSet cannot be used with the parameter maxResults"
        )
    for instance_id in instance_ids:
        guard_instance_id(instance_id)
    missing = [instance_id for instance_id in instance_ids if instance_id not in here]
    if missing:
        raise InvalidInstanceIDNotFound.among(missing)
    return [here[instance_id] for instance_id in dict.fromkeys(instance_ids)]


def launch_order(instance: Instance) -> Key:
    """Oldest first, a reservation's instances together."""
    return (
        instance.launched_at.isoformat(timespec="microseconds"),
        instance.reservation_id,
        f"{instance.ami_launch_index:05d}",
        instance.instance_id,
    )


def architecture_of(instance: Instance, snapshot: Snapshot) -> str:
    """The architecture of the image that an instance was started from."""
    image = snapshot.images.get(instance.image_id)
    return image.architecture if image is not None else "x86_64"


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


def instance_selectors(snapshot: Snapshot) -> Selectors[Instance]:
    """What each filter name of DescribeInstances looks at. A terminated instance has no network any more."""

    def held(instance: Instance) -> Iterable[Association]:
        association = snapshot.active_association_of(instance.instance_id)
        return () if association is None else (association,)

    def in_network(instance: Instance) -> bool:
        return instance.state is not InstanceState.TERMINATED

    def vpc_ids(instance: Instance) -> dict[str, str]:
        if not in_network(instance):
            return {}
        vpc = default_vpc(account_id=instance.owner_account_id, region=instance.region)
        return {
            "vpc-id": vpc.vpc_id,
            "subnet-id": vpc.subnet_id,
            "group-id": vpc.security_group_id,
            "group-name": vpc.security_group_name,
        }

    def present(value: str) -> Iterable[str]:
        return (value,) if value else ()

    return {
        "architecture": lambda it: (architecture_of(it, snapshot),),
        "availability-zone": lambda it: (it.availability_zone,),
        "client-token": lambda it: present(it.client_token),
        "host-id": lambda it: (it.host_id,),
        "iam-instance-profile.arn": lambda it: (each.instance_profile_arn for each in held(it)),
        "iam-instance-profile.id": lambda it: (each.instance_profile_id for each in held(it)),
        "image-id": lambda it: (it.image_id,),
        "instance-id": lambda it: (it.instance_id,),
        "instance-state-code": lambda it: (str(it.state.code),),
        "instance-state-name": lambda it: (it.state.value,),
        "instance-type": lambda it: (it.instance_type,),
        "instance.group-id": lambda it: present(vpc_ids(it).get("group-id", "")),
        "instance.group-name": lambda it: present(vpc_ids(it).get("group-name", "")),
        "key-name": lambda it: present(it.key_name),
        "launch-index": lambda it: (str(it.ami_launch_index),),
        "launch-time": lambda it: (it.launched_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),),
        "owner-id": lambda it: (it.owner_account_id,),
        "private-dns-name": lambda it: (it.private_dns_name,) if in_network(it) else (),
        "private-ip-address": lambda it: (it.private_ip_address,) if in_network(it) else (),
        "reservation-id": lambda it: (it.reservation_id,),
        "root-device-type": lambda _: ("ebs",),
        "state-reason-code": lambda it: present(it.state_reason_code),
        "state-reason-message": lambda it: present(it.state_reason_message),
        "subnet-id": lambda it: present(vpc_ids(it).get("subnet-id", "")),
        "tenancy": lambda _: ("default",),
        "virtualization-type": lambda _: ("hvm",),
        "vpc-id": lambda it: present(vpc_ids(it).get("vpc-id", "")),
        **_METADATA_OPTIONS,
    }
