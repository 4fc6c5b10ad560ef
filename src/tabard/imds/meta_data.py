"""The categories of instance metadata, as a tree of values. Pure.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeAlias, final

from tabard.imds.iam_category import iam
from tabard.imds.nodes import Content, Labeled, Node, iso_time, json_line, json_object, text
from tabard.imds.source import CredentialsView
from tabard.model.messages import DesiredInstance, DesiredScheduledEvent, InstanceTag

_ROOT_DEVICE = "/dev/xvda"
_EVENT_TIME = "%d %b %Y %H:%M:%S GMT"
_OVER = ("completed", "canceled")


def meta_data(instance: DesiredInstance, credentials: CredentialsView) -> Mapping[str, Node]:
    """Build everything under `meta-data`, in the order of the names.

    Differs: Tabard omits the categories of things that its instances never have: public addresses and names,
    IPv6 addresses of the
        network interface, product codes, kernel and RAM disk ids, placement groups.
    """
    return _Categories(instance, credentials)


@final
class _Categories(Mapping[str, Node]):
    """Categories built on first access. A request reads one of about thirty."""

    __slots__ = ("_credentials", "_desired")

    def __init__(self, instance: DesiredInstance, credentials: CredentialsView) -> None:
        self._desired = instance
        self._credentials = credentials

    def __getitem__(self, name: str) -> Node:
        """Raise KeyError for a category that the instance does not have."""
        node = _CATEGORIES[name](self._desired, self._credentials)
        if node is None:
            raise KeyError(name)
        return node

    def __iter__(self) -> Iterator[str]:
        return (name for name in _CATEGORIES if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


_NodeIfAny: TypeAlias = "Node | None"
_Category: TypeAlias = Callable[[DesiredInstance, CredentialsView], _NodeIfAny]


def _plainly(tell: Callable[[DesiredInstance], str]) -> _Category:
    """Return a category that is one value of the facts."""
    return lambda instance, _: text(tell(instance))


def _placement(instance: DesiredInstance, _: CredentialsView) -> Node:
    return {
        "availability-zone": text(instance.availability_zone),
        "availability-zone-id": text(instance.availability_zone_id),
        "host-id": text(instance.host_id),
        "region": text(instance.region),
    }


def _services(instance: DesiredInstance, _: CredentialsView) -> Node:
    return {
        "domain": text("amazonaws.com.cn" if instance.partition == "aws-cn" else "amazonaws.com"),
        "partition": text(instance.partition),
    }


def _iam(instance: DesiredInstance, credentials: CredentialsView) -> _NodeIfAny:
    return (
        None if instance.instance_profile is None else iam(instance, instance.instance_profile, credentials)
    )


def _autoscaling(instance: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    state = instance.events.target_lifecycle_state
    return {"target-lifecycle-state": text(state)} if state else None


def _public_keys(instance: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    if not instance.public_key:
        return None
    return {"0": Labeled(f"0={instance.key_name}", {"openssh-key": text(instance.public_key)})}


def _tags(instance: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    if instance.metadata_options.instance_metadata_tags != "enabled":
        return None
    return {"instance": {tag.key: text(tag.value) for tag in _readable(instance.tags)}}


def _interface(instance: DesiredInstance) -> Mapping[str, Node]:
    return {
        "device-number": text("0"),
        "interface-id": text(instance.network_interface_id),
        "local-hostname": text(instance.private_dns_name),
        "local-ipv4s": text(instance.private_ip_address),
        "mac": text(instance.mac_address),
        "network-card": text("0"),
        "owner-id": text(instance.account_id),
        "security-group-ids": text(instance.security_group_id),
        "security-groups": text(instance.security_group_name),
        "subnet-id": text(instance.subnet_id),
        "subnet-ipv4-cidr-block": text(instance.subnet_cidr_block),
        "vpc-id": text(instance.vpc_id),
        "vpc-ipv4-cidr-block": text(instance.vpc_cidr_block),
        "vpc-ipv4-cidr-blocks": text(instance.vpc_cidr_block),
    }


def _identity_info(instance: DesiredInstance) -> Content:
    """Describe the instance's own identity role.

    Differs: that role has no credentials (404). It serves AWS services that Tabard does not have, and no
    policy
        of the account would limit it.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-identity-roles.html
    """
    return json_object(
        {"Code": "Success", "LastUpdated": iso_time(instance.launched_at), "AccountId": instance.account_id}
    )


def _events(instance: DesiredInstance, _: CredentialsView) -> Node:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html"""
    scheduled = instance.events.scheduled
    nodes: dict[str, Node] = {
        "maintenance": {
            "history": lambda: json_line([_event(each) for each in scheduled if each.state in _OVER]),
            "scheduled": lambda: json_line([_event(each) for each in scheduled if each.state not in _OVER]),
        }
    }
    if instance.events.rebalance_noticed_at is not None:
        notice = {"noticeTime": iso_time(instance.events.rebalance_noticed_at)}
        nodes["recommendations"] = {"rebalance": partial(json_line, notice)}
    return nodes


