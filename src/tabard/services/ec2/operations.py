"""What EC2 can do here."""

from collections.abc import Callable

from tabard.access.authorize import Permit
from tabard.services.ec2.instance_profiles.associations import (
    AssociateIamInstanceProfileRequest,
    DescribeIamInstanceProfileAssociationsRequest,
    DisassociateIamInstanceProfileRequest,
    ReplaceIamInstanceProfileAssociationRequest,
    associate_iam_instance_profile,
    associate_iam_instance_profile_checks,
    describe_iam_instance_profile_associations,
    disassociate_iam_instance_profile,
    disassociate_iam_instance_profile_checks,
    replace_iam_instance_profile_association,
    replace_iam_instance_profile_association_checks,
)
from tabard.services.ec2.instances.attribute_request import ModifyInstanceAttributeRequest
from tabard.services.ec2.instances.attributes import (
    DescribeInstanceAttributeRequest,
    describe_instance_attribute,
    describe_instance_attribute_checks,
    modify_instance_attribute,
    modify_instance_attribute_checks,
)
from tabard.services.ec2.instances.console_output import (
    GetConsoleOutputRequest,
    get_console_output,
    get_console_output_checks,
)
from tabard.services.ec2.instances.context import describe_check
from tabard.services.ec2.instances.credit_specifications import (
    DescribeInstanceCreditSpecificationsRequest,
    describe_instance_credit_specifications,
)
from tabard.services.ec2.instances.instances import (
    DescribeInstancesRequest,
    TerminateInstancesRequest,
    describe_instances,
    terminate_instances,
    terminate_instances_checks,
)
from tabard.services.ec2.instances.start_stop import (
    RebootInstancesRequest,
    StartInstancesRequest,
    StopInstancesRequest,
    reboot_instances,
    reboot_instances_checks,
    start_instances,
    start_instances_checks,
    stop_instances,
    stop_instances_checks,
)
from tabard.services.ec2.instances.status import DescribeInstanceStatusRequest, describe_instance_status
from tabard.services.ec2.instances.volumes import DescribeVolumesRequest, describe_volumes
from tabard.services.ec2.key_pairs.key_pairs import (
    create_key_pair,
    delete_key_pair,
    describe_key_pairs,
    import_key_pair,
)
from tabard.services.ec2.key_pairs.requests import (
    CreateKeyPairRequest,
    DeleteKeyPairRequest,
    DescribeKeyPairsRequest,
    ImportKeyPairRequest,
    create_key_pair_checks,
    delete_key_pair_checks,
    import_key_pair_checks,
)
from tabard.services.ec2.launch.checks import run_instances_checks
from tabard.services.ec2.launch.images import DescribeImagesRequest, describe_images
from tabard.services.ec2.launch.instance_types import DescribeInstanceTypesRequest, describe_instance_types
from tabard.services.ec2.launch.request import RunInstancesRequest
from tabard.services.ec2.launch.run_instances import run_instances
from tabard.services.ec2.metadata.defaults import (
    GetInstanceMetadataDefaultsRequest,
    ModifyInstanceMetadataDefaultsRequest,
    get_instance_metadata_defaults,
    modify_instance_metadata_defaults,
    modify_instance_metadata_defaults_checks,
)
from tabard.services.ec2.metadata.options import (
    ModifyInstanceMetadataOptionsRequest,
    modify_instance_metadata_options,
    modify_instance_metadata_options_checks,
)
from tabard.services.ec2.network.interfaces import (
    DescribeNetworkInterfacesRequest,
    describe_network_interfaces,
)
from tabard.services.ec2.network.networks import (
    DescribeSecurityGroupsRequest,
    DescribeSubnetsRequest,
    DescribeVpcsRequest,
    describe_security_groups,
    describe_subnets,
    describe_vpcs,
)
from tabard.services.ec2.network.zones import (
    DescribeAvailabilityZonesRequest,
    DescribeRegionsRequest,
    describe_availability_zones,
    describe_regions,
)
from tabard.services.ec2.tags.resource_tags import (
    CreateTagsRequest,
    DeleteTagsRequest,
    DescribeTagsRequest,
    create_tags,
    create_tags_checks,
    delete_tags,
    delete_tags_checks,
    describe_tags,
)
from tabard.services.operation import Operation, Output, R, Read, Write
from tabard.store.snapshot import Snapshot


def _on_everything(name: str, request: type[R], perform: Callable[[Permit, R, Snapshot], Output]) -> Read[R]:
    """An operation that AWS checks on all resources at once, as most that describe something."""
    action = f"ec2:{name}"
    return Read(name, request, lambda _, facts: [describe_check(action, facts)], perform)


