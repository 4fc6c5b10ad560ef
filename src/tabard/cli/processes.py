"""The processes that `tabard up` starts: `python -m tabard.cli.processes edge-process`, or `agent-process`.

Their configuration, with its secrets, arrives on stdin.
"""

import asyncio
import sys
from collections.abc import Coroutine

import msgspec

from tabard.processes.process_log import LogFormat, log_what_ends_the_process
from tabard.wiring.process import prepare_process
from tabard.wiring.process_config import AgentConfig, EdgeConfig

# Each process imports only its own code, and nothing of the command line: the agent's process has no control
# code in it, and is back in a third of the time when it has to be started again.


def edge_process() -> None:
    """One edge. Started by `tabard up`."""
    from tabard.wiring.edge import run_edge

    config = msgspec.json.decode(sys.stdin.buffer.read(), type=EdgeConfig)
    _run(run_edge(config), config.log_format)


def agent_process() -> None:
    """The agent of this host. Started by `tabard up`."""
    from tabard.wiring.agent import run_agent

    config = msgspec.json.decode(sys.stdin.buffer.read(), type=AgentConfig)
    _run(run_agent(config), config.log_format)


def _run(work: Coroutine[None, None, None], log_format: LogFormat) -> None:
    prepare_process(log_format=log_format)
    log_what_ends_the_process()
    asyncio.run(work)


PROCESSES = {"edge-process": edge_process, "agent-process": agent_process}

if __name__ == "__main__":
    PROCESSES[sys.argv[1]]()
