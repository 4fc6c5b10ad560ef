"""The types of the fixtures that every flow shares."""

from collections.abc import Callable
from typing import Any, Protocol

from botocore.client import BaseClient

from tests.support.running_system import Document, Instance

AdminClient = Callable[..., BaseClient]


class InstanceOf(Protocol):
    """Launches an instance that only waits, for clients of the test to act as it."""

    def __call__(self, *documents: Document, instance_profile: str | None = None) -> Instance:
        """With a new role that has these inline policies, or with a given instance profile."""


class RunOnInstance(Protocol):
    """Launches an instance that runs a Python program with plain boto3."""

    def __call__(
        self, source: str, *documents: Document, instance_profile: str | None = None
    ) -> list[dict[str, Any]]:
        """The JSON objects that it printed, a line each; the instance has stopped by then."""
