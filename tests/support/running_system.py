"""A real `tabard up` of a test's own, and the instances that a test launches on it."""

import base64
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import boto3
from botocore.client import BaseClient
from botocore.config import Config

from tabard.services.ec2.launch.images import NETNS_IMAGE, PROCESS_IMAGE
from tabard.wiring.data_dir import LAUNCHED

TABARD = (sys.executable, "-m", "tabard.cli.main")
IMAGE_ID = PROCESS_IMAGE.image_id
NETNS_IMAGE_ID = NETNS_IMAGE.image_id
START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOK_SECONDS = 0.05
TRUST_EC2: dict[str, object] = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
# Says what its environment is, and goes on until it is terminated.
SLEEPER = "#!/bin/sh\nenv -0 | base64 -w 0 && echo && exec sleep 3600\n"

Document = Mapping[str, object]
Found = TypeVar("Found")


def allow(*actions: str, on: str | Sequence[str] = "*", **more: object) -> Document:
    """A policy document of one statement that allows `actions`."""
    return statements({"Effect": "Allow", "Action": list(actions), "Resource": on, **more})


def deny(*actions: str, on: str | Sequence[str] = "*", **more: object) -> Document:
    """A policy document of one statement that denies `actions`."""
    return statements({"Effect": "Deny", "Action": list(actions), "Resource": on, **more})


def statements(*several: Mapping[str, object]) -> Document:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(several)}


def fresh(prefix: str) -> str:
    """A name that nobody has yet."""
    return f"{prefix}-{secrets.token_hex(5)}"


def until(
    look: Callable[[], Found], what: str, *, seconds: float = 20.0, every_seconds: float = LOOK_SECONDS
) -> Found:
    """What `look` finds, once it finds something."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {seconds:g} seconds")
        time.sleep(every_seconds)


def bare_environment(**more: str) -> dict[str, str]:
    """This process's environment without anything that is AWS's or Tabard's, and without metadata."""
    kept = {
        name: value for name, value in os.environ.items() if not name.upper().startswith(("AWS_", "TABARD_"))
    }
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", **more}


def end(process: "subprocess.Popen[Any]", number: signal.Signals = signal.SIGINT) -> int:
    """End a process that the test started; its exit status."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@dataclass(frozen=True, kw_only=True)
class RunningSystem:
    """One `tabard up`: where it is reached, and the keys of the user `admin`."""

    process: "subprocess.Popen[bytes]"
    data_dir: Path
    instances: Path
    log: Path
    endpoint: str
    health: str
    region: str
    account_id: str
    access_key_id: str
    secret_access_key: str = field(repr=False)

    def admin_environment(self) -> dict[str, str]:
        """A bare environment, with `tabard env`'s variables."""
        return bare_environment(
            AWS_ENDPOINT_URL=self.endpoint,
            AWS_REGION=self.region,
            AWS_DEFAULT_REGION=self.region,
            AWS_ACCESS_KEY_ID=self.access_key_id,
            AWS_SECRET_ACCESS_KEY=self.secret_access_key,
            AWS_CONFIG_FILE=os.devnull,
            AWS_SHARED_CREDENTIALS_FILE=os.devnull,
            AWS_PAGER="",
        )

    def client(self, service: str, **options: object) -> BaseClient:
        """A boto3 client of the user `admin`; `options` go to boto3 (region_name, config, keys)."""
        given: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
            "config": Config(retries={"mode": "standard", "total_max_attempts": 2}),
        }
        return boto3.client(service, **{**given, **options})

    def signal(self, number: signal.Signals) -> None:
        """Send `tabard up` a signal."""
        self.process.send_signal(number)

    def instance_profile_of(self, *documents: Document, trust: Document = TRUST_EC2) -> str:
        """An instance profile and a role, both of the returned name, with these inline policies."""
        name = fresh("role")
        iam = self.client("iam")
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
        for number, document in enumerate(documents):
            iam.put_role_policy(
                RoleName=name, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(document)
            )
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
        return name

    def launch(self, user_data: str, *, instance_profile: str | None, **more: object) -> "Instance":
        """Run one instance; returns at once."""
        arguments: dict[str, object] = {"ImageId": IMAGE_ID, "MinCount": 1, "MaxCount": 1, **more}
        if instance_profile is not None:
            arguments["IamInstanceProfile"] = {"Name": instance_profile}
        launched = self.client("ec2").run_instances(UserData=user_data, **arguments)["Instances"][0]
        return Instance(
            system=self, instance_id=launched["InstanceId"], instance_profile=instance_profile or ""
        )


