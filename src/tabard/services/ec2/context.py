"""The condition keys of an existing instance, and the check on it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from tabard.access.check import Check
from tabard.model.instance import Instance, MetadataOptions
from tabard.model.tag import Tag
from tabard.services.ec2.arns import ec2_arn
from tabard.services.operation import Facts

Context = dict[str, tuple[str, ...]]


def metadata_context(options: MetadataOptions) -> Context:
    """Return the condition keys of an instance's metadata options."""
    return {
        "ec2:metadatahttptokens": (options.http_tokens,),
        "ec2:metadatahttpendpoint": (options.http_endpoint,),
        "ec2:metadatahttpputresponsehoplimit": (str(options.http_put_response_hop_limit),),
        "ec2:instancemetadatatags": (options.instance_metadata_tags,),
    }


def machine_context(*, instance_type: str, availability_zone: str) -> Context:
    """Return the condition keys of an instance's hardware."""
    return {
        "ec2:instancetype": (instance_type,),
        "ec2:availabilityzone": (availability_zone,),
        "ec2:tenancy": ("default",),
        "ec2:rootdevicetype": ("ebs",),
        "ec2:ebsoptimized": ("false",),
        "ec2:instancemarkettype": ("on-demand",),
    }


def resource_tag_context(tags: Iterable[Tag]) -> Context:
    """Return the condition keys of a resource's tags."""
    return {
        f"{service}:resourcetag/{tag.key.lower()}": (tag.value,) for tag in tags for service in ("aws", "ec2")
    }


def region_context(facts: Facts) -> Context:
    """Return the condition key of every EC2 action."""
    return {"ec2:region": (facts.region,)}


def visible_instance(instance_id: str, facts: Facts) -> Instance | None:
    """Find an instance in the request's region.

    INVARIANT: an ARN names the request's region; it must not match an instance of another region.
    """
    instance = facts.snapshot.instances.get(instance_id)
    return instance if instance is not None and instance.region == facts.region else None


def instance_check(
    action: str, instance_id: str, facts: Facts, more: Mapping[str, tuple[str, ...]] | None = None
) -> Check:
    """Return the check on one instance, with all its condition keys.

    An instance that does not exist is checked only by its ARN.
    AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-resources-for-iam-policies
    """
    context = region_context(facts) | {"ec2:instanceid": (instance_id,)}
    instance = visible_instance(instance_id, facts)
    if instance is not None:
        context |= machine_context(
            instance_type=instance.instance_type, availability_zone=instance.availability_zone
        )
        context |= metadata_context(instance.metadata_options)
        association = facts.snapshot.active_association_of(instance_id)
        if association is not None:
            context["ec2:instanceprofile"] = (association.instance_profile_arn,)
        context |= resource_tag_context(instance.tags)
    context |= dict(more or {})
    return Check(action=action, resource=ec2_arn(facts, f"instance/{instance_id}"), context=context)


def on_everything(action: str) -> Callable[[object, Facts], Sequence[Check]]:
    """Return the check of an operation that AWS checks on `*`, like most Describe operations."""

    def checks(_request: object, facts: Facts) -> Sequence[Check]:
        return [Check(action=action, resource="*", context=region_context(facts))]

    return checks


def attribute_checks(
    action: str, instance_id: str, facts: Facts, names: Iterable[str], values: Context
) -> Sequence[Check]:
    """Return one check on the instance for each changed attribute, or one if there is none.

    `ec2:Attribute` is single-valued, so each check names one attribute; all of them have every new value
    (`ec2:Attribute/NAME`).
    """
    each = [{**values, "ec2:attribute": (name,)} for name in names] or [values]
    return [instance_check(action, instance_id, facts, more) for more in each]
