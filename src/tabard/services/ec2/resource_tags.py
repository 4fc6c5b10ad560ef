"""Tags of instances: made, taken away, described."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance
from tabard.model.tag import Tag
from tabard.services.ec2.arns import ec2_arn, image_arn
from tabard.services.ec2.errors import (
    DryRunOperation,
    InvalidID,
    InvalidInstanceIDNotFound,
    MissingParameter,
    UnsupportedOperation,
)
from tabard.services.ec2.filters import Filter, keep
from tabard.services.ec2.ids import guard_instance_id
from tabard.services.ec2.instance_context import instance_check, region_context
from tabard.services.ec2.pages import page
from tabard.services.ec2.tags import RequestTag, guard_metadata_key, guard_tags, tag_context
from tabard.services.operation import Facts, Output, Request
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

MAX_RESOURCES = 1000
_CREATE = "ec2:CreateTags"
_DELETE = "ec2:DeleteTags"

_OTHER_KINDS = {
    "ami": "image",
    "eni": "network-interface",
    "h": "dedicated-host",
    "r": "reservation",
    "sg": "security-group",
    "snap": "snapshot",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
"""What may be named by its id, and is not tagged here."""


class CreateTagsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html"""

    resources: tuple[str, ...] = ()
    tags: tuple[RequestTag, ...] = ()
    dry_run: bool = False


class UnwantedTag(Request, frozen=True, kw_only=True):
    """A tag to take away: by its key, or only where it has this value, which may be empty."""

    key: str = ""
    value: str | None = None


class DeleteTagsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html"""

    resources: tuple[str, ...] = ()
    tags: tuple[UnwantedTag, ...] = ()
    dry_run: bool = False


class DescribeTagsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html"""

    filters: tuple[Filter, ...] = ()
    max_results: int | None = None
    next_token: str | None = None
    dry_run: bool = False


def create_tags_checks(request: CreateTagsRequest, facts: Facts) -> Sequence[Check]:
    """ec2:CreateTags on each resource, with the tags that are asked for."""
    context = tag_context([Tag(tag.key, tag.value) for tag in request.tags])
    return _checks(_CREATE, request.resources, facts, context)


def create_tags(permit: Permit, request: CreateTagsRequest, tx: Transaction) -> Output:
    """Give instances tags; a tag of the same key is replaced. All of them or none.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidID,
        InvalidParameterValue (a key or value that cannot be, or cannot be shown in the instance's metadata),
        TagLimitExceeded, UnsupportedOperation (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
    Differs: instances alone are tagged. Two keys that differ by case alone are refused, since policies cannot
        tell them apart.
    """
    if request.dry_run:
        raise DryRunOperation
    if not request.tags:
        raise MissingParameter(parameter="Tag")
    asked = tuple(Tag(tag.key, tag.value) for tag in request.tags)
    for instance in _tagged(permit, _CREATE, request.resources, tx):
        tags = guard_tags((*(tag for tag in instance.tags if tag.key not in {a.key for a in asked}), *asked))
        if instance.metadata_options.instance_metadata_tags == "enabled":
            for tag in asked:
                guard_metadata_key(tag.key)
        tx.instances.update(replace(instance, tags=tags))
    return {}


def delete_tags_checks(request: DeleteTagsRequest, facts: Facts) -> Sequence[Check]:
    """ec2:DeleteTags on each resource, with the keys that are to go."""
    context: dict[str, tuple[str, ...]] = {
        f"aws:requesttag/{tag.key.lower()}": (tag.value,) for tag in request.tags if tag.value is not None
    }
    if request.tags:
        context["aws:tagkeys"] = tuple(tag.key for tag in request.tags)
    return _checks(_DELETE, request.resources, facts, context)


def delete_tags(permit: Permit, request: DeleteTagsRequest, tx: Transaction) -> Output:
    """Take tags from instances: those named, or every one where none is named.

    A tag that is named with a value goes only where it has that value. One that is not there is ignored.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidID,
        UnsupportedOperation (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
    """
    if request.dry_run:
        raise DryRunOperation
    for instance in _tagged(permit, _DELETE, request.resources, tx):
        left = tuple(tag for tag in instance.tags if not _is_unwanted(tag, request.tags))
        if left != instance.tags:
            tx.instances.update(replace(instance, tags=left))
    return {}


def describe_tags(permit: Permit, request: DescribeTagsRequest, snapshot: Snapshot) -> Output:
    """Describe the tags of the region's instances.

    Raises:
        InvalidParameterValue (an unknown filter), InvalidNextToken (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
    """
    if request.dry_run:
        raise DryRunOperation
    found = [
        _Tagging(instance.instance_id, tag)
        for instance in snapshot.instances.values()
        if instance.region == permit.region
        for tag in instance.tags
    ]
    selected = keep(
        found,
        request.filters,
        {
            "key": lambda it: (it.tag.key,),
            "resource-id": lambda it: (it.instance_id,),
            "resource-type": lambda _: ("instance",),
            "value": lambda it: (it.tag.value,),
        },
        tags=lambda it: (it.tag,),
    )
    tags, next_token = page(
        selected,
        key=lambda it: (it.instance_id, it.tag.key),
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {
        "Tags": [
            {
                "Key": it.tag.key,
                "Value": it.tag.value,
                "ResourceId": it.instance_id,
                "ResourceType": "instance",
            }
            for it in tags
        ]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


@dataclass(frozen=True, slots=True)
class _Tagging:
    instance_id: str
    tag: Tag


def _checks(
    action: str, resources: Sequence[str], facts: Facts, context: dict[str, tuple[str, ...]]
) -> list[Check]:
    return [_check(action, each, facts, context) for each in dict.fromkeys(resources or ("i-*",))]


def _check(action: str, resource_id: str, facts: Facts, context: dict[str, tuple[str, ...]]) -> Check:
    kind = _OTHER_KINDS.get(resource_id.partition("-")[0])
    if kind is None:
        # What is no id at all is checked as an instance that does not exist, and refused when performed.
        return instance_check(action, "*" if resource_id == "i-*" else resource_id, facts, context)
    arn = image_arn(facts, resource_id) if kind == "image" else ec2_arn(facts, f"{kind}/{resource_id}")
    return Check(action=action, resource=arn, context=region_context(facts) | context)


def _tagged(permit: Permit, action: str, resources: Sequence[str], tx: Transaction) -> list[Instance]:
    """The instances that are named, each of which the permit's action was decided about."""
    if not resources:
        raise MissingParameter(parameter="ResourceId")
    if len(resources) > MAX_RESOURCES:
        raise UnsupportedOperation(
            parameter="ResourceId", reason=f"one request names {MAX_RESOURCES} resources at most"
        )
    found = []
    for resource_id in dict.fromkeys(resources):
        prefix = resource_id.partition("-")[0]
        if prefix in _OTHER_KINDS:
            raise UnsupportedOperation(parameter="ResourceId", reason="instances alone are tagged")
        if prefix != "i":
            raise InvalidID(resource_id=resource_id)
        guard_instance_id(resource_id)
        permit.require(action, ec2_arn(permit, f"instance/{resource_id}"))
        instance = tx.instances.get(resource_id)
        if instance is None or instance.region != permit.region:
            raise InvalidInstanceIDNotFound.among([resource_id])
        found.append(instance)
    return found


def _is_unwanted(tag: Tag, unwanted: Sequence[UnwantedTag]) -> bool:
    return not unwanted or any(each.key == tag.key and each.value in (None, tag.value) for each in unwanted)
