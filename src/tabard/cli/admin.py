"""The user `admin` of the running system, as our own commands act for it."""

import os
from collections.abc import Callable
from typing import Any

import botocore.session
from botocore.config import Config

from tabard.wiring.running import RunningSystem


def take_aws_settings_out_of_this_process() -> dict[str, str]:
    """The environment as it was; ours is without AWS settings, which the admin's clients must not heed."""
    environment = dict(os.environ)
    for name in environment:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return environment


def admin_clients(system: RunningSystem) -> Callable[[str], Any]:
    """Makes SDK clients of the user `admin`, by service name."""
    session = botocore.session.Session()
    # The endpoint is ours and on this machine: no proxy and no variable of the caller's may redirect it.
    config = Config(proxies={}, retries={"mode": "standard"})

    def client(service: str) -> Any:  # noqa: ANN401 - botocore has no types
        return session.create_client(
            service,
            endpoint_url=system.endpoint,
            region_name=system.region,
            aws_access_key_id=system.admin_key.access_key_id,
            aws_secret_access_key=system.admin_key.secret_access_key,
            config=config,
        )

    return client
