"""The authorization token of container credentials: written for its owner."""

import os
from pathlib import Path

import msgspec
import pytest

from tabard.agent.container import (
    container_environment,
    new_token,
    wants_container_credentials,
)
from tabard.model.messages import InstanceTag
from tests.support.described_instance import DESIRED


@pytest.mark.parametrize(("value", "wants"), [("container", True), ("metadata", False), (None, False)])
def test_a_tag_requests_container_credentials(value: str | None, wants: bool) -> None:
    tags = () if value is None else (InstanceTag(key="tabard:credentials-from", value=value),)
    assert wants_container_credentials(msgspec.structs.replace(DESIRED, tags=tags)) is wants


@pytest.mark.parametrize(("owner_uid", "mode"), [(os.getuid(), 0o400), (None, 0o444)])
def test_only_the_owner_can_read_the_token(tmp_path: Path, owner_uid: int | None, mode: int) -> None:
    for token in (new_token(), new_token()):
        told = container_environment(tmp_path, token, endpoint="http://127.0.0.1:4700", owner_uid=owner_uid)
        path = Path(told["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"])
        assert told["AWS_CONTAINER_CREDENTIALS_FULL_URI"] == "http://127.0.0.1:4700/v1/credentials"
        assert (path.read_text(), path.stat().st_mode & 0o777) == (token, mode)
