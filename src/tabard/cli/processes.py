"""The processes that `tabard up` starts; their configuration, with its secrets, arrives on stdin."""

import asyncio
import sys
from collections.abc import Coroutine

import msgspec

from tabard.wiring.agent import AgentConfig, run_agent
from tabard.wiring.edge import EdgeConfig, run_edge
from tabard.wiring.process import prepare_process


def edge_process() -> None:
    """One edge. Started by `tabard up`."""
    _run(run_edge(msgspec.json.decode(sys.stdin.buffer.read(), type=EdgeConfig)))


def agent_process() -> None:
    """The agent of this host. Started by `tabard up`."""
    _run(run_agent(msgspec.json.decode(sys.stdin.buffer.read(), type=AgentConfig)))


def _run(work: Coroutine[None, None, None]) -> None:
    prepare_process()
    asyncio.run(work)
