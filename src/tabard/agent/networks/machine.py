"""The network of a machine that is itself the instance: listeners for all of its processes."""

import socket

from tabard.agent.networks.network import InstanceNetwork, NoNetwork

METADATA_ADDRESS = "169.254.169.254"


class MachineNetwork:
    """Every process of the machine belongs to the instance, as on EC2: no uid check."""

    isolation = "none within the machine"

    def __init__(self, *, metadata: tuple[str, int], edge: tuple[str, int]) -> None:
        """Args: metadata: address and port, 0 for any; edge: of the relay, on loopback."""
        self._metadata = metadata
        self._edge = edge

    async def open(self) -> InstanceNetwork:
        """Listen. Later calls use the port of the first, which processes already know. Raises NoNetwork."""
        metadata = _listener(*self._metadata, hint="choose another with --metadata-port (0: any free port)")
        try:
            edge = _listener(*self._edge, hint="choose another with --port (0: any free port)")
        except NoNetwork:
            metadata.close()
            raise
        self._metadata = metadata.getsockname()[:2]
        self._edge = edge.getsockname()[:2]
        by_default = self._metadata == (METADATA_ADDRESS, 80)  # the default of SDKs
        return InstanceNetwork(
            metadata=(metadata,),
            edge=(edge,),
            metadata_endpoint="" if by_default else _endpoint(metadata),
            edge_endpoint=_endpoint(edge),
        )


def _listener(address: str, port: int, *, hint: str) -> socket.socket:
    try:
        return socket.create_server((address, port))
    except OSError as error:
        if address == METADATA_ADDRESS:
            hint = f"as root: ip address add {address}/32 dev lo"
        raise NoNetwork(f"cannot listen on {address} port {port}: {error.strerror}; {hint}") from error


def _endpoint(listener: socket.socket) -> str:
    address, port = listener.getsockname()[:2]
    return f"http://{address}:{port}"
