"""`tabard event`: announce events of EC2 and Auto Scaling to an instance."""

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
        str, typer.Option("--action", help="The action of a Spot interruption: terminate, stop or hibernate.")
    ] = "terminate",
    ahead: Annotated[
        str,
        typer.Option("--in", help="The time until the event happens or may begin, such as 90s, 2m or 1h."),
    ] = "2m",
    state: Annotated[
        str | None, typer.Option("--state", help="The target lifecycle state, such as Terminated.")
    ] = None,
    code: Annotated[
        str, typer.Option("--code", help="The code of the scheduled event, such as instance-stop.")
    ] = "system-reboot",
    description: Annotated[
        str, typer.Option("--description", help="The description of the scheduled event.")
    ] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel what was announced.")] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Move scheduled events to the history, as completed.")
    ] = False,
    data_dir: DataDirOption = None,
    endpoint: EndpointOption = None,
    profile: ProfileOption = None,
) -> None:
    """Announce an EC2 event to an instance: interruption, rebalance, lifecycle state or maintenance.

    The instance finds the event in its metadata. Nothing else happens to it at the announced time.
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
