"""`tabard reset`: empty an ephemeral system."""

import json
import os
import socket

import typer

from tabard.cli.running import DataDirOption, complain, is_typed, running_system, say_system_and_principal

_ANSWER_SECONDS = 120.0


def reset(context: typer.Context, data_dir: DataDirOption = None) -> None:
    """Empty the running ephemeral system: instances, IAM, objects, tables, queues; keys and port stay."""
    system = running_system(data_dir)
    if not system.ephemeral:
        complain("only an ephemeral system is reset (tabard up --ephemeral); nothing was changed")
    named = os.environ.get("AWS_ENDPOINT_URL", system.endpoint).rstrip("/")
    if named != system.endpoint and not is_typed(context, "data_dir"):
        complain(
            f"AWS_ENDPOINT_URL names {named}, and the system found here is {system.endpoint}; nothing was "
            f"changed. To reset the one here: tabard reset --data-dir {system.data_dir.path}"
        )
    say_system_and_principal(system.endpoint, f"uid {os.geteuid()}, the owner of {system.data_dir.path}")
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
