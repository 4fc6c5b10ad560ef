"""The embedded DynamoDB and SQS: moto, in memory, on a UNIX socket and behind a secret."""

import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path

import tabard
from tabard.edge.upstreams.moto_server import RESET_PATH, SECRET_HEADER, TARGETS
from tabard.edge.upstreams.probe import answer_to
from tabard.edge.upstreams.runtime_folder import socket_path
from tabard.errors import ServiceUnavailable
from tabard.processes.process_log import LogFormat
from tabard.processes.spec import ChildSpec

NAME = "moto"
OK = 200
NO_CONTENT = 204


@dataclass(frozen=True, slots=True, kw_only=True)
class MotoChild:
    """The child's definition, and its socket. Each request carries `secret_header`."""

    spec: ChildSpec
    socket_path: Path
    secret_header: tuple[str, str] = field(repr=False)

    async def reset(self) -> None:
        """Forget every table, queue and message.

        Raises:
            ServiceUnavailable (503): the child does not answer.
        """
        status, _ = await answer_to(
            self.socket_path, "POST", RESET_PATH, [("host", "moto"), self.secret_header]
        )
        if status != NO_CONTENT:
            raise ServiceUnavailable(reason="The DynamoDB and SQS upstream could not be emptied.")


def moto_child(
    *,
    account_id: str,
    runtime_folder: Path,
    log_folder: Path,
    isolated: bool,
    log_format: LogFormat = "json",
) -> MotoChild:
    """Define moto's child.

    Args:
        account_id: twelve digits; the account that every table and queue belongs to.
        runtime_folder: of mode 0700; holds the socket.
        isolated: the child runs in its own network namespace. It opens no port in either case.
    """
    socket = socket_path(runtime_folder, "moto.sock")
    secret = secrets.token_hex(32)
    secret_header = (SECRET_HEADER.lower(), secret)

    async def ready() -> bool:
        headers = [("host", "dynamodb.us-east-1.amazonaws.com"), secret_header]
        headers.append(("x-amz-target", TARGETS["dynamodb"] + "ListTables"))
        headers.append(("content-type", "application/x-amz-json-1.0"))
        status, _ = await answer_to(socket, "POST", "/", headers, b"{}")
        return status == OK

    spec = ChildSpec(
        name=NAME,
        argv=(sys.executable, "-I", "-m", "tabard.edge.upstreams.moto_server", str(socket), log_format),
        env={
            "MOTO_ACCOUNT_ID": account_id,
            "MOTO_ALLOW_NONEXISTENT_REGION": "true",
            "MOTO_DISABLE_GLOBAL_CORS": "true",
            "AWS_EC2_METADATA_DISABLED": "true",
            "HOME": str(runtime_folder),
            "LANG": "C.UTF-8",
        },
        cwd=runtime_folder,
        log_path=log_folder / "moto.log",
        stdin_secret=secret.encode("ascii"),
        isolate_network=isolated,
        keep_folders=(Path(sys.prefix), Path(sys.base_prefix), Path(tabard.__file__).parent),
        ready=ready,
        stop_grace_seconds=1.0,
    )
    return MotoChild(spec=spec, socket_path=socket, secret_header=secret_header)
