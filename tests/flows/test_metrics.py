"""One `/metrics` and one `/health` for all processes, which an operator can trust, and logs that parse."""

import base64
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tabard.metrics.families import FAMILIES
from tests.support.process_tree import child_named
from tests.support.running_system import (
    SLEEPER,
    Instance,
    RunningSystem,
    allow,
    deny,
    fresh,
    tabard_up,
    until,
)

pytestmark = pytest.mark.flow

Sample = tuple[str, frozenset[tuple[str, str]]]
PROCESSES = {"parent", "seaweedfs", "moto", "edge-0", "edge-1", "agent"}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of this file's own: its processes are killed and stopped."""
    with tabard_up(tmp_path_factory.mktemp("metrics") / "data", "--edges", "2") as running:
        yield running


def samples(system: RunningSystem) -> dict[Sample, float]:
    with urlopen(f"{system.health}/metrics", timeout=10) as answer:
        written = answer.read().decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(written)
        for sample in family.samples
    }


def value(system: RunningSystem, name: str, **labels: str) -> float:
    return samples(system).get((name, frozenset(labels.items())), 0.0)


def health(system: RunningSystem) -> dict[str, object]:
    try:
        with urlopen(f"{system.health}/health", timeout=10) as answer:
            body = answer.read()
    except HTTPError as refused:
        body = refused.read()
    said: dict[str, object] = json.loads(body)
    return said


def pid_of(system: RunningSystem, name: str) -> int:
    (process,) = (each for each in health(system)["processes"] if each["name"] == name)  # type: ignore[attr-defined]
    return int(process["pid"] or 0)


@pytest.fixture(scope="module")
def instance(own: RunningSystem) -> Instance:
    profile = own.instance_profile_of(allow("s3:*"), deny("s3:GetObject", on="arn:aws:s3:::*/secret"))
    launched = own.launch(SLEEPER, instance_profile=profile)
    launched.environment()
    until(lambda: launched.state() == "running", "it runs")
    return launched


def test_every_process_is_there_and_every_metric_has_a_type(own: RunningSystem) -> None:
    assert {process["name"] for process in health(own)["processes"]} >= PROCESSES  # type: ignore[attr-defined]
    with urlopen(f"{own.health}/metrics") as answer:
        written = answer.read().decode()
    for family in FAMILIES:
        assert f"# TYPE {family.name} {family.kind}\n" in written


def test_requests_decisions_sessions_and_metadata_are_counted(own: RunningSystem, instance: Instance) -> None:
    bucket = fresh("counted")
    s3 = own.client("s3")
    s3.create_bucket(Bucket=bucket)
    before = value(own, "tabard_requests_total", service="s3", operation="ListBuckets", status="200")
    for _ in range(20):  # whichever edge takes each of them
        s3.list_buckets()
    listed = value(own, "tabard_requests_total", service="s3", operation="ListBuckets", status="200")
    assert listed - before == 20
    refused = value(own, "tabard_requests_total", service="s3", operation="GetObject", status="403")
    with pytest.raises(Exception, match="AccessDenied"):
        instance.client("s3").get_object(Bucket=bucket, Key="secret")
    seen = samples(own)

    def now(name: str, **labels: str) -> float:
        return seen.get((name, frozenset(labels.items())), 0.0)

    assert now("tabard_requests_total", service="s3", operation="GetObject", status="403") == refused + 1
    assert now("tabard_decisions_total", effect="explicit-deny", layer="identity") >= 1
    assert now("tabard_decisions_total", effect="allow", layer="identity") >= 20
    assert now("tabard_sessions_minted_total", operation="GetInstanceSession") >= 1
    assert now("tabard_instance_sessions_total", outcome="minted") >= 1
    assert now("tabard_metadata_requests_total", kind="credentials", status="200") >= 1
    assert now("tabard_metadata_requests_total", kind="token", status="200") >= 1
    assert now("tabard_upstream_request_duration_seconds_count", service="s3") >= 21
    assert now("tabard_request_duration_seconds_count", service="s3") >= 21


