"""The embedded S3: SeaweedFS, persistent, reached through its S3 UNIX socket alone.

`weed mini` opens ten TCP ports without authentication, and UNIX sockets with fixed names in /tmp. With its
own network namespace and its own /tmp, nothing else can reach them. Otherwise they are on loopback and in
/tmp, and the banner says `upstream isolation: none`.
"""

import json
import os
import secrets
import shutil
import socket
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tabard.clock import Clock, SystemClock
from tabard.edge.upstreams.embedded_stores import WEED, EmbeddedStoresNotInstalled, weed_program
from tabard.edge.upstreams.runtime_folder import socket_path
from tabard.edge.upstreams.seaweedfs_probe import SeaweedfsProbe
from tabard.names import new_secret_access_key
from tabard.processes.process_log import LogFormat
from tabard.processes.spec import ChildSpec
from tabard.sigv4.sign import Credentials

NAME = "seaweedfs"
# Each bucket has its own volume; volumes are not allocated in advance.
LARGEST_NUMBER_OF_VOLUMES = 4000
VOLUME_MEGABYTES = 1024

# All ports are set, because an unset one changes silently if it is in use.
_PORT_FLAGS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
    "s3.port", "s3.port.grpc", "admin.port", "admin.port.grpc",
)  # fmt: skip
_PORTS_IN_ITS_OWN_NETWORK = (9333, 19333, 9340, 19340, 8888, 18888, 8333, 18333, 23646, 33646)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeaweedfsChild:
    """The child's definition, its socket, and the keys that sign each request to it."""

    spec: ChildSpec
    socket_path: Path
    data_folder: Path
    access_key_id: str
    secret_access_key: str = field(repr=False)

    def empty(self) -> None:
        """Remove every bucket and object. The child must not run: use `Supervisor.replace(…, between=…)`."""
        for entry in self.data_folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def seaweedfs_child(
    *,
    data_folder: Path,
    runtime_folder: Path,
    log_folder: Path,
    isolated: bool,
    clock: Clock | None = None,
    log_format: LogFormat = "json",
) -> SeaweedfsChild:
    """Define SeaweedFS's child, with new keys, which are in a file of mode 0600 and never in its arguments.

    Args:
        data_folder: the stored objects; made with mode 0700 if missing.
        runtime_folder: of mode 0700; contains the socket and the file with the keys.
        isolated: the child runs with its own network namespace and /tmp.
    Raises:
        EmbeddedStoresNotInstalled.
    """
    program = weed_program()
    if program is None:
        raise EmbeddedStoresNotInstalled([WEED])
    s3_socket = socket_path(runtime_folder, "s3.sock")
    filer_socket = Path("/tmp/filer.sock") if isolated else socket_path(runtime_folder, "filer.sock")  # noqa: S108 - its own
    data_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_folder.chmod(0o700)
    (data_folder / "mini.options").unlink(missing_ok=True)  # the options of an earlier start
    credentials = Credentials(
        access_key_id=secrets.token_hex(10).upper(), secret_access_key=new_secret_access_key()
    )
    identities = runtime_folder / "s3.json"
    _write_identities(identities, credentials)
    probe = SeaweedfsProbe(s3_socket=s3_socket, credentials=credentials, clock=clock or SystemClock())
    ports = _PORTS_IN_ITS_OWN_NETWORK if isolated else _free_loopback_ports(len(_PORT_FLAGS))
    spec = ChildSpec(
        name=NAME,
        argv=(
            str(program),
            "-logtostderr=true",
            f"-log_json={'true' if log_format == 'json' else 'false'}",
            "mini",
            f"-dir={data_folder}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            *(f"-{flag}={port}" for flag, port in zip(_PORT_FLAGS, ports, strict=True)),
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
            f"-master.volumeSizeLimitMB={VOLUME_MEGABYTES}",
            f"-volume.max={LARGEST_NUMBER_OF_VOLUMES}",
            "-volume.preStopSeconds=0",
            f"-filer.localSocket={filer_socket}",
            "-filer.disableDirListing=true",
            "-filer.exposeDirectoryData=false",
            f"-s3.localSocket={s3_socket}",
            f"-s3.config={identities}",
            "-s3.iam=false",
            "-s3.autoCreateBucket=false",
            "-s3.allowDeleteBucketNotEmpty=false",
            "-s3.allowedOrigins=",
        ),
        env={"HOME": str(data_folder), "PATH": os.defpath},
        cwd=data_folder,
        log_path=log_folder / "seaweedfs.log",
        isolate_network=isolated,
        keep_folders=(runtime_folder,),
        logs_stdout=False,  # a banner for terminals
        ready=probe.is_ready,
        ready_timeout_seconds=60.0,
        stop_grace_seconds=5.0,
    )
    return SeaweedfsChild(
        spec=spec,
        socket_path=s3_socket,
        data_folder=data_folder,
        access_key_id=credentials.access_key_id,
        secret_access_key=credentials.secret_access_key,
    )


def _write_identities(path: Path, credentials: Credentials) -> None:
    identity = {
        "name": "tabard",
        "credentials": [{"accessKey": credentials.access_key_id, "secretKey": credentials.secret_access_key}],
        "actions": ["Admin"],
    }
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"identities": [identity]}, file)


def _free_loopback_ports(count: int) -> tuple[int, ...]:
    """Return ports that are free now. All are bound at the same time, so they differ."""
    with ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in held:
            one.bind(("127.0.0.1", 0))
        return tuple(one.getsockname()[1] for one in held)
