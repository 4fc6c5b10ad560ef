"""The whole system on one machine, which `tabard up` starts, supervises and ends."""

import os
import shlex
import shutil
import socket
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import msgspec
import structlog

from tabard.edge.upstreams.embedded_stores import require_embedded_stores
from tabard.edge.upstreams.moto_child import MotoChild, moto_child
from tabard.edge.upstreams.runtime_folder import runtime_folder, socket_path
from tabard.edge.upstreams.seaweedfs import SeaweedfsChild, seaweedfs_child
from tabard.private_folder import remove_folder
from tabard.processes.descriptor_store import DescriptorStore
from tabard.processes.isolation import network_isolation
from tabard.processes.spec import ChildEvent, ChildSpec
from tabard.processes.supervisor import Supervisor
from tabard.wiring.bootstrap import SettingsConflict
from tabard.wiring.control import ControlServer
from tabard.wiring.data_dir import (
    DataDir,
    DataDirUnsafe,
    default_data_dir,
    ephemeral_pointer,
    read_json,
    runs,
    write_secret_file,
)
from tabard.wiring.data_file import advice_about
from tabard.wiring.drivers import InstanceIsolation, instance_isolation, vm_image_refused
from tabard.wiring.environment import child_environment
from tabard.wiring.key_files import read_key
from tabard.wiring.listeners import addresses_of, authority_of, tcp_listener, unix_listener
from tabard.wiring.monitor import Monitor
from tabard.wiring.monitoring import Monitoring
from tabard.wiring.process_config import AgentConfig, EdgeConfig, settings_for
from tabard.wiring.settings import Settings
from tabard.wiring.start_store import start_store
from tabard.wiring.system_description import SystemDescription

Progress = Callable[[str, float], None]

VOLATILE = "DynamoDB tables and SQS queues live in memory and are gone when Tabard ends; S3 and IAM are kept"
VOLATILE_ALL = "everything: this system is ephemeral"

STAND_BY_AFTER_SECONDS = 5.0
"""The delay of the second agent, so that short runs do not pay for it."""

_log = structlog.get_logger()


class Unusable(Exception):
    """The machine prevents the start: for example, no space or no permission to write."""


class NotEphemeral(Exception):
    """The system is not ephemeral, so its state must be kept."""


