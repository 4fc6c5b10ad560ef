"""The pytest plugin: fixtures for instances with policies, whose denials a test can read.

def test_reports_are_read_and_never_written(tabard_instance):
    instance = tabard_instance(policy=READ_REPORTS)
    with instance.inside():
        my_application.read_reports()
    assert [denial.action for denial in instance.denials()] == []
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from tabard.testing.instance import PolicyDocument, TabardInstance
    from tabard.testing.system import TabardSystem

# Imported at first use: a test session without instances does not pay for the import.


class LaunchInstance(Protocol):
    """Launches an instance that ends with the test."""

    def __call__(
        self,
        *,
        policy: "PolicyDocument | Sequence[PolicyDocument]" = (),
        instance_profile: str | None = None,
        run_instances: Mapping[str, object] = {},
    ) -> "TabardInstance":
        """Like `TabardSystem.instance`: with these identity policies, or with a given instance profile."""


@pytest.fixture(scope="session")
def tabard_system(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[TabardSystem]":
    """Return a Tabard system of this test session. At first it contains only its IAM user `admin`."""
    from tabard.edge.upstreams.embedded_stores import EmbeddedStoresNotInstalled, require_embedded_stores

    try:
        require_embedded_stores()
    except EmbeddedStoresNotInstalled as error:
        pytest.fail(str(error), pytrace=False)
    from tabard.testing.system import tabard_system as running

    with running(tmp_path_factory.mktemp("tabard")) as system:
        yield system


@pytest.fixture
def tabard_instance(tabard_system: "TabardSystem") -> "Iterator[LaunchInstance]":
    """Launches instances: `tabard_instance(policy=DOCUMENT)`."""
    launched: list[TabardInstance] = []

    def launch(
        *,
        policy: "PolicyDocument | Sequence[PolicyDocument]" = (),
        instance_profile: str | None = None,
        run_instances: Mapping[str, object] = {},
    ) -> "TabardInstance":
        launched.append(
            tabard_system.instance(
                policy=policy, instance_profile=instance_profile, run_instances=run_instances
            )
        )
        return launched[-1]

    yield launch
    for instance in launched:
        instance.terminate()
