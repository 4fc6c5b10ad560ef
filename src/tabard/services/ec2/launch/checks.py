"""The checks of RunInstances: one per resource that a launch uses or makes.

AWS: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html (RunInstances) and
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ExamplePolicies_EC2.html#iam-example-runinstances
"""

from collections.abc import Mapping, Sequence

from tabard.access.check import Check
from tabard.model.instance_profile import InstanceProfile
from tabard.services.ec2.arns import ec2_arn, image_arn
from tabard.services.ec2.context import (
    Context,
    machine_context,
    metadata_context,
    region_context,
)
from tabard.services.ec2.key_pairs.requests import key_pair_arn, key_pair_context
from tabard.services.ec2.launch_request import RunInstancesRequest
from tabard.services.ec2.metadata.defaults import metadata_defaults
from tabard.services.ec2.metadata.options import metadata_options
from tabard.services.ec2.network.default_vpc import DefaultVpc, default_vpc
from tabard.services.ec2.pass_role import find_instance_profile, pass_role_checks
from tabard.services.ec2.tag_specifications import requested_tags, tag_context
from tabard.services.operation import Facts

_ACTION = "ec2:RunInstances"

_ROOT_VOLUME: Context = {
    "ec2:encrypted": ("false",),
    "ec2:volumesize": ("8",),
    "ec2:volumetype": ("gp3",),
}


def run_instances_checks(request: RunInstancesRequest, facts: Facts) -> Sequence[Check]:
    """Image, instance, subnet, network interface, security groups and volume, as AWS.

    Then the key pair where one is named, CreateTags where tags are asked for, and PassRole on the role of
    the instance profile.

    Differs: the root volume (8 GiB gp3, not encrypted), network interface, subnet and security group are
        those of AWS's default launch; none of them is made. The condition keys of the metadata options hold
        what the instance will have, defaults included.
    """
    vpc = default_vpc(account_id=facts.account_id, region=facts.region)
    zone: Context = {"ec2:availabilityzone": (vpc.availability_zone,)}
    in_vpc: Context = {"ec2:vpc": (ec2_arn(facts, f"vpc/{vpc.vpc_id}"),)}
    subnet_id = request.subnet_id or vpc.subnet_id
    subnet: Context = {"ec2:subnetid": (subnet_id,)}
    interface: Context = {
        "ec2:subnet": (ec2_arn(facts, f"subnet/{subnet_id}"),),
        "ec2:associatepublicipaddress": ("false",),
    }

    def check(resource: str, *contexts: Mapping[str, tuple[str, ...]], action: str = _ACTION) -> Check:
        context = region_context(facts)
        for more in contexts:
            context |= dict(more)
        return Check(action=action, resource=resource, context=context)

    tags = tag_context(requested_tags(request.tag_specifications))
    wanted = request.iam_instance_profile
    found = find_instance_profile(wanted, facts.snapshot.instance_profile_named) if wanted else None
    checks = [
        _image_check(request, facts),
        check(ec2_arn(facts, "instance/*"), _instance_context(request, facts, vpc), _held(found), tags),
        check(ec2_arn(facts, f"subnet/{subnet_id}"), in_vpc, zone, subnet),
        check(ec2_arn(facts, "network-interface/*"), in_vpc, zone, interface),
        check(ec2_arn(facts, "volume/*"), zone, _ROOT_VOLUME),
    ]
    checks += [
        check(ec2_arn(facts, f"security-group/{group}"), in_vpc, {"ec2:securitygroupid": (group,)})
        for group in request.security_group_ids or (vpc.security_group_id,)
    ]
    if request.key_name:
        key_pair = facts.snapshot.key_pair_named(facts.region, request.key_name)
        of_key = key_pair_context(key_pair) if key_pair else {"ec2:keypairname": (request.key_name,)}
        checks.append(check(key_pair_arn(facts, request.key_name), of_key))
    if request.placement.host_id:
        checks.append(check(ec2_arn(facts, f"dedicated-host/{request.placement.host_id}"), zone))
    if tags:
        created = {"ec2:createaction": ("RunInstances",)}
        checks.append(check(ec2_arn(facts, "instance/*"), tags, created, action="ec2:CreateTags"))
    return checks + pass_role_checks(found, facts)


def _image_check(request: RunInstancesRequest, facts: Facts) -> Check:
    image_id = request.image_id or "*"
    context = region_context(facts) | {"ec2:imageid": (image_id,), "ec2:imagetype": ("machine",)}
    if image_id in facts.snapshot.images:
        context |= {
            "ec2:owner": (facts.account_id,),
            "ec2:public": ("false",),
            "ec2:rootdevicetype": ("ebs",),
        }
    return Check(action=_ACTION, resource=image_arn(facts, image_id), context=context)


def _instance_context(request: RunInstancesRequest, facts: Facts, vpc: DefaultVpc) -> Context:
    image = facts.snapshot.images.get(request.image_id or "")
    machine = machine_context(
        instance_type=request.instance_type,
        availability_zone=request.placement.availability_zone or vpc.availability_zone,
    )
    defaults = metadata_defaults(facts.snapshot.installation.get, facts.region)
    return machine | metadata_context(metadata_options(request.metadata_options, image, defaults))


def _held(instance_profile: InstanceProfile | None) -> Context:
    return {"ec2:instanceprofile": (instance_profile.arn,)} if instance_profile is not None else {}
