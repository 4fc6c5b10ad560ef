"""The log of a process: JSON lines or text on stderr, also for what libraries and the interpreter say.

A line is written with one system call, so that two processes may append to one file.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, TextIO

import structlog
from structlog.typing import Processor

LogFormat = Literal["json", "text"]

PROCESS_FAILED = "process_failed"
THREAD_FAILED = "thread_failed"
CLEANUP_FAILED = "cleanup_failed"

_log = structlog.get_logger(__name__)


def renderer_of(log_format: LogFormat) -> Processor:
    """Return the renderer that makes a line of an event."""
    if log_format == "text":
        return structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer()


def configure_log(
    log_format: LogFormat = "json", *, least_level: int = logging.INFO, renderer: Processor | None = None
) -> None:
    """Log to stderr from now on. Libraries' own loggers are heard from WARNING on.

    Args: renderer: in place of the format's own, for a command that speaks to a person.
    """
    rendering = renderer or renderer_of(log_format)
    shared: Sequence[Processor] = (
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    )
    # The text format writes a traceback over several lines by itself.
    exceptions = () if log_format == "text" and renderer is None else (structlog.processors.format_exc_info,)
    structlog.configure(
        processors=[*shared, *exceptions, rendering],
        wrapper_class=structlog.make_filtering_bound_logger(least_level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    if renderer is None:
        _hear_libraries(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=shared,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *exceptions,
                    rendering,
                ],
            )
        )


class _LibraryHandler(logging.StreamHandler[TextIO]):
    """Writes what libraries log."""


def _hear_libraries(formatter: logging.Formatter) -> None:
    root = logging.getLogger()
    for former in [handler for handler in root.handlers if isinstance(handler, _LibraryHandler)]:
        root.removeHandler(former)
    handler = _LibraryHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.setLevel(logging.WARNING)
    root.addHandler(handler)
    logging.captureWarnings(capture=True)


def log_what_ends_the_process() -> None:
    """Log uncaught exceptions as events: the interpreter would write a traceback over many lines."""
    sys.excepthook = _on_exception
    threading.excepthook = _on_thread_exception
    sys.unraisablehook = _on_unraisable


def _on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical(PROCESS_FAILED, exc_info=(kind, error, trace))


def _on_thread_exception(failed: threading.ExceptHookArgs) -> None:
    thread = "" if failed.thread is None else failed.thread.name
    _log.error(THREAD_FAILED, thread=thread, exc_info=failed.exc_value)


def _on_unraisable(failed: "sys.UnraisableHookArgs") -> None:
    _log.error(CLEANUP_FAILED, exc_info=failed.exc_value)
