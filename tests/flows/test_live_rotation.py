"""Keys that change every ten seconds, while agent, edge and store go away one after the other: no call fails.

A minute in the gate; `make soak` takes ten, with outages of minutes.
"""

import json
import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.live_application import application
from tests.support.netns_instances import health, program, why_stopped
from tests.support.process_tree import children_of, named
from tests.support.real_clients import NotHere
from tests.support.running_system import (
    NETNS_IMAGE_ID,
    Instance,
    RunningSystem,
    allow,
    fresh,
    tabard_up,
    until,
)

pytestmark = [pytest.mark.flow, pytest.mark.long]

SECONDS = float(os.environ.get("TABARD_SOAK_SECONDS", "60"))
STORE_AWAY_SECONDS = SECONDS / 4
ROTATE_EVERY_SECONDS = 10
KILL_EVERY_SECONDS = 10


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    options = (
        "--edges", "2", "--session-lifetime-seconds", "1200", "--rotate-every", str(ROTATE_EVERY_SECONDS),
    )  # fmt: skip
    with tabard_up(tmp_path_factory.mktemp("live") / "data", *options) as running:
        report = health(running)["instance_isolation"]
        if report.startswith("none"):
            pytest.skip(f"instances end with their agent where they have no network of their own: {report}")
        yield running


def launched(system: RunningSystem, js_sdk: Callable[[], Path]) -> Instance:
    """The application, at work."""
    name = fresh("live")
    system.client("s3").create_bucket(Bucket=name)
    system.client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    queue = system.client("sqs").create_queue(QueueName=name)["QueueUrl"]
    try:
        js_folder, node = str(js_sdk()), shutil.which("node") or ""
    except NotHere:
        js_folder, node = "", ""
    source = application(seconds=SECONDS, name=name, queue=queue, node=node, js_folder=js_folder)
    profile = system.instance_profile_of(allow("s3:*", "dynamodb:*", "sqs:*"))
    instance = system.launch(program(source), instance_profile=profile, ImageId=NETNS_IMAGE_ID)
    until(
        lambda: "begun" in instance.console or instance.state() == "stopped",
        "the application begins",
        seconds=60,
    )
    assert "begun" in instance.console, instance.console or why_stopped(system, instance)
    return instance


def kill_again_and_again(system: RunningSystem, name: str, *, seconds: float) -> int:
    """Kill the one that works, or one of two, and again whenever the next has settled; how often."""
    until_seconds, kills = time.monotonic() + seconds, 0
    while (left_seconds := until_seconds - time.monotonic()) > 0:
        if kills == 0 or left_seconds > KILL_EVERY_SECONDS / 2:
            os.kill(named(children_of(system.process.pid), name)[0], signal.SIGKILL)
            kills += 1
        time.sleep(min(left_seconds, KILL_EVERY_SECONDS))
    return kills


def test_no_call_fails_and_keys_go_on_changing(own: RunningSystem, js_sdk: Callable[[], Path]) -> None:
    instance = launched(own, js_sdk)
    began = time.time()
    phase = (SECONDS - STORE_AWAY_SECONDS) / 5
    time.sleep(phase)
    agent_killed = time.time()
    kills = {"agent": kill_again_and_again(own, "agent-process", seconds=phase)}
    edge_killed = time.time()
    kills["edge"] = kill_again_and_again(own, "edge-process", seconds=phase)
    with closing(sqlite3.connect(own.data_dir / "tabard.sqlite3", isolation_level=None, timeout=30)) as store:
        store.execute("BEGIN EXCLUSIVE")
        store_away = time.time()
        time.sleep(STORE_AWAY_SECONDS)
        store.execute("ROLLBACK")
    store_back = time.time()
    instance.until_stopped(seconds=SECONDS + 60)
    said = json.loads(instance.console.splitlines()[-1])
    print(
        {"calls": said["calls"], "key changes": len(said["keys"]), "kills": kills, "failed": said["failed"]}
    )
    assert said["failed"] == []
    assert all(said["calls"].get(name, 0) > 1 for name in ("s3 put", "dynamodb", "sqs", "cli", "new client"))
    assert said["calls"].get("js calls", 2) > 1
    changed = [at for at, _ in said["keys"]]
    assert len(changed) >= SECONDS / ROTATE_EVERY_SECONDS / 2
    for name, begin, end in (
        ("the agent was killed", agent_killed, edge_killed),
        ("an edge was killed", edge_killed, store_away),
        ("the store was away", store_away, store_back),
    ):
        assert any(begin < at <= end for at in changed), f"no new keys after {name}: {began=} {changed=}"
