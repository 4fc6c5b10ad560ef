"""The control channel of one QEMU, used for a single thing: to press its power button.

QMP over a socket pair: no path that somebody else could take, and kept with the instance for the next agent.
"""

import asyncio
import socket
from contextlib import suppress

_CAPABILITIES = b'{"execute": "qmp_capabilities"}\n'
_POWERDOWN = b'{"execute": "system_powerdown"}\n'
_READ_BYTES = 64 * 1024


class PowerButton:
    """Our end. What QEMU says is read, so that it never waits for us, and not believed."""

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        asyncio.get_running_loop().add_reader(control, self._drain)

    @property
    def descriptor(self) -> int:
        """For the next agent."""
        return self._control.fileno()

    def connect(self) -> None:
        """Say what QMP wants to hear before any command; once in QEMU's life."""
        self._say(_CAPABILITIES)

    def press(self) -> None:
        """Ask the guest to shut down, as ACPI's power button does; it may not listen."""
        self._say(_POWERDOWN)

    def close(self) -> None:
        """Let go of it."""
        asyncio.get_running_loop().remove_reader(self._control)
        self._control.close()

    def _say(self, command: bytes) -> None:
        with suppress(OSError):  # it has ended
            self._control.send(command)

    def _drain(self) -> None:
        with suppress(BlockingIOError):
            try:
                said = self._control.recv(_READ_BYTES)
            except ConnectionError:
                said = b""
            if not said:
                asyncio.get_running_loop().remove_reader(self._control)