class System:
    """Edges, agent and upstreams, each in its own process. All end with this process."""

    def __init__(
        self, settings: Settings, *, on_progress: Progress | None = None, announced: bool = True
    ) -> None:
        """Prepare a system. Args: announced: whether other commands find it if it is ephemeral."""
        self._settings = settings
        self._announced = announced
        self._on_progress = on_progress
        self._description: SystemDescription | None = None
        self._supervisor: Supervisor | None = None
        self._control: ControlServer | None = None
        self._lock: int | None = None
        self._sockets: list[socket.socket] = []
        self._host_socket: socket.socket | None = None
        self._exit = ExitStack()
        self._runtime: Path | None = None
        self._data_dir: DataDir | None = None
        self._host_id = ""
        self._isolation = InstanceIsolation(networks=None)
        self._store: DescriptorStore | None = None
        self._monitoring: Monitoring | None = None

    @property
    def description(self) -> SystemDescription:
        """Return the description. It is known after `start` has returned."""
        if self._description is None:
            raise RuntimeError("the system has not been started")
        return self._description

    @property
    def data_dir(self) -> DataDir:
        """Return the data directory. It is known after `start` has begun."""
        if self._data_dir is None:
            raise RuntimeError("the system has not been started")
        return self._data_dir

    @property
    def _monitor(self) -> Monitor:
        if self._monitoring is None:
            raise RuntimeError("the system has not been started")
        return self._monitoring.monitor

    @property
    def _runtime_folder(self) -> Path:
        if self._runtime is None:
            raise RuntimeError("the system has not been started")
        return self._runtime

    async def start(self) -> None:
        """Start everything. Return as soon as it answers. After a failure, call `stop`.

        Raises:
            DataDirInUse, DataDirUnsafe, DataFileUnusable, EmbeddedStoresNotInstalled, MasterKeyUnusable,
            StoreLost, SettingsConflict, StoreUnavailable, PortInUse, RuntimeFolderUnsafe, ChildFailed,
            Unusable: each with a sentence for the operator.
        """
        try:
            await self._start()
        except OSError as error:
            where = error.filename or (self._data_dir.path if self._data_dir is not None else "")
            raise Unusable(f"{where}: {error.strerror or error}{advice_about(error)}") from error

    async def _start(self) -> None:
        settings = self._settings
        require_embedded_stores()
        if refused := (
            settings.launch_uid_refused(own_uid=os.geteuid()) or vm_image_refused(settings.vm_image)
        ):
            raise SettingsConflict(refused)
        folder = Path(tempfile.mkdtemp(prefix="tabard-data-")) if settings.ephemeral else settings.data_dir
        self._data_dir = data_dir = DataDir(folder)
        data_dir.prepare()
        self._lock = data_dir.lock()
        self._host_id = start_store(data_dir, settings)
        self._runtime = self._exit.enter_context(runtime_folder(data_dir.path / "run"))
        edge_socket = self._listen(tcp_listener(settings.address, settings.port, option="--port"))
        self._monitoring = Monitoring(settings)
        self._listen(unix_listener(self._edge_socket))
        if settings.host_port is not None:
            self._host_socket = self._listen(
                tcp_listener(settings.host_address, settings.host_port, option="--host-port")
            )
        self._isolation = await instance_isolation(
            f"http://{authority_of(edge_socket)}", settings.allowed_addresses
        )
        if self._isolation.networks is not None:
            self._store = DescriptorStore()
            self._store.start()
        self._description = description = self._describe(edge_socket, self._monitoring)
        self._monitor.upstream_isolation = description.upstream_isolation
        self._monitor.instance_isolation = description.instance_isolation
        await self._monitoring.start()
        await self._start_children()
        self._control = ControlServer(self._runtime_folder / "control.sock", {"reset": self._reset})
        await self._control.start()
        self._announce()

    async def stop(self) -> None:
        """End everything in reverse order. An ephemeral system leaves nothing behind."""
        if self._control is not None:
            await self._control.stop()
        if self._supervisor is not None:
            await self._supervisor.stop()
        if self._monitoring is not None:
            await self._monitoring.stop()
        if self._store is not None:
            self._store.stop()
        for listener in self._sockets:
            listener.close()
        # Without the lock, the folder belongs to another system.
        if self._data_dir is not None and (self._lock is not None or self._settings.ephemeral):
            self._data_dir.running.unlink(missing_ok=True)
            if self._settings.ephemeral:
                remove_folder(self._data_dir.path, ignore_errors=True)
                remove_folder(self._data_dir.launched_elsewhere, ignore_errors=True)
                self._take_back_pointer()
        self._exit.close()
        if self._lock is not None:
            os.close(self._lock)

    def _take_back_pointer(self) -> None:
        """Remove the pointer, unless it points to a later ephemeral system."""
        pointer = ephemeral_pointer(self._settings.data_dir)
        if (read_json(pointer) or {}).get("data_dir") == str(self.data_dir.path):
            pointer.unlink(missing_ok=True)

    def _listen(self, listener: socket.socket) -> socket.socket:
        """Listen on every address. Edges inherit the sockets, so a restart loses no connection."""
        self._sockets.append(listener)
        return listener

    @property
    def _edge_socket(self) -> Path:
        return socket_path(self._runtime_folder, "edge.sock")

    def _describe(self, edge: socket.socket, monitoring: Monitoring) -> SystemDescription:
        settings = self._settings
        isolation = network_isolation()
        if not settings.isolate_upstreams:
            upstream_isolation = "none (turned off)"
        elif isolation.available:
            upstream_isolation = "network namespace"
        else:
            upstream_isolation = f"none ({isolation.reason})"
        # `find_running` finds these by default.
        default = DataDir(default_data_dir())
        is_default = settings.data_dir == default.path
        found = is_default and not (settings.ephemeral and runs(default))
        return SystemDescription(
            endpoint=f"http://{authority_of(edge)}",
            health=monitoring.url,
            host_endpoint="" if self._host_socket is None else f"https://{authority_of(self._host_socket)}",
            account_id=settings.account_id,
            region=settings.region,
            data_dir=self.data_dir.path,
            data_dir_option="" if found else f" --data-dir {shlex.quote(str(self.data_dir.path))}",
            ephemeral=settings.ephemeral,
            upstream_isolation=upstream_isolation,
            instance_isolation=self._isolation.in_words(launch_uid=settings.launch_uid),
            volatile=VOLATILE_ALL if settings.ephemeral else VOLATILE,
        )

    def _upstreams(self, description: SystemDescription) -> tuple[SeaweedfsChild, MotoChild]:
        isolated = description.upstream_isolation == "network namespace"
        seaweedfs = seaweedfs_child(
            data_folder=self.data_dir.seaweedfs,
            runtime_folder=self._runtime_folder,
            log_folder=self.data_dir.logs,
            isolated=isolated,
            log_format=self._settings.log_format,
        )
        if self._settings.ephemeral:  # its data is removed anyway
            seaweedfs = replace(seaweedfs, spec=replace(seaweedfs.spec, stop_grace_seconds=0.0))
        moto = moto_child(
            account_id=description.account_id,
            runtime_folder=self._runtime_folder,
            log_folder=self.data_dir.logs,
            isolated=isolated,
            log_format=self._settings.log_format,
        )
        return seaweedfs, moto

    def _edges(self, seaweedfs: SeaweedfsChild, moto: MotoChild) -> list[ChildSpec]:
        settings, description = self._settings, self.description
        edge, network_path = self._sockets[:2]
        config = EdgeConfig(
            name="",
            **settings_for(EdgeConfig, self._child_settings),
            listen_fd=edge.fileno(),
            network_path_fd=network_path.fileno(),
            host_fd=None if self._host_socket is None else self._host_socket.fileno(),
            host_addresses=addresses_of(self._host_socket),
            endpoint=description.endpoint,
            s3_socket=str(seaweedfs.socket_path),
            s3_access_key_id=seaweedfs.access_key_id,
            s3_secret_access_key=seaweedfs.secret_access_key,
            json_socket=str(moto.socket_path),
            json_secret_header=moto.secret_header,
        )
        return [self._edge(name, config) for name in settings.edge_names]

    def _edge(self, name: str, config: EdgeConfig) -> ChildSpec:
        metrics_fd = self._monitor.page_descriptor(name)
        return ChildSpec(
            name=name,
            argv=(sys.executable, "-m", "tabard.cli.processes", "edge-process"),
            env=child_environment(),
            cwd=self.data_dir.path,
            log_path=self.data_dir.logs / f"{name}.log",
            stdin_secret=msgspec.json.encode(
                msgspec.structs.replace(config, name=name, metrics_fd=metrics_fd)
            ),
            keep_fds=(*(listener.fileno() for listener in self._sockets), metrics_fd),
            ready=partial(self._monitor.is_serving, name),
        )

    @property
    def _child_settings(self) -> dict[str, object]:
        """Return every setting as JSON, with the current data directory."""
        return {**self._settings.model_dump(mode="json"), "data_dir": str(self.data_dir.path)}

    def _agent(self, name: str) -> ChildSpec:
        description = self.description
        key = read_key(self.data_dir.host_credentials)
        if key is None:
            raise DataDirUnsafe(f"{self.data_dir.host_credentials} was removed while tabard started")
        metrics_fd = self._monitor.page_descriptor(name)
        config = AgentConfig(
            **settings_for(AgentConfig, self._child_settings),
            metrics_fd=metrics_fd,
            host_id=self._host_id,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            endpoint=description.endpoint,
            directory=str(self._launch_folder.parent),
            edge_socket=str(self._edge_socket),
            hidden=(str(self.data_dir.path), str(self._runtime_folder)),
            supervisor_pid=os.getpid(),
            store_fd=None if self._store is None else self._store.descriptor,
            leader_lock_path="" if self._store is None else str(self._runtime_folder / "agent.leader-lock"),
        )
        return ChildSpec(
            name=name,
            argv=(sys.executable, "-m", "tabard.cli.processes", "agent-process"),
            env=child_environment(),
            cwd=self.data_dir.path,
            log_path=self.data_dir.logs / "agent.log",
            stdin_secret=msgspec.json.encode(config),
            keep_fds=(metrics_fd,) if self._store is None else (metrics_fd, self._store.descriptor),
            allow_new_privileges=True,
            stop_grace_seconds=20.0,  # ten seconds for a virtual machine, five for QEMU, the rest to report
        )

    @property
    def _launch_folder(self) -> Path:
        """Return the parent of the instances' folders."""
        if self._settings.launch_uid is None and not self._isolation.has_own_uids:
            return self.data_dir.instances
        return self.data_dir.launched_elsewhere / "instances"

    def _announce(self) -> None:
        description = self.description
        write_secret_file(
            self.data_dir.running,
            {
                "endpoint": description.endpoint,
                "health": description.health,
                "host_endpoint": description.host_endpoint,
                "region": description.region,
                "control_socket": str(self._runtime_folder / "control.sock"),
                "edge_socket": str(self._edge_socket),
                "instances": str(self._launch_folder),
                "ephemeral": description.ephemeral,
                "pid": os.getpid(),
            },
        )
        if description.ephemeral and self._announced:
            pointer = ephemeral_pointer(self._settings.data_dir)
            pointer.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_secret_file(pointer, {"data_dir": str(description.data_dir)})

    async def _start_children(self) -> None:
        if self._launch_folder != self.data_dir.instances:
            self.data_dir.prepare_launching_elsewhere()
        self._supervisor = supervisor = Supervisor(on_event=self._note, on_progress=self._on_progress)
        seaweedfs, moto = self._upstreams(self.description)
        probes = {spec.name: spec.ready for spec in (seaweedfs.spec, moto.spec)}
        self._monitor.watch(supervisor, probes)
        # All at once: the listening sockets are open already, so a client that is early waits.
        agent = self._agent("agent")
        await supervisor.start(seaweedfs.spec, moto.spec, *self._edges(seaweedfs, moto), agent)
        if self._store is not None:
            # One of the two works; the other takes over within milliseconds.
            stand_by = self._agent("agent-stand-by")
            supervisor.start_later(stand_by, beside=agent.name, after_seconds=STAND_BY_AFTER_SECONDS)

    async def _reset(self) -> None:
        """Empty an ephemeral system. Keys, ports and settings stay; new connections wait."""
        if not self._settings.ephemeral or self._supervisor is None:
            raise NotEphemeral("only an ephemeral system is reset")
        await self._supervisor.stop()
        for path in self.data_dir.path.glob(f"{self.data_dir.database.name}*"):
            path.unlink()
        shutil.rmtree(self.data_dir.seaweedfs)
        remove_folder(self.data_dir.instances)
        remove_folder(self.data_dir.launched_elsewhere, ignore_errors=True)
        self.data_dir.prepare()
        self._host_id = start_store(self.data_dir, self._settings, emptied=True)
        await self._start_children()

    def _note(self, event: ChildEvent) -> None:
        self._monitor.note(event)
        if not event.expected:
            _log.warning(event.event, child=event.child, pid=event.pid, exit_status=event.exit_status)
