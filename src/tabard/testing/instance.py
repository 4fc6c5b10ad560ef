"""An instance for a test: code runs as it, and the test reads its denials."""

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
from tabard.model.audit_query import DENIED, EVERY_EVENT, EventFilter
from tabard.model.messages import SetInstanceFaultsRequest
from tabard.policy import Effect
from tabard.wiring.local_admin import as_admin
from tabard.wiring.running import RunningSystem

PolicyDocument: TypeAlias = Mapping[str, Any]
"""A policy document as a JSON object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """A denied request of the instance, and the sentence of its answer.

    `action`: the IAM action that a policy must allow: `s3:ListBucket` for ListObjectsV2.
    `not_offered`: Tabard lacks the operation or parameter, so that no policy denied it; AWS may allow it.
    """

    action: str
    resources: tuple[str, ...]
    reason: str
    request_id: str
    not_offered: bool = False


class System(Protocol):
    """The system in which an instance runs."""

    @property
    def running(self) -> RunningSystem:
        """The system's endpoint, and the key of its user `admin`."""

    def client(self, service: str) -> BaseClient:
        """Make a boto3 client of the user `admin`."""

    def audit(self, wanted: EventFilter = EVERY_EVENT) -> Sequence[AuditEvent]:
        """Return the wanted events of all requests answered before this call, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TabardInstance:
    """A running instance. Its role and instance profile share a name, unless the test chose another."""

    instance_id: str
    instance_profile: str
    said_environment: Mapping[str, str] = field(repr=False)
    system: System = field(repr=False)

    @property
    def metadata_endpoint(self) -> str:
        """The endpoint of the instance's metadata service."""
        return self.said_environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]

    @property
    def environment(self) -> dict[str, str]:
        """Return the test's environment for a process of the instance: without other credentials."""
        return instance_environment(
            os.environ,
            metadata_endpoint=self.metadata_endpoint,
            edge_endpoint=self.said_environment["AWS_ENDPOINT_URL"],
            region=self.said_environment["AWS_REGION"],
            empty_file=self.said_environment["AWS_CONFIG_FILE"],
        )

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Run the code of this block as the instance, in this process: plain boto3 finds its role."""
        before = dict(os.environ)
        session = boto3.DEFAULT_SESSION
        _become(self.environment)
        boto3.DEFAULT_SESSION = None  # it caches credentials
        try:
            yield
        finally:
            boto3.DEFAULT_SESSION = session
            _become(before)

    def client(self, service: str, **options: object) -> BaseClient:
        """Make a plain boto3 client that acts as the instance, also outside of `inside`."""
        with self.inside():
            session = boto3.Session()
            session.get_credentials()  # read now: later the environment is not the instance's
            return session.client(service, **options)

    def run(self, *command: str, **options: object) -> "subprocess.CompletedProcess[str]":
        """Run a program as the instance and capture its output; `options` are those of `subprocess.run`."""
        given: dict[str, Any] = {"capture_output": True, "text": True, "check": False, **options}
        return subprocess.run(command, env=self.environment, **given)  # noqa: S603 - the test's own

    def denials(self) -> Sequence[Denial]:
        """Return the instance's denials so far, oldest first; requests that are not offered are marked.

        Every request that was answered before this call is considered. A trust policy that denies the
        instance its role's session counts as well.
        """
        return tuple(
            Denial(
                action=_denied_action(event),
                resources=event.resources,
                reason=event.reason,
                request_id=event.request_id,
                not_offered=event.outcome == "not_offered",
            )
            for event in self.system.audit(EventFilter(outcomes=DENIED, instance_id=self.instance_id))
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
        """Inject faults, like `tabard fault`. Faults that are not named do not change.

        Args:
            metadata_delay: delays each answer of the metadata service, by at most a minute.
            metadata_status: 500 to 599, in place of every answer; 0 ends it.
            credentials_code: replaces the keys; "" ends it.
            clock_skew: added to every time in the metadata, at most a day.
            rotate_now: get new keys now; the old ones stay valid. expire_now: revoke the old keys.
            clear: end every fault that is not named.
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
        """Terminate the instance. Its sessions are refused from then on."""
        self.system.client("ec2").terminate_instances(InstanceIds=[self.instance_id])


def _whole(span: timedelta | None, unit: timedelta) -> int | None:
    return None if span is None else int(span / unit)


def _become(environment: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environment)


def _denied_action(event: AuditEvent) -> str:
    denied = (check.action for check in event.decisions if check.effect is not Effect.ALLOW)
    return next(denied, f"{event.service}:{event.operation}")
