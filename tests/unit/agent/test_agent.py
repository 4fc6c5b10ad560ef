"""The agent against an edge in memory: instances start, report their state, and end."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from tabard.agent.drivers.driver import CannotStart, ExitStatus
from tabard.agent.drivers.process.driver import ProcessDriver
from tabard.agent.edge_client import EdgeError, EdgeRefused, MintRefused
from tabard.agent.networks.network import LoopbackPorts
from tabard.agent.settings import AgentSettings
from tests.support.agent_host import ID, OPEN, ROLE_PATH, Host
from tests.support.described_instance import PROFILE
from tests.support.fake_edge import unreachable


def contents_and_mode(file: str, directory: Path) -> tuple[bytes, int]:
    return Path(file).read_bytes(), directory.stat().st_mode & 0o777


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path)
    yield host
    await host.end()


async def test_an_instance_starts_after_its_role_is_available(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    desired, environment, directory = host.driver.started[0]
    assert desired == OPEN
    assert "AWS_ACCESS_KEY_ID" not in environment
    assert environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"] == host.agent.instances[ID].metadata_endpoint
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4700"
    assert contents_and_mode(environment["AWS_CONFIG_FILE"], directory) == (b"", 0o711)
    assert sorted(host.edge.calls[: host.edge.calls.index("report") + 3]).count("mint 2.0") == 1
    status, body = await host.get(ROLE_PATH)
    assert (status, json.loads(body)["AccessKeyId"][-3:]) == (200, "1.0")
    assert host.edge.reports[-1].association_id == PROFILE.association_id


async def test_an_instance_starts_even_if_nothing_can_be_minted(tmp_path: Path) -> None:
    hurried = AgentSettings(wait_seconds=1, seed=1, first_session_wait=timedelta(seconds=0.05))
    host = Host(tmp_path, hurried)
    host.edge.mint_error = unreachable()
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    assert (await host.get(ROLE_PATH))[0] == 503
    host.edge.mint_error = None
    await host.until(lambda: host.edge.reports[-1].association_id)
    assert (await host.get(ROLE_PATH))[0] == 200
    await host.end()


async def test_a_refusing_trust_policy_is_shown_and_repaired_without_a_restart(host: Host) -> None:
    host.edge.mint_error = MintRefused(
        operation="GetInstanceSession", code="AssumeRoleUnauthorizedAccess", message="no"
    )
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    status, body = await host.get(ROLE_PATH)
    assert (status, json.loads(body)["Code"]) == (200, "AssumeRoleUnauthorizedAccess")
    host.edge.mint_error = None
    await host.until(lambda: host.edge.minted)
    await host.until(lambda: host.edge.reports[-1].association_id)


async def test_a_new_role_is_served_within_a_second_and_a_detached_one_vanishes_at_once(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    other = msgspec.structs.replace(
        PROFILE,
        association_id="iip-assoc-0fedcba9876543210",
        role_name="other",
        role_id="AROAI44QH8DHBEXAMPLE",
    )
    host.edge.put(msgspec.structs.replace(OPEN, instance_profile=other))
    await host.until(lambda: host.edge.reports[-1].association_id == other.association_id, seconds=1)
    assert (await host.get(ROLE_PATH))[0] == 404
    status, body = await host.get(ROLE_PATH.replace("web-role", "other"))
    assert (status, json.loads(body)["Token"]) == (200, "token AROAI44QH8DHBEXAMPLE")
    host.edge.put(msgspec.structs.replace(OPEN, instance_profile=None))
    await host.until(lambda: not host.edge.reports[-1].association_id, seconds=1)
    assert (await host.get("/latest/meta-data/iam/"))[0] == 404


async def test_an_instance_whose_main_process_ends_is_stopped_and_stays_so(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.driver.running[0].ended.set_result(ExitStatus(code=3))
    await host.until(lambda: host.states()[-1] == "stopped")
    last = host.edge.reports[-1]
    assert last.reason_code == "Client.InstanceInitiatedShutdown"
    assert last.reason_message.endswith("(exit status 3)")
    host.edge.put(msgspec.structs.replace(OPEN, tags=()))
    await host.acted()
    assert len(host.driver.started) == 1
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    await host.until(lambda: len(host.driver.started) == 2)
    await host.until(
        lambda: (host.edge.reports[-1].run_state, host.edge.reports[-1].boot_number) == ("running", 1)
    )


async def test_a_reboot_starts_the_main_process_again_behind_the_same_metadata(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    endpoint, minted = host.agent.instances[ID].metadata_endpoint, len(host.edge.minted)
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    await host.until(lambda: len(host.driver.started) == 2)
    assert host.driver.running[0].ended.result() == ExitStatus(signal_number=15)
    await host.until(lambda: host.edge.reports[-1].boot_number == 1)
    assert set(host.states()) == {"pending", "running"}
    assert (host.agent.instances[ID].metadata_endpoint, len(host.edge.minted)) == (endpoint, minted)
    assert (await host.get("/latest/meta-data/instance-id")) == (200, ID)
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1, tags=()))
    await host.acted()
    assert len(host.driver.started) == 2


@pytest.mark.parametrize("turns", range(5))
async def test_a_requested_end_does_not_end_the_next_boot(host: Host, turns: int) -> None:
    """For any number of loop iterations between the end of the process and the return of `stop`."""
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.driver.running[0].turns_after_end = turns
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    await host.until(lambda: host.edge.reports[-1].boot_number == 1)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(host.driver.started) == 2
    assert not host.driver.running[1].ended.done()


async def test_a_reboot_starts_an_instance_that_just_ended_by_itself(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.driver.running[0].ended.set_result(ExitStatus(code=0))
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    await host.until(lambda: len(host.driver.started) == 2)
    await host.until(lambda: host.edge.reports[-1].boot_number == 1)


async def test_a_reboot_that_cannot_start_is_stopped_with_the_reason(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.driver.error = CannotStart("the user data cannot be run")
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    await host.until(lambda: host.states()[-1] == "stopped")
    assert "the user data cannot be run" in host.edge.reports[-1].reason_message


async def test_terminating_ends_everything_and_leaves_nothing(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.edge.put(msgspec.structs.replace(OPEN, run_state="terminated"))
    await host.until(lambda: host.states()[-1] == "terminated")
    assert host.driver.running[0].ended.result() == ExitStatus(signal_number=15)
    host.edge.remove(ID)
    await host.until(lambda: not host.agent.instances)
    assert list((host.folder / "instances").iterdir()) == []


async def test_stopping(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.edge.put(msgspec.structs.replace(OPEN, run_state="stopped"))
    await host.until(lambda: host.states()[-1] == "stopped")
    assert host.edge.reports[-1].reason_code == "Client.UserInitiatedShutdown"


@pytest.mark.parametrize("error", [CannotStart("the user data cannot be run"), OSError("disk full")])
async def test_an_instance_that_cannot_start_is_stopped_with_the_reason(host: Host, error: Exception) -> None:
    host.driver.error = error
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "stopped" in host.states())
    assert str(error) in host.edge.reports[-1].reason_message
    assert host.driver.not_started_because == [host.edge.reports[-1].reason_message]


async def test_an_instance_of_an_unknown_driver_is_stopped_with_the_reason(tmp_path: Path) -> None:
    host = Host(tmp_path)
    host.agent._drivers.clear()
    host.edge.put(OPEN)
    await host.agent.poll(0)
    await host.agent.report()
    assert "no driver named 'process'" in host.edge.reports[-1].reason_message


async def test_a_restarted_agent_reports_the_instances_that_ended_with_its_predecessor(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    host.edge.away = True
    await host.end()
    host.edge.away = False
    host.agent = host._agent()
    host.begin()
    await host.until(lambda: host.states()[-1] == "stopped")
    assert host.edge.reports[-1].reason_code == "Server.InternalError"
    assert len(host.driver.started) == 1


async def test_a_clean_shutdown_is_reported_to_the_edge(host: Host) -> None:
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    await host.end()
    assert host.states()[-1] == "stopped"
    assert host.driver.running[0].ended.done()


async def test_an_agent_may_end_while_an_instance_starts(host: Host) -> None:
    host.edge.hold_mints = asyncio.Event()
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "mint 2.0" in host.edge.calls)
    await host.end()
    assert host.driver.started == []


async def test_a_report_that_the_edge_refuses_does_not_stop_the_others(host: Host) -> None:
    other = msgspec.structs.replace(OPEN, instance_id="i-0fedcba9876543210")
    host.edge.put(OPEN)
    host.edge.put(other)
    await host.agent.poll(0)
    refuse = EdgeRefused(operation="ReportInstances", code="InvalidReport", message="no")
    tell = host.edge.report_instances

    async def picky(reports: tuple[object, ...]) -> None:
        if any(getattr(report, "instance_id", "") == ID for report in reports):
            raise refuse
        await tell(reports)

    host.edge.report_instances = picky  # type: ignore[method-assign]
    (host.folder / "instances").mkdir(exist_ok=True)
    await host.agent.report()
    assert [report.instance_id for report in host.edge.reports] == [other.instance_id]
    await host.agent.close()


async def test_an_agent_sends_heartbeats(tmp_path: Path) -> None:
    host = Host(tmp_path, AgentSettings(wait_seconds=1, heartbeat=timedelta(seconds=0.02)))
    host.begin()
    await host.until(lambda: host.edge.calls.count("report") > 2)
    await host.end()


async def test_an_agent_resumes_after_an_outage_of_the_edge(host: Host) -> None:
    host.edge.away = True
    host.begin()
    await host.until(lambda: host.edge.calls.count("describe") >= 1)
    host.edge.away = False
    host.edge.put(OPEN)
    await host.until(lambda: "running" in host.states())


async def test_a_programming_error_is_not_hidden(host: Host) -> None:
    host.edge.put(msgspec.structs.replace(OPEN, instance_id="../../etc"))
    host.begin()
    assert host.work is not None
    with pytest.raises(RuntimeError, match="is not an instance id"):
        await asyncio.wait_for(host.work, 5)
    host.work = None


async def test_a_real_process_finds_its_role(tmp_path: Path) -> None:
    script = (
        "#!/usr/bin/env python3\n"
        "import os, urllib.request as u\n"
        "base = os.environ['AWS_EC2_METADATA_SERVICE_ENDPOINT']\n"
        f"print(u.urlopen(base + '{ROLE_PATH}').read().decode())\n"
    )
    host = Host(tmp_path)
    host.agent._drivers["process"] = ProcessDriver(
        LoopbackPorts(uid=os.getuid()), base_environment=os.environ
    )
    host.edge.put(msgspec.structs.replace(OPEN, user_data=script.encode()))
    host.begin()
    await host.until(lambda: host.states() and host.states()[-1] == "stopped", seconds=20)
    console = json.loads((tmp_path / "instances" / ID / "console.log").read_text())
    assert console["AccessKeyId"] == next(
        r.access_key_id for r in host.edge.minted if "1.0" in r.access_key_id
    )
    await host.end()


@pytest.mark.parametrize("failure", [None, unreachable()])
async def test_the_last_console_output_is_sent_before_the_end_is_reported(
    tmp_path: Path, failure: EdgeError | None
) -> None:
    host = Host(tmp_path)
    host.agent._drivers["process"] = ProcessDriver(
        LoopbackPorts(uid=os.getuid()), base_environment=os.environ
    )
    host.edge.console_error = failure
    host.edge.put(msgspec.structs.replace(OPEN, user_data=b"#!/bin/sh\necho last words\n"))
    host.begin()
    await host.until(lambda: "stopped" in host.states(), seconds=20)
    told = [] if failure else [(ID, b"last words\n")]
    assert host.edge.consoles_before_the_end[:1] == told
    await host.end()


@pytest.mark.parametrize("settings", [{"wait_seconds": 61}, {"rotate_every": timedelta(seconds=0.5)}])
def test_settings_that_cannot_work_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="is "):
        AgentSettings(**settings)
