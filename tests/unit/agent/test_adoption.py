"""The successor of a killed agent serves the same metadata, before its first request to the edge."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from tabard.agent.agent import Agent
from tabard.agent.agent_handover import SupervisorHandover
from tabard.agent.reconcile import RoleOf
from tabard.clock import SystemClock
from tabard.model.messages import InstanceTag
from tests.support.agent_host import ID, OPEN, ROLE_PATH, Host
from tests.support.described_instance import DESIRED, PROFILE
from tests.support.memory_descriptors import MemoryDescriptors

TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "600"}
OTHER = msgspec.structs.replace(
    PROFILE, association_id="iip-assoc-0fedcba9876543210", role_name="other", role_id="AROAI44QH8DHBEXAMPLE"
)


class KeptHost(Host):
    """A host whose instances outlive its agent."""

    running_descriptors = ()

    def __init__(self, folder: Path) -> None:
        self.descriptors = MemoryDescriptors()
        super().__init__(folder)

    def _agent(self) -> Agent:
        return Agent(
            "h-0123456789abcdef0",
            self.edge,
            {"process": self.driver},
            self.settings,
            clock=SystemClock(),
            runtime_directory=self.folder,
            edge_endpoint="http://127.0.0.1:4700",
            region="us-east-1",
            handover=SupervisorHandover(self.descriptors),
        )

    async def kill(self) -> None:
        """Kill the agent; none of its later changes is handed over."""
        found = self.descriptors.at_this_moment()
        away, self.edge.away = self.edge.away, True
        await self.end()
        self.edge.away = away
        self.descriptors = found
        self.agent = self._agent()

    async def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        endpoint = self.agent.instances[ID].metadata_endpoint
        request = urllib.request.Request(endpoint + path, method=method, headers=headers)

        def answer() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(request, timeout=5) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, ""

        return await asyncio.to_thread(answer)


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[KeptHost]:
    host = KeptHost(tmp_path)
    host.edge.put(OPEN)
    host.begin()
    await host.until(lambda: "running" in host.states())
    await host.until(lambda: len(host.edge.answered) == 2)
    yield host
    await host.end()
    assert host.descriptors.records == {}
    host.descriptors.close()


async def served_again(host: KeptHost) -> None:
    host.begin()
    await host.until(lambda: ID in host.agent.instances and host.agent.instances[ID].metadata_endpoint)


async def test_the_same_sessions_and_tokens_work_while_the_edge_is_unreachable(host: KeptHost) -> None:
    _, token = await host.ask("/latest/api/token", "PUT", **TTL)
    presented = {"X-aws-ec2-metadata-token": token}
    _, before = await host.ask(ROLE_PATH, **presented)
    _, document = await host.ask("/latest/dynamic/instance-identity/document", **presented)
    minted, endpoint = len(host.edge.minted), host.agent.instances[ID].metadata_endpoint
    host.edge.away = True
    await host.kill()
    await served_again(host)
    assert host.agent.instances[ID].metadata_endpoint == endpoint
    assert await host.ask(ROLE_PATH, **presented) == (200, before)
    assert await host.ask("/latest/dynamic/instance-identity/document", **presented) == (200, document)
    assert len(host.edge.minted) == minted
    host.edge.away = False
    await host.until(lambda: host.states()[-1] == "running")
    assert len(host.edge.minted) == minted, "sessions are replaced when they would have been"


async def test_the_latest_change_is_served(host: KeptHost) -> None:
    required = msgspec.structs.replace(OPEN.metadata_options, http_tokens="required")
    changed = msgspec.structs.replace(OPEN, metadata_options=required, instance_profile=OTHER)
    host.edge.put(changed)
    await host.until(lambda: host.edge.reports[-1].association_id == OTHER.association_id)
    host.edge.away = True
    await host.kill()
    await served_again(host)
    assert await host.ask(ROLE_PATH.replace("web-role", "other")) == (401, "")
    _, token = await host.ask("/latest/api/token", "PUT", **TTL)
    status, body = await host.ask(
        ROLE_PATH.replace("web-role", "other"), **{"X-aws-ec2-metadata-token": token}
    )
    assert (status, json.loads(body)["Token"]) == (200, f"token {OTHER.role_id}")
    assert (await host.ask(ROLE_PATH, **{"X-aws-ec2-metadata-token": token}))[0] == 404


async def test_an_undecided_association_is_not_served(
    host: KeptHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The agent was killed between a new association and its sessions: clients wait for the session."""
    host.edge.hold_mints = asyncio.Event()
    host.edge.put(msgspec.structs.replace(OPEN, instance_profile=OTHER))
    credentials = host.agent.instances[ID].credentials
    assert credentials is not None
    await host.until(lambda: credentials.sessions.get("2.0") == RoleOf(OTHER.association_id, OTHER.role_id))
    host.edge.away = True
    await host.kill()
    host.begin()
    await host.until(lambda: ID in host.agent.instances)
    await asyncio.sleep(0)
    assert host.agent.instances[ID].metadata_endpoint == ""
    host.edge.away, host.edge.hold_mints = False, None
    await host.until(lambda: host.agent.instances[ID].metadata_endpoint)
    assert (await host.ask(ROLE_PATH.replace("web-role", "other")))[0] == 200


async def test_a_requested_reboot_survives_the_agent(host: KeptHost) -> None:
    may_end = host.driver.running[-1].may_end = asyncio.Event()
    started = len(host.driver.started)
    host.edge.put(msgspec.structs.replace(OPEN, boot_number=1))
    credentials = host.agent.instances[ID].credentials
    assert credentials is not None
    await host.until(lambda: credentials.desired().boot_number == 1)
    found = host.descriptors.at_this_moment()
    may_end.set()
    await host.end()
    host.descriptors = found
    host.agent = host._agent()
    await served_again(host)
    await host.until(lambda: len(host.driver.started) > started)
    await host.until(lambda: host.edge.reports[-1].boot_number == 1)


async def test_the_container_token_stays_the_same(tmp_path: Path) -> None:
    host = KeptHost(tmp_path)
    tag = InstanceTag(key="tabard:credentials-from", value="container")
    host.edge.put(msgspec.structs.replace(DESIRED, tags=(tag,)))
    host.begin()
    await host.until(lambda: "running" in host.states())
    token = Path(host.driver.started[0][1]["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]).read_text()  # noqa: ASYNC240
    await host.kill()
    await served_again(host)
    status, body = await host.ask("/v1/credentials", Authorization=token)
    assert (status, json.loads(body)["Token"]) == (200, f"token {PROFILE.role_id}")
    assert (await host.ask("/v1/credentials", Authorization="another"))[0] == 401
    await host.end()
    host.descriptors.close()