OPERATIONS: tuple[Operation, ...] = (
    Write("RunInstances", RunInstancesRequest, run_instances_checks, run_instances),
    _on_everything("DescribeInstances", DescribeInstancesRequest, describe_instances),
    _on_everything("DescribeInstanceStatus", DescribeInstanceStatusRequest, describe_instance_status),
    _on_everything("DescribeImages", DescribeImagesRequest, describe_images),
    Write("TerminateInstances", TerminateInstancesRequest, terminate_instances_checks, terminate_instances),
    Write("StartInstances", StartInstancesRequest, start_instances_checks, start_instances),
    Write("StopInstances", StopInstancesRequest, stop_instances_checks, stop_instances),
    Write("RebootInstances", RebootInstancesRequest, reboot_instances_checks, reboot_instances),
    Read(
        "DescribeInstanceAttribute",
        DescribeInstanceAttributeRequest,
        describe_instance_attribute_checks,
        describe_instance_attribute,
    ),
    Write(
        "ModifyInstanceAttribute",
        ModifyInstanceAttributeRequest,
        modify_instance_attribute_checks,
        modify_instance_attribute,
    ),
    Write("CreateKeyPair", CreateKeyPairRequest, create_key_pair_checks, create_key_pair),
    Write("ImportKeyPair", ImportKeyPairRequest, import_key_pair_checks, import_key_pair),
    _on_everything("DescribeKeyPairs", DescribeKeyPairsRequest, describe_key_pairs),
    Write("DeleteKeyPair", DeleteKeyPairRequest, delete_key_pair_checks, delete_key_pair),
    Write("GetConsoleOutput", GetConsoleOutputRequest, get_console_output_checks, get_console_output),
    Write("CreateTags", CreateTagsRequest, create_tags_checks, create_tags),
    Write("DeleteTags", DeleteTagsRequest, delete_tags_checks, delete_tags),
    _on_everything("DescribeTags", DescribeTagsRequest, describe_tags),
    Write(
        "AssociateIamInstanceProfile",
        AssociateIamInstanceProfileRequest,
        associate_iam_instance_profile_checks,
        associate_iam_instance_profile,
    ),
    Write(
        "ReplaceIamInstanceProfileAssociation",
        ReplaceIamInstanceProfileAssociationRequest,
        replace_iam_instance_profile_association_checks,
        replace_iam_instance_profile_association,
    ),
    Write(
        "DisassociateIamInstanceProfile",
        DisassociateIamInstanceProfileRequest,
        disassociate_iam_instance_profile_checks,
        disassociate_iam_instance_profile,
    ),
    _on_everything(
        "DescribeIamInstanceProfileAssociations",
        DescribeIamInstanceProfileAssociationsRequest,
        describe_iam_instance_profile_associations,
    ),
    Write(
        "ModifyInstanceMetadataOptions",
        ModifyInstanceMetadataOptionsRequest,
        modify_instance_metadata_options_checks,
        modify_instance_metadata_options,
    ),
    _on_everything(
        "GetInstanceMetadataDefaults", GetInstanceMetadataDefaultsRequest, get_instance_metadata_defaults
    ),
    Write(
        "ModifyInstanceMetadataDefaults",
        ModifyInstanceMetadataDefaultsRequest,
        modify_instance_metadata_defaults_checks,
        modify_instance_metadata_defaults,
    ),
    _on_everything("DescribeInstanceTypes", DescribeInstanceTypesRequest, describe_instance_types),
    _on_everything(
        "DescribeInstanceCreditSpecifications",
        DescribeInstanceCreditSpecificationsRequest,
        describe_instance_credit_specifications,
    ),
    _on_everything("DescribeVpcs", DescribeVpcsRequest, describe_vpcs),
    _on_everything("DescribeSubnets", DescribeSubnetsRequest, describe_subnets),
    _on_everything("DescribeSecurityGroups", DescribeSecurityGroupsRequest, describe_security_groups),
    _on_everything(
        "DescribeNetworkInterfaces", DescribeNetworkInterfacesRequest, describe_network_interfaces
    ),
    _on_everything("DescribeVolumes", DescribeVolumesRequest, describe_volumes),
    _on_everything(
        "DescribeAvailabilityZones", DescribeAvailabilityZonesRequest, describe_availability_zones
    ),
    _on_everything("DescribeRegions", DescribeRegionsRequest, describe_regions),
)
