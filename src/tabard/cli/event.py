"""`tabard event`: announce to an instance what EC2 and its Auto Scaling would."""

from typing import Annotated, Any, get_args

import msgspec
import typer

from tabard.administration.hosts import announce
from tabard.cli.acting import acting_client, call_failures
from tabard.cli.durations import duration
from tabard.cli.running import DataDirOption, EndpointOption, ProfileOption, complain
from tabard.clock import SystemClock
from tabard.model.messages import CancelInstanceEventsRequest, InstanceEventKind, PutInstanceEventRequest


def event(
    context: typer.Context,
    instance_id: Annotated[str, typer.Argument(metavar="INSTANCE", help="The instance's id.")],
    kind: Annotated[
        str, typer.Argument(metavar="EVENT", help=f"One of {', '.join(get_args(InstanceEventKind))}.")
    ],
    action: Annotated[
        str, typer.Option("--action", help="How a Spot interruption ends: terminate, stop or hibernate.")
    ] = "terminate",
    ahead: Annotated[
        str, typer.Option("--in", help="How far ahead it happens, or may begin: 90s, 2m, 1h.")
    ] = "2m",
    state: Annotated[
        str | None, typer.Option("--state", help="The target lifecycle state, such as Terminated.")
    ] = None,
    code: Annotated[
        str, typer.Option("--code", help="What is scheduled, such as instance-stop.")
    ] = "system-reboot",
    description: Annotated[str, typer.Option("--description", help="What the maintenance is about.")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Take what was announced back.")] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Move scheduled events into the history as completed.")
    ] = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Announce to an instance what EC2 would: interruption, rebalance, lifecycle state, maintenance.

    The instance reads it in its metadata; nothing else happens to it when the time comes.
    """
    asked: dict[str, Any] = {"InstanceId": instance_id, "Event": kind}
    request: PutInstanceEventRequest | CancelInstanceEventsRequest
    try:
        if cancel or complete:
            request = msgspec.convert({**asked, "Completed": complete}, CancelInstanceEventsRequest)
        else:
            asked |= {"Action": action, "Code": code, "Description": description}
            if state is not None:
                asked["LifecycleState"] = state
            if kind != "rebalance-recommendation":
                asked["At"] = SystemClock().now() + duration(ahead, option="--in")
            request = msgspec.convert(asked, PutInstanceEventRequest)
    except msgspec.ValidationError as error:
        complain(str(error))
    client = acting_client(context, data_dir=data_dir, endpoint=endpoint, profile=profile)
    with call_failures(client):
        event_id = announce(client, request)
    if event_id:
        typer.echo(event_id)
