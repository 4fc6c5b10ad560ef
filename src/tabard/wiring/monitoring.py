"""Health and metrics of a running system: the listener and the monitor."""

import asyncio
import socket
from collections.abc import Collection
from contextlib import suppress
from ipaddress import ip_address

import structlog

from tabard.clock import Clock, SystemClock
from tabard.wiring.health_listener import health_server
from tabard.wiring.listeners import addresses_of, tcp_listener
from tabard.wiring.metrics_tls import MetricsTls
from tabard.wiring.monitor import Monitor
from tabard.wiring.settings import Settings

RELOAD_EVERY_SECONDS = 60.0
METRICS_CERTIFICATE_RELOADED = "metrics_certificate_reloaded"
METRICS_CERTIFICATE_UNUSABLE = "metrics_certificate_unusable"
HANDSHAKE_SECONDS = 10.0

_log = structlog.get_logger(__name__)


class Monitoring:
    """The listener starts before the first child, and answers until the last one has ended."""

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        """Listen. Raises PortInUse; SettingsConflict if certificate or key is unusable."""
        self._clock = clock or SystemClock()
        self.monitor = Monitor(clock=self._clock)
        self._tls: MetricsTls | None = None
        if settings.metrics_tls_certificate is not None and settings.metrics_tls_key is not None:
            self._tls = MetricsTls.of(settings.metrics_tls_certificate, settings.metrics_tls_key)
            self.monitor.certificates["metrics"] = self._tls.expires_at
        address, port = settings.metrics_listener
        option = "--metrics-address" if settings.metrics_address else "--health-port"
        self._listener = tcp_listener(address, port, option=option)
        self._tasks: list[asyncio.Task[None]] = []
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The URL for clients on this machine."""
        address, port = self._listener.getsockname()[:2]
        if ip_address(address).is_unspecified:
            address = "127.0.0.1" if self._listener.family == socket.AF_INET else "::1"
        return f"{'http' if self._tls is None else 'https'}://{_with_port(address, port)}"

    async def start(self) -> None:
        """Start to answer and to monitor."""
        server = health_server(
            self.monitor, authorities=self.authorities(), clock=self._clock, secure=self._tls is not None
        )
        self._server = await asyncio.get_running_loop().create_server(
            server,
            sock=self._listener,
            ssl=None if self._tls is None else self._tls.context,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_SECONDS,
        )
        self._tasks.append(asyncio.create_task(self.monitor.run(), name="monitor"))
        if self._tls is not None:
            self._tasks.append(asyncio.create_task(self._follow_files(self._tls), name="metrics-certificate"))

    async def stop(self) -> None:
        """Stop answering and monitoring."""
        for task in self._tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._server is not None:
            self._server.close()
        self._listener.close()
        self.monitor.close()

    def authorities(self) -> frozenset[str]:
        """Return the accepted Host values: the listener's address, and the names in its certificate."""
        address, port = self._listener.getsockname()[:2]
        names = {str(address)}
        if ip_address(address).is_unspecified:
            names = set(addresses_of(self._listener))
        if self._tls is not None:
            names |= set(self._tls.names)
        return authorities_of(names, port, secure=self._tls is not None)

    async def _follow_files(self, tls: MetricsTls) -> None:
        while True:
            await asyncio.sleep(RELOAD_EVERY_SECONDS)
            try:
                if tls.reload_if_changed():
                    self.monitor.certificates["metrics"] = tls.expires_at
                    _log.info(METRICS_CERTIFICATE_RELOADED, expires_at=tls.expires_at)
            except (OSError, ValueError) as error:
                _log.warning(METRICS_CERTIFICATE_UNUSABLE, reason=str(error))


def authorities_of(names: Collection[str], port: int, *, secure: bool) -> frozenset[str]:
    """Return the Host values of these names at this port, in lower case.

    RFC 9110, 4.2.3: the default port of the scheme may be left out.
    """
    hosts = {_with_port(name, port) for name in names}
    if port == (443 if secure else 80):
        hosts |= {_bracketed(name) for name in names}
    return frozenset(host.lower() for host in hosts)


def _with_port(host: str, port: int) -> str:
    return f"{_bracketed(host)}:{port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
