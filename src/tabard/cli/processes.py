"""The processes that `tabard up` starts; their configuration, with its secrets, arrives on stdin."""

import asyncio
import sys
from collections.abc import Coroutine

import msgspec

from tabard.wiring.process import prepare_process
from tabard.wiring.process_config import AgentConfig, EdgeConfig

# What runs is imported where it runs: no command pays for the edge's tables and AWS's models, and the agent
# has no control code in it.


def edge_process() -> None:
    """One edge. Started by `tabard up`."""
    from tabard.wiring.edge import run_edge

    _run(run_edge(msgspec.json.decode(sys.stdin.buffer.read(), type=EdgeConfig)))


def agent_process() -> None:
    """The agent of this host. Started by `tabard up`."""
    from tabard.wiring.agent import run_agent

    _run(run_agent(msgspec.json.decode(sys.stdin.buffer.read(), type=AgentConfig)))


def _run(work: Coroutine[None, None, None]) -> None:
    prepare_process()
    asyncio.run(work)
