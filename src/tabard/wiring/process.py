"""What every process of Tabard sets before it works: its log, its event loop, its limits."""

import asyncio
import logging
import resource
import sys

import structlog


def prepare_process(*, least_level: int = logging.INFO) -> None:
    """Log JSON lines to stderr, use uvloop where it is, and allow as many descriptors as the system does.

    Args:
        least_level: of what is logged; a command in somebody's terminal says only what is amiss.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(least_level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        import uvloop
    except ImportError:
        return
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
