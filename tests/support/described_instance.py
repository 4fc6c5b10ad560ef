"""One instance as the edge describes it, for the tests of metadata and agent."""

from datetime import UTC, datetime

from tabard.model.messages import (
    DesiredInstance,
    DesiredInstanceProfile,
    DesiredMetadataOptions,
    GetInstanceIdentityResult,
)

OPTIONS = DesiredMetadataOptions(
    http_tokens="required",
    http_endpoint="enabled",
    http_put_response_hop_limit=2,
    http_protocol_ipv6="disabled",
    instance_metadata_tags="disabled",
)
PROFILE = DesiredInstanceProfile(
    association_id="iip-assoc-0123456789abcdef0",
    instance_profile_arn="arn:aws:iam::123456789012:instance-profile/web",
    instance_profile_id="AIPAIOSFODNN7EXAMPLE",
    role_name="web-role",
    role_id="AROAIOSFODNN7EXAMPLE",
)
DESIRED = DesiredInstance(
    instance_id="i-0123456789abcdef0",
    run_state="running",
    driver="process",
    image_id="ami-0123456789abcdef0",
    instance_type="t3.micro",
    reservation_id="r-0123456789abcdef0",
    account_id="123456789012",
    partition="aws",
    region="us-east-1",
    availability_zone="us-east-1a",
    availability_zone_id="use1-az1",
    host_id="h-0123456789abcdef0",
    private_ip_address="10.0.0.7",
    private_dns_name="ip-10-0-0-7.us-east-1.compute.internal",
    mac_address="02:00:00:00:00:07",
    vpc_id="vpc-0123456789abcdef0",
    vpc_cidr_block="172.31.0.0/16",
    subnet_id="subnet-0123456789abcdef0",
    subnet_cidr_block="172.31.0.0/20",
    network_interface_id="eni-0123456789abcdef0",
    security_group_id="sg-0123456789abcdef0",
    security_group_name="default",
    ami_launch_index=0,
    architecture="x86_64",
    boot_number=0,
    launched_at=datetime(2026, 1, 31, 12, 0, tzinfo=UTC),
    metadata_options=OPTIONS,
    instance_profile=PROFILE,
)
IDENTITY = GetInstanceIdentityResult(
    document='{\n  "instanceId" : "i-0123456789abcdef0"\n}',
    signature="c2ln",
    pkcs7="cGtjczc=",
    rsa2048="cnNh",
)
