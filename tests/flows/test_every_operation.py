"""The flows leave out no operation."""

import re
from pathlib import Path

import pytest
from botocore import xform_name

from tabard.edge.tables import OPERATIONS
from tabard.wire.request import ServiceName

SERVICES: tuple[ServiceName, ...] = ("iam", "sts", "ec2", "s3", "dynamodb", "sqs")


@pytest.mark.parametrize("service", SERVICES)
def test_every_operation_that_is_offered_has_a_flow(service: ServiceName) -> None:
    written = "\n".join(
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parent.glob("test_*.py")
        if path != Path(__file__)
    )
    words = set(re.findall(r"\w+", written))
    assert [name for name in OPERATIONS[service] if xform_name(name) not in words] == []
