"""The real system, started once per worker, and instances on it."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from tests.support.flow_fixtures import AdminClient, InstanceOf, RunOnInstance
from tests.support.real_clients import JS_PACKAGES, js_packages
from tests.support.running_system import SLEEPER, Document, Instance, RunningSystem, tabard_up


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A `tabard up` with everything at its default, on a data directory of its own."""
    with tabard_up(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def admin(system: RunningSystem) -> AdminClient:
    """boto3 clients of the user `admin`, by service name; made once where no options are given."""
    made: dict[str, Any] = {}

    def client(service: str, **options: object) -> BaseClient:
        if options:
            return system.client(service, **options)
        if service not in made:
            made[service] = system.client(service)
        return made[service]

    return client


@pytest.fixture(scope="session")
def instance_of(system: RunningSystem) -> InstanceOf:
    """Instances of the shared system; they end with it."""

    def launch(*documents: Document, instance_profile: str | None = None) -> Instance:
        profile = instance_profile or system.instance_profile_of(*documents)
        instance = system.launch(SLEEPER, instance_profile=profile)
        instance.environment()
        return instance

    return launch


@pytest.fixture(scope="session")
def run_on_instance(system: RunningSystem) -> RunOnInstance:
    """Programs as real instances of the shared system."""

    def run(source: str, *documents: Document, instance_profile: str | None = None) -> list[dict[str, Any]]:
        profile = instance_profile or system.instance_profile_of(*documents)
        instance = system.launch(f"#!{sys.executable}\n{source}", instance_profile=profile)
        instance.until_stopped()
        lines = instance.console.splitlines()
        said = [json.loads(line) for line in lines if line.startswith("{")]
        assert said, f"the instance said nothing: {lines}"
        return said

    return run


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Where a test's own system keeps its state; not there yet."""
    return tmp_path / "data"


@pytest.fixture(scope="session")
def js_sdk(request: pytest.FixtureRequest) -> Callable[[], Path]:
    """A folder with the AWS SDK for JavaScript, kept between runs; called, it raises NotHere without one."""
    assert request.config.cache is not None
    folder = Path(request.config.cache.mkdir(f"js-sdk-{JS_PACKAGES['client-s3']}"))
    return lambda: js_packages(folder)
