"""What EC2 can do here."""

from collections.abc import Callable

from tabard.access.authorize import Permit
from tabard.services.ec2.associations import (
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
from tabard.services.ec2.attribute_request import ModifyInstanceAttributeRequest
from tabard.services.ec2.console_output import (
    GetConsoleOutputRequest,
    get_console_output,
    get_console_output_checks,
)
from tabard.services.ec2.credit_specifications import (
    DescribeInstanceCreditSpecificationsRequest,
    describe_instance_credit_specifications,
)
from tabard.services.ec2.images import DescribeImagesRequest, describe_images
from tabard.services.ec2.instance_attributes import (
    DescribeInstanceAttributeRequest,
    describe_instance_attribute,
    describe_instance_attribute_checks,
    modify_instance_attribute,
    modify_instance_attribute_checks,
)
from tabard.services.ec2.instance_context import describe_check
from tabard.services.ec2.instance_status import DescribeInstanceStatusRequest, describe_instance_status
from tabard.services.ec2.instance_types import DescribeInstanceTypesRequest, describe_instance_types
from tabard.services.ec2.instances import (
    DescribeInstancesRequest,
    TerminateInstancesRequest,
    describe_instances,
    terminate_instances,
    terminate_instances_checks,
)
from tabard.services.ec2.key_pair_requests import (
    CreateKeyPairRequest,
    DeleteKeyPairRequest,
    DescribeKeyPairsRequest,
    ImportKeyPairRequest,
    create_key_pair_checks,
    delete_key_pair_checks,
    import_key_pair_checks,
)
from tabard.services.ec2.key_pairs import (
    create_key_pair,
    delete_key_pair,
    describe_key_pairs,
    import_key_pair,
)
from tabard.services.ec2.launch_checks import run_instances_checks
from tabard.services.ec2.launch_request import RunInstancesRequest
from tabard.services.ec2.metadata_defaults import (
    GetInstanceMetadataDefaultsRequest,
    ModifyInstanceMetadataDefaultsRequest,
    get_instance_metadata_defaults,
    modify_instance_metadata_defaults,
    modify_instance_metadata_defaults_checks,
)
from tabard.services.ec2.metadata_options import (
    ModifyInstanceMetadataOptionsRequest,
    modify_instance_metadata_options,
    modify_instance_metadata_options_checks,
)
from tabard.services.ec2.network_interfaces import (
    DescribeNetworkInterfacesRequest,
    describe_network_interfaces,
)
from tabard.services.ec2.networks import (
    DescribeSecurityGroupsRequest,
    DescribeSubnetsRequest,
    DescribeVpcsRequest,
    describe_security_groups,
    describe_subnets,
    describe_vpcs,
)
from tabard.services.ec2.resource_tags import (
    CreateTagsRequest,
    DeleteTagsRequest,
    DescribeTagsRequest,
    create_tags,
    create_tags_checks,
    delete_tags,
    delete_tags_checks,
    describe_tags,
)
from tabard.services.ec2.run_instances import run_instances
from tabard.services.ec2.start_stop import (
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
from tabard.services.ec2.volumes import DescribeVolumesRequest, describe_volumes
from tabard.services.ec2.zones import (
    DescribeAvailabilityZonesRequest,
    DescribeRegionsRequest,
    describe_availability_zones,
    describe_regions,
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
