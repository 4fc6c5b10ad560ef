"""1,000 instances on one agent, with a real edge: memory, launch, and what rotating their sessions costs.

Run as `python -m bench.fleet`: the agent, in a process of its own; it is configured by JSON on stdin, and
says what it found as JSON.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from bench import processes
from bench.house import ACCOUNT_ID, REGION, House, open_house
from bench.instances import resident_kib
from tabard.agent.agent import Agent
from tabard.agent.drivers.process.driver import ProcessDriver
from tabard.agent.edge_client import EdgeClient, MintAnswer
from tabard.agent.networks.namespaces import InsideEdge, best_networks
from tabard.agent.networks.network import LoopbackPorts, Networks, NoNetwork
from tabard.agent.rotation import renewal_interval_seconds
from tabard.agent.settings import AgentSettings
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import SystemClock
from tabard.model.association import Association, AssociationState
from tabard.model.instance import Instance, InstanceState, MetadataOptions
from tabard.model.instance_profile import InstanceProfile
from tabard.model.session import RoleDelivery
from tabard.names import new_resource_id, new_unique_id
from tabard.services.ec2.launch.images import NETNS_IMAGE
from tabard.services.ec2.network.default_vpc import default_vpc, mac_address
from tabard.sigv4.sign import Credentials
from tabard.wiring.bootstrap import local_host_id
from tabard.wiring.key_files import read_key
from tabard.wiring.process import prepare_process

INSTANCES = 1000
QUIET_SECONDS = 10.0
ROTATE_EVERY_SECONDS = 20.0
ROTATION_SECONDS = 30.0
_LIFETIME_SECONDS = 6 * 3600.0
_LAUNCH_SECONDS = 300.0
_LOOK_SECONDS = 0.1


class _Configuration(msgspec.Struct, frozen=True, kw_only=True):
    host_id: str
    access_key_id: str
    secret_access_key: str
    port: int
    edge_pid: int
    instances: int
    rotate_every_seconds: float


class Fleet(msgspec.Struct, frozen=True, kw_only=True):
    """What one agent with so many instances was seen to need; CPU in seconds of one core."""

    networks: str
    instances: int
    resident_mib: float
    kib_each: float
    launch_seconds: float
    launch_agent_cpu_seconds: float
    launch_edge_cpu_seconds: float
    quiet_share: float
    renewals: int
    renewals_a_second: float
    agent_milliseconds_each: float
    edge_milliseconds_each: float

    @property
    def default_share(self) -> float:
        """Of one core, for the agent at the default pace."""
        pace = 0.9 * renewal_interval_seconds(lifetime_seconds=_LIFETIME_SECONDS, rotate_every_seconds=None)
        return self.quiet_share + self.instances / pace * self.agent_milliseconds_each / 1e3


class _CountingEdge(EdgeClient):
    """Counts the sessions it brings."""

    minted = 0

    async def get_instance_session(self, instance_id: str, role_delivery: RoleDelivery) -> MintAnswer:
        answer = await super().get_instance_session(instance_id, role_delivery)
        self.minted += 1
        return answer


def measure(*, instances: int = INSTANCES) -> Fleet:
    """Launch them once and leave them alone, and once more with keys that change every twenty seconds."""
    quiet = _run(instances, rotate_every_seconds=0.0)
    rotating = _run(instances, rotate_every_seconds=ROTATE_EVERY_SECONDS)
    return msgspec.structs.replace(
        quiet,
        renewals=rotating.renewals,
        renewals_a_second=rotating.renewals_a_second,
        agent_milliseconds_each=rotating.agent_milliseconds_each,
        edge_milliseconds_each=rotating.edge_milliseconds_each,
    )


def _run(instances: int, *, rotate_every_seconds: float) -> Fleet:
    with tempfile.TemporaryDirectory(prefix="tabard-bench-") as name:
        folder = Path(name)
        house = open_house(folder / "data", roles=1)
        host_id = _place(house, instances)
        house.store.close()
        key = read_key(house.data_dir.host_credentials)
        assert key is not None
        with processes.edge(folder, house.data_dir, folder / "none.sock") as (edge_pid, port):
            configuration = _Configuration(
                host_id=host_id,
                access_key_id=key.access_key_id,
                secret_access_key=key.secret_access_key,
                port=port,
                edge_pid=edge_pid,
                instances=instances,
                rotate_every_seconds=rotate_every_seconds,
            )
            done = subprocess.run(
                [sys.executable, "-m", "bench.fleet"],
                input=msgspec.json.encode(configuration),
                stdout=subprocess.PIPE,
                check=True,
            )
        return msgspec.json.decode(done.stdout, type=Fleet)


def _place(house: House, instances: int) -> str:
    """Instances with a role on the house's own host, as RunInstances leaves them; the host's id."""
    now = SystemClock().now().replace(microsecond=0)
    role = house.roles[0]
    profile = InstanceProfile(
        instance_profile_id=new_unique_id("AIPA"),
        name="web",
        path="/",
        partition="aws",
        account_id=ACCOUNT_ID,
        created_at=now,
        role_id=role.role_id,
    )
    with house.store.transaction() as tx:
        host_id = local_host_id(tx)
        tx.instance_profiles.insert(profile)
        for number in range(instances):
            instance_id = f"i-{number:017x}"
            tx.instances.insert(_instance(instance_id, host_id, number))
            tx.associations.insert(
                Association(
                    association_id=f"iip-assoc-{number:017x}",
                    instance_id=instance_id,
                    instance_profile_id=profile.instance_profile_id,
                    instance_profile_arn=profile.arn,
                    state=AssociationState.ASSOCIATING,
                    changed_at=now,
                )
            )
    return host_id


def _instance(instance_id: str, host_id: str, number: int) -> Instance:
    vpc = default_vpc(account_id=ACCOUNT_ID, region=REGION)
    return Instance(
        instance_id=instance_id,
        reservation_id=new_resource_id("r"),
        owner_account_id=ACCOUNT_ID,
        image_id=NETNS_IMAGE.image_id,
        host_id=host_id,
        instance_type="t3.micro",
        region=REGION,
        availability_zone=vpc.availability_zone,
        private_ip_address=f"172.31.{1 + number // 250}.{1 + number % 250}",
        mac_address=mac_address(instance_id),
        state=InstanceState.PENDING,
        metadata_options=MetadataOptions(),
        launched_at=SystemClock().now().replace(microsecond=0),
        launched_by="AIDAIOSFODNN7EXAMPLE",
    )


async def _networks(edge_endpoint: str) -> tuple[str, Networks]:
    try:
        networks = await best_networks(InsideEdge.of(edge_endpoint))
    except NoNetwork:
        return "loopback ports", LoopbackPorts(uid=os.getuid())
    return networks.isolation, networks


async def _agent_process(configuration: _Configuration) -> Fleet:
    endpoint = f"http://127.0.0.1:{configuration.port}"
    clock = SystemClock()
    exchange = SignedExchange(
        endpoint,
        credentials=Credentials(
            access_key_id=configuration.access_key_id, secret_access_key=configuration.secret_access_key
        ),
        region=REGION,
        clock=clock,
    )
    edge = _CountingEdge(configuration.host_id, exchange, clock=clock)
    rotating = configuration.rotate_every_seconds > 0
    kind, networks = await _networks(endpoint)
    with tempfile.TemporaryDirectory(prefix="tabard-bench-") as folder:
        agent = Agent(
            configuration.host_id,
            edge,
            {"netns": ProcessDriver(networks, base_environment=os.environ)},
            AgentSettings(
                rotate_every=timedelta(seconds=configuration.rotate_every_seconds) if rotating else None
            ),
            clock=clock,
            runtime_directory=Path(folder),
            edge_endpoint=endpoint,
            region=REGION,
        )
        before_kib = resident_kib()
        launch = _Meter(configuration.edge_pid)
        stop = asyncio.Event()
        running = asyncio.create_task(agent.run(stop))
        await _until(lambda: _running(agent) == configuration.instances, "the launch")
        launched = launch.read()
        await asyncio.sleep(2)  # what the launch leaves behind: the last reports
        resident = resident_kib()
        rest = _Meter(configuration.edge_pid)
        minted = edge.minted
        await asyncio.sleep(ROTATION_SECONDS if rotating else QUIET_SECONDS)
        rested = rest.read()
        renewals = edge.minted - minted
        stop.set()
        with suppress(asyncio.CancelledError):
            await running
        await exchange.close()
    each = 1e3 / renewals if renewals else 0.0
    return Fleet(
        networks=kind,
        instances=configuration.instances,
        resident_mib=resident / 1024,
        kib_each=(resident - before_kib) / configuration.instances,
        launch_seconds=launched.seconds,
        launch_agent_cpu_seconds=launched.agent_cpu_seconds,
        launch_edge_cpu_seconds=launched.edge_cpu_seconds,
        quiet_share=rested.agent_cpu_seconds / rested.seconds,
        renewals=renewals,
        renewals_a_second=renewals / rested.seconds,
        agent_milliseconds_each=rested.agent_cpu_seconds * each,
        edge_milliseconds_each=rested.edge_cpu_seconds * each,
    )


class _Reading(msgspec.Struct, frozen=True):
    seconds: float
    agent_cpu_seconds: float
    edge_cpu_seconds: float


class _Meter:
    """Time, and CPU time of this process and of the edge's, since it was made."""

    def __init__(self, edge_pid: int) -> None:
        self._edge_pid = edge_pid
        self._begun = self._now()

    def read(self) -> _Reading:
        return _Reading(*(now - begun for now, begun in zip(self._now(), self._begun, strict=True)))

    def _now(self) -> tuple[float, float, float]:
        return time.monotonic(), time.process_time(), processes.cpu_seconds(self._edge_pid)


def _running(agent: Agent) -> int:
    return sum(1 for each in agent.instances.values() if each.phase == "running")


async def _until(look: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _LAUNCH_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what} did not come to its end in {_LAUNCH_SECONDS:g} s")
        await asyncio.sleep(_LOOK_SECONDS)


if __name__ == "__main__":
    prepare_process(least_level=50)
    found = asyncio.run(_agent_process(msgspec.json.decode(sys.stdin.buffer.read(), type=_Configuration)))
    sys.stdout.write(msgspec.json.encode(found).decode())
