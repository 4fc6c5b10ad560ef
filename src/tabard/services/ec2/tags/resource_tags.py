"""Creation, removal and listing of tags of instances and key pairs."""

from collections.abc import Sequence

from tabard.access.authorize import Permit
from tabard.access.check import Check
from tabard.model.instance import Instance
from tabard.model.tag import Tag
from tabard.policy import Multivalued
from tabard.services.ec2.context import on_everything
from tabard.services.ec2.errors import DryRunOperation, MissingParameter
from tabard.services.ec2.filters import Filter, keep
from tabard.services.ec2.pages import page
from tabard.services.ec2.tag_specifications import RequestTag, guard_metadata_key, guard_tags, tag_context
from tabard.services.ec2.tags.tagged_resources import (
    Tagging,
    named_resources,
    tagging_checks,
    taggings,
    write_tags,
)
from tabard.services.operation import Facts, Operation, Output, Read, Request, Write
from tabard.store.listings import Key
from tabard.store.ports import Transaction
from tabard.store.snapshot import Snapshot

_CREATE = "ec2:CreateTags"
_DELETE = "ec2:DeleteTags"


class CreateTagsRequest(Request, frozen=True, kw_only=True):
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html"""

    resources: tuple[str, ...] = ()
    tags: tuple[RequestTag, ...] = ()
    dry_run: bool = False


class UnwantedTag(Request, frozen=True, kw_only=True):
    """A tag to remove: by its key, or only if it has this value, which may be empty."""

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
    """Require ec2:CreateTags on each resource, with the requested tags."""
    context = tag_context([Tag(tag.key, tag.value) for tag in request.tags])
    return tagging_checks(_CREATE, request.resources, facts, context)


def create_tags(permit: Permit, request: CreateTagsRequest, tx: Transaction) -> Output:
    """Add tags to all given instances and key pairs, or to none; a tag with the same key is replaced.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidKeyPair.NotFound,
        InvalidID, InvalidParameterValue (a key or value that cannot be, or cannot be shown in the
        instance's metadata), TagLimitExceeded, UnsupportedOperation (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html
    Differs: only instances and key pairs have tags. Two keys that differ only by case are refused, because
        policies cannot distinguish them.
    """
    if request.dry_run:
        raise DryRunOperation
    if not request.tags:
        raise MissingParameter(parameter="Tag")
    asked = tuple(Tag(tag.key, tag.value) for tag in request.tags)
    replaced = {tag.key for tag in asked}
    for resource in named_resources(permit, _CREATE, request.resources, tx):
        tags = guard_tags((*(tag for tag in resource.tags if tag.key not in replaced), *asked))
        if isinstance(resource, Instance) and resource.metadata_options.instance_metadata_tags == "enabled":
            for tag in asked:
                guard_metadata_key(tag.key)
        write_tags(resource, tags, tx)
    return {}


def delete_tags_checks(request: DeleteTagsRequest, facts: Facts) -> Sequence[Check]:
    """Require ec2:DeleteTags on each resource, with the keys to remove."""
    context: dict[str, tuple[str, ...]] = {
        f"aws:requesttag/{tag.key.lower()}": (tag.value,) for tag in request.tags if tag.value is not None
    }
    if request.tags:
        context["aws:tagkeys"] = Multivalued(tag.key for tag in request.tags)
    return tagging_checks(_DELETE, request.resources, facts, context)


def delete_tags(permit: Permit, request: DeleteTagsRequest, tx: Transaction) -> Output:
    """Remove the named tags of instances and key pairs, or all tags if none is named.

    A tag that is named with a value is removed only if it has that value. A missing one is ignored.

    Raises:
        MissingParameter, InvalidInstanceID.NotFound, InvalidInstanceID.Malformed, InvalidKeyPair.NotFound,
        InvalidID, UnsupportedOperation (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteTags.html
    """
    if request.dry_run:
        raise DryRunOperation
    for resource in named_resources(permit, _DELETE, request.resources, tx):
        left = tuple(tag for tag in resource.tags if not _is_unwanted(tag, request.tags))
        if left != resource.tags:
            write_tags(resource, left, tx)
    return {}


def describe_tags(permit: Permit, request: DescribeTagsRequest, snapshot: Snapshot) -> Output:
    """Describe the tags of the region's instances and key pairs.

    Raises:
        InvalidParameterValue (an unknown filter), InvalidNextToken (400 each), DryRunOperation (412).
    AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html
    """
    if request.dry_run:
        raise DryRunOperation
    selected = keep(
        taggings(snapshot, permit.region),
        request.filters,
        {
            "key": lambda it: (it.tag.key,),
            "resource-id": lambda it: (it.resource_id,),
            "resource-type": lambda it: (it.resource_type,),
            "value": lambda it: (it.tag.value,),
        },
        tags=lambda it: (it.tag,),
    )
    tags, next_token = page(
        selected,
        key=_by_resource,
        max_results=request.max_results,
        next_token=request.next_token,
    )
    answer: dict[str, object] = {
        "Tags": [
            {
                "Key": it.tag.key,
                "Value": it.tag.value,
                "ResourceId": it.resource_id,
                "ResourceType": it.resource_type,
            }
            for it in tags
        ]
    }
    if next_token is not None:
        answer["NextToken"] = next_token
    return answer


def _by_resource(tagging: Tagging) -> Key:
    return tagging.resource_id, tagging.tag.key


def _is_unwanted(tag: Tag, unwanted: Sequence[UnwantedTag]) -> bool:
    return not unwanted or any(each.key == tag.key and each.value in (None, tag.value) for each in unwanted)


OPERATIONS: tuple[Operation, ...] = (
    Write(CreateTagsRequest, create_tags_checks, create_tags),
    Write(DeleteTagsRequest, delete_tags_checks, delete_tags),
    Read(DescribeTagsRequest, on_everything("ec2:DescribeTags"), describe_tags),
)
