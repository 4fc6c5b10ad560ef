"""An instance for a test: what runs as it, and what it was denied."""

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

import boto3
from botocore.client import BaseClient

from tabard.administration.hosts import set_instance_faults
from tabard.agent.drivers.environment import instance_environment
from tabard.model.audit_event import AuditEvent
from tabard.model.messages import SetInstanceFaultsRequest
from tabard.policy import Effect
from tabard.wiring.local_admin import as_admin
from tabard.wiring.running import RunningSystem

Document: TypeAlias = Mapping[str, Any]
"""A policy document as JSON has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A request of the instance that was denied, and the sentence it got.

    `action`: the IAM action that a policy must allow: `s3:ListBucket` for ListObjectsV2.
    `not_offered`: Tabard does not have the operation or parameter, so no policy denied it; AWS may allow it.
    """

    action: str
    resources: tuple[str, ...]
    reason: str
    request_id: str
    not_offered: bool = False


class System(Protocol):
    """What an instance asks of the system that it runs in."""

    @property
    def running(self) -> RunningSystem:
        """Where the system is, and the key of its user `admin`."""

    def client(self, service: str) -> BaseClient:
        """A client of the user `admin`."""

    def audit(self) -> Sequence[AuditEvent]:
        """Every event so far, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TabardInstance:
    """A running instance. Its role and its instance profile have the same name, unless a test chose one."""

    instance_id: str
    instance_profile: str
    said_environment: Mapping[str, str] = field(repr=False)
    system: System = field(repr=False)

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
        """What the instance was denied so far, oldest first; what is not offered here is marked as such."""
        return tuple(
            Denial(
                action=_denied_action(event),
                resources=event.resources,
                reason=event.reason,
                request_id=event.request_id,
                not_offered=event.outcome == "not_offered",
            )
            for event in self.system.audit()
            if event.outcome in ("denied", "not_offered")
            and event.principal_arn.endswith(f"/{self.instance_id}")
        )

    def fault(
        self,
        *,
        metadata_delay: timedelta | None = None,
        metadata_status: int | None = None,
        credentials_code: str | None = None,
        clock_skew: timedelta | None = None,
        rotate_now: bool = False,
        expire_now: bool = False,
        clear: bool = False,
    ) -> None:
        """Let something go wrong, as `tabard fault` does; what is not named stays as it is.

        Args:
            metadata_delay: each answer of the metadata service comes so much later, at most a minute.
            metadata_status: 500 to 599, in place of every answer; 0 ends it.
            credentials_code: shown in place of keys; "" ends it.
            clock_skew: added to every time that the metadata service tells, at most a day.
            rotate_now: new keys now; the old ones stay valid. expire_now: the old ones end at once.
            clear: ends every fault that is not named.
        """
        request = SetInstanceFaultsRequest(
            instance_id=self.instance_id,
            metadata_delay_milliseconds=_whole(metadata_delay, timedelta(milliseconds=1)),
            metadata_status=metadata_status,
            credentials_code=credentials_code,
            clock_skew_seconds=_whole(clock_skew, timedelta(seconds=1)),
            rotate_now=rotate_now,
            expire_now=expire_now,
            clear=clear,
        )
        set_instance_faults(as_admin(self.system.running), request)

    def terminate(self) -> None:
        """End the instance; its sessions are refused from then on."""
        self.system.client("ec2").terminate_instances(InstanceIds=[self.instance_id])


def _whole(span: timedelta | None, unit: timedelta) -> int | None:
    return None if span is None else int(span / unit)


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _denied_action(event: AuditEvent) -> str:
    denied = (check.action for check in event.decisions if check.effect is not Effect.ALLOW)
    return next(denied, f"{event.service}:{event.operation}")
