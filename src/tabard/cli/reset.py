"""`tabard reset`: empty an ephemeral system."""

import json
import socket

import typer

from tabard.cli.running import DataDirOption, complain, running_system

_ANSWER_SECONDS = 120.0


def reset(data_dir: DataDirOption = None) -> None:
    """Empty the running ephemeral system: instances, IAM, objects, tables, queues; keys and port stay."""
    system = running_system(data_dir)
    if not system.ephemeral:
        complain("only an ephemeral system is reset (tabard up --ephemeral); nothing was changed")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_ANSWER_SECONDS)
        try:
            connection.connect(str(system.control_socket))
            connection.sendall(b'{"command": "reset"}\n')
            answer = connection.makefile("rb").readline()
        except OSError as error:
            complain(f"the running system did not answer: {error}")
    said = json.loads(answer or b'{"error": "it ended"}')
    if "error" in said:
        complain(f"the reset failed: {said['error']}")
    typer.echo("emptied: IAM, EC2, S3, DynamoDB and SQS are as after a first start")
