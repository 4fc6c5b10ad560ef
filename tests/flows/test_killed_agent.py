"""`kill -9` of the agent: instances with a network of their own go on, and no call of theirs fails.

A second agent stands by, and takes over.
"""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.busy_instances import goes_on, kill_agent, last_said
from tests.support.netns_instances import health, program
from tests.support.process_tree import alive, child_named, turn_of_agents
from tests.support.running_system import (
    NETNS_IMAGE_ID,
    Instance,
    RunningSystem,
    allow,
    fresh,
    tabard_up,
    until,
)

pytestmark = pytest.mark.flow

# Calls without a pause, each with a new connection now and then; says how it goes every second.
BUSY = """
import boto3, json, os, signal, sys, time
from botocore.config import Config
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
def clients():
    session = boto3.Session()
    session.get_credentials()
    return session.client("s3"), session.client("sqs")
made, failures, calls, said = clients(), [], 0, time.monotonic()
url = made[1].get_queue_url(QueueName=QUEUE)["QueueUrl"]
while not stopping:
    try:
        made[0].put_object(Bucket=BUCKET, Key="k", Body=b"x" * 1000)
        made[0].get_object(Bucket=BUCKET, Key="k")["Body"].read()
        made[1].send_message(QueueUrl=url, MessageBody="hello")
    except Exception as error:
        failures.append(repr(error))
    calls += 3
    if calls % 30 == 0:
        made = clients()  # reads the metadata anew
    if time.monotonic() - said > 0.3:
        said = time.monotonic()
        print(json.dumps({"calls": calls, "failures": failures, "pid": os.getpid()}), flush=True)
print(json.dumps({"ended": True, "failures": failures}), flush=True)
sys.exit(5)
"""
KILLS = 3


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """A system of this file's own: its agent is killed."""
    with tabard_up(tmp_path_factory.mktemp("killed-agent") / "data") as running:
        report = health(running)["instance_isolation"]
        if report.startswith("none"):
            pytest.skip(f"no network namespaces on this machine: {report}")
        yield running


def busy(own: RunningSystem) -> Instance:
    bucket, queue = fresh("busy"), fresh("busy")
    own.client("s3").create_bucket(Bucket=bucket)
    own.client("sqs").create_queue(QueueName=queue)
    source = BUSY.replace("BUCKET", repr(bucket)).replace("QUEUE", repr(queue))
    profile = own.instance_profile_of(allow("s3:*", "sqs:*"))
    instance = own.launch(program(source), instance_profile=profile, ImageId=NETNS_IMAGE_ID)
    until(lambda: last_said(instance).get("calls"), "it calls", seconds=60)
    return instance


def test_a_killed_agents_instances_go_on_and_no_call_fails(own: RunningSystem) -> None:
    instance = busy(own)
    pid = last_said(instance)["pid"]
    for _ in range(KILLS):
        kill_agent(own)
        said = goes_on(instance)
        assert said["failures"] == []
        assert said["pid"] == pid
    assert instance.state() == "running"
    # It is as much the new agent's: it is stopped, its console is kept, and nothing of it is left.
    own.client("ec2").stop_instances(InstanceIds=[instance.instance_id])
    until(lambda: instance.state() == "stopped", "it stops", seconds=40)
    assert last_said(instance) == {"ended": True, "failures": []}
    assert not alive([pid])


def kill_and_see_who_takes_over(own: RunningSystem) -> None:
    works, (stands_by,) = turn_of_agents(own)
    os.kill(works, signal.SIGKILL)
    until(lambda: turn_of_agents(own)[0] == stands_by, "the one that stands by has taken over")


def test_the_agent_that_stands_by_takes_over_and_another_stands_by(own: RunningSystem) -> None:
    instance = busy(own)
    until(lambda: turn_of_agents(own)[1], "one stands by", seconds=30)
    for _ in range(KILLS):
        kill_and_see_who_takes_over(own)
        assert goes_on(instance)["failures"] == []
        until(lambda: turn_of_agents(own)[1], "another stands by", seconds=30)
    works, (stands_by,) = turn_of_agents(own)
    os.kill(stands_by, signal.SIGKILL)
    until(lambda: turn_of_agents(own)[1] not in ([], [stands_by]), "another stands by", seconds=30)
    assert turn_of_agents(own)[0] == works


