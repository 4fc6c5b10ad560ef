"""The power button of one QEMU: the only use of its control channel.

The channel is QMP over a socket pair. It has no path that another user could take, and it is handed over with
the instance to the next agent.
"""

import asyncio
import socket
from contextlib import suppress

_CAPABILITIES = b'{"execute": "qmp_capabilities"}\n'
_POWERDOWN = b'{"execute": "system_powerdown"}\n'
_READ_BYTES = 64 * 1024


class PowerButton:
    """Our end of the channel. It reads and ignores QEMU's output, so that QEMU never blocks."""

    def __init__(self, control: socket.socket) -> None:
        control.setblocking(False)
        self._control = control
        asyncio.get_running_loop().add_reader(control, self._drain)

    @property
    def descriptor(self) -> int:
        """The descriptor to hand over to the next agent."""
        return self._control.fileno()

    def connect(self) -> None:
        """Send the message that QMP requires before any command, once in QEMU's life."""
        self._say(_CAPABILITIES)

    def press(self) -> None:
        """Ask the guest to shut down by ACPI's power button. The guest may ignore it."""
        self._say(_POWERDOWN)

    def close(self) -> None:
        """Close the channel."""
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
