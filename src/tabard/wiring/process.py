"""The setup of every process of Tabard: log, event loop and limits."""

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
    """Log JSON lines or text to stderr, use uvloop if installed, and allow as many descriptors as possible.

    Args:
        least_level: the lowest logged level; a command in a terminal only logs problems.
        for_people: log each event once, as a sentence, between the lines of a command's output.
    """
    configure_log(log_format, least_level=least_level, renderer=Sentences() if for_people else None)
    allow_many_descriptors()
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def allow_many_descriptors() -> None:
    """Raise the descriptor limit to the system's maximum; an ordinary user's default is 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class Sentences:
    """Renders an event as `tabard: what happened (fields)`, and drops repeated events."""

    _NOT_TOLD = frozenset({"event", "level", "timestamp", "exception"})

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        """Render the event. Raises structlog.DropEvent for a repeated one."""
        fields = ", ".join(f"{name} {value}" for name, value in event.items() if name not in self._NOT_TOLD)
        what = str(event["event"]).replace("_", " ")
        sentence = f"tabard: {what} ({fields})" if fields else f"tabard: {what}"
        if sentence in self._said:
            raise structlog.DropEvent
        self._said.add(sentence)
        return sentence