def _event(event: DesiredScheduledEvent) -> Mapping[str, str]:
    mark = f"[{event.state.title()}] " if event.state in _OVER else ""
    told = {
        "NotBefore": event.not_before.strftime(_EVENT_TIME),
        "Code": event.code,
        "Description": f"{mark}{event.description}",
        "EventId": event.event_id,
    }
    if event.not_after is not None:
        told["NotAfter"] = event.not_after.strftime(_EVENT_TIME)
    return {**told, "State": event.state}


def _spot(instance: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html

    `termination-time` is there only where the instance is to be terminated.
    """
    if instance.events.spot_action_at is None:
        return None
    action, at = instance.events.spot_action, iso_time(instance.events.spot_action_at)
    notice: dict[str, Node] = {"instance-action": partial(json_line, {"action": action, "time": at})}
    if action == "terminate":
        notice["termination-time"] = text(at)
    return notice


def _readable(tags: Iterable[InstanceTag]) -> list[InstanceTag]:
    """Return the tags that can be a path, in the order of their keys.

    AWS: "Instance tag keys can't include spaces or /, and can't comprise only . (one period), .. (two
    periods), or _index". https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
    """
    return sorted(
        (
            tag
            for tag in tags
            if tag.key not in ("", ".", "..", "_index") and not any(c.isspace() or c == "/" for c in tag.key)
        ),
        key=lambda tag: tag.key,
    )


_CATEGORIES: Mapping[str, _Category] = {
    "ami-id": _plainly(lambda instance: instance.image_id),
    "ami-launch-index": _plainly(lambda instance: str(instance.ami_launch_index)),
    "ami-manifest-path": _plainly(lambda _: "(unknown)"),
    "autoscaling": _autoscaling,
    "block-device-mapping": lambda *_: {"ami": text(_ROOT_DEVICE), "root": text(_ROOT_DEVICE)},
    "events": _events,
    "hostname": _plainly(lambda instance: instance.private_dns_name),
    "iam": _iam,
    "identity-credentials": lambda instance, _: {"ec2": {"info": partial(_identity_info, instance)}},
    "instance-action": _plainly(lambda _: "none"),
    "instance-id": _plainly(lambda instance: instance.instance_id),
    "instance-life-cycle": _plainly(lambda _: "on-demand"),
    "instance-type": _plainly(lambda instance: instance.instance_type),
    "local-hostname": _plainly(lambda instance: instance.private_dns_name),
    "local-ipv4": _plainly(lambda instance: instance.private_ip_address),
    "mac": _plainly(lambda instance: instance.mac_address),
    "network": lambda instance, _: {"interfaces": {"macs": {instance.mac_address: _interface(instance)}}},
    "placement": _placement,
    "profile": _plainly(lambda _: "default-hvm"),
    "public-keys": _public_keys,
    "reservation-id": _plainly(lambda instance: instance.reservation_id),
    "security-groups": _plainly(lambda instance: instance.security_group_name),
    "services": _services,
    "spot": _spot,
    "system": _plainly(lambda _: "nitro"),
    "tags": _tags,
}
"""The categories by name, in order. A function returns None if the instance does not have the category."""
