"""The agent process: how its objects are put together."""

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import structlog

from tabard.agent.agent import Agent
from tabard.agent.agent_handover import SupervisorHandover
from tabard.agent.agent_metrics import AgentMetrics
from tabard.agent.drivers.container.images import ContainerImages
from tabard.agent.drivers.process.driver import Owner
from tabard.agent.edge_client import EdgeClient
from tabard.agent.edge_relay import NetworkPathDoor
from tabard.agent.networks.allowed import parse_allowed_text
from tabard.agent.settings import AgentSettings
from tabard.agent.signed_exchange import SignedExchange
from tabard.clock import SystemClock
from tabard.metrics.page import inherited_page
from tabard.metrics.report import State, bare_report, report_forever, write_report
from tabard.processes.descriptor_store import DescriptorStoreClient
from tabard.processes.launch import PR_SET_PDEATHSIG, LibC
from tabard.processes.leader_lock import acquire_leader_lock
from tabard.sigv4.sign import Credentials
from tabard.wiring.drivers import DriverChoices, drivers_of, instance_isolation
from tabard.wiring.process_config import AgentConfig

AGENT_STANDS_BY = "agent_stands_by"

_log = structlog.get_logger(__name__)


async def run_agent(config: AgentConfig) -> None:
    """Wait while another agent works. Then work until SIGTERM or SIGINT, and end every instance."""
    clock = SystemClock()
    page = inherited_page(config.metrics_fd)

    def report(state: State) -> None:
        write_report(page, bare_report(state, pid=os.getpid(), clock=clock))

    report("starting")
    exchange = SignedExchange(
        config.endpoint,
        credentials=Credentials(
            access_key_id=config.access_key_id, secret_access_key=config.secret_access_key
        ),
        region=config.region,
        clock=clock,
    )
    rotate_every = timedelta(seconds=config.rotate_every_seconds) if config.rotate_every_seconds else None
    choices = DriverChoices(
        environment=os.environ,
        uid=os.getuid(),
        launch_owner=Owner(config.launch_uid, config.launch_gid),
        hidden=tuple(Path(folder) for folder in config.hidden),
        outlives_agent=config.store_fd is not None,
        vm_image=Path(config.vm_image) if config.vm_image else None,
        images=ContainerImages(
            Path(config.container_images) if config.container_images else None,
            mount_points=Path(config.directory) / "machines-programs",
        ),
        edge_endpoint=config.endpoint,
    )
    agent = Agent(
        config.host_id,
        EdgeClient(config.host_id, exchange, clock=clock),
        drivers_of(
            await instance_isolation(config.endpoint, parse_allowed_text(config.allow_address)), choices
        ),
        AgentSettings(rotate_every=rotate_every),
        clock=clock,
        runtime_directory=Path(config.directory),
        edge_endpoint=config.endpoint,
        edge_door=NetworkPathDoor(Path(config.edge_socket)),
        handover=None
        if config.store_fd is None
        else SupervisorHandover(DescriptorStoreClient(config.store_fd)),
        region=config.region,
        metrics=AgentMetrics(page),
    )
    if config.leader_lock_path:
        # All slow steps are done. Until this agent leads, SIGTERM simply ends the process.
        _log.info(AGENT_STANDS_BY, host_id=config.host_id)
        report("standing by")
        acquire_leader_lock(Path(config.leader_lock_path))
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if config.store_fd is not None:
        _end_instances_with_supervisor(config.supervisor_pid)
    reporting = asyncio.create_task(
        report_forever(page, lambda: bare_report("serving", pid=os.getpid(), clock=clock)), name="report"
    )
    try:
        await agent.run(stop)
    finally:
        reporting.cancel()
        report("stopping")
        await exchange.close()


def _end_instances_with_supervisor(supervisor_pid: int) -> None:
    """Receive SIGTERM when the supervisor is killed, to end the instances, which else would run forever."""
    LibC().prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM))
    if os.getppid() != supervisor_pid:
        os.kill(os.getpid(), signal.SIGTERM)  # the supervisor was killed before this line
