"""What EC2 can do here."""

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
from tabard.services.operation import Operation, Read, Write

OPERATIONS: tuple[Operation, ...] = (
    Write("RunInstances", RunInstancesRequest, run_instances_checks, run_instances),
    Read(
        "DescribeInstances",
        DescribeInstancesRequest,
        lambda _, facts: [describe_check("ec2:DescribeInstances", facts)],
        describe_instances,
    ),
    Read(
        "DescribeInstanceStatus",
        DescribeInstanceStatusRequest,
        lambda _, facts: [describe_check("ec2:DescribeInstanceStatus", facts)],
        describe_instance_status,
    ),
    Read(
        "DescribeImages",
        DescribeImagesRequest,
        lambda _, facts: [describe_check("ec2:DescribeImages", facts)],
        describe_images,
    ),
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
    Read(
        "DescribeKeyPairs",
        DescribeKeyPairsRequest,
        lambda _, facts: [describe_check("ec2:DescribeKeyPairs", facts)],
        describe_key_pairs,
    ),
    Write("DeleteKeyPair", DeleteKeyPairRequest, delete_key_pair_checks, delete_key_pair),
    Write("GetConsoleOutput", GetConsoleOutputRequest, get_console_output_checks, get_console_output),
    Write("CreateTags", CreateTagsRequest, create_tags_checks, create_tags),
    Write("DeleteTags", DeleteTagsRequest, delete_tags_checks, delete_tags),
    Read(
        "DescribeTags",
        DescribeTagsRequest,
        lambda _, facts: [describe_check("ec2:DescribeTags", facts)],
        describe_tags,
    ),
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
    Read(
        "DescribeIamInstanceProfileAssociations",
        DescribeIamInstanceProfileAssociationsRequest,
        lambda _, facts: [describe_check("ec2:DescribeIamInstanceProfileAssociations", facts)],
        describe_iam_instance_profile_associations,
    ),
    Write(
        "ModifyInstanceMetadataOptions",
        ModifyInstanceMetadataOptionsRequest,
        modify_instance_metadata_options_checks,
        modify_instance_metadata_options,
    ),
    Read(
        "GetInstanceMetadataDefaults",
        GetInstanceMetadataDefaultsRequest,
        lambda _, facts: [describe_check("ec2:GetInstanceMetadataDefaults", facts)],
        get_instance_metadata_defaults,
    ),
    Write(
        "ModifyInstanceMetadataDefaults",
        ModifyInstanceMetadataDefaultsRequest,
        modify_instance_metadata_defaults_checks,
        modify_instance_metadata_defaults,
    ),
)
