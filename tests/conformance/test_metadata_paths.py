"""Every metadata path that a public list names is served, or is known not to be there."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
import pytest

from tabard.imds.source import ServedCredentials
from tabard.imds.tree import documents_of, read
from tabard.model.messages import DesiredEvents, InstanceTag
from tests.support.described_instance import DESIRED, IDENTITY, OPTIONS, PROFILE

NEVER_HERE = (
    "elastic-inference/", "ancestor-ami-ids", "kernel-id", "product-codes", "ramdisk-id",
    "public-hostname", "public-ipv4", "placement/group-name", "placement/partition-number",
    "block-device-mapping/ebs0", "block-device-mapping/ephemeral0", "block-device-mapping/swap",
    "/ipv4-associations/", "/ipv6s", "ipv6-cidr-blocks", "/public-hostname", "/public-ipv4s",
    "/network-card-index",
)  # fmt: skip
"""What an instance here never has: public addresses, IPv6 of its interface, disks, placement groups."""

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
EVERYTHING = msgspec.structs.replace(
    DESIRED,
    user_data=b"#!/bin/sh\n",
    key_name="mine",
    public_key="ssh-ed25519 AAAA mine",
    tags=(InstanceTag(key="Name", value="web"), InstanceTag(key="Test", value="x")),
    metadata_options=msgspec.structs.replace(OPTIONS, instance_metadata_tags="enabled"),
    events=DesiredEvents(spot_action_at=NOW, rebalance_noticed_at=NOW, target_lifecycle_state="InService"),
)
SERVED = ServedCredentials(
    association_id=PROFILE.association_id,
    role_id=PROFILE.role_id,
    access_key_id="ASIAIOSFODNN7EXAMPLE",
    secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    session_token="token",
    expires_at=NOW,
    last_updated=NOW,
)


def _paths() -> list[str]:
    folder = os.environ.get("TABARD_REFERENCE_DATA")
    return list(json.loads((Path(folder) / "imds_paths.json").read_text())) if folder else []


@pytest.mark.skipif(not _paths(), reason="TABARD_REFERENCE_DATA is not set")
def test_every_path_is_served_or_known_not_to_be_there() -> None:
    documents = documents_of(EVERYTHING, SERVED, IDENTITY)
    missing = []
    for path in _paths():
        asked = path.replace("0e:49:61:0f:c3:11", DESIRED.mac_address).replace("baskinc-role", "web-role")
        found = read(quote(asked), documents).status == 200
        if found == any(absent in path for absent in NEVER_HERE):
            missing.append(path)
    assert missing == []