@dataclass(frozen=True, kw_only=True)
class Instance:
    """A real instance of a system; its role has the instance profile's name (see `instance_profile_of`)."""

    system: RunningSystem
    instance_id: str
    instance_profile: str

    @property
    def folder(self) -> Path:
        return self.system.instances / self.instance_id

    @property
    def console(self) -> str:
        """What its processes have written so far."""
        log = self.folder / "console.log"
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def environment(self) -> dict[str, str]:
        """The environment that a `SLEEPER` found itself in."""
        said = until(
            lambda: "\n" in self.console and self.console, f"{self.instance_id} says its environment"
        )
        pairs = base64.b64decode(said.partition("\n")[0]).decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if pair)

    def metadata_endpoint(self) -> str:
        return self.environment()["AWS_EC2_METADATA_SERVICE_ENDPOINT"].rstrip("/")

    def client_environment(self, **more: str) -> dict[str, str]:
        """What a client that the test starts needs to act as the instance: three settings, no key."""
        theirs = self.environment()
        wanted = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_ENDPOINT_URL", "AWS_REGION", "AWS_DEFAULT_REGION")
        given = bare_environment(**{name: theirs[name] for name in wanted})
        del given["AWS_EC2_METADATA_DISABLED"]
        # The developer's own files are not the test's business.
        nowhere = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return {**given, **nowhere, **more}

    def session(self) -> "InstanceSession":
        """A boto3 session whose clients act as the instance, by what the metadata service gives."""
        return InstanceSession(self.client_environment())

    def client(self, service: str, **options: object) -> BaseClient:
        """A client of plain boto3 that acts as the instance."""
        return self.session().client(service, **options)

    def state(self) -> str:
        described = self.system.client("ec2").describe_instances(InstanceIds=[self.instance_id])
        return str(described["Reservations"][0]["Instances"][0]["State"]["Name"])

    def until_stopped(self, *, seconds: float = 60.0) -> None:
        until(lambda: self.state() in ("stopped", "terminated"), f"{self.instance_id} stops", seconds=seconds)

    def terminate(self) -> None:
        self.system.client("ec2").terminate_instances(InstanceIds=[self.instance_id])

    def run(self, *command: str, seconds: float = 60.0, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run a client as the instance; `more` is environment."""
        return subprocess.run(
            command,
            env=self.client_environment(**more),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )


class InstanceSession:
    """boto3 in this process, made under the environment of an instance, which it reads only once."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        with self._as_the_instance():
            self._session = boto3.Session()
            self.credentials = self._session.get_credentials()

    def client(self, service: str, **options: object) -> BaseClient:
        with self._as_the_instance():
            return self._session.client(service, **options)

    @contextmanager
    def _as_the_instance(self) -> Iterator[None]:
        with patch.dict(os.environ, self._environment, clear=True):
            yield


@contextmanager
def tabard_up(
    data_dir: Path, *options: str, keeps_instances: bool = False, **variables: str
) -> Iterator[RunningSystem]:
    """A `tabard up` on free ports with `data_dir`; ended by its pid with the block, however that ends.

    `keeps_instances`: another one on the same data directory finds what this one knew of them.
    """
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    log = data_dir.with_name(f"{data_dir.name}.log")
    with _started(log, "--data-dir", str(data_dir), *options, **variables) as process:
        running = _once_running(process, lambda: data_dir, log)
        try:
            yield running
        finally:
            end(process)
            # Where another user cannot reach the test's own folder, instances have theirs elsewhere.
            if running.instances.parent.parent == LAUNCHED and not keeps_instances:
                shutil.rmtree(running.instances.parent)


@contextmanager
def ephemeral_tabard_up(
    folder: Path, *options: str, name: str = "tabard", **variables: str
) -> Iterator[RunningSystem]:
    """A `tabard up --ephemeral` of a user whose XDG_DATA_HOME and TMPDIR are `folder`.

    `name`: of its data directory in that folder, which is the default one unless `variables` say another.
    """
    log, pointer = folder / "up.log", folder / f"{name}-ephemeral.json"
    of_folder = {"XDG_DATA_HOME": str(folder), "TMPDIR": str(folder)}
    with _started(log, "--ephemeral", *options, **of_folder, **variables) as process:
        yield _once_running(
            process,
            lambda: Path(json.loads(pointer.read_text())["data_dir"]) if pointer.exists() else None,
            log,
        )


@contextmanager
def _started(log: Path, *options: str, **variables: str) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*TABARD, "up", "--port", "0", "--health-port", "0", *options],
            env=bare_environment(**variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield process
    finally:
        end(process)


def _once_running(
    process: "subprocess.Popen[bytes]", where: Callable[[], Path | None], log: Path
) -> RunningSystem:
    def announced() -> dict[str, Any] | None:
        if process.poll() is not None:
            raise AssertionError(f"tabard up ended with {process.returncode}: {log.read_text()[-2000:]}")
        folder = where()
        if folder is None or not (folder / "running.json").exists():
            return None
        said: dict[str, Any] = json.loads((folder / "running.json").read_text())
        # An earlier `tabard up` that was killed may have left one.
        return {**said, "data_dir": folder} if said["pid"] == process.pid else None

    said = until(announced, "tabard up runs", seconds=START_SECONDS)
    assert said is not None
    key = json.loads((said["data_dir"] / "admin.json").read_text())
    system = RunningSystem(
        process=process,
        data_dir=said["data_dir"],
        instances=Path(said["instances"]),
        log=log,
        endpoint=said["endpoint"],
        health=said["health"],
        region=said["region"],
        account_id="",
        access_key_id=key["access_key_id"],
        secret_access_key=key["secret_access_key"],
    )
    account_id = system.client("sts").get_caller_identity()["Account"]
    return replace(system, account_id=account_id)
