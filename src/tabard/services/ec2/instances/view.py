"""Views of an instance for the Describe operations."""

import base64

from tabard.clock import iso8601
from tabard.model.association import Association
from tabard.model.instance import Instance, InstanceState, MetadataOptions
from tabard.model.tag import Tag
from tabard.services.ec2.network.default_vpc import vpc_of
from tabard.services.ec2.network.interfaces import instance_network_interface
from tabard.services.operation import Output


def instance_view(instance: Instance, association: Association | None, *, architecture: str) -> Output:
    """AWS: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html

    Differs: members without meaning here (disks, product codes) are empty or omitted.
    """
    view: dict[str, object] = {
        "InstanceId": instance.instance_id,
        "ImageId": instance.image_id,
        "State": state_view(instance.state),
        "PublicDnsName": "",
        "StateTransitionReason": transition_reason(instance),
        "AmiLaunchIndex": instance.ami_launch_index,
        "InstanceType": instance.instance_type,
        "LaunchTime": instance.launched_at,
        "Placement": {
            "AvailabilityZone": instance.availability_zone,
            "GroupName": "",
            "HostId": instance.host_id,
            "Tenancy": "default",
        },
        "Monitoring": {"State": "disabled"},
        "Architecture": architecture,
        "RootDeviceType": "ebs",
        "VirtualizationType": "hvm",
        "EbsOptimized": False,
        "BlockDeviceMappings": [],
        "ProductCodes": [],
        "PlatformDetails": "Linux/UNIX",
        "Tags": tags_view(instance.tags),
        "MetadataOptions": metadata_options_view(instance.metadata_options),
    }
    view |= _network_view(instance)
    if instance.client_token:
        view["ClientToken"] = instance.client_token
    if instance.key_name:
        view["KeyName"] = instance.key_name
    if instance.state_reason_code:
        view["StateReason"] = {
            "Code": instance.state_reason_code,
            "Message": instance.state_reason_message,
        }
    if association is not None:
        view["IamInstanceProfile"] = {
            "Arn": association.instance_profile_arn,
            "Id": association.instance_profile_id,
        }
    return view


ROOT_DEVICE_NAME = "/dev/xvda"
"""AWS's usual name of a root device; instances have no disk of their own."""


def user_data_view(user_data: bytes) -> Output:
    """Return user data in base64; no value if there is none."""
    return {"Value": base64.b64encode(user_data).decode("ascii")} if user_data else {}


def state_view(state: InstanceState) -> Output:
    """Return a state's code and name."""
    return {"Code": state.code, "Name": state.value}


def tags_view(tags: tuple[Tag, ...]) -> list[Output]:
    """Return tags in the form of every operation."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]


def _network_view(instance: Instance) -> dict[str, object]:
    """Return the network part; a terminated instance no longer has an address."""
    if instance.state is InstanceState.TERMINATED:
        return {"PrivateDnsName": "", "NetworkInterfaces": [], "SecurityGroups": []}
    vpc = vpc_of(instance)
    return {
        "PrivateDnsName": instance.private_dns_name,
        "PrivateIpAddress": instance.private_ip_address,
        "SubnetId": vpc.subnet_id,
        "VpcId": vpc.vpc_id,
        "SourceDestCheck": True,
        "NetworkInterfaces": [instance_network_interface(instance)],
        "SecurityGroups": [{"GroupId": vpc.security_group_id, "GroupName": vpc.security_group_name}],
    }


def metadata_options_view(options: MetadataOptions) -> Output:
    """Return the five options, as applied."""
    return {
        "State": "applied",
        "HttpTokens": options.http_tokens,
        "HttpPutResponseHopLimit": options.http_put_response_hop_limit,
        "HttpEndpoint": options.http_endpoint,
        "HttpProtocolIpv6": options.http_protocol_ipv6,
        "InstanceMetadataTags": options.instance_metadata_tags,
    }


def transition_reason(instance: Instance) -> str:
    """AWS: "the reason for the most recent state transition. This might be an empty string"."""
    if instance.state_reason_code != "Client.UserInitiatedShutdown" or instance.state_changed_at is None:
        return ""
    moment = iso8601(instance.state_changed_at).replace("T", " ").removesuffix("Z")
    return f"User initiated ({moment} GMT)"
