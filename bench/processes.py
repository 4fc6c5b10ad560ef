"""The servers that are compared: each a process of its own on loopback, ended by its pid."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec

from bench.house import ENDPOINT, REGION
from tabard.wiring.data_dir import DataDir
from tabard.wiring.environment import child_environment
from tabard.wiring.process_config import EdgeConfig

START_SECONDS = 30.0
_CPU_CLOCK = 2  # CPUCLOCK_SCHED of the Linux kernel: nanoseconds on a CPU, all threads of the process


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, to the nanosecond: /proc/PID/stat counts in hundredths of a second."""
    return time.clock_gettime(((~pid) << 3) | _CPU_CLOCK)


@contextmanager
def process(command: Sequence[str], log: Path, **options: object) -> Iterator["subprocess.Popen[bytes]"]:
    """A child that is ended with the block, by its own pid."""
    with log.open("ab") as output:
        child = subprocess.Popen(  # type: ignore[call-overload]  # options are subprocess's own
            command, stdout=output, stderr=output, env=child_environment(), **options
        )
    try:
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def fake_s3(folder: Path) -> Iterator[Path]:
    """The fake S3's socket."""
    path = folder / "s3.sock"
    with process([sys.executable, "-m", "bench.fake_s3", str(path)], folder / "fake_s3.log") as child:
        _until(path.exists, child, folder / "fake_s3.log")
        yield path


@contextmanager
def edge(
    folder: Path,
    data_dir: DataDir,
    s3_socket: Path,
    *,
    module: Sequence[str] = ("tabard.cli.processes", "edge-process"),
) -> Iterator[tuple[int, int]]:
    """A real edge process on a data directory; its pid and port."""
    folder.mkdir(exist_ok=True)
    log = folder / "edge.log"
    with (
        closing(_listener()) as front,
        closing(_local_listener(folder / "network-path.sock")) as network_path,
    ):
        config = EdgeConfig(
            name="edge-0",
            log_format="json",
            data_dir=str(data_dir.path),
            listen_fd=front.fileno(),
            network_path_fd=network_path.fileno(),
            endpoint=ENDPOINT,
            region=REGION,
            session_lifetime_seconds=6 * 3600,
            store_outage_bound_seconds=3600,
            audit_kept_days=90,
            audit_limit_megabytes=1024,
            upstream_timeout_seconds=60,
            s3_socket=str(s3_socket),
            s3_access_key_id="AKIAIOSFODNN7EXAMPLE",
            s3_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            json_socket=str(folder / "none.sock"),
            json_secret_header=("x-secret", "none"),
        )
        port = front.getsockname()[1]
        with process(
            [sys.executable, "-m", *module],
            log,
            stdin=subprocess.PIPE,
            pass_fds=(front.fileno(), network_path.fileno()),
        ) as child:
            assert child.stdin is not None
            child.stdin.write(msgspec.json.encode(config))
            child.stdin.close()
            _until(lambda: b"edge_started" in log.read_bytes(), child, log)
            yield child.pid, port


def nginx_program() -> str | None:
    """Where nginx is, if it is here."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def nginx(folder: Path, location: str, more: str = "") -> Iterator[tuple[int, int]]:
    """One nginx process whose `location /` holds these directives; its pid and port."""
    program = nginx_program()
    assert program is not None
    folder.mkdir()
    port = _free_port()
    folders = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        "events { worker_connections 256; }\n"
        f"http {{ access_log off; keepalive_requests 100000000; {folders} {more}\n"
        f"server {{ listen 127.0.0.1:{port}; location / {{ {location} }} }} }}\n"
    )
    command = [program, "-p", str(folder), "-c", str(configuration), "-e", str(folder / "error.log")]
    log = folder / "log"
    with process(command, log) as child:
        _until(lambda: _accepts(port), child, log)
        yield child.pid, port


@contextmanager
def moto(folder: Path) -> Iterator[tuple[int, int]]:
    """moto's own server with the bench's bucket; its pid and port."""
    port = _free_port()
    command = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    log = folder / "moto.log"
    with process(command, log) as child:
        _until(lambda: _accepts(port), child, log)
        yield child.pid, port


@contextmanager
def ministack(folder: Path) -> Iterator[tuple[int, int]]:
    """MiniStack's own server, on loopback alone; its pid and port."""
    port = _free_port()
    work = folder / "ministack"
    work.mkdir()
    log = folder / "ministack.log"
    own = {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING", "TMPDIR": str(work)}
    command = ["env", *(f"{name}={value}" for name, value in own.items()), sys.executable, "-m", "ministack"]
    with process(command, log, cwd=work) as child:
        _until(lambda: _accepts(port), child, log)
        yield child.pid, port


@contextmanager
def metadata(folder: Path, *, checks_peer: bool) -> Iterator[tuple[int, int]]:
    """The metadata service of one instance; its pid and port."""
    name = "checking" if checks_peer else "metadata"
    port_file, log = folder / f"{name}.port", folder / f"{name}.log"
    command = [sys.executable, "-m", "bench.metadata", str(port_file), *(["peer"] if checks_peer else [])]
    with process(command, log) as child:
        _until(port_file.exists, child, log)
        yield child.pid, int(port_file.read_text())


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    listener.setblocking(False)
    return listener


def _local_listener(path: Path) -> socket.socket:
    """The edge's door for those who vouch for others; nobody comes to it here."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    listener.setblocking(False)
    return listener


def _free_port() -> int:
    with closing(_listener()) as free:
        return int(free.getsockname()[1])


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _until(look: Callable[[], bool], child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not look():
        if child.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{child.args!r} did not start: {log.read_text()[-2000:]}")
        time.sleep(0.02)