TOKEN = """
import http.client, json, sys, time
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
def ask(method, path, **headers):
    connection = http.client.HTTPConnection("169.254.169.254", timeout=30)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()
_, token = ask("PUT", "/latest/api/token", **{"X-aws-ec2-metadata-token-ttl-seconds": "21600"})
while True:
    try:
        status, role = ask("GET", ROLE_PATH, **{"X-aws-ec2-metadata-token": token})
    except OSError as error:  # a request that the killed agent had taken
        status = role = repr(error)
    print(json.dumps({"status": status, "role": role, "at": time.time()}), flush=True)
    time.sleep(0.05)
"""


def test_a_token_outlives_the_agent_that_issued_it(own: RunningSystem) -> None:
    profile = own.instance_profile_of(allow("s3:*"))
    instance = own.launch(program(TOKEN), instance_profile=profile, ImageId=NETNS_IMAGE_ID)
    until(lambda: last_said(instance).get("status") == 200, "it reads", seconds=60)
    until(lambda: turn_of_agents(own)[1], "one stands by", seconds=30)
    kill_and_see_who_takes_over(own)
    taken_over = time.time()
    until(lambda: last_said(instance)["at"] > taken_over + 1, "it reads on", seconds=30)
    answers = [json.loads(line) for line in instance.console.splitlines() if line.endswith("}")]
    assert {answer["status"] for answer in answers if answer["at"] > taken_over} == {200}
    assert len([answer for answer in answers if answer["status"] != 200]) <= 1


def test_an_instance_that_ended_while_no_agent_looked_is_stopped(own: RunningSystem) -> None:
    instance = busy(own)
    pid = last_said(instance)["pid"]
    agent = child_named(own, "agent")
    os.kill(agent, signal.SIGKILL)
    os.kill(pid, signal.SIGKILL)
    until(lambda: instance.state() == "stopped", "the next agent says so", seconds=40)


def test_one_that_was_terminated_meanwhile_is_ended(own: RunningSystem) -> None:
    instance = busy(own)
    pid = last_said(instance)["pid"]
    os.kill(child_named(own, "agent"), signal.SIGKILL)
    instance.terminate()
    until(lambda: not alive([pid]), "its process ends", seconds=40)
    until(lambda: instance.state() == "terminated", "it is terminated", seconds=40)


def test_instances_end_with_a_killed_supervisor(tmp_path: Path) -> None:
    with tabard_up(tmp_path / "data") as system:
        if health(system)["instance_isolation"].startswith("none"):
            pytest.skip("no network namespaces on this machine")
        instance = busy(system)
        pid = last_said(instance)["pid"]
        system.signal(signal.SIGKILL)
        system.process.wait()
        until(lambda: not alive([pid]), "it ends", seconds=20)


def test_what_both_a_killed_supervisor_and_a_killed_agent_left_is_ended_by_the_next(tmp_path: Path) -> None:
    with tabard_up(tmp_path / "data", keeps_instances=True) as system:
        if health(system)["instance_isolation"].startswith("none"):
            pytest.skip("no network namespaces on this machine")
        instance = system.launch(
            "#!/bin/sh\necho $$\nexec sleep 600\n", instance_profile=None, ImageId=NETNS_IMAGE_ID
        )
        until(lambda: instance.console, "it runs")
        pid = int(instance.console)
        agent = child_named(system, "agent")
        os.kill(agent, signal.SIGSTOP)  # it can neither hear of anything nor do it
        system.signal(signal.SIGKILL)
        system.process.wait()
        os.kill(agent, signal.SIGKILL)
        assert alive([pid])
    with tabard_up(tmp_path / "data"):
        until(lambda: not alive([pid]), "it ends", seconds=20)