def test_a_killed_edge_takes_no_count_with_it(own: RunningSystem) -> None:
    series = {"service": "sts", "operation": "GetCallerIdentity", "status": "200"}
    sts = own.client("sts")
    for _ in range(10):
        sts.get_caller_identity()
    counted = value(own, "tabard_requests_total", **series)
    restarts = value(own, "tabard_process_restarts_total", process="edge-0")
    killed = pid_of(own, "edge-0")
    os.kill(killed, signal.SIGKILL)
    assert value(own, "tabard_requests_total", **series) == counted
    until(lambda: pid_of(own, "edge-0") not in (0, killed), "it is back")
    until(lambda: health(own)["status"] == "ok", "all is well again", seconds=40)
    assert value(own, "tabard_requests_total", **series) == counted
    assert value(own, "tabard_process_restarts_total", process="edge-0") == restarts + 1
    for _ in range(10):
        sts.get_caller_identity()
    assert value(own, "tabard_requests_total", **series) == counted + 10


def test_a_hung_edge_delays_nobody_and_shows(own: RunningSystem) -> None:
    pid = pid_of(own, "edge-1")
    os.kill(pid, signal.SIGSTOP)
    try:
        until(lambda: "edge-1: not answering" in health(own)["reasons"], "it shows")
        assert health(own)["status"] == "degraded"
        assert value(own, "tabard_process_up", process="edge-1") == 0.0
        assert value(own, "tabard_process_up", process="edge-0") == 1.0
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: health(own)["status"] == "ok", "all is well again")


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit(2) is Linux's")
def test_an_edge_without_descriptors_shows_in_log_and_health(own: RunningSystem) -> None:
    where = urlsplit(own.endpoint)
    pids = [pid_of(own, "edge-0"), pid_of(own, "edge-1")]
    former = [resource.prlimit(pid, resource.RLIMIT_NOFILE) for pid in pids]
    with ExitStack() as stack:
        for pid, (_, hard) in zip(pids, former, strict=True):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (60, hard))
            stack.callback(resource.prlimit, pid, resource.RLIMIT_NOFILE, former[0])
        for _ in range(120):
            stack.enter_context(socket.create_connection((where.hostname or "", where.port or 0)))
        until(
            lambda: any("of 60 file descriptors" in reason for reason in health(own)["reasons"]),  # type: ignore[attr-defined]
            "health says so",
        )
        until(lambda: "descriptors_running_out" in own.log.read_text(), "the log says so")
    until(lambda: health(own)["status"] == "ok", "all is well again")
    sts = own.client("sts")
    for _ in range(20):
        sts.get_caller_identity()


def test_each_line_of_each_log_parses_and_holds_no_secret(own: RunningSystem, instance: Instance) -> None:
    credentials = instance.session().credentials
    assert credentials is not None
    os.kill(child_named(own, "agent"), signal.SIGKILL)
    until(lambda: value(own, "tabard_process_restarts_total", process="agent") >= 1, "it is back", seconds=40)
    logs = {path.name: path.read_text() for path in (own.data_dir / "logs").iterdir()}
    assert {"edge-0.log", "edge-1.log", "agent.log", "seaweedfs.log"} <= logs.keys()
    banner, _, after = own.log.read_text().partition("Ctrl-C ends it\n")
    assert banner
    logs["parent"] = after.strip()
    for name, text in logs.items():
        assert name == "moto.log" or text, name
        for line in text.splitlines():
            event = json.loads(line)
            assert "event" in event or "msg" in event, (name, line)
    assert any("child_exited" in line for line in logs["parent"].splitlines())
    secrets = [
        own.secret_access_key,
        json.loads((own.data_dir / "host.json").read_text())["secret_access_key"],
    ]
    secrets += [credentials.secret_key, credentials.token]
    master_key = (own.data_dir / "master.key").read_bytes()
    secrets += [master_key.hex(), base64.b64encode(master_key).decode()]
    for secret in secrets:
        assert len(secret) >= 20
        assert not [name for name, text in logs.items() if secret in text]


def test_text_is_the_other_form_of_all_logs(tmp_path: Path) -> None:
    with tabard_up(tmp_path / "data", TABARD_LOG_FORMAT="text") as running:
        logs = [(running.data_dir / "logs" / name).read_text() for name in ("edge-0.log", "seaweedfs.log")]
        for text in logs:
            assert text
            assert not [line for line in text.splitlines() if line.startswith("{")]
        assert "edge_started" in logs[0]
