"""The metadata service of one instance, for the bench.

Run as `python -m bench.metadata PORT_FILE [peer]`, which then holds its port: as in a namespace of its own,
where the listener is the identity, or on a port of the host, where each peer's uid is looked up.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tabard.clock import SystemClock
from tabard.imds.server import MetadataServer
from tabard.imds.source import ServedCredentials
from tabard.model.messages import (
    DesiredInstance,
    DesiredInstanceProfile,
    DesiredMetadataOptions,
    GetInstanceIdentityResult,
)
from tabard.model.session import RoleDelivery
from tabard.wiring.process import prepare_process

ROLE_NAME = "web-role"
_LAUNCHED_AT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def described_instance() -> DesiredInstance:
    """An instance as the edge describes it."""
    return DesiredInstance(
        instance_id="i-0123456789abcdef0",
        run_state="running",
        driver="process",
        image_id="ami-0123456789abcdef0",
        instance_type="t3.micro",
        reservation_id="r-0123456789abcdef0",
        account_id="111122223333",
        partition="aws",
        region="us-east-1",
        availability_zone="us-east-1a",
        availability_zone_id="use1-az1",
        host_id="h-0123456789abcdef0",
        private_ip_address="10.0.0.7",
        private_dns_name="ip-10-0-0-7.ec2.internal",
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
        launched_at=_LAUNCHED_AT,
        metadata_options=DesiredMetadataOptions(
            http_tokens="required",
            http_endpoint="enabled",
            http_put_response_hop_limit=2,
            http_protocol_ipv6="disabled",
            instance_metadata_tags="disabled",
        ),
        instance_profile=DesiredInstanceProfile(
            association_id="iip-assoc-0123456789abcdef0",
            instance_profile_arn="arn:aws:iam::111122223333:instance-profile/web",
            instance_profile_id="AIPAIOSFODNN7EXAMPLE",
            role_name=ROLE_NAME,
            role_id="AROAIOSFODNN7EXAMPLE",
        ),
    )


class _Source:
    def __init__(self) -> None:
        self._desired = described_instance()
        self._credentials = ServedCredentials(
            association_id="iip-assoc-0123456789abcdef0",
            role_id="AROAIOSFODNN7EXAMPLE",
            access_key_id="ASIAIOSFODNN7EXAMPLE",
            secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            session_token="x" * 350,
            expires_at=datetime.now(UTC) + timedelta(hours=6),
            last_updated=_LAUNCHED_AT,
        )

    def desired(self) -> DesiredInstance:
        return self._desired

    def identity(self) -> GetInstanceIdentityResult | None:
        return None

    def credentials(self, role_delivery: RoleDelivery) -> ServedCredentials:
        del role_delivery
        return self._credentials


async def _serve(port_file: Path, *, uid: int | None) -> None:
    server = MetadataServer(_Source(), clock=SystemClock(), uid=uid)
    await server.start()
    part = port_file.with_suffix(".part")
    part.write_text(server.endpoint.rpartition(":")[2])
    part.rename(port_file)
    await asyncio.Event().wait()


if __name__ == "__main__":
    prepare_process()
    asyncio.run(_serve(Path(sys.argv[1]), uid=os.getuid() if sys.argv[2:] else None))
