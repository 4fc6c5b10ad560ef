"""`tabard reset`: empty an ephemeral system."""

import json
import os
import socket

import typer

from tabard.cli.running import DataDirOption, complain, is_typed, running_system, say_system_and_principal

_ANSWER_SECONDS = 120.0


def reset(context: typer.Context, data_dir: DataDirOption = None) -> None:
    """Empty the running ephemeral system. Its keys and port stay the same.

    The command removes instances, IAM resources, objects, tables and queues.
    """
    system = running_system(data_dir)
    if not system.ephemeral:
        complain("this system is not ephemeral (tabard up --ephemeral); nothing was changed")
    named = os.environ.get("AWS_ENDPOINT_URL", system.endpoint).rstrip("/")
    if named != system.endpoint and not is_typed(context, "data_dir"):
        complain(
            f"AWS_ENDPOINT_URL names {named}, but the system on this machine is {system.endpoint}; nothing "
            f"was changed. To reset this one: tabard reset --data-dir {system.data_dir.path}"
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
    typer.echo("the system is empty: IAM, EC2, S3, DynamoDB and SQS are as after a first start")
