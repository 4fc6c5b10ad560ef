"""`tabard demo`: the life of one instance in one terminal, with the real system and plain boto3."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from tabard.cli.demo_application import APPLICATION
from tabard.cli.demo_driver import demo_image
from tabard.cli.interruption import Interruption
from tabard.cli.running import complain
from tabard.clock import SystemClock
from tabard.edge.upstreams.embedded_stores import EmbeddedStoresNotInstalled, require_embedded_stores
from tabard.model.instance import Image
from tabard.private_folder import remove_folder
from tabard.processes.isolation import LAUNCH_FILE
from tabard.services.ec2.launch.images import NETNS_IMAGE
from tabard.services.ec2.pass_role import TRUST_EC2
from tabard.wiring.data_dir import DataDir, runs
from tabard.wiring.drivers import instance_isolation
from tabard.wiring.local_admin import as_admin
from tabard.wiring.running import RunningSystem, describe

ROTATE_EVERY_SECONDS = 5
PATIENCE_SECONDS = 90.0
_LOOK_SECONDS = 0.05


class StepFailed(Exception):
    """A step of the demo did not happen as the demo says."""


def demo() -> None:
    """Show the life of one instance and its role, with the real system. Ends by itself."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        require_embedded_stores()
    except EmbeddedStoresNotInstalled as error:
        complain(str(error), status=1)
    # SIGTERM ends the demo as Ctrl-C does: the demo first ends everything that it started.
    interruption = Interruption(signal.SIGINT, signal.SIGTERM)
    try:
        with tempfile.TemporaryDirectory(prefix="tabard-demo-") as folder:
            if os.geteuid() == 0:
                Path(folder).chmod(0o711)  # an instance of root's runs as another user, beside the data
            data_dir = DataDir(Path(folder) / "data")
            try:
                with _system(console, data_dir) as system:
                    _Story(console, system, data_dir).tell()
            finally:
                remove_folder(data_dir.launched_elsewhere, ignore_errors=True)
    except (StepFailed, BotoCoreError, ClientError, OSError) as failure:
        if interruption.asked:
            raise typer.Exit(130) from None
        console.print(f"\n[bold red]The demo failed:[/] {escape(str(failure))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    console.print("\n[bold green]Every step succeeded. Nothing is left running.[/]")


@contextmanager
def _system(console: Console, data_dir: DataDir) -> Iterator[RunningSystem]:
    """Run a `tabard up` for the demo, as a user would start it."""
    data_dir.path.mkdir(mode=0o700)
    log = data_dir.path.parent / "up.log"
    command = [sys.executable, "-I", "-S", LAUNCH_FILE, "--parent-pid", str(os.getpid()), "--"]
    command += [sys.executable, "-m", "tabard.cli.main", "up", "--data-dir", str(data_dir.path)]
    command += ["--port", "0", "--health-port", "0", "--rotate-every", str(ROTATE_EVERY_SECONDS)]
    # The demo uses the default of every setting, whatever the user's environment sets.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TABARD_")}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        with console.status("starting Tabard: edge, agent, SeaweedFS, moto"):
            running = _wait_for(
                lambda: describe(data_dir) if data_dir.running.exists() else _alive(process, log),
                "Tabard did not start",
            )
        yield running
    finally:
        _end(console, process)
    if process.returncode != 0:
        raise StepFailed(f"tabard up ended with {process.returncode}:\n{log.read_text()[-2000:]}")


def _end(console: Console, process: "subprocess.Popen[bytes]") -> None:
    """End `tabard up`, which ends everything else. Ignore a second Ctrl-C meanwhile."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with console.status("ending what was started"):
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _alive(process: "subprocess.Popen[bytes]", log: Path) -> None:
    if process.poll() is not None:
        raise StepFailed(f"tabard up ended with {process.returncode}:\n{log.read_text()[-2000:]}")


def _wait_for(look: Callable[[], Any], otherwise: str, *, seconds: float = PATIENCE_SECONDS) -> Any:  # noqa: ANN401 - whatever is waited for
    clock = SystemClock()
    deadline = clock.monotonic_seconds() + seconds
    while clock.monotonic_seconds() < deadline:
        found = look()
        if found:
            return found
        time.sleep(_LOOK_SECONDS)
    raise StepFailed(f"{otherwise} within {seconds:g} seconds")


@dataclass
class _Story:
    """The steps, in order. Each checks what it prints."""

    console: Console
    system: RunningSystem
    data_dir: DataDir
    _events: list[dict[str, Any]] = field(default_factory=list)
    _log: Path | None = None
    _first_key: str = ""
    _image: Image = NETNS_IMAGE

    def tell(self) -> None:
        """Do every step."""
        self.console.print(
            f"[bold]Tabard[/] is up at {self.system.endpoint}; the demo deletes its state at the end"
        )
        self._heading("1  An operator creates a role, its policy and an instance profile")
        self._make_role()
        self._heading("2  The operator creates a bucket, a table and a queue")
        self._make_resources()
        self._heading("3  The operator launches an instance; its application is plain boto3 without keys")
        instance_id = self._launch()
        self._heading("4  The SDK finds its role at the instance metadata service")
        self._credentials(instance_id)
        self._heading("5  The role's policy allows some requests; a denial names the reason")
        self._allowed_and_denied()
        self._heading("6  The keys rotate; no call fails")
        self._rotation()
        self._heading("7  A policy change takes effect at once, on the running session")
        self._policy_change()
        self._heading("8  The operator terminates the instance")
        self._terminate(instance_id)

    def _client(self, service: str) -> Any:  # noqa: ANN401 - botocore has no types
        return as_admin(self.system).client(service)

    def _make_role(self) -> None:
        iam = self._client("iam")
        role = iam.create_role(RoleName="web", AssumeRolePolicyDocument=json.dumps(TRUST_EC2))["Role"]
        iam.put_role_policy(
            RoleName="web", PolicyName="app", PolicyDocument=json.dumps(self._policy(("public/*",)))
        )
        iam.create_instance_profile(InstanceProfileName="web")
        iam.add_role_to_instance_profile(InstanceProfileName="web", RoleName="web")
        self._tell(f"role              {role['Arn']}, which ec2.amazonaws.com may assume")
        self._tell(
            "may               Get/PutObject on reports/public/*, Get/PutItem on orders, messages on jobs"
        )
        self._tell("instance profile  web, holding that role")

    def _policy(self, prefixes: tuple[str, ...]) -> dict[str, object]:
        return {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["s3:GetObject", "s3:PutObject"],
                    "Resource": [f"arn:aws:s3:::reports/{prefix}" for prefix in prefixes],
                },
                {
                    "Effect": "Allow",
                    "Action": ["dynamodb:GetItem", "dynamodb:PutItem"],
                    "Resource": "arn:aws:dynamodb:*:*:table/orders",
                },
                {
                    "Effect": "Allow",
                    "Action": [
                        "sqs:GetQueueUrl",
                        "sqs:SendMessage",
                        "sqs:ReceiveMessage",
                        "sqs:DeleteMessage",
                    ],
                    "Resource": "arn:aws:sqs:*:*:jobs",
                },
            ],
        }

    def _make_resources(self) -> None:
        region = self.system.region
        elsewhere = {"CreateBucketConfiguration": {"LocationConstraint": region}}  # than where AWS began
        self._client("s3").create_bucket(Bucket="reports", **({} if region == "us-east-1" else elsewhere))
        self._client("dynamodb").create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        url = self._client("sqs").create_queue(QueueName="jobs")["QueueUrl"]
        self._tell("bucket reports · table orders · queue jobs")
        self._tell(f"queue url         {url}")

    def _launch(self) -> str:
        isolation = asyncio.run(instance_isolation(self.system.endpoint))
        import boto3  # only the extra `local` installs it

        self._image, reason = demo_image(isolation, (Path(sys.executable), Path(boto3.__file__)))
        instance = self._client("ec2").run_instances(
            ImageId=self._image.image_id,
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": "web"},
            UserData=f"#!{sys.executable}\n{APPLICATION}",
        )["Instances"][0]
        instance_id = str(instance["InstanceId"])
        self._log = self.system.instances / instance_id / "console.log"
        self._tell(f"instance          {instance_id} ({instance['State']['Name']})")
        if reason:
            self._tell(f"driver            process, because netns does not work here: {escape(reason)}")
        else:
            self._tell("driver            netns: the instance has its own network namespace")
        return instance_id

    def _credentials(self, instance_id: str) -> None:
        found = self._event("credentials")
        if found["method"] != "iam-role":
            raise StepFailed(f"the SDK found credentials by {found['method']!r}, not in the metadata")
        if found["configured"]:
            raise StepFailed(f"the application's environment holds {found['configured']}")
        arn = found["arn"]
        if not arn.endswith(f":assumed-role/web/{instance_id}"):
            raise StepFailed(f"the application is {arn}")
        self._first_key = found["access_key_id"]
        if self._image is NETNS_IMAGE and found["metadata_is_configured"]:
            raise StepFailed("the application's environment names a metadata endpoint")
        how = "nothing configured" if self._image is NETNS_IMAGE else "named by a variable"
        self._tell(f"found by          {found['method']} at {found['metadata']}, {how}")
        self._tell(f"access key        {found['access_key_id']} (expires {found['expires']})")
        self._tell(f"who am I          {arn}")

    def _allowed_and_denied(self) -> None:
        for service in ("s3", "dynamodb", "sqs"):
            done = self._event(f"allowed-{service}")
            self._tell(f"[green]allowed[/]  {escape(done['what'])}")
        denied = self._event("denied")
        if denied["code"] != "AccessDenied" or "no identity-based policy allows" not in denied["message"]:
            raise StepFailed(f"the denial reads {denied}")
        self._tell(f"[red]denied[/]   {denied['what']}")
        self._tell(f"         {denied['message']}")

    def _rotation(self) -> None:
        with self.console.status("waiting for the next key"):
            rotated = self._event("rotated")
        if rotated["failed"]:
            raise StepFailed(f"{rotated['failed']} calls failed while the keys rotated")
        self._tell(f"in the metadata   {rotated['before']} → {rotated['after']}")
        self._tell(f"a fresh client    signed with {rotated['used']}; the old client keeps working")
        self._tell(f"calls so far      {rotated['calls']}, failed: {rotated['failed']}")

    def _policy_change(self) -> None:
        wider = json.dumps(self._policy(("public/*", "secret/*")))
        self._client("iam").put_role_policy(RoleName="web", PolicyName="app", PolicyDocument=wider)
        now = self._event("now-allowed")
        if now["failed"]:
            raise StepFailed(f"{now['failed']} calls failed meanwhile")
        if now["access_key_id"] != self._first_key:
            raise StepFailed(f"the session changed: {now['access_key_id']} replaces {self._first_key}")
        self._tell(f"put-role-policy web app: now also reports/secret/* → [green]allowed[/]  {now['what']}")
        self._tell(f"same key, same client, same session: {now['access_key_id']}")

    def _terminate(self, instance_id: str) -> None:
        ec2 = self._client("ec2")
        self._event("ready")
        if self._log is None:
            raise StepFailed("there is no instance")
        # Held open: the instance's folder goes with it.
        with self._log.open(encoding="utf-8", errors="replace") as console_log:
            ec2.terminate_instances(InstanceIds=[instance_id])
            self._until_terminated(ec2, instance_id)
            said = [json.loads(line) for line in console_log if line.startswith("{")]
        self._tell(f"{instance_id} is terminated")
        last = said[-1]
        if last["event"] != "refused" or last["code"] != "ExpiredToken":
            raise StepFailed(f"the session of a terminated instance is not refused: {last}")
        self._tell(f"[red]refused[/]  {last['what']}, with the same key as before: {last['code']}")

    def _until_terminated(self, ec2: Any, instance_id: str) -> None:  # noqa: ANN401 - boto3 has no types

        def terminated() -> bool:
            found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
            return bool(found["State"]["Name"] == "terminated")

        with self.console.status("waiting for the instance to end"):
            _wait_for(terminated, "the instance did not end")

    def _event(self, name: str) -> dict[str, Any]:
        """Return the application's first event of this name; it writes them to its console."""

        def look() -> dict[str, Any] | None:
            if not runs(self.data_dir):
                raise StepFailed("tabard up ended before the demo did")
            for line in self._lines():
                if line.get("event") == "failed":
                    raise StepFailed(f"the application failed: {line}")
                if line.get("event") == name:
                    return line
            return None

        found: dict[str, Any] = _wait_for(look, f"the application did not say {name!r}")
        return found

    def _lines(self) -> Iterator[dict[str, Any]]:
        if self._log is None or not self._log.exists():
            return
        for line in self._log.read_text(errors="replace").splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                raise StepFailed(f"the application said: {line}") from None
            yield said

    def _heading(self, text: str) -> None:
        self.console.print(f"\n[bold]{text}[/]")

    def _tell(self, text: str) -> None:
        self.console.print(f"   {text}")
