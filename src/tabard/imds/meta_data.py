"""The categories of instance metadata, as a tree of values. Pure.

AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html#instancedata-data-categories
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TypeAlias, final

from tabard.imds.iam_category import iam
from tabard.imds.nodes import Document, Labeled, Node, iso_time, json_line, json_object, text
from tabard.imds.source import CredentialsView
from tabard.model.messages import DesiredInstance, DesiredScheduledEvent, InstanceTag

_ROOT_DEVICE = "/dev/xvda"
_EVENT_TIME = "%d %b %Y %H:%M:%S GMT"
_OVER = ("completed", "canceled")


def meta_data(facts: DesiredInstance, credentials: CredentialsView) -> Mapping[str, Node]:
    """Build everything under `meta-data`, in the order of the names.

    Differs: Tabard omits the categories of things that its instances never have: public addresses and names,
    IPv6 addresses of the
        network interface, product codes, kernel and RAM disk ids, placement groups.
    """
    return _Categories(facts, credentials)


@final
class _Categories(Mapping[str, Node]):
    """Categories built on first access. A request reads one of about thirty."""

    __slots__ = ("_credentials", "_facts")

    def __init__(self, facts: DesiredInstance, credentials: CredentialsView) -> None:
        self._facts = facts
        self._credentials = credentials

    def __getitem__(self, name: str) -> Node:
        """Raise KeyError for a category that the instance does not have."""
        node = _CATEGORIES[name](self._facts, self._credentials)
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
    """A category that is one value of the facts."""
    return lambda facts, _: text(tell(facts))


def _placement(facts: DesiredInstance, _: CredentialsView) -> Node:
    return {
        "availability-zone": text(facts.availability_zone),
        "availability-zone-id": text(facts.availability_zone_id),
        "host-id": text(facts.host_id),
        "region": text(facts.region),
    }


def _services(facts: DesiredInstance, _: CredentialsView) -> Node:
    return {
        "domain": text("amazonaws.com.cn" if facts.partition == "aws-cn" else "amazonaws.com"),
        "partition": text(facts.partition),
    }


def _iam(facts: DesiredInstance, credentials: CredentialsView) -> _NodeIfAny:
    return None if facts.instance_profile is None else iam(facts, facts.instance_profile, credentials)


def _autoscaling(facts: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    state = facts.events.target_lifecycle_state
    return {"target-lifecycle-state": text(state)} if state else None


def _public_keys(facts: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    if not facts.public_key:
        return None
    return {"0": Labeled(f"0={facts.key_name}", {"openssh-key": text(facts.public_key)})}


def _tags(facts: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    if facts.metadata_options.instance_metadata_tags != "enabled":
        return None
    return {"instance": {tag.key: text(tag.value) for tag in _readable(facts.tags)}}


def _interface(facts: DesiredInstance) -> Mapping[str, Node]:
    return {
        "device-number": text("0"),
        "interface-id": text(facts.network_interface_id),
        "local-hostname": text(facts.private_dns_name),
        "local-ipv4s": text(facts.private_ip_address),
        "mac": text(facts.mac_address),
        "network-card": text("0"),
        "owner-id": text(facts.account_id),
        "security-group-ids": text(facts.security_group_id),
        "security-groups": text(facts.security_group_name),
        "subnet-id": text(facts.subnet_id),
        "subnet-ipv4-cidr-block": text(facts.subnet_cidr_block),
        "vpc-id": text(facts.vpc_id),
        "vpc-ipv4-cidr-block": text(facts.vpc_cidr_block),
        "vpc-ipv4-cidr-blocks": text(facts.vpc_cidr_block),
    }


def _identity_info(facts: DesiredInstance) -> Document:
    """Describe the instance's own identity role.

    Differs: that role has no credentials (404). It serves AWS services that Tabard does not have, and no
    policy
        of the account would limit it.
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-identity-roles.html
    """
    return json_object(
        {"Code": "Success", "LastUpdated": iso_time(facts.launched_at), "AccountId": facts.account_id}
    )


def _events(facts: DesiredInstance, _: CredentialsView) -> Node:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/viewing_scheduled_events.html"""
    scheduled = facts.events.scheduled
    nodes: dict[str, Node] = {
        "maintenance": {
            "history": lambda: json_line([_event(each) for each in scheduled if each.state in _OVER]),
            "scheduled": lambda: json_line([_event(each) for each in scheduled if each.state not in _OVER]),
        }
    }
    if facts.events.rebalance_noticed_at is not None:
        notice = {"noticeTime": iso_time(facts.events.rebalance_noticed_at)}
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


def _spot(facts: DesiredInstance, _: CredentialsView) -> _NodeIfAny:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html

    `termination-time` is there only where the instance is to be terminated.
    """
    if facts.events.spot_action_at is None:
        return None
    action, at = facts.events.spot_action, iso_time(facts.events.spot_action_at)
    notice: dict[str, Node] = {"instance-action": partial(json_line, {"action": action, "time": at})}
    if action == "terminate":
        notice["termination-time"] = text(at)
    return notice


def _readable(tags: Iterable[InstanceTag]) -> list[InstanceTag]:
    """The tags that can be a path, in the order of their keys.

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
    "ami-id": _plainly(lambda facts: facts.image_id),
    "ami-launch-index": _plainly(lambda facts: str(facts.ami_launch_index)),
    "ami-manifest-path": _plainly(lambda _: "(unknown)"),
    "autoscaling": _autoscaling,
    "block-device-mapping": lambda *_: {"ami": text(_ROOT_DEVICE), "root": text(_ROOT_DEVICE)},
    "events": _events,
    "hostname": _plainly(lambda facts: facts.private_dns_name),
    "iam": _iam,
    "identity-credentials": lambda facts, _: {"ec2": {"info": partial(_identity_info, facts)}},
    "instance-action": _plainly(lambda _: "none"),
    "instance-id": _plainly(lambda facts: facts.instance_id),
    "instance-life-cycle": _plainly(lambda _: "on-demand"),
    "instance-type": _plainly(lambda facts: facts.instance_type),
    "local-hostname": _plainly(lambda facts: facts.private_dns_name),
    "local-ipv4": _plainly(lambda facts: facts.private_ip_address),
    "mac": _plainly(lambda facts: facts.mac_address),
    "network": lambda facts, _: {"interfaces": {"macs": {facts.mac_address: _interface(facts)}}},
    "placement": _placement,
    "profile": _plainly(lambda _: "default-hvm"),
    "public-keys": _public_keys,
    "reservation-id": _plainly(lambda facts: facts.reservation_id),
    "security-groups": _plainly(lambda facts: facts.security_group_name),
    "services": _services,
    "spot": _spot,
    "system": _plainly(lambda _: "nitro"),
    "tags": _tags,
}
"""In the order of the names. A function returns None if the instance does not have the category."""
