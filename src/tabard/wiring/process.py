"""What every process of Tabard sets before it works: its log, its event loop, its limits."""

import asyncio
import logging
import resource
from collections.abc import MutableMapping
from typing import Any

import structlog

from tabard.processes.process_log import LogFormat, configure_log


def prepare_process(
    *, least_level: int = logging.INFO, for_people: bool = False, log_format: LogFormat = "json"
) -> None:
    """Log JSON lines or text to stderr, use uvloop where it is, and allow as many descriptors as possible.

    Args:
        least_level: of what is logged; a command in somebody's terminal says only what is amiss.
        for_people: log a sentence in place of JSON, each once: it comes between the lines of a command.
    """
    configure_log(log_format, least_level=least_level, renderer=Sentences() if for_people else None)
    allow_many_descriptors()
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def allow_many_descriptors() -> None:
    """Allow this process as many descriptors as the system does: an ordinary user begins with 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Sentences:
    """Renders an event as `tabard: what happened (facts)`, and drops what it has said already."""

    _NOT_TOLD = frozenset({"event", "level", "timestamp", "exception"})

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        """Raises structlog.DropEvent for what was said before."""
        fields = ", ".join(f"{name} {value}" for name, value in event.items() if name not in self._NOT_TOLD)
        what = str(event["event"]).replace("_", " ")
        sentence = f"tabard: {what} ({fields})" if fields else f"tabard: {what}"
        if sentence in self._said:
            raise structlog.DropEvent
        self._said.add(sentence)
        return sentence
