"""A Tabard system for one test session: started once, stopped at its end."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from tabard.administration.audit_pages import latest
from tabard.administration.system_audit import SystemAudit
from tabard.clock import SystemClock
from tabard.model.audit_event import AuditEvent
from tabard.model.audit_query import EVERY_EVENT, EventFilter
from tabard.private_folder import remove_folder
from tabard.services.ec2.launch.images import PROCESS_IMAGE
from tabard.services.ec2.pass_role import TRUST_EC2
from tabard.testing.instance import PolicyDocument, TabardInstance
from tabard.wiring.data_dir import DataDir
from tabard.wiring.local_admin import as_admin
from tabard.wiring.running import RunningSystem, describe

START_SECONDS = 90.0
STOP_SECONDS = 30.0
_LOOK_SECONDS = 0.05
_SHOWN_CHARACTERS = 2000

# Prints its environment in one line, and waits for its end.
_IDLE = f"""#!{sys.executable}
import json, os, signal
print(json.dumps(dict(os.environ)), flush=True)
while True:
    signal.pause()
"""

_NOTHING: Mapping[str, object] = MappingProxyType({})

Found = TypeVar("Found")


class TabardNotStarted(Exception):
    """The system did not start. The message contains its last output."""


class AuditIncomplete(Exception):
    """The audit may miss events just now, because an edge cannot write to the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TabardSystem:
    """A running Tabard. A test prepares resources for its instances, as the IAM user `admin`."""

    running: RunningSystem = field(repr=False)

    @property
    def endpoint(self) -> str:
        """The endpoint of every AWS service."""
        return self.running.endpoint

    @property
    def region(self) -> str:
        """The region of the instances."""
        return self.running.region

    def client(self, service: str, **options: object) -> BaseClient:
        """Make a boto3 client of the user `admin`; `options` are those of `boto3.client`."""
        given: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.running.admin_key.access_key_id,
            "aws_secret_access_key": self.running.admin_key.secret_access_key,
            "config": Config(proxies={}, retries={"mode": "standard"}),
        }
        return boto3.client(service, **{**given, **options})

    def instance(
        self,
        *,
        policy: PolicyDocument | Sequence[PolicyDocument] = (),
        instance_profile: str | None = None,
        trust_policy: PolicyDocument = TRUST_EC2,
        run_instances: Mapping[str, object] = _NOTHING,
    ) -> TabardInstance:
        """Launch an idle instance, so that the test can act as it.

        Args:
            policy: one identity policy of its role, or several; without one the role has no permissions.
            instance_profile: an existing instance profile, in place of `policy`.
            run_instances: more arguments of EC2's RunInstances, such as MetadataOptions.
        """
        profile = instance_profile or self.instance_profile(policy, trust_policy=trust_policy)
        launched = self.client("ec2").run_instances(
            ImageId=PROCESS_IMAGE.image_id,
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": profile},
            UserData=_IDLE,
            **run_instances,
        )
        instance_id = launched["Instances"][0]["InstanceId"]
        console = self.running.instances / instance_id / "console.log"
        said = _until(lambda: _first_line(console), f"{instance_id} did not start", START_SECONDS)
        return TabardInstance(
            instance_id=instance_id, instance_profile=profile, said_environment=json.loads(said), system=self
        )

    def instance_profile(
        self,
        policy: PolicyDocument | Sequence[PolicyDocument] = (),
        *,
        trust_policy: PolicyDocument = TRUST_EC2,
    ) -> str:
        """Make an instance profile and its role with these inline policies; return their common name."""
        name = f"test-{secrets.token_hex(6)}"
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_policy))
        for number, document in enumerate([policy] if isinstance(policy, Mapping) else policy):
            iam.put_role_policy(
                RoleName=name, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(document)
            )
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name

    def audit(self, wanted: EventFilter = EVERY_EVENT) -> Sequence[AuditEvent]:
        """Return the newest 100,000 events that are wanted, oldest first.

        Every request that was answered before this call is among them.

        Raises:
            AuditIncomplete: an edge did not write its events within ten seconds.
        """
        audit = SystemAudit(as_admin(self.running))
        if not audit.wait_until_written():
            raise AuditIncomplete("an edge did not write its events to the audit within ten seconds")
        return [event for _, event in latest(audit, 100_000, wanted=wanted)]


@contextmanager
def tabard_system(folder: Path) -> Iterator[TabardSystem]:
    """Run a Tabard with its state in `folder`, on free ports, until the block ends.

    Raises:
        TabardNotStarted: with its output.
    """
    log = folder / "tabard.log"
    data_dir = DataDir(folder / "data")
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tabard.cli.main", "up", "--port", "0", "--health-port", "0"],
            env={**_without_settings(os.environ), "TABARD_DATA_DIR": str(data_dir.path)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield TabardSystem(running=_running(process, data_dir, log))
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        remove_folder(data_dir.launched_elsewhere, ignore_errors=True)


def _running(process: "subprocess.Popen[bytes]", data_dir: DataDir, log: Path) -> RunningSystem:
    def announced() -> RunningSystem | None:
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN_CHARACTERS:]
            raise TabardNotStarted(f"tabard up ended with status {process.returncode}: {said}")
        return describe(data_dir)

    return _until(announced, "tabard up did not come up", START_SECONDS)


def _without_settings(environment: Mapping[str, str]) -> dict[str, str]:
    """Remove AWS's and Tabard's settings from the environment: a test's system has its defaults."""
    return {
        name: value for name, value in environment.items() if not name.upper().startswith(("AWS_", "TABARD_"))
    }


def _first_line(path: Path) -> str | None:
    try:
        line, end, _ = path.read_text(encoding="utf-8").partition("\n")
    except FileNotFoundError:
        return None
    return line if end else None


def _until(look: Callable[[], Found | None], what: str, seconds: float) -> Found:
    clock = SystemClock()
    deadline = clock.monotonic_seconds() + seconds
    while (found := look()) is None:
        if clock.monotonic_seconds() > deadline:
            raise TabardNotStarted(f"{what} within {seconds:g} seconds")
        time.sleep(_LOOK_SECONDS)
    return found
