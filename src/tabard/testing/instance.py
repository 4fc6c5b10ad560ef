"""An instance for a test: what runs as it, and what it was denied."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import boto3
from botocore.client import BaseClient

from tabard.agent.drivers.environment import instance_environment

if TYPE_CHECKING:
    from tabard.testing.system import TabardSystem

Document: TypeAlias = Mapping[str, Any]
"""A policy document as JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A request of the instance that was denied: `action` is `s3:PutObject`, `reason` the sentence it got."""

    action: str
    resources: tuple[str, ...]
    reason: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TabardInstance:
    """A running instance. Its role and its instance profile have the same name, unless a test chose one."""

    instance_id: str
    instance_profile: str
    said_environment: Mapping[str, str] = field(repr=False)
    system: "TabardSystem" = field(repr=False)

    @property
    def metadata_endpoint(self) -> str:
        """Where the instance's metadata service listens."""
        return self.said_environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]

    @property
    def environment(self) -> dict[str, str]:
        """The test's own environment as a process of the instance has it: no other source of credentials."""
        return instance_environment(
            os.environ,
            metadata_endpoint=self.metadata_endpoint,
            edge_endpoint=self.said_environment["AWS_ENDPOINT_URL"],
            region=self.said_environment["AWS_REGION"],
            empty_file=self.said_environment["AWS_CONFIG_FILE"],
        )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Let the code in this block act as the instance, in this process: plain boto3 finds its role."""
        before = dict(os.environ)
        session = boto3.DEFAULT_SESSION
        _become(self.environment)
        boto3.DEFAULT_SESSION = None  # it remembers credentials
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = session
            _become(before)

    def client(self, service: str, **options: object) -> BaseClient:
        """A client of plain boto3 that acts as the instance, also outside of `inside`."""
        with self.inside():
            session = boto3.Session()
            session.get_credentials()  # read now, for the environment is not the instance's later
            return session.client(service, **options)

    def run(self, *command: str, **options: object) -> "subprocess.CompletedProcess[str]":
        """Run a program as the instance; `options` as `subprocess.run` takes them, its output as text."""
        given: dict[str, Any] = {"capture_output": True, "text": True, "check": False, **options}
        return subprocess.run(command, env=self.environment, **given)  # noqa: S603 - the test's own

    def denials(self) -> Sequence[Denial]:
        """What the instance was denied so far, oldest first."""
        return tuple(
            Denial(
                action=f"{event.service}:{event.operation}",
                resources=event.resources,
                reason=event.reason,
                request_id=event.request_id,
            )
            for event in self.system.audit()
            if event.outcome == "denied" and event.principal_arn.endswith(f"/{self.instance_id}")
        )

    def terminate(self) -> None:
        """End the instance; its sessions are refused from then on."""
        self.system.client("ec2").terminate_instances(InstanceIds=[self.instance_id])


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)
